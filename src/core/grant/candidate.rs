//! What is reported of a candidate grant beside one that works, and when is it looked at again?
//!
//! It is remembered apart from the failures of the connector: it must neither hold up the renewal of the grant in use nor
//! take Ready away.

use std::time::Duration;

use jiff::Timestamp;
use redeem::{BootstrapNote, GrantProblem, State};

use crate::api::status::FailuresStatus;
use crate::core::grant::view::works;
use crate::core::model::connector::Connector;
use crate::core::model::decision::MintReason;
use crate::core::model::observed::{GrantSource, Observed};
use crate::core::model::outcome::{Minted, Problem};
use crate::core::model::rejection::explain;
use crate::core::schedule::backoff::attempt_is_due;

/// After how long a session asks again about a grant whose outcome is unknown, while another one works.
const ASK_AGAIN: Duration = Duration::from_mins(15);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SessionNotes {
    pub bootstrap: Option<BootstrapNote>,
    /// Of the grant that waits.
    pub candidate: Option<GrantProblem>,
}

/// What a session came to, for the current grant, and apart from it the problem with the candidate. Where no grant works, every
/// problem is the connector's own.
pub fn apart(
    observed: &Observed,
    source: &GrantSource,
    why: MintReason,
    (minted, state, notes): (Option<Minted>, Option<&State>, SessionNotes),
) -> (Option<Minted>, Option<Problem>) {
    let Some(state) = state.filter(|state| stands(source, state)) else {
        return (minted, None);
    };
    let seen = observed.held.as_ref().and_then(|held| held.serial);
    let renewed = state.access().map(|access| access.serial.0) > seen;
    match minted {
        // A session that was only to settle what is open doesn't present the token in use; one that renewed it was not
        // refused that.
        Some(Minted::Failed { problem, .. })
            if matches!(why, MintReason::GrantOpen | MintReason::Login) || renewed =>
        {
            (renewed.then_some(Minted::Obtained { why }), Some(problem))
        }
        minted => (minted, problem(notes)),
    }
}

/// Whether the grant in use works as it stands in this state, which is not an old one that came back.
pub fn stands(source: &GrantSource, state: &State) -> bool {
    let view = &source.view;
    !state.is_rolled_back(&view.cluster, view.floor) && works(state, &source.connector.expect)
}

fn problem(notes: SessionNotes) -> Option<Problem> {
    let refused = match notes.bootstrap {
        Some(BootstrapNote::Refused(problem)) => Some(problem),
        Some(BootstrapNote::Imported) | None => None,
    };
    let problem = refused.or(notes.candidate)?;
    Some(Problem {
        reason: problem.into(),
        message: explain(problem.into(), ""),
        retry_after: (problem == GrantProblem::OutcomeUnknown).then_some(ASK_AGAIN),
    })
}

/// The problem with a candidate grant that is remembered for these inputs.
pub fn remembered<'a>(observed: &'a Observed, connector: &Connector) -> Option<&'a FailuresStatus> {
    let failures = observed.status.candidate_grant_failures.as_ref()?;
    let same = failures.inputs_digest.as_deref() == Some(connector.attempt_digest.as_str());
    same.then_some(failures)
}

/// Whether the candidate grant is left alone for now.
pub fn is_left_alone(observed: &Observed, source: &GrantSource, now: Timestamp) -> bool {
    remembered(observed, &source.connector).is_some_and(|failures| !attempt_is_due(failures, now))
}

#[cfg(test)]
mod tests;
