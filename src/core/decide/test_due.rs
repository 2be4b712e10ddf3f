//! When is the token that is held tested?

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::Reason;
use crate::api::reasons::Class;
use crate::api::status::{ApiUsageStatus, ConnectionTestStatus, StepName, StepResult, TestResult, TestStep};
use crate::core::decide::remembered_failure::standing_failure;
use crate::core::model::connector::Connector;
use crate::core::model::decision::{Decision, Evidence, TestReason};
use crate::core::model::observed::Observed;
use crate::core::schedule::backoff::{MENDED_EVERY, attempt_is_due, retest_wait};
use crate::core::schedule::jitter::{jittered, shortened};
use crate::core::schedule::time::{is_ahead, later, since, whole_seconds};

/// Why a test is due, if it is.
pub fn due_test(observed: &Observed, connector: &Connector, now: Timestamp) -> Option<TestReason> {
    if observed
        .held
        .as_ref()
        .is_some_and(|held| !observed.identity_verified(held))
    {
        return verification_may_run(observed, connector, now).then_some(TestReason::Verification);
    }
    if observed.test_requested() {
        return Some(TestReason::Requested);
    }
    let Some(last) = observed.status.connection_test.as_ref() else {
        return Some(TestReason::First);
    };
    if observed.pace.tests_from.is_some() {
        return None;
    }
    if observed.status.observed_generation != Some(observed.generation) && !is_short(last) {
        return Some(TestReason::First);
    }
    let due = next_test(last, observed.last_test, connector, &observed.owner.uid);
    (due <= now || is_ahead(last.last_test_time.0, now)).then_some(TestReason::Interval)
}

/// A token that has not reached the consumer yet is verified under the same back-off as an attempt to obtain one.
fn verification_may_run(observed: &Observed, connector: &Connector, now: Timestamp) -> bool {
    let failures = standing_failure(observed, connector);
    observed.test_requested() || failures.is_none_or(|failures| attempt_is_due(failures, now))
}

/// Whether the token that is held goes on being tested where no other one comes in its place: the consumer has it, and it
/// has not expired. Who asks for a test of another one is answered, too.
pub fn is_in_use(observed: &Observed, evidence: Evidence, now: Timestamp) -> bool {
    let Some(held) = &observed.held else { return false };
    let elsewhere = observed
        .grant()
        .is_some_and(|source| source.view.claim.elsewhere().is_some());
    let at_work = observed.is_at_work() && !elsewhere;
    let alive = held.expiration.time > now && observed.identity_verified(held);
    at_work && evidence == Evidence::None && (alive || observed.test_requested())
}

/// Why a test of the token in use is due although another one is wanted and was not obtained.
pub fn meanwhile(observed: &Observed, evidence: Evidence, now: Timestamp) -> Option<TestReason> {
    let connector = observed.connector()?;
    is_in_use(observed, evidence, now)
        .then(|| due_test(observed, connector, now))
        .flatten()
}

/// What can't be renewed now can still be used, and goes on being tested.
pub(super) fn instead_of_waiting(
    decision: Decision,
    observed: &Observed,
    evidence: Evidence,
    now: Timestamp,
) -> Decision {
    match decision {
        Decision::Wait(_) if is_in_use(observed, evidence, now) => Decision::Keep {
            test: meanwhile(observed, evidence, now),
        },
        decision => decision,
    }
}

/// When the next test is due after this one, which this process may have repeated since at a time that the status does not show.
pub fn next_test(
    last: &ConnectionTestStatus,
    repeated: Option<Timestamp>,
    connector: &Connector,
    uid: &str,
) -> Timestamp {
    let recorded = last.last_test_time.0;
    if !has_run(last) {
        return recorded;
    }
    let latest = repeated.map_or(recorded, |here| here.max(recorded));
    let due = later(latest, wait(last, latest, connector, uid));
    let asked = last.next_test_time.as_ref();
    asked.map_or(due, |asked| asked.0.max(due))
}

