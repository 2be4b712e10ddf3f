//! Did a secret leave its place? Every test ends with this scan of logs, events, status and metrics.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use salesforce_connector_operator::settings::SecretWatch;
use serde_json::json;

use crate::leak::{Channel, Leak};
use crate::stage::{Stage, client_credentials, value};
use crate::{errors, leak, logs};

/// Panics if any secret of this stage shows in any channel.
pub(crate) async fn assert_no_leak(stage: &Stage) {
    let found = leaks(stage).await;
    assert!(found.is_empty(), "secrets leaked: {found:#?}");
}

/// Every channel in which a secret of this stage shows.
async fn leaks(stage: &Stage) -> Vec<Leak> {
    leak::leaks(&stage.confidential().await, channels(stage).await)
}

/// Everything that people and programs outside may read.
async fn channels(stage: &Stage) -> Vec<Channel> {
    let [connectors, events] = stage.shown().await;
    vec![
        ("the logs".to_owned(), logs::since(stage.logs_from)),
        ("the errors".to_owned(), errors::since(stage.errors_from)),
        connectors,
        events,
        ("the metrics".to_owned(), stage.metrics()),
    ]
}

/// A stage on which all went well, and a token of its connector.
async fn stage_with_a_token() -> (Stage, String) {
    let stage = Stage::set(SecretWatch::ByName).await;
    stage.good_connector("crm").await;
    stage.ready("crm").await;
    let token = value(&stage.secret("crm-salesforce").await, "access_token");
    assert_eq!(leaks(&stage).await, [], "nothing is planted yet");
    (stage, token)
}

async fn assert_found_in(stage: &Stage, channels: &[&str]) {
    let found: Vec<_> = leaks(stage).await.into_iter().map(|leak| leak.channel).collect();
    assert_eq!(found, channels);
}

#[tokio::test]
async fn a_token_planted_in_the_logs_is_found() {
    let (stage, token) = stage_with_a_token().await;
    tracing::debug!(request.body = %format!("{{\"access_token\":\"{token}\"}}"), "Planted");
    assert_found_in(&stage, &["the logs"]).await;
}

#[tokio::test]
async fn a_token_planted_in_an_error_is_found() {
    let (stage, token) = stage_with_a_token().await;
    let error = std::io::Error::other(format!("the answer was {{\"token\":\"{token}\"}}"));
    tracing::warn!(error = &error as &dyn std::error::Error, "Planted");
    assert_found_in(&stage, &["the logs", "the errors"]).await;
}

#[tokio::test]
async fn a_token_planted_in_the_message_of_a_panic_is_found() {
    let (stage, token) = stage_with_a_token().await;
    let panicked = std::thread::spawn(move || panic!("unexpected token {token}")).join();
    assert!(panicked.is_err());
    assert_found_in(&stage, &["the errors"]).await;
}

/// Every version of the API server quotes a value that is none of an enumeration.
#[tokio::test]
async fn a_secret_that_the_api_server_quotes_in_a_refusal_is_found() {
    let (stage, token) = stage_with_a_token().await;
    let mut spec = client_credentials("app");
    spec["displayName"] = json!(token.repeat(3));
    stage.refused("typo", &spec).await;
    assert_eq!(leaks(&stage).await, [], "a length is told without the text");
    let mut spec = client_credentials("app");
    spec["environment"] = json!(token);
    stage.refused("typo", &spec).await;
    assert_found_in(&stage, &["the errors"]).await;
}

#[tokio::test]
async fn a_token_planted_in_the_note_of_an_event_is_found() {
    let (stage, token) = stage_with_a_token().await;
    let event = Event {
        metadata: ObjectMeta {
            name: Some("planted".to_owned()),
            ..ObjectMeta::default()
        },
        note: Some(STANDARD.encode(format!("Bearer {token}"))),
        action: Some("Plant".to_owned()),
        reason: Some("Planted".to_owned()),
        type_: Some("Normal".to_owned()),
        event_time: Some(MicroTime(k8s_openapi::jiff::Timestamp::now())),
        reporting_controller: Some("salesforce-connector.dev/test".to_owned()),
        reporting_instance: Some("test".to_owned()),
        regarding: Some(ObjectReference {
            namespace: Some(stage.namespace.name().to_owned()),
            ..ObjectReference::default()
        }),
        ..Event::default()
    };
    stage
        .events()
        .create(&PostParams::default(), &event)
        .await
        .unwrap();
    assert_found_in(&stage, &["the events"]).await;
}

#[tokio::test]
async fn a_token_planted_in_a_status_message_is_found() {
    let (mut stage, token) = stage_with_a_token().await;
    stage.stop_operator().await;
    let encoded: String = url::form_urlencoded::byte_serialize(token.as_bytes()).collect();
    let mut conditions = stage.get("crm").await.status.unwrap().conditions;
    conditions[0].message = format!("token={encoded}");
    let patch = json!({ "status": { "conditions": conditions } });
    stage
        .connectors()
        .patch_status("crm", &PatchParams::default(), &Patch::Merge(patch))
        .await
        .unwrap();
    assert_found_in(&stage, &["the connectors"]).await;
}

#[tokio::test]
async fn a_token_planted_in_a_label_of_a_metric_is_found() {
    let (stage, token) = stage_with_a_token().await;
    let status = stage.get("crm").await.status;
    let metrics = &stage.context().metrics;
    metrics.connector(stage.namespace.name(), &token, status.as_ref());
    assert_found_in(&stage, &["the metrics"]).await;
}
