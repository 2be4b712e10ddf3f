//! Did a secret leave its place? Every test ends with this scan of logs, events, status and metrics.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use salesforce_connector_operator::api::SalesforceConnector;
use salesforce_connector_operator::settings::SecretWatch;
use salesforce_sim::default_world as world;
use serde_json::json;

use crate::logs;
use crate::stage::{Stage, value};

/// Panics if any secret of this stage shows in any channel.
pub(crate) async fn assert_no_leak(stage: &Stage) {
    if let Some(Leak { channel, place }) = find_leak(stage).await {
        panic!("a secret leaked into {channel}: …{place}…");
    }
}

/// A secret where it must not be.
#[derive(Debug, PartialEq, Eq)]
struct Leak {
    channel: &'static str,
    /// What stands before it.
    place: String,
}

/// The first secret of this stage that shows in any channel.
async fn find_leak(stage: &Stage) -> Option<Leak> {
    let secrets = secrets_of(stage);
    let mut channels = channels(stage).await.into_iter();
    channels.find_map(|(channel, text)| leak(&secrets, &text).map(|place| Leak { channel, place }))
}

/// Fixed credentials of the simulated world, what was put into input Secrets, and every token that was issued.
fn secrets_of(stage: &Stage) -> Vec<String> {
    let fixed = [
        world::ECA_SECRET,
        world::ROTATING_SECRET,
        world::JWT_SECRET,
        world::CONNECTED_SECRET,
        world::SANDBOX_ECA_SECRET,
        world::DEVELOPER_ECA_SECRET,
        world::PASSWORD,
        world::SECURITY_TOKEN,
    ];
    let inputs = stage.inputs();
    let key_lines = std::iter::once(world::JWT_KEY_PKCS8)
        .chain(inputs.iter().map(String::as_str))
        .filter(|text| text.contains('\n'))
        .flat_map(|key| key.lines().filter(|line| line.len() > 40));
    let single_lines = inputs
        .iter()
        .map(String::as_str)
        .filter(|text| !text.contains('\n'));
    let mut secrets: Vec<_> = fixed
        .into_iter()
        .chain(key_lines)
        .chain(single_lines)
        .map(str::to_owned)
        .collect();
    secrets.sort();
    secrets.dedup();
    secrets.extend(stage.sim.world(|world| world.issued_secrets()));
    secrets
}

/// Everything that people and programs outside may read.
async fn channels(stage: &Stage) -> Vec<(&'static str, String)> {
    let list = ListParams::default();
    // Untyped: a connector that the types can't express may be among them.
    let resource = ApiResource::erase::<SalesforceConnector>(&());
    let connectors: Api<DynamicObject> =
        Api::namespaced_with(stage.client.clone(), stage.namespace.name(), &resource);
    let mut connectors = connectors.list(&list).await.unwrap().items;
    for connector in &mut connectors {
        connector.metadata.managed_fields = None;
    }
    let events = stage.events().list(&list).await.unwrap().items;
    vec![
        ("the logs", logs::since(stage.logs_from)),
        ("the connectors", serde_json::to_string(&connectors).unwrap()),
        ("the events", serde_json::to_string(&events).unwrap()),
        ("the metrics", stage.metrics()),
    ]
}

/// The surroundings of the first secret found: raw, base64 at each alignment, URL-encoded, or JSON-escaped.
fn leak(secrets: &[String], text: &str) -> Option<String> {
    let forms = secrets.iter().flat_map(|secret| forms(secret));
    forms.into_iter().find_map(|form| text.find(&form)).map(|at| {
        let start = (0..=at.saturating_sub(120))
            .rev()
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(0);
        text[start..at].to_owned()
    })
}

fn forms(secret: &str) -> Vec<String> {
    let escaped = serde_json::to_string(secret).unwrap();
    let mut forms = vec![
        secret.to_owned(),
        url::form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
        escaped.trim_matches('"').to_owned(),
    ];
    for shift in 0..3 {
        // Within a longer text the encoding depends on what stands before; the middle is then the same for one shift.
        let shifted = [vec![b'x'; shift], secret.as_bytes().to_vec()].concat();
        for encoded in [STANDARD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
            forms.push(encoded[4..encoded.len().saturating_sub(4).max(4)].to_owned());
        }
    }
    forms.retain(|form| form.len() >= 8);
    forms
}

#[test]
fn a_secret_is_found_in_every_form() {
    let secrets = vec!["00D5g!AQ/x+\"y z-marker-token".to_owned()];
    let secret = &secrets[0];
    let planted = [
        format!("token={secret}"),
        format!(
            "body={}",
            url::form_urlencoded::byte_serialize(secret.as_bytes()).collect::<String>()
        ),
        serde_json::json!({ "token": secret }).to_string(),
        STANDARD.encode(format!("a{secret}")),
        STANDARD.encode(format!("{{\"access_token\":\"{secret}\"}}")),
        URL_SAFE_NO_PAD.encode(format!("ab{secret}c")),
    ];
    for text in planted {
        assert!(leak(&secrets, &text).is_some(), "not found in {text}");
    }
    assert_eq!(leak(&secrets, "nothing to see"), None);
}

/// A stage on which all went well, and a token of its connector.
async fn stage_with_a_token() -> (Stage, String) {
    let stage = Stage::set(SecretWatch::ByName).await;
    stage.good_connector("crm").await;
    stage.ready("crm").await;
    let token = value(&stage.secret("crm-salesforce").await, "access_token");
    assert_eq!(find_leak(&stage).await, None, "nothing is planted yet");
    (stage, token)
}

async fn assert_found_in(stage: &Stage, channel: &'static str) {
    let found = find_leak(stage).await.map(|leak| leak.channel);
    assert_eq!(found, Some(channel));
}

#[tokio::test]
async fn a_token_planted_in_the_logs_is_found() {
    let (stage, token) = stage_with_a_token().await;
    tracing::debug!(request.body = %format!("{{\"access_token\":\"{token}\"}}"), "Planted");
    assert_found_in(&stage, "the logs").await;
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
    assert_found_in(&stage, "the events").await;
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
    assert_found_in(&stage, "the connectors").await;
}

#[tokio::test]
async fn a_token_planted_in_a_label_of_a_metric_is_found() {
    let (stage, token) = stage_with_a_token().await;
    let status = stage.get("crm").await.status;
    let metrics = &stage.context().metrics;
    metrics.connector(stage.namespace.name(), &token, status.as_ref());
    assert_found_in(&stage, "the metrics").await;
}
