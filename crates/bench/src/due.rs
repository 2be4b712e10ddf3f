//! How soon is a new connector Ready while the renewals of a whole fleet are due?

use std::time::{Duration, Instant};

use crate::Failed;
use crate::machine::Facts;
use crate::newcomers::{self, Times};
use crate::operator::{self, Mode, Operator};
use crate::plane::Plane;
use crate::programs::Programs;
use crate::salesforce::{self, Calls};
use crate::table::thousands;

/// How long a session of the fleet lives.
const SESSION: Duration = Duration::from_mins(15);
/// When all renewals are due: the margin of such a session is 5 minutes, and its jitter only lengthens it.
const DUE: Duration = Duration::from_mins(10);
/// Newcomers in the namespace of the fleet, and as many in one of their own.
const NEWCOMERS: usize = 100;

struct Measured {
    same_namespace: Times,
    own_namespace: Times,
    /// From the operator's start until it had renewed all tokens.
    renewed: Duration,
    calls: Calls,
}

pub(crate) async fn report(programs: &Programs, size: usize) -> Result<String, Failed> {
    testbed::install_crypto();
    let facts = Facts::gather();
    let measured = measure(programs, size).await?;
    Ok(written(&facts, size, &measured))
}

fn say(what: &str) {
    eprintln!("bench: {what}");
}

async fn measure(programs: &Programs, size: usize) -> Result<Measured, Failed> {
    say(&format!("{size} connectors: control plane, simulator, inputs"));
    let apps = size + 2 * NEWCOMERS;
    let plane = Plane::start(&programs.simulator, Mode::ByName.as_str(), apps).await?;
    plane.salesforce.set_sessions(0..size, SESSION).await?;
    let (fleet, other) = (plane.fleet(), plane.another_namespace().await);
    let other = plane.fleet_in(&other);
    let (of_fleet, of_other) = (size..size + NEWCOMERS, size + NEWCOMERS..apps);
    fleet.create_inputs(0..of_fleet.end).await?;
    other.create_inputs(of_other.clone()).await?;
    fleet.create_connectors(0..size).await?;
    ready_once(programs, &plane, size).await?;
    let ready = Instant::now();
    say(&format!(
        "they are Ready; the operator is away for {DUE:?}, until all renewals are due"
    ));
    tokio::time::sleep_until((ready + DUE).into()).await;

    let before = plane.salesforce.calls().await?;
    let log = operator::log(&plane, programs.logs.as_ref(), "due")?;
    let began = Instant::now();
    let mut operator = Operator::start(&programs.operator, &plane, Mode::ByName, &log)?;
    operator.leads().await?;
    let (same_namespace, own_namespace, renewed) = tokio::try_join!(
        newcomers::ready(&plane, &fleet, of_fleet),
        newcomers::ready(&plane, &other, of_other),
        until_renewed(&plane, &before, apps),
    )?;
    let calls = salesforce::between(&before, &plane.salesforce.calls().await?);
    operator.terminate().await?;
    Ok(Measured {
        same_namespace,
        own_namespace,
        renewed: renewed - began,
        calls,
    })
}

/// Lets the operator log all of them in, and ends it.
async fn ready_once(programs: &Programs, plane: &Plane, size: usize) -> Result<(), Failed> {
    say("the operator runs until all are Ready");
    let log = operator::log(plane, programs.logs.as_ref(), "due-before")?;
    let operator = Operator::start(&programs.operator, plane, Mode::ByName, &log)?;
    plane.fleet().all_ready(size).await?;
    operator.terminate().await
}

/// Waits until there were so many token requests.
async fn until_renewed(plane: &Plane, before: &Calls, requests: usize) -> Result<Instant, Failed> {
    let limit = Duration::from_mins(2) + Duration::from_millis(60) * u32::try_from(requests)?;
    let end = Instant::now() + limit;
    loop {
        let calls = salesforce::between(before, &plane.salesforce.calls().await?);
        let tokens = calls.get("token").copied().unwrap_or(0);
        if tokens >= requests as u64 {
            return Ok(Instant::now());
        }
        if Instant::now() > end {
            return Err(format!("{tokens} of {requests} token requests after {limit:?}").into());
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

fn written(facts: &Facts, size: usize, measured: &Measured) -> String {
    let parts = |times: &Times| [50, 99, 100].map(|percent| times.part(percent)).join(" | ");
    let tokens = measured.calls.get("token").copied().unwrap_or(0);
    format!(
        "## New connectors while {size} renewals are due\n\n{line}\n\n\
         | a new connector is Ready | target for p99, s | p50, s | p99, s | longest, s |\n\
         | --- | ---: | ---: | ---: | ---: |\n\
         | in the namespace of the fleet | 5 | {same} |\n\
         | in another namespace | 5 | {own} |\n\n\
         After {renewed:.0} s, all {size} tokens were renewed and {new} new ones obtained, with {tokens} token requests.\n\n\
         `scripts/bench --due --sizes {plain}` measures this. The sessions live for {session} minutes. The operator is ended when all\n\
         are Ready, and started again {due} minutes later, when all renewals are due. From then on, a connector is created in each\n\
         of the two namespaces every half second, {NEWCOMERS} of each.\n",
        size = thousands(size),
        line = facts.line(),
        same = parts(&measured.same_namespace),
        own = parts(&measured.own_namespace),
        renewed = measured.renewed.as_secs_f64(),
        new = 2 * NEWCOMERS,
        plain = size,
        session = SESSION.as_secs() / 60,
        due = DUE.as_secs() / 60,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_reads_it_sees_the_size_the_command_and_each_namespace() {
        let facts = Facts::gather();
        let times = || Times::of(vec![Duration::from_millis(40), Duration::from_millis(1500)]);
        let measured = Measured {
            same_namespace: times(),
            own_namespace: times(),
            renewed: Duration::from_secs(70),
            calls: Calls::from([("token".to_owned(), 10_200)]),
        };
        let text = written(&facts, 10_000, &measured);
        for expected in [
            "## New connectors while 10,000 renewals are due",
            "| in the namespace of the fleet | 5 | 0.04 | 0.04 | 1.50 |",
            "After 70 s, all 10,000 tokens were renewed and 200 new ones obtained, with 10200 token requests.",
            "`scripts/bench --due --sizes 10000`",
        ] {
            assert!(text.contains(expected), "{expected:?} is not in\n{text}");
        }
    }
}
