//! `new`.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use salesforce_sim::{Endpoint, Simulator, default_world as world};
use serde_json::{Value, json};
use testbed::Ran;

use crate::stage::{Stage, run};

fn plugin(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-salesforce"));
    command.args(args).env("KUBECONFIG", "none").stdin(Stdio::null());
    command
}

const FORM: [&str; 12] = [
    "new",
    "crm",
    "--method",
    "client-credentials",
    "--host",
    world::PRODUCTION,
    "--client-id",
    world::ECA,
    "--display-name",
    "CRM",
    "--offline",
    "--client-secret-file",
];

const CONNECTOR: &str = "\
apiVersion: salesforce-connector.dev/v1alpha1
kind: SalesforceConnector
metadata:
  name: crm
spec:
  app:
    clientId: 3MVG9GreenItrExternalClientApp
    clientSecretRef:
      key: client-secret
      name: crm-app
  auth:
    clientCredentials: {}
  displayName: CRM
  host: green-itr.my.salesforce.com
";

fn secret_file() -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "{}", world::ECA_SECRET).unwrap();
    file
}

#[tokio::test]
async fn the_secret_is_shown_only_where_that_is_asked_for() {
    let file = secret_file();
    let path = file.path().to_str().unwrap();
    let form = [&FORM[..], &[path]].concat();
    let plain = run(plugin(&form)).await;
    let wanted = format!(
        "# secret/crm-app (client-secret) is not shown. Use --apply, --output-file or --show-secrets.\n{CONNECTOR}"
    );
    assert_eq!(
        (plain.code, plain.stderr, plain.stdout),
        (Some(0), String::new(), wanted)
    );

    let secret = format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: crm-app\nstringData:\n  client-secret: {}\n---\n{CONNECTOR}",
        world::ECA_SECRET
    );
    let shown = run(plugin(&[&form[..], &["--show-secrets"]].concat())).await;
    assert_eq!((shown.code, &shown.stdout), (Some(0), &secret));

    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("crm.yaml");
    let to_file = [&form[..], &["--output-file", target.to_str().unwrap()]].concat();
    let written = run(plugin(&to_file)).await;
    assert!(!written.stdout.contains(world::ECA_SECRET), "{written}");
    assert_eq!(std::fs::read_to_string(&target).unwrap(), secret);
    assert_eq!(
        std::fs::metadata(&target).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let again = run(plugin(&to_file)).await;
    assert_eq!(
        again.code,
        Some(4),
        "a file that exists is not overwritten: {again}"
    );
}

