//! `kill -9` at every named point: of an import, of a renewal, of what a process finds out about the attempt of one that
//! died, and while it waits to try again.
//!
//! One process brings each of several connectors to a point of its own and is killed when all are there; another
//! finds what is left.

use std::collections::BTreeSet;
use std::time::Duration;

use kube::api::{Patch, PatchParams};
use salesforce_connector_operator::api::names;
use salesforce_connector_operator::failpoints::Failpoint;
use salesforce_sim::{Endpoint, default_world as world};
use serde_json::{Value, json};
use testbed::eventually;
use testbed::proxy::TcpProxy;

use crate::credentials::ROTATION;
use crate::logins::{FIRST_LOGIN, LOGIN};
use crate::operator::{Operator, Setup};
use crate::passwords::PASSWORD;
use crate::rollouts::ROLLOUT;
use crate::stage::{DEADLINE, Stage, status};

/// The points of an import, in order.
pub(crate) const IMPORT: [Failpoint; 17] = [
    Failpoint::ReadState,
    Failpoint::ReadConnector,
    Failpoint::ReadConsumer,
    Failpoint::Claim,
    Failpoint::CreateLedger,
    Failpoint::Introspect,
    Failpoint::CreateState,
    Failpoint::ReadLedger,
    Failpoint::MarkLedgerUsed,
    Failpoint::Intent,
    Failpoint::Announce,
    Failpoint::ReadBack,
    Failpoint::Send,
    Failpoint::Store,
    Failpoint::Derive,
    Failpoint::SecretWrite,
    Failpoint::StatusWrite,
];

/// The points of an import that come to it where the spec says whose grant it is to be.
const NAMED_IMPORT: [Failpoint; 2] = [Failpoint::Identify, Failpoint::WriteState];

/// The points of a renewal, in order.
pub(crate) const RENEWAL: [Failpoint; 11] = [
    Failpoint::ReadState,
    Failpoint::ReadConnector,
    Failpoint::ReadConsumer,
    Failpoint::Intent,
    Failpoint::Announce,
    Failpoint::ReadBack,
    Failpoint::Send,
    Failpoint::Store,
    Failpoint::Derive,
    Failpoint::SecretWrite,
    Failpoint::StatusWrite,
];

/// The points at which a process deals with the attempt of one that died: it asks about it, and writes what it learned.
const RECOVERY: [Failpoint; 2] = [Failpoint::Introspect, Failpoint::WriteState];

/// The point of a process that the API server does not answer.
const WAITING: [Failpoint; 1] = [Failpoint::Pause];

/// What can't be helped: Salesforce has spent the token, and its answer is known to the process alone.
pub(crate) const IRREDUCIBLE: [&str; 2] = ["after-Send", "before-Store"];

