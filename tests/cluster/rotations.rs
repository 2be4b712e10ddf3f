//! Are an app's credentials rotated without a moment in which the Secret holds no good token?

use std::time::Duration;

use kube::api::ListParams;
use salesforce_connector_operator::api::names;
use salesforce_connector_operator::settings::SecretWatch;
use salesforce_sim::default_world as world;
use serde_json::{Value, json};

use crate::passwords::{by_password, failed_logins, password_input};
use crate::stage::{Stage, client_credentials, condition, status, value};

const TARGET: &str = "crm-salesforce";

fn secret(key: &str) -> Value {
    json!({ "name": "app", "key": key })
}

/// Looks at the connector and its Secret all the time, and returns what it sees that is not good.
pub(crate) async fn first_failure(stage: &Stage) -> String {
    let mut often = tokio::time::interval(Duration::from_millis(50));
    loop {
        often.tick().await;
        let token = value(&stage.secret(TARGET).await, "access_token");
        if !stage.sim.world(|world| world.access_token_is_good(&token)) {
            return "the token in the Secret is not good".to_owned();
        }
        let connector = stage.get("crm").await;
        if condition(&connector, "Ready").0 != "True" {
            return format!("{:?}", connector.status);
        }
    }
}

/// Waits until Ready says so.
async fn until_told(stage: &Stage, told: &str) {
    stage
        .until(&format!("Ready says {told:?}"), "crm", |connector| {
            let current = status(connector).observed_generation == connector.metadata.generation;
            let message = condition(connector, "Ready").2;
            (current && message.contains(told)).then_some(())
        })
        .await;
}

const IN_USE: &str = "logs in with the previous ones (ClientIdInvalid";
const ROTATED: &str = "You can remove spec.app.previousCredentials.";

/// As docs/operations.md says, but with the new credentials in the connector before they are rotated in.
async fn rotate(stage: &Stage) {
    let (id, new_secret) = stage.sim.world(|world| world.stage_credentials(world::ECA));
    let values = [("client-secret", world::ECA_SECRET), ("new", new_secret.as_str())];
    stage.input("app", &values).await;
    let app = json!({
        "clientId": id,
        "clientSecretRef": secret("new"),
        "previousCredentials": { "clientId": world::ECA, "clientSecretRef": secret("client-secret") },
    });
    stage.merge("crm", json!({ "spec": { "app": app } })).await;
    until_told(stage, IN_USE).await;
    let failures = status(&stage.get("crm").await).credentials_failures.unwrap();
    assert_eq!(failures.reason, "PreviousCredentialsInUse");

    stage.annotate("crm", names::RENEW_REQUESTED_AT, "1").await;
    renewed(stage, "1").await;
    until_told(stage, IN_USE).await;

    assert!(stage.sim.world(|world| world.rotate_credentials(world::ECA)));
    until_told(stage, ROTATED).await;
    assert_eq!(status(&stage.get("crm").await).credentials_failures, None);

    stage.sim.world(|world| world.end_former_credentials(world::ECA));
    let without = json!({ "spec": { "app": { "previousCredentials": null } } });
    stage.merge("crm", without).await;
    until_told(stage, "in Secret \"crm-salesforce\".").await;
    let calls = stage.token_calls();
    stage.settle().await;
    assert_eq!(
        stage.token_calls(),
        calls,
        "the token in use is of these credentials"
    );
    stage.annotate("crm", names::RENEW_REQUESTED_AT, "2").await;
    renewed(stage, "2").await;
}

/// Waits until this request was carried out, and nothing has failed.
async fn renewed(stage: &Stage, request: &str) {
    stage
        .until("a requested renewal is carried out", "crm", |connector| {
            let status = status(connector);
            let handled = status.last_handled.and_then(|handled| handled.renew_requested_at);
            (handled.as_deref() == Some(request) && status.failures.is_none()).then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_of_an_external_client_app_are_rotated_while_a_good_token_is_always_there() {
    let stage = Stage::set(SecretWatch::ByName).await;
    stage.input("app", &[("client-secret", world::ECA_SECRET)]).await;
    stage.create("crm", client_credentials("app")).await;
    stage.ready("crm").await;
    tokio::select! {
        () = rotate(&stage) => {}
        failure = first_failure(&stage) => panic!("{failure}"),
    }
    let events = stage.events().list(&ListParams::default()).await.unwrap();
    let mut told: Vec<_> = events
        .items
        .iter()
        .filter_map(|event| event.reason.as_deref())
        .collect();
    told.sort_unstable();
    told.dedup();
    assert_eq!(told, ["CredentialsRotated", "PreviousCredentialsInUse"]);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_secret_of_a_connected_app_is_rotated_and_the_token_that_this_ended_is_replaced() {
    const MIXED: Duration = Duration::from_mins(10);
    let stage = Stage::set(SecretWatch::ByName).await;
    password_input(&stage, "app", world::PASSWORD).await;
    by_password(&stage, "crm", "app").await;
    stage.ready("crm").await;
    let before = value(&stage.secret(TARGET).await, "access_token");
    let new = "the-new-secret-of-the-connected-app";
    stage.input("more", &[("client-secret", new)]).await;
    let app = json!({
        "clientSecretRef": { "name": "more", "key": "client-secret" },
        "previousCredentials": { "clientSecretRef": secret("client-secret") },
    });
    let spec = json!({ "app": app, "connectionTest": { "interval": "1m" } });
    stage.merge("crm", json!({ "spec": spec })).await;
    until_told(&stage, "logs in with the previous ones (ClientSecretInvalid").await;

    stage
        .sim
        .world(|world| world.rotate_client_secret(world::CONNECTED, new, MIXED));
    stage
        .until_secret("another token is there", TARGET, |secret| {
            (value(secret, "access_token") != before).then_some(())
        })
        .await;
    stage.sim.world(|world| world.advance(MIXED));
    until_told(&stage, ROTATED).await;
    let token = value(&stage.secret(TARGET).await, "access_token");
    assert!(stage.sim.world(|world| world.access_token_is_good(&token)));
    assert_eq!(failed_logins(&stage), 0);
    stage.finish().await;
}