#[tokio::test]
async fn what_would_be_refused_is_said_before_anything_is_sent() {
    let existing = [
        "new",
        "crm",
        "--method",
        "client-credentials",
        "--client-id",
        "3MVG9",
        "--existing-secret",
        "s",
    ];
    let with = |flags: &[&'static str]| run(plugin(&[&existing[..], flags].concat()));
    let host = with(&[]).await;
    let wanted = "error: Host: Setup > My Domain > Current My Domain URL is required, and there is no terminal to ask at. Set \
        --host.\n";
    assert_eq!((host.code, host.stderr), (Some(2), wanted.to_owned()));

    let foreign = with(&["--host", "acme.example.com", "--apply"]).await;
    let wanted = "error: this connector would be refused\nspec.host: HostNotAllowed: ";
    assert_eq!(foreign.code, Some(1));
    assert!(foreign.stderr.starts_with(wanted), "{foreign}");

    let nowhere = with(&["--host", "acme.invalid", "--allow-host", "*.invalid"]).await;
    assert_eq!(nowhere.code, Some(1));
    assert!(
        nowhere
            .stderr
            .starts_with("error: spec.host: acme.invalid can't be resolved ("),
        "{nowhere}"
    );

    let key = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        key.path(),
        "-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    let path = key.path().to_str().unwrap();
    let jwt = [
        "new",
        "crm",
        "--method",
        "jwt-bearer",
        "--client-id",
        "3MVG9",
        "--username",
        "u@acme.example",
    ];
    let certificate = run(plugin(
        &[&jwt[..], &["--private-key-file", path, "--offline"]].concat(),
    ))
    .await;
    let wanted =
        "error: this connector would be refused\nspec.auth.jwtBearer.privateKeyRef: PrivateKeyInvalid: ";
    assert_eq!(certificate.code, Some(1));
    assert!(certificate.stderr.starts_with(wanted), "{certificate}");
}

/// `new` with these flags, behind a proxy that is the simulated Salesforce.
async fn tried(sim: &Simulator, ca: &Path, flags: &[&str]) -> Ran {
    let form = ["new", "crm", "--host", world::PRODUCTION];
    let mut command = plugin(&[&form[..], flags].concat());
    command
        .env("HTTPS_PROXY", sim.http_url())
        .env("SSL_CERT_FILE", ca);
    for name in ["https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"] {
        command.env_remove(name);
    }
    run(command).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_is_tried_before_anything_is_made_where_the_method_allows_it() {
    let sim = Simulator::start(world::build()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let ca = file("ca.pem", sim.ca_pem());
    let ca = Path::new(&ca);
    let (secret, wrong) = (
        file("secret", world::ECA_SECRET),
        file("wrong", "wrong-secret-0123456789"),
    );
    let (key, wrong_key) = (
        file("key", world::JWT_KEY_PKCS8),
        file("wrong-key", world::WRONG_KEY_PKCS8),
    );
    let credentials = [
        "--method",
        "client-credentials",
        "--client-id",
        world::ECA,
        "--client-secret-file",
    ];
    let jwt = ["--method", "jwt-bearer", "--client-id", world::JWT];
    let jwt = [
        &jwt[..],
        &["--username", world::INTEGRATION_USER, "--private-key-file"],
    ]
    .concat();
    let ids = sim.world(|world| {
        (
            world.org(world::PRODUCTION).id.clone(),
            world.user(world::INTEGRATION_USER).id.clone(),
        )
    });
    let accepted = format!("Salesforce accepts the login: user {} of org {}.\n", ids.1, ids.0);
    for (flags, good, bad, reason) in [
        (&credentials[..], &secret, &wrong, "ClientSecretInvalid"),
        (&jwt[..], &key, &wrong_key, "AssertionInvalid"),
    ] {
        let ran = tried(&sim, ca, &[flags, &[good.as_str()]].concat()).await;
        assert_eq!(
            (ran.code, ran.stderr.as_str()),
            (Some(0), accepted.as_str()),
            "{ran}"
        );
        assert!(ran.stdout.contains("kind: SalesforceConnector\n"), "{ran}");
        let ran = tried(&sim, ca, &[flags, &[bad.as_str()]].concat()).await;
        let said = format!("error: a login at {} fails: {reason}\n", world::PRODUCTION);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{ran}");
        assert!(
            ran.stderr.starts_with(&said) && ran.stderr.contains("\nRemedy: "),
            "{ran}"
        );
        assert!(!ran.stderr.contains("wrong-secret"), "{ran}");
    }
    assert_eq!(sim.count(Endpoint::Token), 4);
    let password = [
        "--method",
        "password",
        "--client-id",
        world::CONNECTED,
        "--username",
        world::INTEGRATION_USER,
    ];
    let password = [
        &password[..],
        &["--client-secret-file", &secret, "--password-file", &wrong],
    ]
    .concat();
    tried(&sim, ca, &password).await;
    assert_eq!(
        sim.count(Endpoint::Token),
        4,
        "a wrong password can lock the user"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connector_that_is_applied_becomes_ready() {
    let stage = Stage::set().await;
    let file = secret_file();
    let form = [&FORM[..], &[file.path().to_str().unwrap(), "--apply"]].concat();
    let applied = stage.plugin(&form).await;
    let wanted = "secret/crm-app serverside-applied\n\
        salesforceconnector.salesforce-connector.dev/crm serverside-applied\n\
        Run `kubectl salesforce status crm --watch` to see it become ready.\n";
    assert_eq!(
        (applied.code, applied.stderr.as_str(), applied.stdout.as_str()),
        (Some(0), "", wanted)
    );
    stage.until_ready_is("crm", "True", "TokenValid").await;
    let managers = stage.get("crm").await.metadata.managed_fields.unwrap();
    assert_eq!(managers[0].manager.as_deref(), Some("kubectl-salesforce"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_right_on_one_object_leaves_neither() {
    let stage = Stage::bare().await;
    let namespace = stage.namespace.name();
    stage.plane.service_account(namespace, "writer").await;
    let rules = json!([{ "apiGroups": [""], "resources": ["secrets"], "verbs": ["create", "patch", "get"] }]);
    stage.grant("writer", rules).await;
    let file = secret_file();
    let form = [&FORM[..], &[file.path().to_str().unwrap(), "--apply"]].concat();
    let mut command = stage.command(&form);
    command.env(
        "KUBECONFIG",
        stage.plane.kubeconfig_for(namespace, "writer").await,
    );
    let ran = run(command).await;
    assert_eq!(ran.code, Some(4));
    assert!(
        ran.stderr
            .contains("resources: [\"salesforceconnectors\"]\n  verbs: [\"patch\"]"),
        "{ran}"
    );
    assert!(
        stage
            .secrets()
            .get_metadata_opt("crm-app")
            .await
            .unwrap()
            .is_none()
    );
}

/// Runs the plugin at a pseudo terminal, and answers each question.
const PTY: &str = "
import os, pty, sys, termios, time
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:2] + ['new', '--offline', '--show-secrets'])
seen, answers = b'', ['crm', '', '1', 'green-itr.my.salesforce.com', '3MVG9', '', 's3cr3t-of-the-app']
while True:
    try:
        chunk = os.read(terminal, 1024)
    except OSError:
        break
    if not chunk:
        break
    seen += chunk
    if seen.rstrip(b' ').endswith(b':') and answers and chunk.endswith(b': '):
        # The prompt comes before the terminal stops to show what is typed: nobody types that fast.
        deadline = time.monotonic() + 10
        while chunk.endswith(b'(not shown): ') and termios.tcgetattr(terminal)[3] & termios.ECHO and time.monotonic() < deadline:
            time.sleep(0.002)
        os.write(terminal, (answers.pop(0) + '\\n').encode())
_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(seen.replace(b'\\r', b''))
sys.exit(os.waitstatus_to_exitcode(status))
";

#[tokio::test]
async fn a_secret_that_is_typed_at_a_terminal_is_not_echoed() {
    let mut python = Command::new("python3");
    python
        .args(["-c", PTY, env!("CARGO_BIN_EXE_kubectl-salesforce")])
        .stdin(Stdio::null());
    let ran = run(python).await;
    assert_eq!(ran.code, Some(0), "{ran}");
    let (dialog, manifests) = ran.stdout.split_once("apiVersion: v1\n").unwrap();
    assert!(dialog.contains("Client ID (consumer key): 3MVG9\n"), "{dialog}");
    assert!(!dialog.contains("s3cr3t"), "{dialog}");
    let (secret, _) = manifests.split_once("---\n").unwrap();
    let secret: Value = serde_yaml::from_str(secret).unwrap();
    assert_eq!(
        secret["stringData"],
        json!({ "client-secret": "s3cr3t-of-the-app" })
    );
}
