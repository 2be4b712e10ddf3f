//! Does the operator run in the image, with nothing but what is in it?

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use salesforce_sim::{Addresses, Endpoint, Simulator, default_world};
use serde_json::json;
use testbed::http::{self, Answer};
use testbed::{ControlPlane, eventually};

use crate::archive::{built, output, repository, tool};
use crate::bundle::Bundle;
use crate::names;

/// Of processes that compute beside other tests, at a low priority.
const DEADLINE: Duration = Duration::from_mins(3);
const HOME: &str = "salesforce-connector-system";
const ACCOUNT: &str = "salesforce-connector-operator";

/// Names of Salesforce lead to this machine, on the usual ports, which takes a network of one's own.
#[test]
fn a_connector_becomes_ready_by_names_alone_in_a_root_that_is_read_only() {
    // Built here, where the registries can be reached.
    let (_, _) = (built("image.tar"), tool("runc"));
    let mut command = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user", "--map-auto"]);
    }
    command
        .args(["--net", "--"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "runs::inside", "--ignored", "--nocapture"])
        .env("SFC_TEST_IMAGE", built("image.tar").parent().unwrap());
    let said = output(&mut command);
    assert!(said.contains("1 passed"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by the test above, in a network of its own"]
async fn inside() {
    bring_up_loopback();
    names::serve();
    let addresses = Addresses {
        https: ([127, 0, 0, 1], 443).into(),
        ..Addresses::default()
    };
    let sim = Simulator::start_on(default_world::build(), addresses).unwrap();
    let plane = ControlPlane::start().await;
    let chart = repository().join("charts").join(ACCOUNT);
    let chart = chart.to_str().unwrap();
    let install = [
        "install",
        ACCOUNT,
        chart,
        "--namespace",
        HOME,
        "--create-namespace",
        "--set",
        "replicas=0",
    ];
    let _ = plane.helm(&install).await.stdout();

    let folder = tempfile::tempdir().unwrap();
    let mut bundle = Bundle::unpack(folder.path());
    // The authorities of the image, and the one of the simulator.
    let mut trusted = fs::OpenOptions::new()
        .append(true)
        .open(bundle.file("etc/ssl/certs/ca-certificates.crt"))
        .unwrap();
    trusted.write_all(sim.ca_pem().as_bytes()).unwrap();
    let kubeconfig = plane.kubeconfig_for(HOME, ACCOUNT).await;
    let text = fs::read_to_string(&kubeconfig).unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    // Readable for the user of the image; and by name, which /etc/hosts has.
    let authority = plane.scratch().join("pki/ca.crt");
    let text = text.replace("127.0.0.1", "localhost");
    let kubeconfig = file(
        "kubeconfig",
        &text.replace(authority.to_str().unwrap(), "/ca.crt"),
    );
    let authority = file("ca.crt", &fs::read_to_string(authority).unwrap());
    let hosts = file("hosts", "127.0.0.1 localhost\n");
    // As the kubelet writes it.
    let resolv =
        "search a.svc.cluster.local svc.cluster.local cluster.local\nnameserver 127.0.0.1\noptions ndots:5\n";
    let resolv = file("resolv.conf", resolv);
    bundle.confine(
        &[],
        &[
            "KUBECONFIG=/kubeconfig",
            "TZ=America/New_York",
            &format!("SFC_NAMESPACE={HOME}"),
        ],
        &[
            (&kubeconfig, "/kubeconfig"),
            (&hosts, "/etc/hosts"),
            (&resolv, "/etc/resolv.conf"),
            (&authority, "/ca.crt"),
        ],
    );
    let log = folder.path().join("log");
    let mut process = bundle.run(&log);
    connect(&plane, &mut process, &log).await;
    assert_eq!(sim.count(Endpoint::Token), 1);
    let ready = Answer {
        status: "200 OK".to_owned(),
        body: "ok\n".to_owned(),
    };
    assert_eq!(
        http::get(SocketAddr::from(([127, 0, 0, 1], 8080)), "/readyz", None).await,
        Ok(ready)
    );
    assert_times_are_utc(&fs::read_to_string(&log).unwrap());

    bundle.terminate();
    let ended = eventually(DEADLINE, "the process to end", async || {
        let status = process.try_wait().map_err(|error| error.to_string())?;
        status.ok_or_else(|| "it runs".to_owned())
    })
    .await;
    assert!(ended.success(), "{ended}: {}", fs::read_to_string(&log).unwrap());
}

/// Whatever the zone of the environment, for which the image has no data.
fn assert_times_are_utc(log: &str) {
    let line = log.lines().find(|line| line.contains("\"Started\"")).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    let time = line["timestamp"].as_str().unwrap();
    assert!(time.ends_with('Z'), "{time}");
}

/// Makes a connector, and waits until it is Ready.
async fn connect(plane: &ControlPlane, process: &mut Child, log: &Path) {
    let manifests = [
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "crm-app", "namespace": "default" },
            "stringData": { "client-secret": default_world::ECA_SECRET },
        }),
        json!({
            "apiVersion": "salesforce-connector.dev/v1alpha1", "kind": "SalesforceConnector",
            "metadata": { "name": "crm", "namespace": "default" },
            "spec": {
                "host": default_world::PRODUCTION,
                "app": { "clientId": default_world::ECA, "clientSecretRef": { "name": "crm-app", "key": "client-secret" } },
                "auth": { "clientCredentials": {} },
            },
        }),
    ];
    // JSON is YAML.
    let manifests = manifests.map(|manifest| manifest.to_string()).join("\n---\n");
    let _ = plane.apply(&manifests).await.stdout();
    let condition = "jsonpath={.status.conditions[?(@.type==\"Ready\")]}";
    eventually(DEADLINE, "the connector to become Ready", async || {
        let ready = plane
            .kubectl(&["get", "sfc", "crm", "--output", condition])
            .await
            .stdout();
        if ready.contains("\"status\":\"True\"") {
            return Ok(());
        }
        let log = fs::read_to_string(log).unwrap_or_default();
        assert_eq!(process.try_wait().unwrap(), None, "it ended: {log}");
        Err(format!("{ready}\n{log}"))
    })
    .await;
}

/// A new network has the interface, but switched off.
fn bring_up_loopback() {
    const UP: &str = "import fcntl, socket, struct\n\
        fcntl.ioctl(socket.socket(), 0x8914, struct.pack('16sh14x', b'lo', 0x41))";
    output(Command::new("python3").args(["-c", UP]));
}
