//! The process itself: what it answers to probes while it starts, what its log lines look like, what it prints.

use std::path::Path;
use std::process::Command;

use salesforce_connector_operator::api::crd;
use salesforce_connector_operator::settings::SecretWatch;
use salesforce_sim::{Addresses, Simulator, default_world};
use serde_json::Value;
use testbed::http::Answer;
use testbed::{ControlPlane, OperatorProcess, eventually};

use crate::stage::{DEADLINE, SERVICE_ACCOUNT, SPEED, Stage};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_salesforce-connector-operator");

fn start(plane: &ControlPlane, namespace: &str, log: &Path) -> OperatorProcess {
    let mut command = OperatorProcess::command(PROGRAM, plane.kubeconfig_path());
    command.args(["--namespace", namespace, "--watch-namespaces", namespace]);
    OperatorProcess::start(command, log).unwrap()
}

async fn until(process: &OperatorProcess, path: &str, status: &str, body: &str) {
    let wanted = Answer {
        status: status.to_owned(),
        body: body.to_owned(),
    };
    process
        .until(DEADLINE, path, &format!("{wanted:?}"), |found| *found == wanted)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_says_what_it_waits_for_until_it_is_ready() {
    let plane = ControlPlane::start().await; // the CRD is yet to come
    let home = plane.namespace("operator").await;
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    plane.stop_api_server().await;
    let process = start(&plane, home.name(), &log);
    let unavailable = "503 Service Unavailable";
    let both = "waiting for: API server, list of connectors\n";
    until(&process, "/readyz", unavailable, both).await;
    until(&process, "/livez", "200 OK", "ok\n").await;
    plane.start_api_server().await;
    let one = "waiting for: list of connectors\n";
    until(&process, "/readyz", unavailable, one).await;
    until(&process, "/livez", "200 OK", "ok\n").await;
    plane.install_crd(&crd::crd()).await;
    until(&process, "/readyz", "200 OK", "ok\n").await;
    drop(process);
    assert_lines_are_json(&std::fs::read_to_string(log).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ca_certificates_that_change_are_trusted_without_a_restart() {
    let stage = Stage::bare(SecretWatch::ByName).await;
    let other = Simulator::start_on(default_world::build(), Addresses::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (ca, log) = (folder.path().join("ca.pem"), folder.path().join("log"));
    let write = |pem: &str| std::fs::write(&ca, pem).unwrap();
    write(other.ca_pem());
    let command = command(&stage, &ca).await;
    let _process = OperatorProcess::start(command, &log).unwrap();
    stage.good_connector("crm").await;
    stage.not_ready("crm", "TlsFailed").await;

    write("no certificate");
    until_logged(&log, "The CA certificates have changed and can't be used").await;
    write(stage.sim.ca_pem());
    until_logged(&log, "The CA certificates have changed, and are in use").await;
    stage.ready("crm").await;
    stage.finish().await;
}

/// The program on a stage, with the CA certificates of Salesforce in this file.
pub(crate) async fn command(stage: &Stage, ca: &Path) -> Command {
    let kubeconfig = stage.plane.kubeconfig_for(&stage.home, SERVICE_ACCOUNT).await;
    let mut command = OperatorProcess::command(PROGRAM, &kubeconfig);
    command
        .args(["--namespace", &stage.home, "--watch-namespaces", &stage.namespace])
        .args(["--connect-to", &format!("*={}", stage.sim.https_addr())])
        .args(["--clock-speed", &SPEED.to_string(), "--ca-file"])
        .arg(ca);
    command
}

pub(crate) async fn until_logged(log: &Path, message: &str) {
    eventually(DEADLINE, message, async || {
        let log = std::fs::read_to_string(log).map_err(|error| error.to_string())?;
        log.contains(message).then_some(()).ok_or(log)
    })
    .await;
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
fn the_crds_are_printed_as_they_stand_in_the_repository() {
    let output = Command::new(PROGRAM).arg("crd").output().unwrap();
    assert!(output.status.success());
    let files = ["salesforceconnectors", "salesforcetokencopies"].map(|name| {
        let file = format!("{}/crds/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(file).unwrap()
    });
    assert_eq!(String::from_utf8(output.stdout).unwrap(), files.join("---\n"));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}
