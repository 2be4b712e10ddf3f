//! Until when does a stored grant live unused, and when must it be used to live on?

use jiff::Timestamp;
use redeem::{KeepAlive, State};

use crate::api::status::FailuresStatus;
use crate::core::model::connector::GrantPolicy;
use crate::core::model::observed::Observed;
use crate::core::schedule::jitter::jitter_byte;
use crate::core::schedule::time::{is_ahead, later, signed};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outlook {
    /// Until it lapses, and for as long again with each use.
    Alive(KeepAlive),
    /// Salesforce has called it dead: only a person can bring another.
    Dead,
}

/// Looks at the grant in use. `None` where there is none, or it was never used.
pub fn outlook(state: &State, policy: &GrantPolicy, uid: &str) -> Option<Outlook> {
    let grant = state.current.as_ref()?;
    if grant.is_dead() {
        return Some(Outlook::Dead);
    }
    let used = grant.access.as_ref()?.received_at;
    let idle_limit = signed(policy.idle_limit);
    Some(Outlook::Alive(redeem::keep_alive(
        used,
        idle_limit,
        jitter_byte(uid, SALT),
    )))
}

/// When Salesforce ends the grant however often it is used, where the app's policy does so.
pub fn end(state: &State, policy: &GrantPolicy) -> Option<Timestamp> {
    let begun = state.access()?.begun_at;
    policy.lifetime.map(|lifetime| later(begun, lifetime))
}

/// Keeps the jitter apart from that of other waits.
const SALT: i32 = 3;

/// The outlook of the grant that was observed.
pub fn observed_outlook(observed: &Observed) -> Option<Outlook> {
    let source = observed.grant()?;
    outlook(source.view.state()?, &source.settings.policy, &observed.owner.uid)
}

/// The end of the grant that was observed.
pub fn observed_end(observed: &Observed) -> Option<Timestamp> {
    let source = observed.grant()?;
    end(source.view.state()?, &source.settings.policy)
}

/// Whether the grant must be used now, so that it doesn't lapse.
pub fn is_due(observed: &Observed, now: Timestamp) -> bool {
    let Some(Outlook::Alive(plan)) = observed_outlook(observed) else {
        return false;
    };
    let access = observed.grant().and_then(|source| source.view.state()?.access());
    plan.due <= now || access.is_some_and(|access| is_ahead(access.received_at, now))
}

/// By when a person must log in, where the operator alone may not be enough: a grant that can't be renewed for whatever
/// reason lapses in the end, and a dead one brings no token after the one that expires then.
pub fn action_required_time(
    outlook: Outlook,
    expires: Timestamp,
    failures: Option<&FailuresStatus>,
) -> Option<Timestamp> {
    match outlook {
        Outlook::Alive(plan) => failures.map(|failures| match failures.next_attempt_time {
            Some(_) => plan.lapses,
            // The operator has given up: no token comes after the one that expires then.
            None => expires,
        }),
        Outlook::Dead => Some(expires),
    }
}

#[cfg(test)]
mod tests;
