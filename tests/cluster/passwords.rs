//! A password that Salesforce refused is not sent again: nobody is ever locked out of Salesforce by the operator.

use std::time::Duration;

use kube::api::{DeleteParams, ListParams};
use salesforce_connector_operator::api::names;
use salesforce_sim::{Endpoint, Fault, FaultRule, default_world as world};
use serde_json::json;

use crate::healing::{by_name, remedy};
use crate::outages::tested;
use crate::stage::{Stage, condition, status};

/// Creates a connector by password whose password is in a Secret.
pub(crate) async fn by_password(stage: &Stage, name: &str, input: &str) {
    let reference = |key: &str| json!({ "name": input, "key": key });
    let spec = json!({
        "host": world::PRODUCTION,
        "app": { "clientId": world::CONNECTED, "clientSecretRef": reference("client-secret") },
        "auth": { "password": {
            "usernameRef": reference("username"),
            "passwordRef": reference("password"),
            "securityTokenRef": reference("security-token"),
        } },
    });
    stage.create(name, spec).await;
}

pub(crate) async fn password_input(stage: &Stage, name: &str, password: &str) {
    let values = [
        ("client-secret", world::CONNECTED_SECRET),
        ("username", world::INTEGRATION_USER),
        ("password", password),
        ("security-token", world::SECURITY_TOKEN),
    ];
    stage.input(name, &values).await;
}

/// How fast the operator's clock runs where a test waits for an hour: six seconds.
const FAST: u32 = 600;
const HOUR: Duration = Duration::from_hours(1);

pub(crate) fn failed_logins(stage: &Stage) -> u32 {
    stage
        .sim
        .world(|world| world.user(world::INTEGRATION_USER).failed_logins)
}

