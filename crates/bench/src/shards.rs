//! What do replicas gain that share shards, and what does it cost when one is killed?

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use testbed::TestNamespace;

use crate::audit;
use crate::fleet::Fleet;
use crate::machine::Facts;
use crate::operator::{self, Mode, Operator};
use crate::plane::Plane;
use crate::programs::Programs;
use crate::salesforce;
use crate::{Failed, table};

/// What is to be measured.
pub(crate) struct Plan {
    /// Connectors.
    pub(crate) size: usize,
    pub(crate) replicas: usize,
    pub(crate) shards: u8,
    pub(crate) namespaces: usize,
}

/// How long the shards may take to be divided.
const LIMIT: Duration = Duration::from_mins(3);
const LOOK: Duration = Duration::from_millis(100);

/// A replica after the fleet is Ready.
struct Replica {
    owned: usize,
    cpu: Duration,
    memory: f64,
}

struct Measured {
    /// From the start of the replicas until all shards were divided.
    divided: Duration,
    /// From the first create until all were Ready, and how long the creates took.
    ready: Duration,
    creates: Duration,
    replicas: Vec<Replica>,
    requests: audit::Requests,
    calls: salesforce::Calls,
    /// From `kill -9` of one replica until the others owned all shards, and what Salesforce was asked until then.
    killed: Duration,
    calls_then: salesforce::Calls,
}

pub(crate) async fn report(programs: &Programs, plan: &Plan) -> Result<String, Failed> {
    testbed::install_crypto();
    let facts = Facts::gather();
    let measured = measure(programs, plan).await?;
    Ok(written(&facts, plan, &measured)?)
}

async fn measure(programs: &Programs, plan: &Plan) -> Result<Measured, Failed> {
    let Plan { size, shards, .. } = *plan;
    say(&format!("{size} connectors: control plane, simulator, inputs"));
    let mode = Mode::ByName.as_str();
    let plane = Plane::start_with_shards(&programs.simulator, mode, size, shards).await?;
    let mut namespaces = Vec::new();
    for _ in 0..plan.namespaces.max(1) {
        namespaces.push(plane.another_namespace().await);
    }
    let fleets = fleets(&plane, &namespaces, size);
    for (fleet, numbers) in &fleets {
        fleet.create_inputs(numbers.clone()).await?;
    }
    say(&format!("{} replicas share {shards} shards", plan.replicas));
    let began = Instant::now();
    let mut replicas = start(programs, plan, &plane)?;
    until_shared(&mut replicas, plan).await?;
    let divided = began.elapsed();
    let (requests, calls) = (plane.audit.so_far()?, plane.salesforce.calls().await?);
    let began = Instant::now();
    let fleet = plane.fleet();
    let (creates, ready) = tokio::try_join!(create(&fleets), fleet.all_ready_everywhere(size))?;
    let ready = ready - began;
    say(&format!("all Ready after {:.1} s", ready.as_secs_f64()));
    let requests = audit::between(&requests, &plane.audit.so_far()?);
    let calls = salesforce::between(&calls, &plane.salesforce.calls().await?);
    let mut of_replicas = Vec::new();
    for replica in &replicas {
        of_replicas.push(Replica {
            owned: replica.owned().await?,
            cpu: replica.cpu()?,
            memory: replica.memory()?.now,
        });
    }
    let before = plane.salesforce.calls().await?;
    let killed = match replicas.pop() {
        Some(replica) if !replicas.is_empty() => {
            say("one is killed");
            let began = Instant::now();
            replica.kill();
            until_shared(&mut replicas, plan).await?;
            began.elapsed()
        }
        _ => Duration::ZERO,
    };
    let calls_then = salesforce::between(&before, &plane.salesforce.calls().await?);
    Ok(Measured {
        divided,
        ready,
        creates,
        replicas: of_replicas,
        requests,
        calls,
        killed,
        calls_then,
    })
}

