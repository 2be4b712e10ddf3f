//! What if the operator dies while it carries out the login of a person?

use kube::api::DeleteParams;
use salesforce_connector_operator::api::names;
use salesforce_connector_operator::failpoints::Failpoint;
use salesforce_sim::default_world as world;
use serde_json::json;

use crate::kill::{at, bring_all, die_at};
use crate::stage::Stage;
use crate::tenant::VERIFIER;

/// The points of a login, which brings another grant beside one that works.
pub(crate) const LOGIN: [Failpoint; 10] = [
    Failpoint::ReadState,
    Failpoint::ReadConnector,
    Failpoint::ReadConsumer,
    Failpoint::CreateLedger,
    Failpoint::ReadLedger,
    Failpoint::RedeemCode,
    Failpoint::Store,
    Failpoint::Derive,
    Failpoint::SecretWrite,
    Failpoint::StatusWrite,
];

/// The points of the first login of a connector that has no grant yet.
pub(crate) const FIRST_LOGIN: [Failpoint; 6] = [
    Failpoint::ReadState,
    Failpoint::ReadConnector,
    Failpoint::Claim,
    Failpoint::CreateLedger,
    Failpoint::RedeemCode,
    Failpoint::Store,
];

/// The code is good once: where it may have been sent, a person logs in again. The grant of before is never lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_survives_a_kill_at_each_of_its_steps_or_says_that_it_did_not() {
    tokio::join!(
        killed_while_logging_in(at("before", &LOGIN)),
        killed_while_logging_in(at("after", &LOGIN))
    );
}

async fn killed_while_logging_in(points: Vec<(String, String)>) {
    let stage = Stage::set().await;
    let first = stage.start("first");
    bring_all(&stage, &points).await;
    for (connector, point) in &points {
        stage.pause(connector, point);
        log_in(&stage, connector, "login").await;
    }
    die_at(&stage, first, &points).await;
    let second = stage.start("second");
    for (connector, point) in &points {
        let login = stage.login_ended(connector, &format!("{connector}-login")).await;
        assert_eq!(login.reason.as_deref(), expected_of_login(point), "{point}");
        stage.healthy(connector, None).await;
        stage.request_renewal(connector, "again").await;
    }
    for (connector, _) in &points {
        stage.healthy(connector, Some("again")).await;
    }
    assert_eq!(stage.sim.world(|w| w.codes_presented_again()), 0);
    stage.assert_nothing_burned();
    drop(second);
    stage.finish().await;
}

/// Without a grant of before, the status asks for another login if the code was spent, and the next one brings a grant.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_login_survives_a_kill_at_each_of_its_steps_or_asks_for_another_one() {
    let stage = Stage::set().await;
    let points = [at("before", &FIRST_LOGIN), at("after", &FIRST_LOGIN)].concat();
    for (connector, point) in &points {
        let input = format!("{connector}-input");
        stage
            .input(&input, &[("client-secret", world::ROTATING_SECRET)])
            .await;
        stage.pause(connector, point);
        stage
            .create(connector, world::ROTATING, json!({ "authorizationCode": {} }))
            .await;
        log_in(&stage, connector, "first").await;
    }
    let first = stage.start("first");
    die_at(&stage, first, &points).await;
    let second = stage.start("second");
    for (connector, point) in &points {
        let login = stage.login_ended(connector, &format!("{connector}-first")).await;
        let expected = expected_of_login(point);
        assert_eq!(login.reason.as_deref(), expected, "{point}");
        if expected.is_some() {
            stage.not_ready(connector, "ReauthorizationRequired").await;
            assert!(login.message.contains("Log in again"), "{}", login.message);
            log_in(&stage, connector, "again").await;
        }
        stage.healthy(connector, None).await;
    }
    assert_eq!(stage.sim.world(|w| w.codes_presented_again()), 0);
    stage.assert_nothing_burned();
    drop(second);
    stage.finish().await;
}

/// Hands over the code of a login.
async fn log_in(stage: &Stage, connector: &str, name: &str) {
    let code = stage
        .sim
        .world(|w| w.approved_code(world::ROTATING, world::INTEGRATION_USER, VERIFIER));
    stage
        .hand_over_login(connector, &format!("{connector}-{name}"), &code)
        .await;
}

/// Why a login brought nothing that was broken off there. A code that may have been sent is not sent again.
fn expected_of_login(point: &str) -> Option<&'static str> {
    let spent = [
        "after-CreateLedger",
        "before-ReadLedger",
        "after-ReadLedger",
        "before-RedeemCode",
        "after-RedeemCode",
        "before-Store",
    ];
    spent.contains(&point).then_some("LoginCodeUsed")
}

/// Nobody can look up what was entered under the lost key. The entry is there all the same, and is younger than the login.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_that_was_presented_before_the_digest_key_was_lost_is_not_presented_again() {
    let stage = Stage::set().await;
    let points = at("after", &[Failpoint::RedeemCode]);
    let first = stage.start("first");
    bring_all(&stage, &points).await;
    let (connector, point) = &points[0];
    stage.pause(connector, point);
    log_in(&stage, connector, "login").await;
    die_at(&stage, first, &points).await;
    let own = stage.own_secrets();
    let params = DeleteParams::default();
    own.delete(names::DIGEST_KEY_SECRET, &params).await.unwrap();
    let second = stage.start("second");
    let login = stage.login_ended(connector, &format!("{connector}-login")).await;
    assert_eq!(login.reason.as_deref(), Some("LoginCodeUsed"));
    assert_eq!(stage.sim.world(|w| w.codes_presented_again()), 0);
    log_in(&stage, connector, "again").await;
    let again = stage.login_ended(connector, &format!("{connector}-again")).await;
    assert_eq!(
        again.reason, None,
        "a login that began after the loss is carried out"
    );
    stage.healthy(connector, None).await;
    stage.assert_nothing_burned();
    drop(second);
    stage.finish().await;
}
