//! Do Flux, Argo CD and `kubectl wait` agree with the truth at every moment? They judge by kstatus's rules.
//!
//! Random orders of events run through the pass that ships; after each event the object as it would stand
//! in the API server is judged by kstatus's rules for custom resources, which are written down here again.

#![expect(clippy::unwrap_used, reason = "this is a test")]
#![allow(clippy::indexing_slicing, reason = "this is a test")]

#[path = "kstatus/grant.rs"]
mod grant;
#[path = "kstatus/judge.rs"]
mod judge;
#[path = "kstatus/world.rs"]
mod world;

use serde_json::{Value, json};

use judge::{Judgement, default_status, kstatus};
use world::World;

#[test]
fn an_object_that_nobody_has_looked_at_is_in_progress_thanks_to_the_default_of_its_status() {
    let object = |status: Value| json!({ "metadata": { "generation": 1 }, "status": status });
    assert_eq!(kstatus(&object(default_status())), Judgement::InProgress);
    assert_eq!(kstatus(&object(json!({}))), Judgement::Current, "without it");
}

/// Random orders of events, unless `KSTATUS_ORDERS` says how many.
const ORDERS: u64 = 20_000;
const EVENTS: usize = 50;

/// How often each judgement came up, and how often a grant had to wait or was renewed.
#[derive(Default)]
struct Seen {
    judged: [usize; 4],
    grants: [usize; 2],
}

/// Runs one order of events, and judges the object after each. The error says what is called current and is not.
fn run_order(seed: u64, counted: &mut Seen) -> Result<(), String> {
    let mut world = World::new(seed);
    let mut history = vec!["created".to_owned()];
    for _ in 0..EVENTS {
        history.push(world.event());
        match world.judge() {
            Ok(Judgement::Current) => counted.judged[0] += 1,
            Ok(Judgement::InProgress) => counted.judged[1] += 1,
            Ok(Judgement::Failed) => counted.judged[2] += 1,
            Ok(Judgement::Terminating) => counted.judged[3] += 1,
            Err(wrong) => {
                let status = &world.status;
                return Err(format!("seed {seed}: {wrong}\nafter {history:#?}\n{status:#?}"));
            }
        }
    }
    counted.grants = [0, 1].map(|kind| counted.grants[kind] + world.grants[kind]);
    Ok(())
}

#[test]
fn an_object_is_never_called_current_before_its_present_generation_is_handled_and_ready() {
    let orders = std::env::var("KSTATUS_ORDERS").map_or(ORDERS, |orders| orders.parse().unwrap());
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    let parts = std::thread::scope(|scope| {
        let part = |thread| {
            move || {
                let mut seen = Seen::default();
                (1..=orders)
                    .filter(|seed| seed % threads == thread)
                    .for_each(|seed| run_order(seed, &mut seen).unwrap());
                seen
            }
        };
        let running: Vec<_> = (0..threads).map(|thread| scope.spawn(part(thread))).collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect::<Vec<_>>()
    });
    let judged = [0, 1, 2, 3].map(|kind| parts.iter().map(|seen| seen.judged[kind]).sum::<usize>());
    let grants = [0, 1].map(|kind| parts.iter().map(|seen| seen.grants[kind]).sum::<usize>());
    let [current, in_progress, failed, terminating] = judged;
    println!(
        "{orders} orders of {EVENTS} events: {current} times current, {in_progress} in progress, {failed} failed, \
         {terminating} terminating"
    );
    // The check would be empty if one of them hardly ever came up.
    let least = usize::try_from(orders).unwrap() * EVENTS / 50;
    assert!(judged.iter().all(|times| *times > least), "{judged:?}");
    println!(
        "{} times a grant had to wait, {} times it was renewed",
        grants[0], grants[1]
    );
    assert!(grants.iter().all(|times| *times > 100), "{grants:?}");
}
