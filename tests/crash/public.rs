//! `kill -9` where the app has no client secret, so that Salesforce can't be asked what has become of a refresh token.
//!
//! From the announcement of an attempt to the storing of its result nobody can tell whether the token is spent: the
//! connector says `OutcomeUnknown`. A client secret that comes later has it found out.

use salesforce_connector_operator::failpoints::Failpoint;
use salesforce_sim::default_world as world;
use serde_json::json;

use crate::kill::{at, die_at, renew_to};
use crate::stage::Stage;

/// The points of a renewal, in order.
const RENEWAL: [Failpoint; 7] = [
    Failpoint::ReadState,
    Failpoint::Intent,
    Failpoint::Announce,
    Failpoint::ReadBack,
    Failpoint::Send,
    Failpoint::Store,
    Failpoint::StatusWrite,
];

/// From the announcement on, until the answer is stored.
const UNKNOWN: [&str; 6] = [
    "after-Announce",
    "before-ReadBack",
    "after-ReadBack",
    "before-Send",
    "after-Send",
    "before-Store",
];

/// Of these, where the token is spent.
const SPENT: [&str; 2] = ["after-Send", "before-Store"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_client_secret_a_kill_costs_a_grant_only_where_the_outcome_is_unknown() {
    // In two halves: of one namespace, a process works on 12 connectors at a time.
    tokio::join!(
        killed_without_secret(at("before", &RENEWAL)),
        killed_without_secret(at("after", &RENEWAL))
    );
}

async fn killed_without_secret(points: Vec<(String, String)>) {
    let stage = Stage::set().await;
    stage.sim.world(|world| {
        world.app(world::ROTATING).secret_for_refresh_flow = false;
    });
    let first = stage.start("first");
    for (connector, _) in &points {
        bring_without_secret(&stage, connector).await;
    }
    for (connector, _) in &points {
        stage.healthy(connector, None).await;
    }
    renew_to(&stage, &points).await;
    die_at(&stage, first, &points).await;

    let _second = stage.start("second");
    for (connector, point) in &points {
        if UNKNOWN.contains(&point.as_str()) {
            stage.not_ready(connector, "OutcomeUnknown").await;
        } else {
            stage.healthy(connector, Some("1")).await;
        }
    }
    // Somebody gives the app's secret, and Salesforce tells.
    for (connector, point) in points
        .iter()
        .filter(|(_, point)| UNKNOWN.contains(&point.as_str()))
    {
        let secret = json!({ "name": format!("{connector}-input"), "key": "client-secret" });
        let app = json!({ "clientSecretRef": secret });
        stage.merge(connector, json!({ "spec": { "app": app } })).await;
        if SPENT.contains(&point.as_str()) {
            stage.not_ready(connector, "ReauthorizationRequired").await;
        } else {
            stage.healthy(connector, Some("1")).await;
        }
    }
    stage.assert_nothing_burned();
    stage.finish().await;
}

/// As [`Stage::bring`], with an app whose secret nobody has told.
async fn bring_without_secret(stage: &Stage, name: &str) {
    let token = stage
        .sim
        .world(|world| world.grant_refresh_token(world::ROTATING, world::INTEGRATION_USER));
    let values = [
        ("refresh-token", token.as_str()),
        ("client-secret", world::ROTATING_SECRET),
    ];
    stage.input(&format!("{name}-input"), &values).await;
    let bootstrap = json!({ "refreshTokenRef": { "name": format!("{name}-input"), "key": "refresh-token" } });
    let auth = json!({ "authorizationCode": { "bootstrap": bootstrap } });
    let app = json!({ "clientId": world::ROTATING });
    stage.create_with(name, app, auth).await;
}
