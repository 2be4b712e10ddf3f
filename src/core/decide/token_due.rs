//! Must the held token be replaced, for a reason of its own?

use jiff::Timestamp;

use crate::api::Reason;
use crate::api::reasons::OwnReason;
use crate::core::decide::remembered_failure::is_over;
use crate::core::model::connector::Connector;
use crate::core::model::decision::{Evidence, MintReason};
use crate::core::model::held_token::HeldToken;
use crate::core::model::observed::Observed;
use crate::core::schedule::backoff::is_write_failure;
use crate::core::schedule::expiry::renewal_time;
use crate::core::schedule::time::is_ahead;

/// Why the held token is due, if it is: it was refused, its instance is gone, or its time is up.
pub(super) fn token_due(
    observed: &Observed,
    connector: &Connector,
    held: &HeldToken,
    evidence: Evidence,
    now: Timestamp,
) -> Option<MintReason> {
    match evidence {
        Evidence::TokenRejected => return Some(MintReason::SessionEnded),
        Evidence::InstanceGone => return Some(MintReason::InstanceGone),
        Evidence::None => {}
    }
    let renewal = renewal_of(held, connector, &observed.owner.uid);
    (renewal <= now || is_ahead(held.issue_time, now)).then_some(MintReason::RenewalDue)
}

pub(super) fn renewal_of(held: &HeldToken, connector: &Connector, uid: &str) -> Timestamp {
    renewal_time(held.issue_time, &held.expiration, connector.renew_before, uid)
}

/// Whether the last attempt to obtain a token with these inputs failed and is to be repeated, although the held token is good.
/// A token that was refused when fresh is not among them: it was obtained, and what is to be found out is whether Salesforce
/// takes it by now.
pub(super) fn retry_due(observed: &Observed, connector: &Connector, held: &HeldToken) -> bool {
    let Some(failures) = &observed.status.failures else {
        return false;
    };
    let same = failures.inputs_digest.as_deref() == Some(connector.attempt_digest.as_str());
    let reason = Reason::parse(&failures.reason);
    // The token of a stored grant is in the state, and only has to be delivered.
    let stored = observed.grant().is_some() && reason.is_some_and(is_write_failure);
    let obtained = stored || reason == Some(OwnReason::FreshTokenRejected.into());
    observed.identity_verified(held) && same && !obtained && !is_over(failures, observed)
}
