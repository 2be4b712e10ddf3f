//! What does the status of a copy say, and when is the copy looked at again?

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::api::copy::{CopySource, SalesforceTokenCopyStatus};
use crate::api::reasons::OwnReason;
use crate::core::conclude::merge::{ConditionType, Finding, Truth, merge};
use crate::core::model::rejection::Rejection;
use crate::core::schedule::backoff::copy_again_wait;
use crate::core::schedule::time::{since, whole_seconds};
use crate::core::sharing::decide::{CopiedToken, CopyState};

/// A connector's change wakes its copies; should that be missed, they are looked at after this.
const SAFETY_NET: Duration = Duration::from_hours(1);

/// What came of looking at a copy.
pub enum CopyEnd {
    State(CopyState),
    /// The namespace is the operator's own.
    OwnNamespace,
    /// The API server or a policy refused the write.
    Refused(Rejection),
}

/// The status after a look.
pub fn copy_status(
    before: &SalesforceTokenCopyStatus,
    end: &CopyEnd,
    from: &CopySource,
    secret_name: &str,
    generation: i64,
    now: Timestamp,
) -> SalesforceTokenCopyStatus {
    let ready = vec![(ConditionType::Ready, finding(end, from, secret_name, now))];
    let status = SalesforceTokenCopyStatus {
        observed_generation: Some(generation),
        conditions: merge(&before.conditions, &ready, generation, now),
        ..SalesforceTokenCopyStatus::default()
    };
    match end {
        CopyEnd::State(CopyState::Copied(token)) => SalesforceTokenCopyStatus {
            secret_name: Some(secret_name.to_owned()),
            issue_time: Some(Time(whole_seconds(token.issue_time))),
            expiration_time: Some(Time(whole_seconds(token.expiration_time))),
            ..status
        },
        // A copy that is there stays.
        CopyEnd::State(CopyState::NotAvailable) | CopyEnd::Refused(_) => SalesforceTokenCopyStatus {
            secret_name: before.secret_name.clone(),
            issue_time: before.issue_time.clone(),
            expiration_time: before.expiration_time.clone(),
            ..status
        },
        CopyEnd::State(CopyState::NotShared | CopyState::Foreign) | CopyEnd::OwnNamespace => status,
    }
}

fn finding(end: &CopyEnd, from: &CopySource, secret_name: &str, now: Timestamp) -> Finding {
    let CopySource { namespace, name } = from;
    let (reason, subject) = match end {
        CopyEnd::State(CopyState::Copied(token)) if token.expiration_time > now => {
            return Finding::plain(Truth::True, OwnReason::TokenCopied);
        }
        CopyEnd::State(CopyState::Copied(_)) => return expired(from),
        CopyEnd::State(CopyState::NotShared) => (OwnReason::TokenNotShared, format!("{namespace}/{name}")),
        CopyEnd::State(CopyState::NotAvailable) => {
            (OwnReason::TokenNotAvailable, format!("{namespace}/{name}"))
        }
        CopyEnd::State(CopyState::Foreign) => {
            (OwnReason::CopySecretNotOwned, format!("Secret \"{secret_name}\""))
        }
        CopyEnd::OwnNamespace => (OwnReason::NamespaceTakesNoCopies, String::new()),
        CopyEnd::Refused(rejection) => {
            return Finding::with(Truth::False, rejection.reason, rejection.message());
        }
    };
    let rejection = Rejection::new(reason, subject);
    Finding::with(Truth::False, reason, rejection.message())
}

fn expired(from: &CopySource) -> Finding {
    let message = format!(
        "The token has expired, and the connector has no new one. Ask who looks after connector {}/{} to read its Ready condition.",
        from.namespace, from.name
    );
    Finding::with(Truth::False, OwnReason::TokenExpired, message)
}

/// How long until the next look, if nothing wakes the copy before.
pub fn next_look(status: &SalesforceTokenCopyStatus, end: &CopyEnd, now: Timestamp) -> Duration {
    match end {
        CopyEnd::State(CopyState::Copied(CopiedToken { expiration_time, .. })) => {
            let left = since(now, *expiration_time);
            if left.is_zero() {
                SAFETY_NET
            } else {
                (left + Duration::from_secs(1)).min(SAFETY_NET)
            }
        }
        CopyEnd::State(CopyState::Foreign) | CopyEnd::Refused(_) => {
            let transition = ready(status).map_or(now, |ready| ready.last_transition_time.0);
            copy_again_wait(since(transition, now))
        }
        CopyEnd::State(CopyState::NotShared | CopyState::NotAvailable) | CopyEnd::OwnNamespace => SAFETY_NET,
    }
}

/// The Ready condition, if there is one.
pub fn ready(status: &SalesforceTokenCopyStatus) -> Option<&Condition> {
    let is_ready = |condition: &&Condition| condition.type_ == ConditionType::Ready.as_str();
    status.conditions.iter().find(is_ready)
}

/// Whether the status says that the copy has the token.
pub fn is_ready(status: &SalesforceTokenCopyStatus) -> bool {
    ready(status).is_some_and(|ready| ready.status == Truth::True.as_str())
}

#[cfg(test)]
mod tests;