const WRONG: &str = "wrong-password-in-the-secret";
const MISJUDGED: &str = "right-password-of-a-locked-user";
const EDITED_MEANWHILE: &str = "wrong-password-of-an-edited-connector";
const FORGOTTEN: &str = "right-password-that-was-refused-and-forgotten";
const UNANSWERED: &str = "wrong-password-whose-refusal-is-lost";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_sent_once_until_it_changes() {
    let mut stage = by_name().await;
    password_input(&stage, "login", WRONG).await;
    by_password(&stage, "crm", "login").await;
    let connector = stage.stalled("crm", "WrongPassword").await;
    let message = condition(&connector, "Ready").2;
    assert!(message.contains(remedy("WrongPassword")), "{message}");
    assert_eq!(status(&connector).failures.unwrap().next_attempt_time, None);
    assert_eq!(stage.token_calls(), 1);

    stage
        .merge_secret("login", json!({ "metadata": { "labels": { "team": "sales" } } }))
        .await;
    // Who asks for a test hears why there is nothing to test.
    let asked = tested(&stage, "1").await;
    assert_eq!(condition(&asked, "ConnectionTested").1, "WrongPassword");
    let nothing = status(&asked).connection_test.unwrap().message;
    assert!(nothing.starts_with("There is no token to test. "), "{nothing}");
    stage
        .merge("crm", json!({ "spec": { "displayName": "CRM" } }))
        .await;
    stage.settle().await;
    stage.stop_operator().await;
    stage.start_operator().await;
    // Another connector with the same user and password, which it has from a Secret of its own.
    password_input(&stage, "copy", WRONG).await;
    by_password(&stage, "second", "copy").await;
    let second = stage.stalled("second", "PasswordRefusedBefore").await;
    assert!(!condition(&second, "Ready").2.contains(world::INTEGRATION_USER));
    stage.settle().await;
    assert_eq!((stage.token_calls(), failed_logins(&stage)), (1, 1));

    password_input(&stage, "login", world::PASSWORD).await;
    let connector = stage.ready("crm").await;
    assert_eq!(status(&connector).failures, None);
    assert_eq!((stage.token_calls(), failed_logins(&stage)), (2, 0));
    let username = status(&connector).identity.unwrap().username;
    assert_eq!(username, None, "it came through a reference");

    // The token of before is good for as long as it lasts.
    password_input(&stage, "login", WRONG).await;
    stage.stalled("crm", "PasswordRefusedBefore").await;
    let asked = tested(&stage, "2").await;
    assert_eq!(condition(&asked, "ConnectionTested").1, "TestSucceeded");
    assert_eq!(condition(&asked, "Ready").1, "PasswordRefusedBefore");
    assert_eq!(stage.token_calls(), 2);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_password_is_sent_once_more_when_somebody_asks_and_once_an_hour() {
    let stage = Stage::at_speed(FAST).await;
    password_input(&stage, "login", MISJUDGED).await;
    by_password(&stage, "crm", "login").await;
    stage.stalled("crm", "WrongPassword").await;
    stage.annotate("crm", names::RENEW_REQUESTED_AT, "1").await;
    stage.until_token_calls(2).await;
    stage.settle().await;
    assert_eq!((stage.token_calls(), failed_logins(&stage)), (2, 2));
    stage.stalled("crm", "WrongPassword").await;
    stage.annotate("crm", names::RENEW_REQUESTED_AT, "too soon").await;
    renewed(&stage, "too soon").await;
    let connector = stage.stalled("crm", "PasswordRefusedBefore").await;
    let message = condition(&connector, "Ready").2;
    assert!(message.contains("not on request before"), "{message}");
    assert_eq!(stage.token_calls(), 2);

    // It was right all along, as when a locked user is freed: what was refused once is remembered no longer.
    stage
        .sim
        .world(|world| world.change_password(world::INTEGRATION_USER, MISJUDGED));
    let token = stage.sim.world(|world| {
        let user = world.user(world::INTEGRATION_USER);
        user.security_token = salesforce_sim::Secret::new(world::SECURITY_TOKEN);
        user.username.clone()
    });
    assert_eq!(token, world::INTEGRATION_USER);
    stage.pass(HOUR).await;
    stage.annotate("crm", names::RENEW_REQUESTED_AT, "2").await;
    stage.ready("crm").await;
    // The request of before is made again, as by a GitOps tool that puts it back: its old answer holds no longer.
    stage.annotate("crm", names::RENEW_REQUESTED_AT, "1").await;
    renewed(&stage, "1").await;
    stage.ready("crm").await;
    assert_eq!(stage.token_calls(), 4);
    password_input(&stage, "copy", MISJUDGED).await;
    by_password(&stage, "second", "copy").await;
    stage.ready("second").await;
    assert_eq!(stage.token_calls(), 5);
    stage.finish().await;
}

/// A password that was accepted at last is forgotten by whoever leads then, and this process has not seen it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_password_that_another_replica_has_forgotten_is_sent_again() {
    let stage = by_name().await;
    password_input(&stage, "login", FORGOTTEN).await;
    by_password(&stage, "crm", "login").await;
    stage.stalled("crm", "WrongPassword").await;
    stage.sim.world(|world| {
        world.change_password(world::INTEGRATION_USER, FORGOTTEN);
        let user = world.user(world::INTEGRATION_USER);
        user.security_token = salesforce_sim::Secret::new(world::SECURITY_TOKEN);
    });
    let refused = format!("{}={}", names::PURPOSE, names::REFUSED_PASSWORD);
    let removed = stage
        .own_secrets()
        .delete_collection(&DeleteParams::default(), &ListParams::default().labels(&refused))
        .await
        .unwrap();
    assert!(removed.is_left(), "{removed:?}");
    password_input(&stage, "copy", FORGOTTEN).await;
    by_password(&stage, "second", "copy").await;
    stage.ready("second").await;
    assert_eq!(stage.token_calls(), 2);
    stage.finish().await;
}

/// Two people at once: one has the password sent again, the other one's edit makes the status of that attempt a conflict.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_once_has_a_wrong_password_sent_once_though_its_echo_can_not_be_written() {
    let stage = Stage::at_speed(FAST).await;
    password_input(&stage, "login", EDITED_MEANWHILE).await;
    by_password(&stage, "crm", "login").await;
    stage.stalled("crm", "WrongPassword").await;
    let slow = Fault::Delay { millis: 1_500 };
    stage.sim.fault(FaultRule::always(slow).on(Endpoint::Token));
    stage.annotate("crm", names::RENEW_REQUESTED_AT, "1").await;
    stage.until_token_calls(2).await;
    let edited = json!({ "metadata": { "labels": { "team": "sales" } } });
    stage.merge("crm", edited).await;
    renewed(&stage, "1").await;
    stage.settle().await;
    assert_eq!((stage.token_calls(), failed_logins(&stage)), (2, 2));
    stage.stalled("crm", "WrongPassword").await;

    stage.sim.clear_faults();
    stage.pass(HOUR).await;
    stage.annotate("crm", names::RENEW_REQUESTED_AT, "2").await;
    renewed(&stage, "2").await;
    assert_eq!(
        stage.token_calls(),
        3,
        "who asks again after an hour has it sent again"
    );
    stage.finish().await;
}

