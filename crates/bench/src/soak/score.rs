//! For how long did consumers have no valid token and why, what did it cost, and who was called?

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use kube::api::DynamicObject;
use salesforce_sim::{Endpoint, GrantEnd};
use serde_json::Value;

use super::cause::Cause;
use super::faults::Faults;
use super::people::People;
use super::plan::Plan;
use super::stage::{Stage, reason};
use super::subject::{Method, Subject};
use crate::Failed;
use crate::machine::Facts;

/// Why a person was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Call {
    /// The grant was ended in Salesforce.
    Ended,
    /// The answer to a refresh was lost.
    AnswerLost,
    /// A replica was killed between Salesforce's answer and the write of its result.
    Killed,
    /// The grant may live: nobody can tell what became of a refresh.
    Unknown,
    /// The grant lives, and Salesforce refuses it.
    Refused,
    /// The grant lived, or the operator ended it.
    Lost,
}

impl Call {
    const ALL: [(Self, &'static str); 6] = [
        (
            Self::Ended,
            "calls for a login after the grant was ended in Salesforce",
        ),
        (Self::AnswerLost, "… after the answer to a refresh was lost"),
        (
            Self::Killed,
            "… after a replica was killed between the answer to a refresh and the write of its result",
        ),
        (
            Self::Unknown,
            "… while nobody can tell what became of a refresh, and the grant may live",
        ),
        (Self::Refused, "… while Salesforce refused the user or the app"),
        (Self::Lost, "… for no such cause: grants lost"),
    ];
}

/// Reasons for which a password is sent again only if a person asks: it was refused while its user was frozen, for example.
const WANT_A_REQUEST: [&str; 2] = ["WrongPassword", "PasswordRefusedBefore"];

#[derive(Debug, Default)]
struct Line {
    connectors: u32,
    without: BTreeMap<Cause, SignedDuration>,
    token_requests: u64,
    calls: BTreeMap<Call, u32>,
}

pub(super) struct Score {
    lines: BTreeMap<Method, Line>,
    looks: u32,
    replays: u64,
}

impl Score {
    pub(super) fn of(subjects: &[Subject]) -> Self {
        let mut lines: BTreeMap<Method, Line> = BTreeMap::new();
        for subject in subjects {
            lines.entry(subject.method).or_default().connectors += 1;
        }
        Self {
            lines,
            looks: 0,
            replays: 0,
        }
    }

    /// Counts what is so at this moment for the time since the last one.
    pub(super) async fn look(
        &mut self,
        stage: &mut Stage,
        people: &mut People,
        chance: &mut fastrand::Rng,
        last: Timestamp,
        now: Timestamp,
    ) -> Result<(), Failed> {
        self.read_log(stage);
        let (Some(tokens), Some(seen)) = (stage.tokens().await, stage.seen().await) else {
            return Ok(());
        };
        self.looks += 1;
        for number in 0..stage.subjects.len() {
            let Some(subject) = stage.subjects.get(number) else {
                continue;
            };
            let connector = seen.get(&subject.name);
            if let Some(connector) = connector {
                self.note_call(stage, number, connector, people, chance, now);
            }
            let Some(subject) = stage.subjects.get(number) else {
                continue;
            };
            let token = tokens.get(&subject.name);
            if token.is_some_and(|token| stage.world(|world| world.access_token_is_good(token))) {
                continue;
            }
            let cause = cause(subject, now);
            if cause == Cause::Nothing {
                let status = connector.map(reason);
                eprintln!("bench: {now}: {} has no valid token: {status:?}", subject.name);
            }
            let line = self.lines.entry(subject.method).or_default();
            *line.without.entry(cause).or_default() += now.duration_since(last);
        }
        Ok(())
    }

