//! `status`, `suspend` and `resume`.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::stage::{Stage, run};

const GOOD: &str = "\
Connector crm (CRM) in namespace NAMESPACE
Ready True: TokenValid
The token is valid and in Secret \"crm-salesforce\".
Act no one
Login clientCredentials at green-itr.my.salesforce.com
Org Green ITR, 00D00000015ftgHEAQ, Live, Enterprise Edition, instance EUZ12
https://green-itr.my.salesforce.com
maintenance: https://status.salesforce.com/instances/EUZ12
User integration@green-itr.example, 00500000015ftgKAAQ
Token issued TIME ago, expires in TIME (Introspected)
Scopes api
Secret crm-salesforce
Test Succeeded TIME ago, at least every TIME
✓ HostAnswers TIME
✓ TokenAccepted TIME
✓ IdentityExpected TIME
✓ ApiEnabled TIME
✓ Scopes TIME
✓ OrgFacts TIME
✓ EnvironmentMatches TIME
✓ ApiUsage TIME
API calls COUNT of 100000 in 24 hours
Next in TIME renewal of the token
in TIME expiry of the token
";

const BAD_TEXT: &str = "The operator did not publish the token, because the org's type does not match spec.environment \
(spec.environment is Sandbox, the org is Live, as the org itself says). Set spec.environment to Live or Sandbox to match the org, \
or set spec.host and spec.app to those of the intended org.";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_shows_one_connector_on_a_screen_and_all_in_a_table() {
    let stage = Stage::set().await;
    stage.connector("crm", &[("displayName", json!("CRM"))]).await;
    stage
        .merge("crm", json!({ "metadata": { "labels": { "team": "sales" } } }))
        .await;
    stage.until_ready_is("crm", "True", "TokenValid").await;
    stage.connector("odd", &[("environment", json!("Sandbox"))]).await;
    stage.until_ready_is("odd", "False", "EnvironmentMismatch").await;

    let screen = stage.plugin(&["status", "crm"]).await;
    // How many calls the last answer counted depends on how many tests there were.
    let counts = ["1", "2", "3", "4"].map(|count| format!("API calls {count} of"));
    let found = counts.iter().fold(stage.settled(&screen.stdout), |text, count| {
        text.replace(count, "API calls COUNT of")
    });
    assert_eq!(
        (screen.code, found, screen.stderr),
        (Some(0), GOOD.to_owned(), String::new())
    );

    let table = stage.plugin(&["status"]).await;
    let wanted = format!(
        "NAME READY REASON ORG USER EXPIRES NEXT\n\
         crm True TokenValid Green ITR integration@green-itr.example in TIME renewal of the token in TIME\n\
         odd False EnvironmentMismatch next attempt in TIME\n\
         \n\
         odd: the owner of the connector and its Secrets must act: EnvironmentMismatch\n\
         {BAD_TEXT}\n"
    );
    assert_eq!((table.code, stage.settled(&table.stdout)), (Some(1), wanted));

    let chosen = stage.plugin(&["status", "-l", "team=sales"]).await.stdout();
    assert_eq!(chosen.lines().count(), 2, "{chosen}");
    let everywhere = stage.plugin(&["status", "-A", "-l", "team=sales"]).await;
    let found = everywhere
        .stdout
        .lines()
        .any(|line| line.starts_with(stage.namespace.name()));
    assert!(found, "{everywhere}");

    let json: Value =
        serde_json::from_str(&stage.plugin(&["status", "crm", "-o", "json"]).await.stdout()).unwrap();
    assert_eq!(
        (&json["metadata"]["managedFields"], &json["kind"]),
        (&Value::Null, &json!("SalesforceConnector"))
    );
    let yaml = stage
        .plugin(&["status", "-l", "team=sales", "-o", "yaml"])
        .await
        .stdout();
    let yaml: Value = serde_yaml::from_str(&yaml).unwrap();
    assert_eq!(
        (&yaml["kind"], &yaml["items"][0]["spec"]),
        (&json!("List"), &json["spec"])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn suspend_and_resume_change_the_spec_once_and_a_watch_shows_it() {
    let stage = Stage::set().await;
    stage.connector("crm", &[]).await;
    stage.until_ready_is("crm", "True", "TokenValid").await;
    let mut watch = stage
        .command(&["status", "crm", "--watch"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let shows = |wanted: &'static str| move |line: &String| line.contains(wanted);
    assert!(lines.by_ref().any(|line| shows("True: TokenValid")(&line)));

    let prefix = "salesforceconnector.salesforce-connector.dev/crm";
    for (args, said) in [("suspend", "suspended"), ("suspend", "was suspended already")] {
        assert_eq!(
            stage.plugin(&[args, "crm"]).await.stdout(),
            format!("{prefix} {said}\n")
        );
    }
    assert_eq!(stage.get("crm").await.metadata.generation, Some(2));
    let (found, lines) = tokio::task::spawn_blocking(move || {
        let found = lines.by_ref().any(|line| shows("True: Suspended")(&line));
        (found, lines)
    })
    .await
    .unwrap();
    assert!(found);
    for (args, said) in [("resume", "resumed"), ("resume", "was not suspended")] {
        assert_eq!(
            stage.plugin(&[args, "crm"]).await.stdout(),
            format!("{prefix} {said}\n")
        );
    }
    watch.kill().unwrap();
    watch.wait().unwrap();
    drop(lines);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn explain_needs_no_cluster() {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_kubectl-salesforce"));
    command.args(["explain", "TokenVald"]).env("KUBECONFIG", "none");
    let ran = run(command).await;
    let wanted =
        "error: no reason has the name TokenVald. Did you mean TokenValid, TokenInvalid?\n".to_owned();
    assert_eq!((ran.code, ran.stderr), (Some(2), wanted));
}
