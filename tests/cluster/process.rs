//! The process itself: what it answers to probes while it starts, what its log lines look like, what it prints.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use salesforce_connector_operator::api::crd;
use serde_json::Value;
use testbed::{ControlPlane, eventually};

use crate::stage::DEADLINE;

const PROGRAM: &str = env!("CARGO_BIN_EXE_salesforce-connector-operator");

/// A running process; killed by drop.
struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    fn start(plane: &ControlPlane, namespace: &str, log: &Path) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let child = Command::new(PROGRAM)
            .args(["run", "--namespace", namespace, "--watch-namespaces", namespace])
            .args(["--listen", &address.to_string()])
            .env("KUBECONFIG", plane.kubeconfig_path())
            .env("NO_PROXY", "127.0.0.1")
            .stdout(Stdio::null())
            .stderr(File::create(log).unwrap())
            .spawn()
            .unwrap();
        Self { child, address }
    }

    /// Status line and body of an answer, or why there is none.
    fn get(&self, path: &str) -> Result<(String, String), String> {
        let told = |error: std::io::Error| error.to_string();
        let mut stream = TcpStream::connect(self.address).map_err(told)?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: operator\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).map_err(told)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map_err(told)?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("no end of headers")?;
        Ok((
            head.lines().next().unwrap_or_default().to_owned(),
            body.to_owned(),
        ))
    }

    async fn until(&self, path: &str, status: &str, body: &str) {
        let wanted = (format!("HTTP/1.1 {status}"), body.to_owned());
        eventually(DEADLINE, &format!("{path} answers {wanted:?}"), async || {
            let found = self.get(path)?;
            (found == wanted)
                .then_some(())
                .ok_or_else(|| format!("{found:?}"))
        })
        .await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_says_what_it_waits_for_until_it_is_ready() {
    let plane = ControlPlane::start().await; // the CRD is yet to come
    let home = plane.namespace("operator").await;
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    plane.stop_api_server().await;
    let process = Process::start(&plane, home.name(), &log);
    let unavailable = "503 Service Unavailable";
    let both = "waiting for: API server, list of connectors\n";
    process.until("/readyz", unavailable, both).await;
    process.until("/livez", "200 OK", "ok\n").await;
    plane.start_api_server().await;
    let one = "waiting for: list of connectors\n";
    process.until("/readyz", unavailable, one).await;
    process.until("/livez", "200 OK", "ok\n").await;
    plane.install_crd(&crd::crd()).await;
    process.until("/readyz", "200 OK", "ok\n").await;
    drop(process);
    assert_lines_are_json(&std::fs::read_to_string(log).unwrap());
}

/// By default each line is one JSON object.
fn assert_lines_are_json(log: &str) {
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    for line in &lines {
        for field in ["timestamp", "level", "target"] {
            assert!(line[field].is_string(), "{field} in {line}");
        }
        assert!(line["fields"]["message"].is_string(), "{line}");
    }
    let started = lines.iter().find(|line| line["fields"]["message"] == "Started");
    assert_eq!(started.unwrap()["fields"]["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn the_crd_is_printed_as_it_stands_in_the_repository() {
    let output = Command::new(PROGRAM).arg("crd").output().unwrap();
    assert!(output.status.success());
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/crds/salesforceconnectors.yaml");
    let wanted = std::fs::read_to_string(file).unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), wanted);
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}
