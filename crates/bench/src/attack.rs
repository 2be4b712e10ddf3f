//! How do 200 connectors of other tenants fare while one namespace abuses the operator in twelve ways at once?

mod abuse;
mod inputs;
mod tenants;

use std::fmt::Write as _;
use std::time::Duration;

use crate::Failed;
use crate::machine::Facts;
use crate::operator::{self, Mode, Operator};
use crate::plane::Plane;
use crate::process::Memory;
use crate::programs::Programs;
use abuse::{Abuser, Kind};
use tenants::{Asked, Seen, Tenants};

/// Token requests an hour for each login host: three times what the other tenants need.
const BUDGET: u32 = 10_800;

/// How much of everything.
#[derive(Debug, Clone, Copy)]
struct Scale {
    /// Connectors of the other tenants.
    connectors: usize,
    lasts: Duration,
}

impl Scale {
    fn of(quick: bool) -> Self {
        Self {
            connectors: if quick { 40 } else { 200 },
            lasts: if quick {
                Duration::from_mins(1)
            } else {
                Duration::from_mins(10)
            },
        }
    }

    /// One of each kind in two seconds.
    fn rounds(self) -> usize {
        usize::try_from(self.lasts.as_secs() / tenants::APART.as_secs()).unwrap_or(usize::MAX)
    }
}

/// What one stage came to.
struct Outcome {
    seen: Seen,
    cpu: Duration,
    memory: Memory,
    /// Requests to the API server that each kind of abuse made, in the order of [`Kind::ALL`].
    abused: Vec<u64>,
}

pub(crate) async fn report(programs: &Programs, quick: bool) -> Result<String, Failed> {
    testbed::install_crypto();
    let (facts, scale) = (Facts::gather(), Scale::of(quick));
    let growth = inputs::measure(programs).await?;
    let without = stage(programs, scale, false).await?;
    let with = stage(programs, scale, true).await?;
    Ok(table(&facts, scale, &without, &with, &growth))
}

async fn stage(programs: &Programs, scale: Scale, attacked: bool) -> Result<Outcome, Failed> {
    let apps = scale.connectors + scale.rounds();
    let plane = Plane::start(&programs.simulator, Mode::ByName.as_str(), apps).await?;
    let tenants = Tenants::settle(&plane, scale.connectors, apps).await?;
    let log = operator::log(&plane, programs.logs.as_ref(), &format!("attack-{attacked}"))?;
    let mut operator = Operator::start_with(&programs.operator, &plane, Mode::ByName, &log, BUDGET)?;
    operator.leads().await?;
    tenants.all_ready().await?;
    let abuser = Abuser::new(&plane).await;
    if attacked {
        abuser.begin(&plane).await?;
    }
    let cpu = operator.cpu()?;
    let seen = tenants.live(scale.rounds()).await?;
    let outcome = Outcome {
        seen,
        cpu: operator.cpu()?.saturating_sub(cpu),
        memory: operator.memory()?,
        abused: abuser.requests(),
    };
    eprintln!("bench: attacked: {attacked}: {:?}", outcome.seen.summary());
    operator.terminate().await?;
    Ok(outcome)
}

fn table(facts: &Facts, scale: Scale, without: &Outcome, with: &Outcome, growth: &inputs::Growth) -> String {
    let mut text = format!(
        "## A day of attack\n\n{}\n\n| the other tenants | without | with |\n| --- | ---: | ---: |\n",
        facts.line()
    );
    for asked in Asked::ALL {
        for (percent, name) in [(50, "p50"), (99, "p99"), (100, "longest")] {
            let figure = |outcome: &Outcome| outcome.seen.part(asked, percent);
            let _ = writeln!(
                text,
                "| {}, {name}, s | {} | {} |",
                asked.words(),
                figure(without),
                figure(with)
            );
        }
    }
    let both = [without, with];
    let mut row = |what: &str, figure: &dyn Fn(&Outcome) -> String| {
        let _ = writeln!(text, "| {what} | {} | {} |", figure(both[0]), figure(both[1]));
    };
    row("connectors that were ever not Ready", &|outcome| {
        outcome.seen.unready.len().to_string()
    });
    row("operator's CPU, s", &|outcome| {
        format!("{:.1}", outcome.cpu.as_secs_f64())
    });
    row("operator's memory at the end, MB", &|outcome| {
        format!("{:.1}", outcome.memory.now)
    });
    row("operator's memory at its highest, MB", &|outcome| {
        format!("{:.1}", outcome.memory.peak)
    });
    text.push_str(&growth.row());
    text.push_str("\n| what the abusing tenant does | requests to the API server |\n| --- | ---: |\n");
    for (kind, requests) in Kind::ALL.iter().zip(&with.abused) {
        let _ = writeln!(text, "| {} | {requests} |", kind.words);
    }
    text.push_str(&method(scale));
    text
}

fn method(scale: Scale) -> String {
    format!(
        "\n`scripts/bench --attack` measures this. {} connectors of four namespaces are Ready; then, for {} min, one connector is\n\
         created, one is asked for a connection test, and one for a renewal every {} seconds. A watch sees when the new one is\n\
         Ready, and when the status shows the request as carried out. In the second stage one more namespace does all of the\n\
         above at the same time, each kind that goes on with up to {} requests a second. Each login host has a budget of {BUDGET}\n\
         token requests an hour. Control plane, simulator, and the clients that abuse share the machine's cores with the operator.\n",
        scale.connectors,
        scale.lasts.as_secs() / 60,
        tenants::APART.as_secs(),
        1000 / abuse::APART.as_millis(),
    )
}
