//! How is the result shown? As Markdown, each figure beside its target and the bare write rate of the same API server.

use std::fmt::Write as _;

use crate::audit;
use crate::bare::as_f64;
use crate::machine::Facts;
use crate::measure::{Everything, Round};
use crate::salesforce::Calls;
use crate::scale::Scale;

pub(crate) fn report(facts: &Facts, scale: &Scale, result: &Everything) -> String {
    let mut text = String::from("## A fleet\n\n");
    text.push_str(&header(facts, result));
    text.push('\n');
    text.push_str(&fleet(&result.rounds));
    let _ = write!(
        text,
        "\n### {} foreign Secrets of 20 KiB\n\n",
        thousands(scale.foreign)
    );
    text.push_str(&foreign(result));
    text.push_str("\n### Requests in detail\n\n");
    text.push_str(&requests(&result.rounds));
    text.push_str(METHOD);
    text
}

const METHOD: &str = "\n### How it was got\n\n\
`make bench` builds the operator and the simulator in release, and starts for each stage etcd, kube-apiserver and\n\
kube-controller-manager anew, installs the chart, and runs the operator as a process under the chart's service account\n\
with the chart's `GLIBC_TUNABLES`, in mode `ByName` where nothing else is said. All of them share the machine's cores.\n\
The connectors log in by client credentials with a literal client id and a client secret in a Secret each, which exists\n\
before; 16 clients create them. One watch sees when all are Ready, which takes a token request, an introspection where\n\
the app has a secret, and a connection test for each. Requests are counted in the API server's audit log, leader\n\
election and the operator's reviews of its own rights (13 at a start) left out; CPU and memory are the process's own, from /proc. Bare rates are what the same 16 clients reach on\n\
the same API server just before, with objects of the same kind. \"The two writes alone\" is the time that one Secret\n\
create and one status replace for each connector take at these rates. Cores in use are those of the minute that begins\n\
8 s after: the resync reads Secrets, no token is due, and no connection test.\n\n\
What many Secrets in the operator's own namespace cost is measured by\n\
`cargo test --test crash eighty_thousand -- --ignored --nocapture`: it creates 80,000 ledger entries straight in the API server and prints\n\
the operator's peak memory (VmHWM) before them, and after garbage collection has listed them. Growth of more than 10 MB fails it.\n\n\
Absolute figures depend on the machine and on what else it does; compare ratios within one run.\n";

fn header(facts: &Facts, result: &Everything) -> String {
    format!(
        "{}; commit {}; {} cores ({}), {} of memory, load {} before; Kubernetes {}; {}.\n",
        facts.date,
        facts.commit,
        facts.cores,
        facts.cpu,
        facts.memory,
        facts.load,
        result.version,
        facts.rustc
    )
}

#[derive(Clone)]
struct Row {
    what: &'static str,
    target: &'static str,
    figure: fn(&Round) -> String,
}

fn row(what: &'static str, target: &'static str, figure: fn(&Round) -> String) -> Row {
    Row { what, target, figure }
}

fn fleet(rounds: &[Round]) -> String {
    let mut text = String::from("| connectors | target, at most |");
    for round in rounds {
        let _ = write!(text, " {} |", thousands(round.size));
    }
    let _ = writeln!(text, "\n| --- | --- |{}", " ---: |".repeat(rounds.len()));
    for row in [times(), work(), memory(), restart()].concat() {
        let _ = write!(text, "| {} | {} |", row.what, row.target);
        for round in rounds {
            let _ = write!(text, " {} |", (row.figure)(round));
        }
        text.push('\n');
    }
    text
}

fn times() -> Vec<Row> {
    vec![
        row("all Ready after the first create, s", "5 for 1,000", |round| {
            seconds(round.running.ready)
        }),
        row("… creating took of that, s", "", |round| {
            seconds(round.running.creates)
        }),
        row("… the two writes alone would take, s", "", |round| {
            seconds(round.bare.shortest(round.size))
        }),
        row("… creates and the two writes alone would take, s", "", |round| {
            seconds(round.bare.shortest_with_creates(round.size))
        }),
        row("… as a multiple of that", "1.25", |round| {
            multiple(round.running.ready, round.bare.shortest_with_creates(round.size))
        }),
        row(
            "all Ready after the operator's start, s",
            "5 for 1,000",
            |round| seconds(round.started.0),
        ),
        row("… the two writes alone would take, s", "", |round| {
            seconds(round.started.1.shortest(round.size))
        }),
        row("… as a multiple of that", "1.5", |round| {
            multiple(round.started.0, round.started.1.shortest(round.size))
        }),
    ]
}

