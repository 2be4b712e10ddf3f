//! Completion, as kubectl asks for it.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use kubectl_salesforce::completion::KUBECTL_SCRIPT;

use crate::stage::{Stage, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_completes_the_plugin_with_names_from_the_cluster() {
    let stage = Stage::bare().await;
    stage.connector("crm", &[]).await;
    stage.connector("crm-uat", &[]).await;
    let folder = tempfile::tempdir().unwrap();
    symlink(
        env!("CARGO_BIN_EXE_kubectl-salesforce"),
        folder.path().join("kubectl-salesforce"),
    )
    .unwrap();
    let script = folder.path().join("kubectl_complete-salesforce");
    std::fs::write(&script, KUBECTL_SCRIPT).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    symlink(stage.plane.program("kubectl"), folder.path().join("kubectl")).unwrap();
    let namespace = stage.namespace.name();
    let complete = async |words: &[&str]| {
        let mut command = std::process::Command::new(folder.path().join("kubectl"));
        command
            .args(["__complete", "salesforce"])
            .args(words)
            .env("KUBECONFIG", stage.plane.kubeconfig_path())
            .env("NO_PROXY", "127.0.0.1")
            .env("PATH", format!("{}:/usr/bin:/bin", folder.path().display()));
        run(command).await.stdout()
    };
    assert_eq!(
        complete(&["test", "-n", namespace, "crm"]).await,
        "crm\ncrm-uat\n:4\n"
    );
    assert_eq!(
        complete(&["refresh", "-n", namespace, "crm-"]).await,
        "crm-uat\n:4\n"
    );
    assert_eq!(
        complete(&["status", "-n", namespace]).await,
        format!("{namespace}\n:4\n")
    );
    assert_eq!(
        complete(&["resu"]).await,
        "resume\tResume suspended connectors\n:4\n"
    );
}