/// Waits until a request to renew has been carried out.
async fn renewed(stage: &Stage, request: &str) {
    stage
        .until("the renewal has been tried", "crm", |connector| {
            (status(connector).last_handled?.renew_requested_at? == request).then_some(())
        })
        .await;
}

/// Salesforce has counted a refusal whose reply was lost: sent again and again, the password would lock its user.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_whose_answer_is_lost_is_not_sent_again_for_an_hour() {
    let mut stage = by_name().await;
    stage.sim.world(|world| {
        world.add_fault(FaultRule::always(Fault::ProcessThenDrop).on(Endpoint::Token));
    });
    password_input(&stage, "login", UNANSWERED).await;
    by_password(&stage, "crm", "login").await;
    let connector = stage.not_ready("crm", "PasswordOutcomeUnknown").await;
    assert_eq!(condition(&connector, "Reconciling").0, "True");
    let failures = status(&connector).failures.unwrap();
    let next = failures.next_attempt_time.unwrap().0;
    let wait = next.duration_since(failures.last_failure_time.0).as_secs();
    // An hour from when it was noted, just before it was sent; a second of the login is half a minute of the operator's.
    assert!((3000..=3600).contains(&wait), "{wait} s");

    stage.settle().await;
    stage.stop_operator().await;
    stage.start_operator().await;
    password_input(&stage, "copy", UNANSWERED).await;
    by_password(&stage, "second", "copy").await;
    let second = stage.not_ready("second", "PasswordOutcomeUnknown").await;
    let waits_for = status(&second).failures.unwrap().next_attempt_time.unwrap().0;
    assert!(
        waits_for.duration_since(next).abs().as_secs() <= 5,
        "{waits_for}, and {next} for the first"
    );
    stage.settle().await;
    assert_eq!((stage.token_calls(), failed_logins(&stage)), (1, 1));

    // Somebody who asks is answered at once, and what was unclear becomes a refusal.
    stage.sim.world(salesforce_sim::World::clear_faults);
    stage.annotate("crm", names::RENEW_REQUESTED_AT, "1").await;
    stage.stalled("crm", "WrongPassword").await;
    stage
        .merge(
            "second",
            json!({ "spec": { "connectionTest": { "apiVersion": "65.0" } } }),
        )
        .await;
    stage.stalled("second", "PasswordRefusedBefore").await;
    assert_eq!((stage.token_calls(), failed_logins(&stage)), (2, 2));

    // Two failed logins: the next password waits for a person, who has asked already.
    password_input(&stage, "login", world::PASSWORD).await;
    stage.not_ready("crm", "PasswordOutcomeUnknown").await;
    assert_eq!(stage.token_calls(), 2);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_two_failed_logins_of_a_user_a_third_password_waits_for_a_person() {
    let stage = by_name().await;
    for (calls, wrong) in [(1, "first-wrong-password"), (2, "second-wrong-password")] {
        password_input(&stage, "login", wrong).await;
        if calls == 1 {
            by_password(&stage, "crm", "login").await;
        }
        stage.until_token_calls(calls).await;
        stage.stalled("crm", "WrongPassword").await;
    }
    password_input(&stage, "login", world::PASSWORD).await;
    stage.not_ready("crm", "PasswordOutcomeUnknown").await;
    stage.settle().await;
    assert_eq!((stage.token_calls(), failed_logins(&stage)), (2, 2));
    stage.annotate("crm", names::RENEW_REQUESTED_AT, "1").await;
    stage.ready("crm").await;
    assert_eq!((stage.token_calls(), failed_logins(&stage)), (3, 0));
    stage.finish().await;
}
