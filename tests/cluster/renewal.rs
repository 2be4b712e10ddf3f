//! Until when is a token good, how is that known, and is it renewed in time?

use std::time::Duration;

use salesforce_connector_operator::api::status::{ExpirySource, TokenStatus};
use salesforce_connector_operator::settings::SecretWatch;
use salesforce_sim::{TokenFormat, default_world as world};
use serde_json::{Value, json};

use crate::grants::{assert_nothing_burned, brought};
use crate::stage::{Stage, client_credentials, status, value};

fn life(token: &TokenStatus) -> Duration {
    let life = token.expiration_time.0.duration_since(token.issue_time.0);
    Duration::try_from(life).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_renewed_before_it_expires() {
    let stage = Stage::set(SecretWatch::ByName).await;
    stage
        .sim
        .world(|w| w.app(world::ROTATING).session_timeout = Some(Duration::from_mins(15)));
    brought(&stage, "crm").await;
    let first = status(&stage.ready("crm").await).token.unwrap();
    let before = value(&stage.secret("crm-salesforce").await, "access_token");
    let second = stage
        .until("another token is told of", "crm", |connector| {
            let token = status(connector).token?;
            (token.issue_time != first.issue_time).then_some(token)
        })
        .await;
    let (from, to) = (first.renewal_time.0, first.expiration_time.0);
    assert!((from..to).contains(&second.issue_time.0), "{first:?} {second:?}");
    stage.ready("crm").await;
    let after = value(&stage.secret("crm-salesforce").await, "access_token");
    assert_ne!(after, before);
    assert!(stage.sim.world(|w| w.access_token_is_good(&after)));
    assert_eq!(stage.token_calls(), 2, "the import and the renewal");
    assert_nothing_burned(&stage);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_says_how_the_end_of_a_token_is_known() {
    const CLAIMED: Duration = Duration::from_mins(25);
    let stage = Stage::at_speed(1).await;
    stage
        .sim
        .world(|w| w.app(world::CONNECTED).token_format = TokenFormat::Jwt(CLAIMED));
    stage.input("app", &[("client-secret", world::ECA_SECRET)]).await;
    stage
        .input("connected", &[("client-secret", world::CONNECTED_SECRET)])
        .await;
    stage.input("key", &[("key.pem", world::JWT_KEY_PKCS8)]).await;
    let mut claims = client_credentials("connected");
    claims["app"]["clientId"] = json!(world::CONNECTED);
    let hours = Duration::from_hours;
    for (name, spec, source, lifetime) in [
        (
            "introspected",
            client_credentials("app"),
            ExpirySource::Introspected,
            hours(2),
        ),
        ("claims", claims, ExpirySource::TokenClaims, CLAIMED),
        (
            "declared",
            by_key(&json!({ "lifetime": "4h" })),
            ExpirySource::Declared,
            hours(4),
        ),
        (
            "assumed",
            by_key(&json!({})),
            ExpirySource::Assumed,
            Duration::from_mins(15),
        ),
    ] {
        stage.create(name, spec).await;
        let token = status(&stage.ready(name).await).token.unwrap();
        assert_eq!(token.expiry_source, source, "{name}");
        // What Salesforce tells, it counts from its own moment, which is earlier by as long as the answer took.
        let short = lifetime.checked_sub(life(&token)).unwrap();
        assert!(short < Duration::from_secs(30), "{name}: {token:?}");
        assert!(
            token.renewal_time.0 < token.expiration_time.0,
            "{name}: {token:?}"
        );
    }
    stage.finish().await;
}

/// By JWT bearer, whose app needs no secret: then nobody can be asked about its token.
fn by_key(token: &Value) -> Value {
    json!({
        "host": world::PRODUCTION,
        "app": { "clientId": world::JWT },
        "auth": { "jwtBearer": {
            "username": world::INTEGRATION_USER,
            "privateKeyRef": { "name": "key", "key": "key.pem" },
        } },
        "token": token,
    })
}
