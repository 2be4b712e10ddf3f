//! What the cluster refuses, and where it can't be reached.

use crate::stage::{Stage, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_name_ends_with_2() {
    let stage = Stage::bare().await;
    for command in ["status", "test", "refresh", "suspend", "resume"] {
        let ran = stage.plugin(&[command, "nobody"]).await;
        let wanted = "error: salesforceconnectors.salesforce-connector.dev \"nobody\" not found (in namespace NAMESPACE). \
            Check the name and --namespace.\n";
        assert_eq!(
            (ran.code, stage.settled(&ran.stderr)),
            (Some(2), wanted.to_owned()),
            "{command}"
        );
    }
    let none = stage.plugin(&["status"]).await;
    let said = stage.settled(&none.stderr);
    assert_eq!(
        (none.code, none.stdout.as_str(), said.as_str()),
        (
            Some(0),
            "",
            "No SalesforceConnectors found in namespace NAMESPACE.\n"
        )
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_right_is_named_as_the_rule_that_grants_it() {
    let stage = Stage::bare().await;
    let namespace = stage.namespace.name();
    stage.plane.service_account(namespace, "reader").await;
    let kubeconfig = stage.plane.kubeconfig_for(namespace, "reader").await;
    let mut command = stage.command(&["status"]);
    command.env("KUBECONFIG", &kubeconfig);
    let ran = run(command).await;
    let wanted = "\
error: salesforceconnectors.salesforce-connector.dev is forbidden: User \"system:serviceaccount:NAMESPACE:reader\" cannot list \
resource \"salesforceconnectors\" in API group \"salesforce-connector.dev\" in the namespace \"NAMESPACE\"
The missing rule of a Role is:
apiGroups: [\"salesforce-connector.dev\"]
resources: [\"salesforceconnectors\"]
verbs: [\"list\"]
Ask an administrator to bind you a Role with this rule, or the ClusterRole view in NAMESPACE, which has it if the chart \
was installed with rbac.aggregateToDefaultRoles.
";
    assert_eq!(
        (ran.code, stage.settled(&ran.stderr)),
        (Some(4), wanted.to_owned())
    );

    let mut impersonating = stage.command(&["status", "--as", "somebody"]);
    impersonating.env("KUBECONFIG", stage.plane.kubeconfig_path());
    let ran = run(impersonating).await;
    assert!(ran.stderr.contains("User \"somebody\" cannot list"), "{ran}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_can_not_be_reached_ends_with_4() {
    let stage = Stage::bare().await;
    let nowhere = stage
        .plane
        .kubeconfig_through(stage.plane.kubeconfig_path(), "127.0.0.1:1".parse().unwrap());
    let mut command = stage.command(&["status"]);
    command.env("KUBECONFIG", &nowhere);
    let ran = run(command).await;
    assert_eq!(ran.code, Some(4), "{ran}");
    assert!(
        ran.stderr.starts_with("error: failed to reach the API server: "),
        "{ran}"
    );

    let missing = stage.plugin(&["status", "--kubeconfig", "no-such-file"]).await;
    assert_eq!(missing.code, Some(4));
    assert!(
        missing
            .stderr
            .ends_with("Check --kubeconfig, KUBECONFIG and --context.\n"),
        "{missing}"
    );
}