    /// Who is called by the status, if nobody was before.
    fn note_call(
        &mut self,
        stage: &mut Stage,
        number: usize,
        connector: &DynamicObject,
        people: &mut People,
        chance: &mut fastrand::Rng,
        now: Timestamp,
    ) {
        let time = connector.data.pointer("/status/actionRequiredTime");
        let time = time
            .and_then(Value::as_str)
            .and_then(|time| time.parse::<Timestamp>().ok());
        // A time to come is a deadline for what the operator may still mend by itself.
        let needed = time.is_some_and(|time| time <= now);
        let Some(subject) = stage.subjects.get(number) else {
            return;
        };
        if needed && !subject.awaits_person {
            let why = failure(connector);
            let call = call(stage, subject, &why, now);
            eprintln!("bench: {now}: {} calls a person: {why}: {call:?}", subject.name);
            if call == Call::Lost {
                eprintln!(
                    "bench: {now}: {} is lost: {}",
                    subject.name,
                    connector.data.pointer("/status").unwrap_or(&Value::Null)
                );
            }
            let line = self.lines.entry(subject.method).or_default();
            *line.calls.entry(call).or_default() += 1;
        }
        let requested = subject.method == Method::Password && WANT_A_REQUEST.contains(&&*failure(connector));
        if requested && !people.is_coming(number) {
            people.will_request(now + SignedDuration::from_mins(chance.i64(30..360)), number);
        }
        if needed && !people.is_coming(number) {
            people.will_log_in(now + SignedDuration::from_mins(chance.i64(30..360)), number);
        }
        if let Some(subject) = stage.subjects.get_mut(number) {
            subject.awaits_person = needed || requested;
        }
    }

    fn read_log(&mut self, stage: &mut Stage) {
        let entries: Vec<_> = stage.world(|world| {
            let of_tokens = world
                .log()
                .iter()
                .filter(|entry| entry.endpoint == Endpoint::Token);
            let entries = of_tokens.cloned().collect();
            world.clear_log();
            entries
        });
        for entry in entries {
            self.replays += u64::from(entry.replay);
            let of = |subject: &&mut Subject| Some(&subject.client_id) == entry.client_id.as_ref();
            let Some(subject) = stage.subjects.iter_mut().find(of) else {
                continue;
            };
            self.lines.entry(subject.method).or_default().token_requests += 1;
            let lost = ["truncated_body", "process_then_drop", "process_then_never_answer"];
            // What was lost counts until the app gets an answer again: then its grant has survived it.
            let is_lost = entry.fault.as_deref().is_some_and(|fault| lost.contains(&fault));
            if entry.succeeded() {
                subject.answered = Some(entry.at);
            }
            subject.answer_lost = is_lost || (subject.answer_lost && !entry.succeeded());
        }
    }

    /// What there is so far, for who waits.
    pub(super) fn line(&self) -> String {
        let sum = |call| -> u32 {
            let of = |line: &Line| line.calls.get(&call).copied().unwrap_or_default();
            self.lines.values().map(of).sum()
        };
        let without: f64 = self
            .lines
            .values()
            .map(|line| minutes(line, Cause::Nothing))
            .sum();
        format!(
            "{} looks, {} replays, {} calls of people, {} grants lost, {without:.0} min without a token for no known cause",
            self.looks,
            self.replays,
            Call::ALL.iter().map(|(call, _)| sum(*call)).sum::<u32>(),
            sum(Call::Lost)
        )
    }

