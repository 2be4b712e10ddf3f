//! What is remembered from one attempt to the next: failures, the last test, the requests carried out.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use redeem::GrantProblem;

use crate::api::Reason;
use crate::api::reasons::{OwnReason, Refusal};
use crate::api::status::{ConnectionTestStatus, FailuresStatus, LastHandledStatus, TestResult};
use crate::core::decide::remembered_failure::is_over;
use crate::core::decide::test_due::{impossible, is_short, to_be_repeated};
use crate::core::grant::candidate;
use crate::core::grant::view::Business;
use crate::core::model::connector::Connector;
use crate::core::model::decision::Decision;
use crate::core::model::observed::Observed;
use crate::core::model::outcome::{Minted, Outcome, Problem, SecretOutcome};
use crate::core::model::rejection::explain;
use crate::core::pass::connection_test::{TestReport, TestVerdict};
use crate::core::schedule::backoff::{is_write_failure, next_attempt, next_write};
use crate::core::schedule::time::{is_ahead, later, since, whole_seconds};

/// An unchanged result is recorded again after this time, so that status doesn't look forgotten.
const RECORD_UNCHANGED_AFTER: Duration = Duration::from_hours(1);
/// Salesforce allows 3,600 logins an hour and user; beyond that its advice is to wait for an hour.
const LOGIN_RATE_WAIT: Duration = Duration::from_hours(1);

/// The failures to remember: a new one is counted, a success clears them, other inputs start over.
pub(super) fn failures(
    observed: &Observed,
    decision: &Decision,
    connector: &Connector,
    outcome: &Outcome,
    now: Timestamp,
) -> Option<FailuresStatus> {
    let before = observed.status.failures.clone();
    let before = before.filter(|failures| !is_over(failures, observed));
    let digest = connector.attempt_digest.as_str();
    match problem(outcome) {
        Some(problem) => {
            let before = before
                .as_ref()
                .filter(|failures| failures.inputs_digest.as_deref() == Some(digest));
            Some(counted(before, &problem, digest, now, observed))
        }
        None if matches!(outcome.minted, Some(Minted::Obtained { .. })) => None,
        None if outcome.secret == SecretOutcome::InStep
            && outcome.tested.is_some()
            && unverified(observed) =>
        {
            None
        }
        None if matches!(decision, Decision::Keep { .. }) => before.filter(|failures| {
            failures.inputs_digest.as_deref() == Some(digest)
                && !is_past(failures, connector, outcome)
                && !is_delivered(failures, observed, outcome)
        }),
        None => before,
    }
}

/// What is wrong with the candidate grant: each session that ends reports it again, and it is remembered in between for as
/// long as the candidate exists.
pub(super) fn candidate_grant_failures(
    observed: &Observed,
    outcome: &Outcome,
    now: Timestamp,
) -> Option<FailuresStatus> {
    let source = observed.grant()?;
    let connector = &source.connector;
    let before = candidate::remembered(observed, connector);
    let grant = outcome.grant.as_ref();
    if let Some(problem) = grant.and_then(|grant| grant.candidate.as_ref()) {
        let told = |before: &&FailuresStatus| {
            before.next_attempt_time.is_none() && before.message == problem.message
        };
        return Some(match before.filter(told) {
            Some(before) => before.clone(),
            None => counted(before, problem, connector.attempt_digest.as_str(), now, observed),
        });
    }
    let ended = grant.is_some() && matches!(outcome.minted, None | Some(Minted::Obtained { .. }));
    let view = &source.view;
    let there = view.business() == Business::Open && view.works(&connector.expect);
    before.filter(|_| there && !ended).cloned()
}

/// Whether a test has just shown that Salesforce takes the token which it refused when it was fresh. That of other inputs, which
/// is held as long as none of these is good, shows nothing of the kind.
fn is_past(failures: &FailuresStatus, connector: &Connector, outcome: &Outcome) -> bool {
    let report = outcome.tested.as_ref();
    let accepted = report.is_some_and(|report| report.verdict == TestVerdict::Succeeded);
    let held = outcome.held.as_ref();
    let of_these = held.is_some_and(|held| connector.has_inputs(&held.inputs_digest));
    accepted && of_these && failures.reason == Reason::from(OwnReason::FreshTokenRejected).as_str()
}

