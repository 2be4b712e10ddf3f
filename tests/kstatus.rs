//! Do Flux, Argo CD and `kubectl wait` agree with the truth at every moment? They judge by kstatus's rules.
//!
//! Random orders of events run through the pass that ships; after each event the object as it would stand
//! in the API server is judged by kstatus's rules for custom resources, which are written down here again.

#![expect(clippy::unwrap_used, reason = "this is a test")]
#![allow(clippy::indexing_slicing, reason = "this is a test")]

#[path = "kstatus/grant.rs"]
mod grant;
#[path = "kstatus/world.rs"]
mod world;

use std::sync::LazyLock;

use salesforce_connector_operator::api::crd;
use serde_json::{Value, json};

use world::World;

/// What kstatus says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judgement {
    Current,
    InProgress,
    Failed,
    Terminating,
}

/// kstatus's rules for a resource it doesn't know, in its order: an object that is being deleted is terminating; one
/// whose present generation has not been observed is in progress; then Reconciling and Stalled are believed where they
/// are True; then Ready decides; and an object that says nothing is current.
fn kstatus(object: &Value) -> Judgement {
    let metadata = &object["metadata"];
    if metadata.get("deletionTimestamp").is_some() {
        return Judgement::Terminating;
    }
    let status = &object["status"];
    if let Some(observed) = status["observedGeneration"].as_i64()
        && Some(observed) != metadata["generation"].as_i64()
    {
        return Judgement::InProgress;
    }
    let condition = |kind: &str| {
        let conditions = status["conditions"].as_array()?;
        let found = conditions.iter().find(|condition| condition["type"] == kind)?;
        found["status"].as_str()
    };
    if condition("Reconciling") == Some("True") {
        return Judgement::InProgress;
    }
    if condition("Stalled") == Some("True") {
        return Judgement::Failed;
    }
    match condition("Ready") {
        Some("True") | None => Judgement::Current,
        Some(_) => Judgement::InProgress,
    }
}

#[test]
fn an_object_that_nobody_has_looked_at_is_in_progress_thanks_to_the_default_of_its_status() {
    let object = |status: Value| json!({ "metadata": { "generation": 1 }, "status": status });
    assert_eq!(kstatus(&object(default_status())), Judgement::InProgress);
    assert_eq!(kstatus(&object(json!({}))), Judgement::Current, "without it");
}

/// What the API server makes of a status that nobody has written.
fn default_status() -> Value {
    static DEFAULT: LazyLock<Value> = LazyLock::new(|| {
        let crd = serde_json::to_value(crd::crd()).unwrap();
        let path = "/spec/versions/0/schema/openAPIV3Schema/properties/status/default";
        crd.pointer(path).unwrap().clone()
    });
    DEFAULT.clone()
}

const SCHEDULES: u64 = 20_000;
const EVENTS: usize = 50;

#[test]
fn an_object_is_never_called_current_before_its_present_generation_is_handled_and_ready() {
    let (mut seen, mut grants) = ([0_usize; 4], [0_usize; 2]);
    for seed in 1..=SCHEDULES {
        let mut world = World::new(seed);
        let mut history = vec!["created".to_owned()];
        for _ in 0..EVENTS {
            history.push(world.event());
            match world.judge() {
                Ok(Judgement::Current) => seen[0] += 1,
                Ok(Judgement::InProgress) => seen[1] += 1,
                Ok(Judgement::Failed) => seen[2] += 1,
                Ok(Judgement::Terminating) => seen[3] += 1,
                Err(wrong) => panic!("seed {seed}: {wrong}\nafter {history:#?}\n{:#?}", world.status),
            }
        }
        grants = [grants[0] + world.grants[0], grants[1] + world.grants[1]];
    }
    let [current, in_progress, failed, terminating] = seen;
    println!(
        "{SCHEDULES} orders of {EVENTS} events: {current} times current, {in_progress} in progress, {failed} failed, \
         {terminating} terminating"
    );
    // The check would be empty if one of them hardly ever came up.
    let least = usize::try_from(SCHEDULES).unwrap() * EVENTS / 50;
    assert!(seen.iter().all(|times| *times > least), "{seen:?}");
    println!(
        "{} times a grant had to wait, {} times it was renewed",
        grants[0], grants[1]
    );
    assert!(grants.iter().all(|times| *times > 100), "{grants:?}");
}