    pub(super) fn table(&self, facts: &Facts, plan: Plan, faults: &Faults, unready: &[String]) -> String {
        let mut text = format!("## A soak of {} days\n\n{}\n\n| |", plan.days, facts.line());
        for method in Method::ALL {
            let _ = write!(text, " {} |", method.words());
        }
        let _ = writeln!(text, "\n| --- |{}", " ---: |".repeat(Method::ALL.len()));
        let mut row = |what: &str, figure: &dyn Fn(&Line) -> String| {
            let _ = write!(text, "| {what} |");
            for method in Method::ALL {
                let figure = self.lines.get(&method).map(figure).unwrap_or_default();
                let _ = write!(text, " {figure} |");
            }
            text.push('\n');
        };
        row("connectors", &|line| line.connectors.to_string());
        let days = f64::from(plan.days);
        let each = |line: &Line, sum: f64| format!("{:.2}", sum / f64::from(line.connectors) / days);
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        row("token requests per connector and day", &|line| {
            each(line, line.token_requests as f64)
        });
        for (cause, words) in Cause::ALL {
            let what = format!("minutes per connector and day without a valid token: {words}");
            row(&what, &|line| each(line, minutes(line, cause)));
        }
        for (call, words) in Call::ALL {
            row(words, &|line| {
                line.calls.get(&call).copied().unwrap_or_default().to_string()
            });
        }
        let _ = writeln!(
            text,
            "\nSpent refresh tokens presented: {}. Not Ready at the end: {}.",
            self.replays,
            list(unready)
        );
        text.push_str("\n| what went wrong | times |\n| --- | ---: |\n");
        for (words, times) in faults.rows() {
            let _ = writeln!(text, "| {words} | {times} |");
        }
        text.push_str(&method(plan));
        text
    }
}

fn list(unready: &[String]) -> String {
    if unready.is_empty() {
        "none".to_owned()
    } else {
        unready.join(", ")
    }
}

fn minutes(line: &Line, cause: Cause) -> f64 {
    line.without
        .get(&cause)
        .copied()
        .unwrap_or_default()
        .as_secs_f64()
        / 60.0
}

/// The reason for which there is no new token.
fn failure(connector: &DynamicObject) -> String {
    let failed = connector
        .data
        .pointer("/status/failures/reason")
        .and_then(Value::as_str);
    failed.map_or_else(|| reason(connector), str::to_owned)
}

/// Why its consumer has no valid token.
fn cause(subject: &Subject, now: Timestamp) -> Cause {
    if subject.awaits_person {
        return Cause::Person;
    }
    let causes = [Cause::Refused, Cause::SessionEnded, Cause::Operator].into_iter();
    let mut holding = causes.filter(|cause| subject.causes.holds(*cause, now));
    holding.next().unwrap_or(Cause::Nothing)
}

fn call(stage: &Stage, subject: &Subject, reason: &str, now: Timestamp) -> Call {
    let grants = stage.world(|world| world.grants());
    let own = grants
        .iter()
        .rev()
        .find(|grant| grant.client_id == subject.client_id);
    match own.and_then(|grant| grant.ended) {
        Some(GrantEnd::Revoked | GrantEnd::PushedOut | GrantEnd::Expired) => Call::Ended,
        // A spent token was presented, or one token twice at once, whatever went before.
        Some(GrantEnd::Replayed | GrantEnd::Contested) => Call::Lost,
        _ if subject.answer_lost => Call::AnswerLost,
        None if subject.was_killed_within() && reason == "ReauthorizationRequired" => Call::Killed,
        None if reason == "OutcomeUnknown" => Call::Unknown,
        None if subject.causes.holds(Cause::Refused, now) => Call::Refused,
        None => Call::Lost,
    }
}

fn method(plan: Plan) -> String {
    let Plan {
        days,
        speed,
        seed,
        connectors,
    } = plan;
    format!(
        "\n`scripts/bench --soak` measures this, with seed {seed}. {connectors} connectors in four orgs, whose sessions end after 2, 2, 8 and\n\
         24 hours, live for {days} days of a clock that runs {speed} times as fast, the operator's and Salesforce's. Two replicas of the operator are\n\
         processes of their own. Every second, each connector's token is presented to the simulated Salesforce, and the status is read.\n\
         Requests, time-outs, leases and hold-offs pass in real time: a second of them costs {speed} seconds here. People supply a rotated\n\
         secret or a changed password after 10 to 120 minutes, and log in, or ask for a password to be sent again, 30 to 360 minutes after the\n\
         status calls for it. An answer that is lost is followed by an hour in which a password is not sent, or by a hold-off: there it counts for 180 minutes. One that is\n\
         lost after Salesforce has spent a rotating token ends that grant; docs/redeem.md says why nothing can help it. Nothing goes wrong\n\
         in the first and the last 12 hours.\n"
    )
}
