//! authorizationCode: a login in a browser brings a grant. Its code is redeemed once, by the operator alone.

use salesforce_connector_operator::api::status::{LoginResult, LoginStatus};
use salesforce_connector_operator::settings::SecretWatch;
use salesforce_sim::{Endpoint, default_world as world};
use serde_json::json;
use testbed::eventually;

use crate::stage::{DEADLINE, Stage, condition, value};
use crate::tenant::VERIFIER;

/// A connector that nobody has authorized yet.
async fn unauthorized(stage: &Stage) {
    let secret = [("client-secret", world::ROTATING_SECRET)];
    stage.input("app", &secret).await;
    let spec = json!({
        "host": world::PRODUCTION,
        "app": { "clientId": world::ROTATING, "clientSecretRef": { "name": "app", "key": "client-secret" } },
        "auth": { "authorizationCode": {} },
    });
    stage.create("crm", spec).await;
    stage
        .until("it asks to be authorized", "crm", |connector| {
            (condition(connector, "Ready").1 == "AuthorizationRequired").then_some(())
        })
        .await;
}

fn approved(stage: &Stage, username: &str) -> String {
    stage
        .sim
        .world(|w| w.approved_code(world::ROTATING, username, VERIFIER))
}

async fn log_in(stage: &Stage, secret: &str, code: &str) -> LoginStatus {
    stage.hand_over_login("crm", secret, code).await;
    stage.login_ended("crm", secret).await
}

fn outcome(login: &LoginStatus) -> (LoginResult, Option<&str>) {
    (login.result, login.reason.as_deref())
}

async fn token(stage: &Stage) -> String {
    value(&stage.secret("crm-salesforce").await, "access_token")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_brings_a_grant_and_leaves_no_secret_behind() {
    let stage = Stage::set(SecretWatch::ByName).await;
    unauthorized(&stage).await;
    let login = log_in(&stage, "first", &approved(&stage, world::INTEGRATION_USER)).await;
    assert_eq!(outcome(&login), (LoginResult::Succeeded, None));
    stage.ready("crm").await;
    let first = token(&stage).await;
    assert!(stage.sim.world(|w| w.access_token_is_good(&first)));
    assert_eq!(
        stage.token_calls(),
        1,
        "the answer to the code carries the first token"
    );
    eventually(DEADLINE, "the Secret of the login to be deleted", async || {
        let left = stage.secrets().get_metadata_opt("first").await.unwrap();
        left.map_or(Ok(()), |left| Err(format!("{left:?}")))
    })
    .await;

    // Once more, over a grant that works.
    let login = log_in(&stage, "second", &approved(&stage, world::INTEGRATION_USER)).await;
    assert_eq!(outcome(&login), (LoginResult::Succeeded, None));
    stage.ready("crm").await;
    let second = token(&stage).await;
    assert_ne!(second, first);
    assert!(stage.sim.world(|w| w.access_token_is_good(&second)));
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_fails_leaves_the_grant_in_use() {
    let stage = Stage::set(SecretWatch::ByName).await;
    unauthorized(&stage).await;
    let (first, code) = (
        approved(&stage, world::INTEGRATION_USER),
        approved(&stage, world::INTEGRATION_USER),
    );
    log_in(&stage, "first", &first).await;
    log_in(&stage, "good", &code).await;
    stage.ready("crm").await;
    let before = token(&stage).await;

    let codes = stage.token_calls();
    let login = log_in(&stage, "in-use", &code).await;
    assert_eq!(
        outcome(&login),
        (LoginResult::Succeeded, None),
        "its grant is the one in use"
    );
    let login = log_in(&stage, "again", &first).await;
    assert_eq!(outcome(&login), (LoginResult::Failed, Some("LoginCodeUsed")));
    stage.login_secret("stolen", Some("another"), "aPrx").await;
    stage
        .annotate("crm", "salesforce-connector.dev/login-secret", "stolen")
        .await;
    let login = stage.login_ended("crm", "stolen").await;
    assert_eq!(outcome(&login), (LoginResult::Failed, Some("LoginSecretInvalid")));
    assert_eq!(stage.token_calls(), codes, "no code is sent");

    let login = log_in(&stage, "unknown", "aPrxUnknown").await;
    assert_eq!(
        outcome(&login),
        (LoginResult::Failed, Some("AuthorizationCodeInvalid"))
    );
    let code = stage
        .sim
        .world(|w| w.approved_code(world::ROTATING, world::INTEGRATION_USER, "another verifier"));
    let login = log_in(&stage, "verifier", &code).await;
    assert_eq!(
        outcome(&login),
        (LoginResult::Failed, Some("CodeVerifierInvalid"))
    );
    let login = log_in(&stage, "stranger", &approved(&stage, world::API_ONLY_USER)).await;
    assert_eq!(outcome(&login), (LoginResult::Failed, Some("WrongIdentity")));

    let connector = stage.ready("crm").await;
    assert!(
        condition(&connector, "Ready")
            .2
            .contains("the current grant is still in use")
    );
    assert_eq!(token(&stage).await, before);
    assert_eq!(stage.sim.world(|w| (w.replays(), w.revoked_families())), (0, 0));
    assert_eq!(stage.sim.count(Endpoint::Revoke), 0);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_fails_before_there_is_a_grant_says_why_where_authorization_is_asked_for() {
    let stage = Stage::set(SecretWatch::ByName).await;
    unauthorized(&stage).await;
    log_in(&stage, "unknown", "aPrxUnknown").await;
    stage
        .until("Ready tells of the login", "crm", |connector| {
            let (_, reason, message) = condition(connector, "Ready");
            let says =
                message.contains("the last login failed: Salesforce does not know this authorization code");
            (reason == "AuthorizationRequired" && says).then_some(())
        })
        .await;
    stage.finish().await;
}
