//! `test` and `refresh`.

use salesforce_sim::default_world as world;
use serde_json::{Value, json};

use crate::stage::Stage;

const LADDER: &str = "\
✓ HostAnswers TIME
✓ TokenAccepted TIME
✓ IdentityExpected TIME
✓ ApiEnabled TIME
✓ Scopes TIME
✓ OrgFacts TIME
✓ EnvironmentMatches TIME
✓ ApiUsage TIME
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_and_a_refresh_wait_for_the_operator_and_show_what_came_of_it() {
    let stage = Stage::set().await;
    stage.connector("crm", &[]).await;
    stage.until_ready_is("crm", "True", "TokenValid").await;

    let tested = stage.plugin(&["test", "crm"]).await;
    assert_eq!(
        (tested.code, stage.settled(&tested.stdout)),
        (Some(0), format!("Test of crm: Succeeded\n{LADDER}"))
    );
    assert_eq!(stage.token_calls(), 1, "a test obtains no token");

    let refreshed = stage.plugin(&["refresh", "crm"]).await;
    let wanted =
        format!("Renewal of crm: Succeeded, the token expires in TIME\nTest TIME ago: Succeeded\n{LADDER}");
    assert_eq!(
        (refreshed.code, stage.settled(&refreshed.stdout)),
        (Some(0), wanted)
    );
    assert_eq!(stage.token_calls(), 2);

    let json: Value =
        serde_json::from_str(&stage.plugin(&["test", "crm", "-o", "json"]).await.stdout()).unwrap();
    let asked = &json["metadata"]["annotations"]["salesforce-connector.dev/test-requested-at"];
    assert_eq!(&json["status"]["lastHandled"]["testRequestedAt"], asked);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_says_why_with_the_remedy_and_ends_with_1() {
    let stage = Stage::set().await;
    stage.connector("odd", &[("environment", json!("Sandbox"))]).await;
    stage.until_ready_is("odd", "False", "EnvironmentMismatch").await;
    let why = "The operator did not publish the token, because the org's type does not match spec.environment \
        (spec.environment is Sandbox, the org is Live, as the org itself says). Set spec.environment to Live or Sandbox to \
        match the org, or set spec.host and spec.app to those of the intended org.";

    let refreshed = stage.plugin(&["refresh", "odd"]).await;
    let first = "Renewal of odd: Failed: EnvironmentMismatch\n";
    let rest = format!("{why}\nWho must act: the owner of the connector and its Secrets\n");
    let said = stage.settled(&refreshed.stdout);
    assert_eq!(refreshed.code, Some(1));
    assert!(said.starts_with(&format!("{first}{rest}")), "{said}");
    assert!(
        said.contains("✗ EnvironmentMatches: EnvironmentMismatch TIME\n"),
        "{said}"
    );

    let tested = stage.plugin(&["test", "odd"]).await;
    assert_eq!((tested.code, tested.stderr), (Some(1), String::new()));
    assert!(
        tested.stdout.starts_with("Test of odd: Failed\n"),
        "{}",
        tested.stdout
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_that_does_not_answer_is_waited_for_until_the_timeout() {
    let stage = Stage::bare().await;
    stage.connector("crm", &[]).await;
    let late = stage.plugin(&["test", "crm", "--timeout", "200ms"]).await;
    let wanted = "error: the operator did not carry out the test of crm within 200ms. The request stays.\n\
        No operator has processed this connector. Check that the operator runs and watches this namespace.\n";
    assert_eq!(
        (late.code, late.stdout, late.stderr),
        (Some(3), String::new(), wanted.to_owned())
    );

    let _ = stage.plugin(&["suspend", "crm"]).await.stdout();
    let suspended = stage.plugin(&["refresh", "crm"]).await;
    let wanted = "error: crm is suspended, and a renewal waits until it is resumed. Run `kubectl salesforce resume crm` first.\n";
    assert_eq!((suspended.code, suspended.stderr), (Some(1), wanted.to_owned()));
    let annotations = stage.get("crm").await.metadata.annotations.unwrap_or_default();
    assert!(!annotations.contains_key("salesforce-connector.dev/renew-requested-at"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connector_that_goes_while_it_is_waited_for_ends_the_wait() {
    let stage = Stage::bare().await;
    stage.connector("crm", &[]).await;
    let asked = stage.plugin(&["test", "crm"]);
    let gone = async {
        let is_asked = |connector: &salesforce_connector_operator::api::SalesforceConnector| {
            connector.metadata.annotations.as_ref().map(|_| ())
        };
        stage.until("the test is asked for", "crm", is_asked).await;
        stage.delete("crm").await;
    };
    let (ran, ()) = tokio::join!(asked, gone);
    let wanted = "error: crm was deleted before the operator answered\n".to_owned();
    assert_eq!((ran.code, ran.stderr), (Some(2), wanted));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_login_is_reported_with_salesforce_s_reason() {
    let stage = Stage::set().await;
    stage.connector("crm", &[]).await;
    stage.until_ready_is("crm", "True", "TokenValid").await;
    stage
        .input("crm-app", &[("client-secret", "wrong-secret-0123456789")])
        .await;
    let refreshed = stage.plugin(&["refresh", "crm", "--timeout", "30s"]).await;
    assert_eq!(refreshed.code, Some(1), "{refreshed}");
    let first = refreshed.stdout.lines().next();
    assert_eq!(
        first,
        Some("Renewal of crm: Failed: ClientSecretInvalid"),
        "{refreshed}"
    );
    assert!(!refreshed.stdout.contains(world::ECA_SECRET));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_of_what_can_t_be_renewed_ends_with_the_reason_and_the_remedy() {
    let stage = Stage::set().await;
    stage
        .create("crm", crate::scene::client_credentials("absent"))
        .await;
    stage.until_ready_is("crm", "False", "InputSecretMissing").await;
    let refreshed = stage.plugin(&["refresh", "crm", "--timeout", "40s"]).await;
    let first = "Renewal of crm: Failed: InputSecretMissing";
    assert_eq!(
        (refreshed.code, refreshed.stdout.lines().next()),
        (Some(1), Some(first)),
        "{refreshed}"
    );
    assert!(
        refreshed
            .stdout
            .contains("Create the Secret in the connector's namespace"),
        "{refreshed}"
    );
    assert_eq!(stage.token_calls(), 0);
}
