//! Introspection and revocation.

use std::time::Duration;

use salesforce_sim::default_world as dw;
use serde_json::json;

use crate::support::{Answer, Bench, refused};

async fn introspect(bench: &Bench, id: &str, secret: &str, token: &str) -> Answer {
    let form = [("token", token), ("client_id", id), ("client_secret", secret)];
    bench
        .post(dw::PRODUCTION, "/services/oauth2/introspect", &form)
        .await
}

async fn revoke(bench: &Bench, token: &str) -> Answer {
    bench
        .post(dw::PRODUCTION, "/services/oauth2/revoke", &[("token", token)])
        .await
}

#[tokio::test]
async fn an_own_living_token_is_active_until_its_session_ends() {
    let bench = Bench::with(|world| world.clock.freeze());
    let now = bench.sim.world(|world| world.clock.now().as_second());
    let token = bench.access_token().await;
    let answer = introspect(&bench, dw::ECA, dw::ECA_SECRET, &token).await.json();
    let subject = answer["sub"].clone();
    assert_eq!(
        answer,
        json!({
            "active": true, "scope": "api", "client_id": dw::ECA, "username": dw::INTEGRATION_USER,
            "sub": subject, "token_type": "access_token", "exp": now + 7200, "iat": now, "nbf": now,
        })
    );
    bench.sim.advance(Duration::from_secs(7200));
    let answer = introspect(&bench, dw::ECA, dw::ECA_SECRET, &token).await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "active": false })));
}

#[tokio::test]
async fn a_foreign_token_is_not_active_unless_the_app_may_introspect_all() {
    let bench = Bench::new();
    let token = bench.access_token().await;
    let answer = introspect(&bench, dw::CONNECTED, dw::CONNECTED_SECRET, &token).await;
    assert_eq!(answer.json(), json!({ "active": false }));
    bench
        .sim
        .world(|world| world.app(dw::CONNECTED).introspects_all = true);
    let answer = introspect(&bench, dw::CONNECTED, dw::CONNECTED_SECRET, &token).await;
    assert_eq!(answer.json()["active"], true);
}

#[tokio::test]
async fn refresh_tokens_can_be_introspected() {
    let bench = Bench::new();
    let token = bench
        .sim
        .world(|world| world.grant_refresh_token(dw::ROTATING, dw::INTEGRATION_USER));
    let answer = introspect(&bench, dw::ROTATING, dw::ROTATING_SECRET, &token)
        .await
        .json();
    assert_eq!(
        (&answer["active"], &answer["token_type"]),
        (&json!(true), &json!("refresh_token"))
    );
    bench.refresh(dw::ROTATING, dw::ROTATING_SECRET, &token).await;
    let spent = introspect(&bench, dw::ROTATING, dw::ROTATING_SECRET, &token).await;
    assert_eq!(spent.json(), json!({ "active": false }));
    assert_eq!(
        bench.sim.world(|world| world.replays()),
        0,
        "asking is not presenting"
    );
}

#[tokio::test]
async fn rubbish_and_wrong_clients_are_errors() {
    let bench = Bench::new();
    let token = bench.access_token().await;
    for (id, secret, asked, error) in [
        (dw::ECA, dw::ECA_SECRET, "rubbish", "unsupported_token_type"),
        (dw::ECA, "wrong", token.as_str(), "invalid_client"),
        ("nobody", "x", token.as_str(), "invalid_client_id"),
    ] {
        let answer = introspect(&bench, id, secret, asked).await;
        assert_eq!((answer.status, answer.field("error").as_str()), (400, error));
    }
}

#[tokio::test]
async fn revoking_an_access_token_needs_no_client_and_hits_every_holder() {
    let bench = Bench::new();
    let (one, sibling) = (bench.access_token().await, bench.access_token().await);
    let answer = revoke(&bench, &one).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    assert_eq!(bench.versions_with(&sibling).await, 401);
    assert_eq!(
        revoke(&bench, &one).await.refusal(),
        refused(400, "invalid_token", "")
    );
    assert_eq!(
        revoke(&bench, "rubbish").await.field("error"),
        "unsupported_token_type"
    );
}

#[tokio::test]
async fn revoking_a_refresh_token_takes_its_access_tokens_along() {
    let bench = Bench::new();
    let refresh = bench
        .sim
        .world(|world| world.grant_refresh_token(dw::ECA, dw::INTEGRATION_USER));
    let access = bench
        .refresh(dw::ECA, dw::ECA_SECRET, &refresh)
        .await
        .field("access_token");
    assert_eq!(revoke(&bench, &refresh).await.status, 200);
    assert_eq!(bench.versions_with(&access).await, 401);
    let answer = bench.refresh(dw::ECA, dw::ECA_SECRET, &refresh).await;
    assert_eq!(
        answer.refusal(),
        refused(400, "invalid_grant", "expired access/refresh token")
    );
}