fn say(what: &str) {
    eprintln!("bench: {what}");
}

/// The connectors of each namespace, by number.
fn fleets(plane: &Plane, namespaces: &[TestNamespace], size: usize) -> Vec<(Fleet, std::ops::Range<usize>)> {
    let each = size.div_ceil(namespaces.len().max(1));
    let numbered = namespaces.iter().enumerate();
    numbered
        .map(|(index, namespace)| {
            let numbers = (index * each).min(size)..((index + 1) * each).min(size);
            (plane.fleet_in(namespace), numbers)
        })
        .collect()
}

async fn create(fleets: &[(Fleet, std::ops::Range<usize>)]) -> Result<Duration, Failed> {
    let began = Instant::now();
    for (fleet, numbers) in fleets {
        fleet.create_connectors(numbers.clone()).await?;
    }
    Ok(began.elapsed())
}

fn start(programs: &Programs, plan: &Plan, plane: &Plane) -> Result<Vec<Operator>, Failed> {
    let replicas = 0..plan.replicas.max(1);
    replicas
        .map(|number| {
            let log = operator::log(plane, programs.logs.as_ref(), &format!("shared-{number}"))?;
            Operator::start_sharing(&programs.operator, plane, plan.shards, &log)
        })
        .collect()
}

/// Waits until the replicas own all shards, evenly.
async fn until_shared(replicas: &mut [Operator], plan: &Plan) -> Result<(), Failed> {
    let (began, shards) = (Instant::now(), usize::from(plan.shards));
    let most = shards.div_ceil(replicas.len().max(1));
    loop {
        let mut loads = Vec::new();
        for replica in replicas.iter() {
            loads.push(replica.owned().await.unwrap_or_default());
        }
        if loads.iter().sum::<usize>() == shards && loads.iter().all(|load| *load <= most) {
            return Ok(());
        }
        if began.elapsed() > LIMIT {
            return Err(format!("the shards were not divided after {LIMIT:?}: {loads:?}").into());
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn written(facts: &Facts, plan: &Plan, measured: &Measured) -> Result<String, std::fmt::Error> {
    let mut text = String::from("## Shards\n\n");
    writeln!(text, "{}\n", facts.line())?;
    writeln!(
        text,
        "{} connectors in {} namespaces, {} replicas that share {} shards.\n\n| | |\n| --- | ---: |",
        table::thousands(plan.size),
        plan.namespaces,
        plan.replicas,
        plan.shards
    )?;
    let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
    let rows = [
        (
            "shards are divided after the start of all replicas",
            seconds(measured.divided),
        ),
        ("connectors are created", seconds(measured.creates)),
        ("all are Ready, from the first create", seconds(measured.ready)),
        (
            "requests of all replicas to the API server, leases left out",
            audit::total(&measured.requests).to_string(),
        ),
        ("logins", of(&measured.calls, "token")),
        (
            "the others own its shards, after one replica is killed",
            seconds(measured.killed),
        ),
        ("logins until then", of(&measured.calls_then, "token")),
    ];
    for (what, value) in rows {
        writeln!(text, "| {what} | {value} |")?;
    }
    text.push_str("\n| replica | shards | CPU | memory |\n| --- | ---: | ---: | ---: |\n");
    for (number, replica) in measured.replicas.iter().enumerate() {
        let (number, cpu) = (number + 1, seconds(replica.cpu));
        writeln!(
            text,
            "| {number} | {} | {cpu} | {:.0} MB |",
            replica.owned, replica.memory
        )?;
    }
    writeln!(
        text,
        "\n`scripts/bench --shared --sizes {} --namespaces {} --replicas {} --shards {}`",
        plan.size, plan.namespaces, plan.replicas, plan.shards
    )?;
    Ok(text)
}

fn of(calls: &salesforce::Calls, endpoint: &str) -> String {
    calls.get(endpoint).copied().unwrap_or_default().to_string()
}
