//! Does "A first connector" in README.md lead to Ready, command by command?

use std::path::Path;
use std::process::Command;

use crate::stage::{Stage, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_of_the_readme_lead_to_ready_in_each_of_three_ways() {
    let stage = Stage::set().await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let built = Command::new(root.join("scripts/control-plane-build"))
        .output()
        .unwrap();
    let programs = String::from_utf8(built.stdout).unwrap().trim().to_owned();
    let plugin = Path::new(env!("CARGO_BIN_EXE_kubectl-salesforce"))
        .parent()
        .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let ca = directory.path().join("ca.pem");
    std::fs::write(&ca, stage.sim.ca_pem()).unwrap();
    let path = std::env::var_os("PATH").unwrap();
    let path = [plugin.to_owned(), programs.into()]
        .into_iter()
        .chain(std::env::split_paths(&path));

    let mut command = Command::new(root.join("scripts/quickstart"));
    command
        .env("PATH", std::env::join_paths(path).unwrap())
        .env("KUBECONFIG", stage.plane.kubeconfig_path())
        .env("NO_PROXY", "127.0.0.1")
        .env("QUICKSTART_NAMESPACE", stage.namespace.name())
        .env("SALESFORCE_SIM_HTTPS", stage.sim.https_addr().to_string())
        .env(
            "SALESFORCE_SIM_CONTROL",
            stage.sim.control_addr().unwrap().to_string(),
        )
        .env("SALESFORCE_SIM_CA", &ca);
    let ran = run(command).await;
    assert_eq!(ran.code, Some(0), "{ran}");
    let times = ran.stdout.lines().rev().take(3);
    let mut ways: Vec<_> = times
        .filter_map(|line| line.split_once(" Ready after "))
        .map(|(way, _)| way.trim())
        .collect();
    ways.reverse();
    assert_eq!(
        ways,
        ["client-credentials", "jwt-bearer", "authorization-code"],
        "{ran}"
    );
}
