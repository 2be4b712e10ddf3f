//! Did a secret leave its place? Every test ends with this scan of logs, events, status and metrics.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::ListParams;
use salesforce_sim::default_world as world;

use crate::logs;
use crate::stage::Stage;

/// Panics if any secret of this stage shows in any channel.
pub(crate) async fn assert_no_leak(stage: &Stage) {
    let secrets = secrets_of(stage);
    for (channel, text) in channels(stage).await {
        if let Some(place) = leak(&secrets, &text) {
            panic!("a secret leaked into {channel}: …{place}…");
        }
    }
}

/// Fixed credentials of the simulated world, and every token that was issued.
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
    let key_lines = world::JWT_KEY_PKCS8.lines().filter(|line| line.len() > 40);
    let mut secrets: Vec<_> = fixed.into_iter().chain(key_lines).map(str::to_owned).collect();
    secrets.extend(stage.sim.world(|world| world.issued_secrets()));
    secrets
}

/// Everything that people and programs outside may read.
async fn channels(stage: &Stage) -> Vec<(&'static str, String)> {
    let list = ListParams::default();
    let mut connectors = stage.connectors().list(&list).await.unwrap().items;
    for connector in &mut connectors {
        connector.metadata.managed_fields = None;
    }
    let events: Api<Event> = Api::namespaced(stage.client.clone(), stage.namespace.name());
    let events = events.list(&list).await.unwrap().items;
    vec![
        ("the logs", logs::so_far()),
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
