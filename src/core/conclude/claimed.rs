//! What does the status of a connector say that another installation has claimed?

use jiff::Timestamp;

use crate::api::Reason;
use crate::api::status::SalesforceConnectorStatus;
use crate::core::conclude::conditions;
use crate::core::conclude::merge::{ConditionType, Truth, merge};
use crate::core::model::decision::Decision;
use crate::core::model::observed::Observed;
use crate::core::model::outcome::Outcome;

/// The status is the other installation's to write. Where that one shows no life, it is said here that nobody looks after the
/// connector, and nothing else of the status is changed.
pub(super) fn status(
    observed: &Observed,
    decision: &Decision,
    outcome: &Outcome,
    now: Timestamp,
) -> Option<SalesforceConnectorStatus> {
    let Decision::Reject(rejection) = decision else {
        return None;
    };
    if !is_unattended(observed, rejection.reason, now) {
        return None;
    }
    let mut status = observed.status.clone();
    status.observed_generation = Some(observed.generation);
    let findings = conditions::conditions(observed, decision, outcome, &status, now);
    status.conditions = merge(&observed.status.conditions, &findings, observed.generation, now);
    (status != observed.status).then_some(status)
}

/// Whether the claimant has left something undone that a living one would have seen to: it has never reported, lets the token
/// expire while the connector is Ready, or does not answer a person while it is not.
fn is_unattended(observed: &Observed, claimed: Reason, now: Timestamp) -> bool {
    let status = &observed.status;
    let mut conditions = status.conditions.iter();
    let Some(ready) = conditions.find(|condition| condition.type_ == ConditionType::Ready.as_str()) else {
        return true;
    };
    if ready.reason == claimed.as_str() {
        return true;
    }
    if ready.status == Truth::False.as_str() {
        return status.observed_generation != Some(observed.generation)
            || observed
                .grant()
                .is_some_and(|source| source.login.code().is_some());
    }
    let token = status.token.as_ref();
    token.is_none_or(|token| token.expiration_time.0 <= now)
}