/// Whether the token of a stored grant has reached its consumer, which could not be written before.
fn is_delivered(failures: &FailuresStatus, observed: &Observed, outcome: &Outcome) -> bool {
    let of_write = Reason::parse(&failures.reason).is_some_and(is_write_failure);
    of_write && observed.grant().is_some() && outcome.secret == SecretOutcome::InStep
}

/// Whether the held token was still to be verified when this reconcile began.
fn unverified(observed: &Observed) -> bool {
    observed
        .held
        .as_ref()
        .is_some_and(|held| !observed.identity_verified(held))
}

/// What went wrong, if anything did: the login, or the verification of its token.
fn problem(outcome: &Outcome) -> Option<Problem> {
    if let Some(Minted::Failed { problem, .. }) = &outcome.minted {
        return Some(problem.clone());
    }
    if let (Some(Minted::Obtained { .. }), SecretOutcome::Refused(rejection)) =
        (&outcome.minted, &outcome.secret)
    {
        // The Secret goes on carrying the token of before, which may be dead by now.
        return Some(rejection.clone().into());
    }
    let report = outcome.tested.as_ref()?;
    let obtained = matches!(outcome.minted, Some(Minted::Obtained { .. }));
    let withheld = outcome.forgot_new_token || outcome.secret == SecretOutcome::Withheld;
    let fresh = obtained || withheld;
    match &report.verdict {
        TestVerdict::TokenRejected { detail } if fresh => Some(Problem {
            reason: OwnReason::FreshTokenRejected.into(),
            message: explain(OwnReason::FreshTokenRejected.into(), detail),
            retry_after: None,
        }),
        TestVerdict::Failed {
            reason,
            message,
            retry_after,
        } if withheld => Some(Problem {
            reason: *reason,
            message: message.clone(),
            retry_after: *retry_after,
        }),
        TestVerdict::Succeeded | TestVerdict::TokenRejected { .. } | TestVerdict::Failed { .. } => None,
    }
}

pub(crate) fn counted(
    before: Option<&FailuresStatus>,
    problem: &Problem,
    digest: &str,
    now: Timestamp,
    observed: &Observed,
) -> FailuresStatus {
    let count = before.as_ref().map_or(0, |failures| failures.count);
    let waits_its_turn = problem.reason == OwnReason::CallBudgetSpent.into();
    let count = if waits_its_turn {
        count.max(1)
    } else {
        count.saturating_add(1)
    };
    let first = before.map_or(now, |failures| failures.first_failure_time.0);
    let asked = if problem.reason == Reason::Salesforce(Refusal::LoginRateExceeded) {
        Some(problem.retry_after.unwrap_or_default().max(LOGIN_RATE_WAIT))
    } else {
        problem.retry_after
    };
    FailuresStatus {
        count,
        first_failure_time: Time(whole_seconds(first)),
        last_failure_time: Time(whole_seconds(now)),
        next_attempt_time: again(problem, asked, count, first, now, observed).map(Time),
        reason: problem.reason.as_str().to_owned(),
        message: problem.message.clone(),
        inputs_digest: Some(digest.to_owned()),
    }
}

/// When to try again by itself. The redeem protocol knows better than any class when Salesforce may be asked again.
fn again(
    problem: &Problem,
    asked: Option<Duration>,
    count: i32,
    first: Timestamp,
    now: Timestamp,
    observed: &Observed,
) -> Option<Timestamp> {
    let uid = &observed.owner.uid;
    match problem.reason {
        reason if is_write_failure(reason) => Some(next_write(observed.resync_period, now, uid)),
        // Its turn, and not a moment before. Times in the status are whole seconds.
        reason if reason == OwnReason::CallBudgetSpent.into() => {
            let wait = asked.unwrap_or_default().saturating_add(Duration::from_secs(1));
            Some(whole_seconds(later(now, wait)))
        }
        Reason::Grant(problem) if problem != GrantProblem::BootstrapTooOften => {
            asked.map(|wait| whole_seconds(later(now, wait)))
        }
        Reason::Own(_) | Reason::Salesforce(_) | Reason::Grant(_) | Reason::Signer(_) => {
            next_attempt(problem.reason.class(), count, first, now, asked, uid)
        }
    }
}

