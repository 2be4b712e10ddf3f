//! What is said of a grant that came in beside one that works, and when is it looked at again?
//!
//! It is remembered apart from the failures of the connector: it must neither hold up the renewal of the grant in use nor
//! take Ready away.

use std::time::Duration;

use jiff::Timestamp;
use redeem::{BootstrapNote, GrantProblem, State};

use super::conclude::{Minted, Trouble};
use super::grant::works;
use super::observed::Observed;
use super::validate::Connector;
use super::{MintReason, explain};
use crate::api::status::FailuresStatus;

/// After how long a session asks again about a grant whose outcome is unknown, while another one works.
const ASK_AGAIN: Duration = Duration::from_mins(15);

/// What a session said beside its conclusion.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Said {
    /// Of the brought token.
    pub bootstrap: Option<BootstrapNote>,
    /// Of the grant that waits.
    pub next: Option<GrantProblem>,
}

/// What a session came to, for the grant in use, and apart from it the trouble with the one beside it. Where no grant works,
/// all trouble is the connector's own.
#[must_use]
pub fn apart(
    observed: &Observed,
    connector: &Connector,
    why: MintReason,
    (minted, state, said): (Option<Minted>, Option<&State>, Said),
) -> (Option<Minted>, Option<Trouble>) {
    let Some(state) = state.filter(|state| stands(observed, connector, state)) else {
        return (minted, None);
    };
    let seen = observed.held.as_ref().and_then(|held| held.serial);
    let renewed = state.access().map(|access| access.serial.0) > seen;
    match minted {
        // A session that was only to settle what is open doesn't present the token in use; one that renewed it was not
        // refused that.
        Some(Minted::Failed { trouble, .. }) if why == MintReason::GrantOpen || renewed => {
            (renewed.then_some(Minted::Obtained { why }), Some(trouble))
        }
        minted => (minted, trouble(said)),
    }
}

/// Whether the grant in use works as it stands in this state, which is not an old one that came back.
#[must_use]
pub fn stands(observed: &Observed, connector: &Connector, state: &State) -> bool {
    let old = |view: &super::grant::GrantView| state.is_rolled_back(&view.cluster, view.floor);
    observed.grant.as_ref().is_some_and(|view| !old(view)) && works(state, &connector.expect)
}

fn trouble(said: Said) -> Option<Trouble> {
    let refused = match said.bootstrap {
        Some(BootstrapNote::Refused(trouble)) => Some(trouble),
        Some(BootstrapNote::Imported) | None => None,
    };
    let trouble = refused.or(said.next)?;
    Some(Trouble {
        reason: trouble.into(),
        message: explain(trouble.into(), ""),
        retry_after: (trouble == GrantProblem::OutcomeUnknown).then_some(ASK_AGAIN),
    })
}

/// The trouble with a newer grant that is remembered for these inputs.
#[must_use]
pub fn remembered<'a>(observed: &'a Observed, connector: &Connector) -> Option<&'a FailuresStatus> {
    let failures = observed.status.candidate_grant_failures.as_ref()?;
    let same = failures.inputs_digest.as_deref() == Some(connector.attempt_digest.as_str());
    same.then_some(failures)
}

/// Whether the newer grant is left alone for now.
#[must_use]
pub fn is_left_alone(observed: &Observed, connector: &Connector, now: Timestamp) -> bool {
    remembered(observed, connector).is_some_and(|failures| {
        failures
            .next_attempt_time
            .as_ref()
            .is_none_or(|next| next.0 > now)
    })
}

#[cfg(test)]
mod tests;
