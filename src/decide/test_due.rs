//! When is the token that is held tested?

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::mint::standing_failure;
use super::observed::{Activity, Knowledge, Observed};
use super::schedule::{jittered, later, shortened};
use super::target::Target;
use super::validate::Connector;
use super::{TestReason, whole_seconds};
use crate::api::Reason;
use crate::api::status::{ConnectionTestStatus, StepName, StepResult, TestResult, TestStep};

/// Why a test is due, if it is.
#[must_use]
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
    if observed.status.connection_test.is_none()
        || observed.status.observed_generation != Some(observed.generation)
    {
        return Some(TestReason::First);
    }
    next_test(observed, connector)
        .is_none_or(|due| due <= now)
        .then_some(TestReason::Interval)
}

/// A token that has not reached the consumer yet is verified under the same back-off as an attempt to obtain one.
fn verification_may_run(observed: &Observed, connector: &Connector, now: Timestamp) -> bool {
    let failures = standing_failure(observed, connector);
    observed.test_requested()
        || failures.is_none_or(|failures| {
            failures
                .next_attempt_time
                .as_ref()
                .is_some_and(|next| next.0 <= now)
        })
}

/// Whether the token that is held goes on being tested where no other one comes in its place: the consumer has it, and it
/// has not expired. Who asks for a test of another one is answered, too.
#[must_use]
pub fn is_in_use(observed: &Observed, now: Timestamp) -> bool {
    let Some(held) = &observed.held else { return false };
    let elsewhere = observed.grant.as_ref().is_some_and(|view| view.claimed_elsewhere);
    let reachable = !elsewhere && !matches!(observed.target, Target::Refused(_));
    let at_work = observed.activity == Activity::Active && reachable;
    let not_tested_just_now = match observed.knowledge {
        Knowledge::Clean | Knowledge::PasswordRefusedBefore => true,
        Knowledge::TokenRejected | Knowledge::InstanceGone => false,
    };
    let alive = held.expiration.time > now && observed.identity_verified(held);
    at_work && not_tested_just_now && (alive || observed.test_requested())
}

/// Why a test of the token in use is due although another one is wanted and was not obtained.
#[must_use]
pub fn meanwhile(observed: &Observed, now: Timestamp) -> Option<TestReason> {
    let connector = observed.connector.as_ref().ok()?;
    is_in_use(observed, now)
        .then(|| due_test(observed, connector, now))
        .flatten()
}

/// When the next test is due, if there was one before.
#[must_use]
pub fn next_test(observed: &Observed, connector: &Connector) -> Option<Timestamp> {
    let last = observed.status.connection_test.as_ref()?;
    let recorded = last.last_test_time.0;
    if !has_run(last) {
        return Some(recorded);
    }
    let latest = observed.last_test.map_or(recorded, |here| here.max(recorded));
    let uid = &observed.owner.uid;
    let interval = shortened(connector.test_interval, uid, SALT);
    let wait = match last.result {
        TestResult::Succeeded => interval,
        TestResult::Failed => jittered(RETEST_FAILED, uid, SALT).min(interval),
    };
    Some(later(latest, wait))
}

/// What is shown for a test that somebody asked for and that can't be made, as there is no token to test: whoever waits for
/// the echo of the request gets an answer.
#[must_use]
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
        }],
        api_usage: None,
    }
}

/// Whether anything was sent at all. One that could not be made is made up for as soon as there is a token.
fn has_run(test: &ConnectionTestStatus) -> bool {
    let first = test.steps.first().map(|step| step.name);
    first != Some(StepName::TokenAccepted)
}

/// Keeps the jitter apart from that of other waits.
const SALT: i32 = 1;

/// A failed test is repeated after two minutes: what it complains of is mended in Salesforce, and people wait for it.
const RETEST_FAILED: std::time::Duration = std::time::Duration::from_mins(2);

#[cfg(test)]
mod tests;
