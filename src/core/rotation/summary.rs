//! What do status and events say of the rotations?

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::Reason;
use crate::api::reasons::{OwnReason, Refusal};
use crate::api::status::{CredentialRotationStatus, FailuresStatus, SalesforceConnectorStatus};
use crate::core::conclude::failures::counted;
use crate::core::model::connector::Connector;
use crate::core::model::observed::Observed;
use crate::core::model::outcome::{Outcome, Problem};
use crate::core::model::rejection::explain;
use crate::core::rotation::due::{failures, has_business};
use crate::core::rotation::report::RotationEnd;
use crate::core::rotation::state::RotationSeen;
use crate::core::rotation::stored::CredentialsPlace;
use crate::core::schedule::time::{later, whole_seconds};

/// What the org and the user need: Salesforce's own words name neither.
const NEEDS: &str = "For spec.app.rotation, turn on Allow access to External Client App consumer secrets via REST API in Setup > External \
                     Client App Settings, and give the user of the token the permissions External Client App Developer and View Client \
                     Secret.";

/// What the status shows after a pass.
pub fn rotation_status(
    observed: &Observed,
    outcome: &Outcome,
    now: Timestamp,
) -> Option<CredentialRotationStatus> {
    let before = observed.status.credential_rotation.clone();
    let Some(connector) = observed.connector() else {
        return before;
    };
    if connector.rotation.is_none() && connector.credentials_place == CredentialsPlace::Input {
        return None;
    }
    let report = outcome.rotation.as_ref();
    let stored = observed.rotation.seen.state();
    let stored = stored.and_then(|state| state.current.as_ref().map(|current| current.time));
    let last = report.and_then(|report| report.last).or(stored);
    let time = |time: Timestamp| Time(whole_seconds(time));
    let interval = connector.rotation.as_ref().map(|plan| plan.interval);
    let next = last
        .zip(interval)
        .map(|(last, interval)| time(later(last, interval)));
    let written = match report.map(|report| &report.end) {
        Some(RotationEnd::Written(_)) => Some(time(now)),
        _ => before.and_then(|before| before.secret_update_time),
    };
    Some(CredentialRotationStatus {
        last_rotation_time: last.map(time),
        next_rotation_time: next,
        secret_update_time: written,
        failures: failures_after(observed, connector, outcome, now),
    })
}

fn failures_after(
    observed: &Observed,
    connector: &Connector,
    outcome: &Outcome,
    now: Timestamp,
) -> Option<FailuresStatus> {
    let before = failures(observed, connector);
    let digest = connector.attempt_digest.as_str();
    let standing = connector
        .rotation
        .as_ref()
        .and_then(|_| standing_problem(observed));
    if let Some(problem) = standing {
        let same = before.filter(|before| before.message == problem.message);
        let told = same.cloned().unwrap_or_else(|| FailuresStatus {
            next_attempt_time: None,
            ..counted(before, &problem, digest, now, observed)
        });
        return Some(told);
    }
    match outcome.rotation.as_ref().map(|report| &report.end) {
        Some(RotationEnd::Failed(problem)) => Some(counted(before, problem, digest, now, observed)),
        Some(RotationEnd::Rotated | RotationEnd::Written(_)) => None,
        // It is over where there is nothing left to do, or where only settings stood in the way.
        Some(RotationEnd::Outrun) | None => before
            .filter(|before| has_business(observed, connector, now) && !is_standing(&before.reason))
            .cloned(),
    }
}

/// What stands in the way whatever is tried. It costs no request, and is not tried again.
fn standing_problem(observed: &Observed) -> Option<Problem> {
    let of = |reason: OwnReason, particulars: &str| Problem {
        reason: reason.into(),
        message: explain(reason.into(), particulars),
        retry_after: None,
    };
    if !observed.rotation.permitted {
        return Some(of(OwnReason::CredentialRotationDisabled, ""));
    }
    match &observed.rotation.seen {
        RotationSeen::Unreadable(fault) => Some(of(OwnReason::RotationStateUnavailable, &fault.to_string())),
        RotationSeen::Absent | RotationSeen::Found(..) => None,
    }
}

fn is_standing(reason: &str) -> bool {
    let standing = [
        OwnReason::CredentialRotationDisabled,
        OwnReason::RotationStateUnavailable,
    ];
    standing
        .into_iter()
        .any(|standing| Reason::from(standing).as_str() == reason)
}

/// A refusal by Salesforce, with what the org needs for a rotation.
pub fn refused(failure: &salesforce_client::Failure) -> Problem {
    let problem = Problem::from(failure);
    match failure.refusal {
        Refusal::FunctionalityNotEnabled | Refusal::InsufficientAccess | Refusal::ResourceNotFound => {
            Problem {
                message: format!("{} {NEEDS}", problem.message),
                ..problem
            }
        }
        _ => problem,
    }
}

/// What events say: the reason, and its whole note.
pub fn rotation_note(
    before: &SalesforceConnectorStatus,
    outcome: &Outcome,
) -> Option<(RotationNews, String)> {
    let report = outcome.rotation.as_ref()?;
    let said = |reason: OwnReason, particulars: &str| {
        let reason = Reason::from(reason);
        (RotationNews::Good(reason), explain(reason, particulars))
    };
    match &report.end {
        RotationEnd::Rotated => Some(said(OwnReason::AppCredentialsRotated, "")),
        RotationEnd::Written(name) => {
            Some(said(OwnReason::InputSecretUpdated, &format!("Secret \"{name}\"")))
        }
        RotationEnd::Failed(problem) => {
            let known = before.credential_rotation.as_ref();
            let known = known.and_then(|known| known.failures.as_ref());
            let told = known.is_some_and(|known| known.reason == problem.reason.as_str());
            (!told).then(|| (RotationNews::Bad(problem.reason), problem.message.clone()))
        }
        RotationEnd::Outrun => None,
    }
}

/// A reason with whether it is good news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotationNews {
    Good(Reason),
    Bad(Reason),
}