#[test]
fn every_point_that_the_code_names_is_killed_at() {
    let killed = [
        &IMPORT[..],
        &NAMED_IMPORT,
        &RENEWAL,
        &RECOVERY,
        &WAITING,
        &LOGIN,
        &FIRST_LOGIN,
        &PASSWORD,
        &ROLLOUT,
        &ROTATION,
    ]
    .concat();
    let names = |points: &[Failpoint]| points.iter().map(|point| point.as_str()).collect::<BTreeSet<_>>();
    assert_eq!(names(&killed), names(Failpoint::ALL));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_survives_a_kill_before_each_of_its_steps() {
    Box::pin(killed_while_importing("before")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_survives_a_kill_after_each_of_its_steps() {
    Box::pin(killed_while_importing("after")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_survives_a_kill_before_each_of_its_steps() {
    killed_while_renewing("before").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_survives_a_kill_after_each_of_its_steps() {
    killed_while_renewing("after").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_survives_a_kill_while_it_waits_for_the_api_server() {
    let stage = Stage::set().await;
    let link = TcpProxy::to(stage.plane.api_server_address()).await;
    let kubeconfig = stage
        .plane
        .kubeconfig_through(stage.plane.kubeconfig_path(), link.address());
    let setup = Setup {
        kubeconfig,
        ..stage.setup("first")
    };
    let first = Operator::start(&stage, &setup);
    let points = [at("before", &WAITING), at("after", &WAITING)].concat();
    bring_all(&stage, &points).await;
    for (connector, point) in &points {
        stage.pause(connector, "before-ReadState");
        stage.pause(connector, point);
        stage.request_renewal(connector, "1").await;
        stage.reached(connector, "before-ReadState").await;
    }
    link.cut();
    for (connector, _) in &points {
        stage.resume(connector, "before-ReadState");
    }
    die_at(&stage, first, &points).await;
    live_on(&stage, &points, Some("1")).await;
    stage.finish().await;
}

/// The one that takes over dies as well while it deals with what it found, and a third one goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_process_that_died_has_left_open_survives_a_second_kill() {
    let stage = Stage::set().await;
    let first = stage.start("first");
    let second = [at("before", &RECOVERY), at("after", &RECOVERY)].concat();
    let left_at = |what: &str| -> Vec<(String, String)> {
        let connectors = second.iter();
        connectors
            .map(|(connector, _)| (format!("{connector}-{}", what.to_lowercase()), what.to_owned()))
            .collect()
    };
    let (unsent, spent) = (left_at("after-ReadBack"), left_at("after-Send"));
    let left = [&unsent[..], &spent].concat();
    bring_all(&stage, &left).await;
    renew_to(&stage, &left).await;
    die_at(&stage, first, &left).await;

    let second: Vec<_> = left
        .iter()
        .zip(second.iter().cycle())
        .map(|((connector, _), (_, point))| (connector.clone(), point.clone()))
        .collect();
    for (connector, point) in &second {
        stage.pause(connector, point);
    }
    let operator = stage.start("second");
    die_at(&stage, operator, &second).await;
    let third = stage.start("third");
    for (connector, _) in &spent {
        stage.not_ready(connector, "ReauthorizationRequired").await;
    }
    for (connector, _) in &unsent {
        stage.healthy(connector, Some("1")).await;
    }
    stage.assert_nothing_burned();
    drop(third);
    stage.finish().await;
}

/// Who suspends a connector, or takes its Secret away, needs to know none the less that its grant is lost; and nothing but that
/// is found out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_process_that_died_has_left_open_is_found_out_also_where_no_token_is_wanted() {
    let stage = Stage::set().await;
    let first = stage.start("first");
    let (unsent, spent, foreign) = ("unsent", "spent", "foreign");
    let points = [
        (unsent, "after-ReadBack"),
        (spent, "after-Send"),
        (foreign, "after-ReadBack"),
    ];
    let points = points.map(|(connector, point)| (connector.to_owned(), point.to_owned()));
    let mut grants = Vec::new();
    for (connector, _) in &points {
        grants.push(stage.bring(connector).await);
    }
    for (connector, _) in &points {
        stage.healthy(connector, None).await;
    }
    renew_to(&stage, &points).await;
    die_at(&stage, first, &points).await;
    for connector in [unsent, spent] {
        stage
            .merge(connector, json!({ "spec": { "suspend": true } }))
            .await;
    }
    let annotations =
        |uid: Option<&str>| json!({ "metadata": { "annotations": { names::CONNECTOR_UID: uid } } });
    merge_target(&stage, foreign, annotations(None)).await;
    let (brought, another) = stage.sim.world(|world| {
        let token = world.grant_refresh_token(world::ROTATING, world::INTEGRATION_USER);
        (token, world.grants().last().unwrap().number)
    });
    let values = [
        ("refresh-token", brought.as_str()),
        ("client-secret", world::ROTATING_SECRET),
    ];
    stage.input("unsent-input", &values).await;
    let tests = stage.sim.count(Endpoint::Versions);

    let second = stage.start("second");
    stage.not_ready(spent, "ReauthorizationRequired").await;
    let needed = status(&stage.get(spent).await).action_required_time;
    assert!(needed.is_some(), "a person has to authorize the app again");
    for connector in [unsent, foreign] {
        nothing_is_open(&stage, connector).await;
    }
    stage.not_ready(foreign, "SecretNotOwned").await;
    let presented = |at: usize| stage.presented(grants[at]);
    assert_eq!((presented(0), presented(2)), (1, 1), "the imports alone");
    assert_eq!(stage.presented(another), 0, "what is brought is for later");
    assert_eq!(stage.sim.count(Endpoint::Versions), tests, "nothing is tested");

    stage.merge(unsent, json!({ "spec": { "suspend": false } })).await;
    let uid = stage.get(foreign).await.metadata.uid;
    merge_target(&stage, foreign, annotations(uid.as_deref())).await;
    for connector in [unsent, foreign] {
        stage.healthy(connector, Some("1")).await;
    }
    assert_eq!(stage.presented(another), 1);
    stage.assert_nothing_burned();
    drop(second);
    stage.finish().await;
}

async fn nothing_is_open(stage: &Stage, connector: &str) {
    eventually(DEADLINE, "the attempt that was not sent is closed", async || {
        let stored = stage.state(&stage.get(connector).await).await?;
        let closed = stored.grants().all(|grant| grant.attempt.is_none());
        closed.then_some(()).ok_or_else(|| format!("{stored:?}"))
    })
    .await;
}

async fn merge_target(stage: &Stage, connector: &str, patch: Value) {
    let secret = format!("{connector}-salesforce");
    let patched = stage
        .secrets()
        .patch(&secret, &PatchParams::default(), &Patch::Merge(patch))
        .await;
    patched.unwrap();
}

/// In two halves: of one namespace, a process works on 12 connectors at a time.
async fn killed_while_importing(side: &str) {
    let (early, late) = IMPORT.split_at(IMPORT.len() / 2);
    tokio::join!(
        killed_at(at(side, early), Vec::new()),
        killed_at(at(side, late), at(side, &NAMED_IMPORT))
    );
}

async fn killed_at(points: Vec<(String, String)>, named: Vec<(String, String)>) {
    let stage = Stage::set().await;
    for (connector, point) in &points {
        stage.pause(connector, point);
        stage.bring(connector).await;
    }
    for (connector, point) in &named {
        stage.pause(connector, point);
        bring_named(&stage, connector).await;
    }
    let points = [points, named].concat();
    let first = stage.start("first");
    die_at(&stage, first, &points).await;
    live_on(&stage, &points, None).await;
    stage.finish().await;
}

async fn killed_while_renewing(side: &str) {
    let stage = Stage::set().await;
    let points = at(side, &RENEWAL);
    let first = stage.start("first");
    bring_all(&stage, &points).await;
    renew_to(&stage, &points).await;
    die_at(&stage, first, &points).await;
    live_on(&stage, &points, Some("1")).await;
    stage.finish().await;
}

/// A connector for each point.
pub(crate) fn at(side: &str, points: &[Failpoint]) -> Vec<(String, String)> {
    let names = points.iter().map(|point| point.as_str());
    names
        .map(|name| {
            (
                format!("{}-{side}", name.to_lowercase()),
                format!("{side}-{name}"),
            )
        })
        .collect()
}

/// Brings grants, and waits until they are in use.
pub(crate) async fn bring_all(stage: &Stage, points: &[(String, String)]) {
    for (connector, _) in points {
        stage.bring(connector).await;
    }
    for (connector, _) in points {
        stage.healthy(connector, None).await;
    }
}

/// A grant that is to be one user's: who is asked for after it is redeemed, and before it is used.
async fn bring_named(stage: &Stage, name: &str) {
    stage.bring(name).await;
    let expect = json!({ "username": world::INTEGRATION_USER });
    stage.merge(name, json!({ "spec": { "expect": expect } })).await;
}

/// Has each renewed as far as to its point.
pub(crate) async fn renew_to(stage: &Stage, points: &[(String, String)]) {
    for (connector, point) in points {
        stage.pause(connector, point);
        stage.request_renewal(connector, "1").await;
    }
}

pub(crate) async fn die_at(stage: &Stage, operator: Operator, points: &[(String, String)]) {
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