/// Why there is no token to test, where somebody asks for a test: what stands in the way, or why none was obtained. While the
/// connector is suspended the request waits.
pub(super) fn untestable(
    observed: &Observed,
    decision: &Decision,
    outcome: &Outcome,
    failures: Option<&FailuresStatus>,
) -> Option<(Reason, String)> {
    if !observed.test_requested() || outcome.tested.is_some() || observed.is_suspended() {
        return None;
    }
    match decision {
        Decision::Reject(rejection) => Some((rejection.reason, rejection.message())),
        Decision::Wait(_) | Decision::Keep { .. } | Decision::Mint { .. } => {
            let failures = failures.filter(|_| outcome.held.is_none())?;
            Some((Reason::parse(&failures.reason)?, failures.message.clone()))
        }
    }
}

/// The test to show. An unchanged result that nobody asked for is recorded at most hourly.
pub(super) fn connection_test(
    observed: &Observed,
    outcome: &Outcome,
    untestable: Option<&(Reason, String)>,
    now: Timestamp,
) -> Option<ConnectionTestStatus> {
    let before = observed.status.connection_test.clone();
    let Some(report) = &outcome.tested else {
        return match untestable {
            Some((reason, message)) => Some(impossible(*reason, message, now)),
            None => before,
        };
    };
    let found = ConnectionTestStatus {
        result: if report.verdict == TestVerdict::Succeeded {
            TestResult::Succeeded
        } else {
            TestResult::Failed
        },
        message: message(report, outcome),
        last_test_time: Time(whole_seconds(now)),
        steps: report.steps.clone(),
        api_usage: report.api_usage,
        first_failure_time: None,
        next_test_time: None,
    };
    let found = match &report.verdict {
        TestVerdict::Succeeded => found,
        TestVerdict::TokenRejected { .. } => to_be_repeated(found, None, observed),
        TestVerdict::Failed { retry_after, .. } => to_be_repeated(found, *retry_after, observed),
    };
    let unchanged = |before: &ConnectionTestStatus| {
        before.result == found.result
            && before.message == found.message
            && before.steps.len() == found.steps.len()
            && before
                .steps
                .iter()
                .zip(&found.steps)
                .all(|(before, found)| before.says_the_same(found))
            && before.next_test_time == found.next_test_time
            && is_short(before) == is_short(&found)
    };
    let recent = |before: &ConnectionTestStatus| {
        let recorded = before.last_test_time.0;
        since(recorded, now) < RECORD_UNCHANGED_AFTER && !is_ahead(recorded, now)
    };
    match before {
        Some(before) if unchanged(&before) && recent(&before) && !observed.test_requested() => Some(before),
        Some(_) | None => Some(found),
    }
}

fn message(report: &TestReport, outcome: &Outcome) -> String {
    match (&report.verdict, &outcome.minted) {
        (TestVerdict::TokenRejected { detail }, Some(Minted::Obtained { .. })) => {
            explain(OwnReason::FreshTokenRejected.into(), detail)
        }
        (TestVerdict::Succeeded | TestVerdict::Failed { .. } | TestVerdict::TokenRejected { .. }, _) => {
            report.message()
        }
    }
}

/// Which requests have been carried out: a test when one ran, or it was said why none can; a renewal when one was tried, or
/// Ready says what stands in its way.
pub(super) fn last_handled(
    observed: &Observed,
    decision: &Decision,
    outcome: &Outcome,
    untestable: Option<&(Reason, String)>,
) -> Option<LastHandledStatus> {
    let before = observed.status.last_handled.clone().unwrap_or_default();
    let test = if outcome.tested.is_some() || untestable.is_some() {
        observed.requests.test.clone()
    } else {
        before.test_requested_at
    };
    let tried = matches!(
        outcome.minted,
        Some(Minted::Obtained { .. } | Minted::Failed { .. })
    );
    let rejected = matches!(decision, Decision::Reject(_)) && !observed.is_suspended();
    let renew = if tried || (rejected && observed.renewal_requested()) {
        observed.requests.renew.clone()
    } else {
        before.renew_requested_at
    };
    echo(test, renew)
}

/// An echo of the requests that were carried out.
fn echo(test: Option<String>, renew: Option<String>) -> Option<LastHandledStatus> {
    let handled = LastHandledStatus {
        test_requested_at: test,
        renew_requested_at: renew,
    };
    (handled != LastHandledStatus::default()).then_some(handled)
}