/// What it takes of others and of the machine.
fn work() -> Vec<Row> {
    vec![
        row("bare creates of connectors a second", "", |round| {
            format!("{:.0}", round.bare.connector_creates)
        }),
        row("bare Secret creates a second", "", |round| {
            format!("{:.0}", round.bare.secret_creates)
        }),
        row("bare status replaces a second", "", |round| {
            format!("{:.0}", round.bare.status_replaces)
        }),
        row("bare status merge patches a second", "", |round| {
            format!("{:.0}", round.bare.status_merge_patches)
        }),
        row("API requests per connector (of these writes)", "4 (2)", |round| {
            let requests = &round.running.requests;
            format!(
                "{} ({})",
                each(audit::total(requests), round),
                each(audit::writes(requests), round)
            )
        }),
        row("calls to Salesforce per connector", "", |round| {
            each(sum(&round.running.calls), round)
        }),
        row("CPU per connector, ms", "1.5", |round| {
            format!("{:.2}", round.running.cpu)
        }),
        row(
            "… of simulator, load client, control plane and all else, ms",
            "",
            |round| {
                let others = &round.running.cpu_of_others;
                format!(
                    "{:.1}, {:.1}, {:.1}",
                    others.simulator, others.client, others.rest
                )
            },
        ),
        row("cores in use, all Ready and nothing due", "0.1", |round| {
            format!("{:.3}", round.running.idle_cores)
        }),
    ]
}

fn memory() -> Vec<Row> {
    vec![
        row("resident memory before the first connector, MB", "12", |round| {
            megabytes(round.running.idle.now)
        }),
        row("… with all Ready", "20 with 1,000, 67 with 10,000", |round| {
            megabytes(round.running.memory.now)
        }),
        row("… at its highest", "", |round| {
            megabytes(round.running.memory.peak)
        }),
    ]
}

fn restart() -> Vec<Row> {
    vec![
        row("… after a restart", "", |round| {
            megabytes(round.restart.memory.now)
        }),
        row("token requests on a restart, nothing changed", "0", |round| {
            tokens(&round.restart.calls).to_string()
        }),
        row("other calls to Salesforce on it", "", |round| {
            (sum(&round.restart.calls) - tokens(&round.restart.calls)).to_string()
        }),
        row("writes on it", "0", |round| {
            audit::writes(&round.restart.requests).to_string()
        }),
        row("reads on it, per connector", "", |round| {
            let requests = &round.restart.requests;
            each(audit::total(requests) - audit::writes(requests), round)
        }),
        row("CPU on it per connector, ms", "", |round| {
            format!("{:.2}", round.restart.cpu)
        }),
    ]
}

fn foreign(result: &Everything) -> String {
    let foreign = &result.foreign;
    let rows = [
        ("`ByName`: started where they are", foreign.by_name),
        ("`Watch`: while they are created", foreign.watch_running),
        ("`Watch`: started where they are", foreign.watch_started),
    ];
    let mut text =
        String::from("| growth of resident memory, MB | target, at most | |\n| --- | --- | ---: |\n");
    for (what, growth) in rows {
        let _ = writeln!(text, "| {what} | 1 | {growth:.1} |");
    }
    text
}

fn requests(rounds: &[Round]) -> String {
    let mut text = String::from("| connectors | when | of whom | requests |\n| ---: | --- | --- | --- |\n");
    for round in rounds {
        for (when, requests, calls) in [
            ("created", &round.running.requests, &round.running.calls),
            ("restart", &round.restart.requests, &round.restart.calls),
        ] {
            for (whom, counts) in [("API server", requests), ("Salesforce", calls)] {
                let listed: Vec<_> = counts
                    .iter()
                    .map(|(what, count)| format!("{count} {what}"))
                    .collect();
                let listed = if listed.is_empty() {
                    "none".to_owned()
                } else {
                    listed.join(", ")
                };
                let _ = writeln!(text, "| {} | {when} | {whom} | {listed} |", thousands(round.size));
            }
        }
    }
    text
}

fn seconds(seconds: f64) -> String {
    format!("{seconds:.1}")
}

fn multiple(seconds: f64, of: f64) -> String {
    format!("{:.2}", seconds / of)
}

fn megabytes(megabytes: f64) -> String {
    format!("{megabytes:.1}")
}

fn each(count: u64, round: &Round) -> String {
    format!(
        "{:.1}",
        as_f64(usize::try_from(count).unwrap_or(usize::MAX)) / as_f64(round.size)
    )
}

fn tokens(calls: &Calls) -> u64 {
    calls.get("token").copied().unwrap_or(0)
}

fn sum(calls: &Calls) -> u64 {
    calls.values().sum()
}

pub(crate) fn thousands(number: usize) -> String {
    match (number / 1000, number % 1000) {
        (0, rest) => rest.to_string(),
        (thousands, rest) => format!("{thousands},{rest:03}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(
            [1, 999, 1000, 5000, 12034].map(thousands),
            ["1", "999", "1,000", "5,000", "12,034"]
        );
    }
}