/// How long after the test of this time the next one is due by itself.
fn wait(last: &ConnectionTestStatus, latest: Timestamp, connector: &Connector, uid: &str) -> Duration {
    let interval = shortened(connector.test_interval, uid, SALT);
    if last.result == TestResult::Succeeded {
        return if is_short(last) {
            interval.max(SHORT_FOR)
        } else {
            interval
        };
    }
    let class = failed_test(last).map_or(Class::Uncertain, |(_, class)| class);
    let failing_for = since(first_failure_time(last), latest);
    let retest = retest_wait(class, failing_for, connector.test_interval);
    let retest = jittered(retest, uid, SALT).min(interval);
    if is_short(last) {
        retest.max(MENDED_EVERY)
    } else {
        retest
    }
}

/// Salesforce counts the API calls of a day.
const SHORT_FOR: Duration = Duration::from_hours(24);

/// Whether the org had used four fifths of its API calls: what is left is for its users, and not for tests that nobody asked for.
pub fn is_short(test: &ConnectionTestStatus) -> bool {
    test.api_usage.as_ref().is_some_and(is_scarce)
}

/// Whether four fifths of the API calls are used.
pub fn is_scarce(usage: &ApiUsageStatus) -> bool {
    usage.allowed > 0 && usage.used.saturating_mul(5) >= usage.allowed.saturating_mul(4)
}

/// Keeps the jitter apart from that of other waits.
const SALT: i32 = 1;

/// Since when tests have failed, if the last one did.
fn first_failure_time(test: &ConnectionTestStatus) -> Timestamp {
    let first = test.first_failure_time.as_ref().unwrap_or(&test.last_test_time);
    first.0
}

/// Why the last recorded test failed, and what class of problem that is.
pub fn failed_test(test: &ConnectionTestStatus) -> Option<(Reason, Class)> {
    if test.result == TestResult::Succeeded {
        return None;
    }
    let reason = test
        .steps
        .last()
        .and_then(|step| step.reason.as_deref())
        .and_then(Reason::parse)?;
    Some((reason, reason.class()))
}

/// A failed test with what its repetition depends on: since when tests have failed, and until when Salesforce wants to be left
/// alone, if that is longer than it would be anyway.
pub fn to_be_repeated(
    found: ConnectionTestStatus,
    retry_after: Option<Duration>,
    observed: &Observed,
) -> ConnectionTestStatus {
    let now = found.last_test_time.0;
    let before = observed.status.connection_test.as_ref();
    let failed_before = before.filter(|before| before.result == TestResult::Failed && has_run(before));
    let first = failed_before.map_or(now, first_failure_time);
    let found = ConnectionTestStatus {
        first_failure_time: Some(Time(first)),
        ..found
    };
    let (Some(asked), Some(connector)) = (retry_after, observed.connector()) else {
        return found;
    };
    let longer = asked > wait(&found, now, connector, &observed.owner.uid);
    ConnectionTestStatus {
        next_test_time: longer.then(|| Time(whole_seconds(later(now, asked)))),
        ..found
    }
}

/// What is shown for a test that somebody asked for and that can't be made, as there is no token to test: whoever waits for
/// the echo of the request gets an answer.
pub fn impossible(reason: Reason, message: &str, now: Timestamp) -> ConnectionTestStatus {
    ConnectionTestStatus {
        result: TestResult::Failed,
        message: format!("There is no token to test. {message}"),
        last_test_time: Time(whole_seconds(now)),
        steps: vec![TestStep {
            name: StepName::TokenAccepted,
            result: StepResult::Failed,
            reason: Some(reason.as_str().to_owned()),
            message: Some(reason.meaning().to_owned()),
            remedy: Some(reason.remedy().to_owned()),
            latency_milliseconds: None,
        }],
        api_usage: None,
        first_failure_time: None,
        next_test_time: None,
    }
}

/// Whether anything was sent at all. One that could not be made is made up for as soon as there is a token.
pub fn has_run(test: &ConnectionTestStatus) -> bool {
    let first = test.steps.first().map(|step| step.name);
    first != Some(StepName::TokenAccepted)
}

#[cfg(test)]
mod tests;
