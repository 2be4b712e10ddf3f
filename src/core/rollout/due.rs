//! When is a workload restarted? Once for each token that replaces another one in the consumer's Secret.

use jiff::Timestamp;

use crate::api::names;
use crate::api::spec::RolloutTarget;
use crate::api::status::{RolloutRestartStatus, SalesforceConnectorStatus};
use crate::core::model::observed::Observed;
use crate::core::model::outcome::{Minted, Outcome, SecretOutcome};
use crate::core::schedule::backoff::RESTART_AGAIN_LONGEST;
use crate::core::schedule::time::later;

/// A workload that is to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueTarget {
    pub target: RolloutTarget,
    /// The token that its pods have, as far as the status knows it.
    pub known: Option<Timestamp>,
    /// The token that they have if nobody knows better: the one that was current when the workload came into the list.
    pub assumed: Timestamp,
}

/// The workloads that are to be looked at now, and the issue time of the token that the Secret holds.
pub fn due(observed: &Observed, outcome: &Outcome, now: Timestamp) -> Option<(Timestamp, Vec<DueTarget>)> {
    let targets = &observed.connector()?.rollout_targets;
    let held = outcome.held.as_ref().filter(|held| held.expiration.time > now)?;
    let token = delivered(observed, outcome).filter(|token| *token == held.issue_time)?;
    let before = observed.held.as_ref().map_or(token, |held| held.issue_time);
    let obtained = matches!(outcome.minted, Some(Minted::Obtained { .. }));
    let due = targets.iter().filter_map(|target| {
        let known = of_target(&observed.status, target);
        let is_due = match known {
            None => true,
            Some(known) if known.reason.is_some() => obtained || may_try(known, now),
            Some(known) => known.token_issue_time.0 != token,
        };
        is_due.then(|| DueTarget {
            target: target.clone(),
            known: known.map(|known| known.token_issue_time.0),
            assumed: before,
        })
    });
    Some((token, due.collect()))
}

/// Whether the next attempt is due. One further ahead than any is was set by a clock that was ahead.
fn may_try(known: &RolloutRestartStatus, now: Timestamp) -> bool {
    let next = known.next_attempt_time.as_ref();
    next.is_none_or(|next| next.0 <= now || next.0 > later(now, RESTART_AGAIN_LONGEST))
}

/// What the status says of a workload.
pub fn of_target<'a>(
    status: &'a SalesforceConnectorStatus,
    target: &RolloutTarget,
) -> Option<&'a RolloutRestartStatus> {
    status.rollout_restarts.iter().find(|entry| entry.is_of(target))
}

/// Issue time of the token in the consumer's Secret. Pods that start before it is there would start with the one before.
fn delivered(observed: &Observed, outcome: &Outcome) -> Option<Timestamp> {
    match outcome.secret {
        SecretOutcome::InStep => Some(outcome.held.as_ref()?.issue_time),
        SecretOutcome::Untouched => {
            let annotations = observed.target.ours()?.metadata.annotations.as_ref()?;
            annotations.get(names::ISSUE_TIME)?.parse().ok()
        }
        SecretOutcome::Withheld | SecretOutcome::Refused(_) => None,
    }
}

/// When a pass is worth its while for the sake of a workload that could not be restarted.
pub fn next_attempt(status: &SalesforceConnectorStatus) -> impl Iterator<Item = Timestamp> {
    let entries = status.rollout_restarts.iter();
    entries.filter_map(|entry| Some(entry.next_attempt_time.as_ref()?.0))
}
