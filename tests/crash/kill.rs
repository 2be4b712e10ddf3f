//! `kill -9` at every named point of an import and of a renewal.
//!
//! One process brings each of several connectors to a point of its own and is killed when all are there; another
//! finds what is left.

use std::time::Duration;

use crate::operator::Operator;
use crate::stage::Stage;

/// The points of an import, in order.
const IMPORT: [&str; 16] = [
    "ReadState",
    "ReadConnector",
    "ReadConsumer",
    "Claim",
    "CreateLedger",
    "Introspect",
    "CreateState",
    "ReadLedger",
    "MarkLedgerUsed",
    "Intent",
    "Announce",
    "ReadBack",
    "Send",
    "Store",
    "SecretWrite",
    "StatusWrite",
];

/// The points of a renewal, in order.
const RENEWAL: [&str; 10] = [
    "ReadState",
    "ReadConnector",
    "ReadConsumer",
    "Intent",
    "Announce",
    "ReadBack",
    "Send",
    "Store",
    "SecretWrite",
    "StatusWrite",
];

/// What can't be helped: Salesforce has spent the token, and its answer is known to the process alone.
const IRREDUCIBLE: [&str; 2] = ["after-Send", "before-Store"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_survives_a_kill_before_each_of_its_steps() {
    killed_while_importing("before").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_survives_a_kill_after_each_of_its_steps() {
    killed_while_importing("after").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_survives_a_kill_before_each_of_its_steps() {
    killed_while_renewing("before").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_survives_a_kill_after_each_of_its_steps() {
    killed_while_renewing("after").await;
}

async fn killed_while_importing(side: &str) {
    let stage = Stage::set().await;
    let points = at(side, &IMPORT);
    for (connector, point) in &points {
        stage.pause(connector, point);
        stage.bring(connector).await;
    }
    let first = stage.start("first");
    die_at(&stage, first, &points).await;
    live_on(&stage, &points, None).await;
    stage.finish().await;
}

async fn killed_while_renewing(side: &str) {
    let stage = Stage::set().await;
    let points = at(side, &RENEWAL);
    let first = stage.start("first");
    for (connector, _) in &points {
        stage.bring(connector).await;
    }
    for (connector, _) in &points {
        stage.healthy(connector, None).await;
    }
    for (connector, point) in &points {
        stage.pause(connector, point);
        stage.request_renewal(connector, "1").await;
    }
    die_at(&stage, first, &points).await;
    live_on(&stage, &points, Some("1")).await;
    stage.finish().await;
}

/// A connector for each point.
fn at(side: &str, names: &[&str]) -> Vec<(String, String)> {
    let points = names.iter();
    points
        .map(|name| (name.to_lowercase(), format!("{side}-{name}")))
        .collect()
}

async fn die_at(stage: &Stage, operator: Operator, points: &[(String, String)]) {
    for (connector, point) in points {
        stage.reached(connector, point).await;
    }
    operator.kill();
}

/// Another process takes over: what can be kept is kept, and can be renewed; what can't asks for a person.
async fn live_on(stage: &Stage, points: &[(String, String)], renewal: Option<&str>) {
    let second = stage.start("second");
    for (connector, point) in points {
        if IRREDUCIBLE.contains(&point.as_str()) {
            stage.not_ready(connector, "ReauthorizationRequired").await;
        } else {
            stage.healthy(connector, renewal).await;
        }
    }
    let kept: Vec<_> = points
        .iter()
        .filter(|(_, point)| !IRREDUCIBLE.contains(&point.as_str()))
        .map(|(connector, _)| connector)
        .collect();
    for connector in &kept {
        stage.request_renewal(connector, "again").await;
    }
    for connector in &kept {
        stage.healthy(connector, Some("again")).await;
    }
    stage.assert_nothing_burned();
    show(second.stored());
}

/// Prints how long the irreducible window was: from Salesforce's answer to its being stored.
fn show(mut windows: Vec<Duration>) {
    windows.sort();
    let (least, most) = (windows.first().unwrap(), windows.last().unwrap());
    let median = windows[windows.len() / 2];
    println!(
        "irreducible window over {} redeems: {least:?} to {most:?}, median {median:?}",
        windows.len()
    );
}
