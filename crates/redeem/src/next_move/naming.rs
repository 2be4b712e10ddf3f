//! Whose a grant is: judged by what is known, and asked for where `spec.expect` names a user.

use super::facts::{Move, Redeemed, SessionFacts, Unnamed};
use crate::identity::{Judgement, judge};
use crate::state::{Grant, State};

impl SessionFacts<'_> {
    /// Whose the current grant turns out to be, judged again after every redeem.
    pub(super) fn judged(&self, state: &State, grant: &Grant) -> Option<Judgement> {
        let identity = grant.identity.as_ref()?;
        Some(judge(identity, &self.inputs.expect, state.pin.as_ref()))
    }

    /// A grant whose username is asked for by `spec.expect` and not known.
    pub(super) fn unidentified(&self, state: &State) -> Option<Move> {
        let unknown = |grant: &Grant| {
            let judged = grant
                .identity
                .as_ref()
                .map(|identity| judge(identity, &self.inputs.expect, None));
            judged == Some(Judgement::UsernameUnknown) && self.tried.how_unnamed(grant).is_none()
        };
        let ask = |grant: &Grant| {
            let access = grant.access.clone().filter(|_| unknown(grant))?;
            Some(Move::Identify(grant.id.clone(), Box::new(access)))
        };
        state.grants().find_map(ask)
    }

    /// Whether a grant must be redeemed to find out whose it is: its access token has ended, or Salesforce said nothing
    /// and the grant is due anyway. It must not lapse only because its user is not known.
    pub(super) fn needs_new_access(&self, grant: &Grant, due: bool) -> bool {
        match self.tried.how_unnamed(grant) {
            Some(Unnamed::AccessEnded) => true,
            Some(Unnamed::NoAnswer) => due,
            None => false,
        }
    }

    /// Whether nobody knows whose a grant is, and its access token tells nobody any more. One that this session has
    /// obtained and that is refused at once doesn't count: another one would fare no better.
    pub(super) fn has_ended_unnamed(&self, state: &State, grant: &Grant) -> bool {
        self.judged(state, grant) == Some(Judgement::UsernameUnknown)
            && self.needs_new_access(grant, false)
            && self.tried.how_redeemed(grant) != Some(Redeemed::Sent)
    }

    /// Whether a grant waits of which Salesforce does not tell whose it is.
    pub(super) fn waits_for_name(&self, state: &State) -> bool {
        let unnamed = |candidate: &Grant| {
            self.judged(state, candidate) == Some(Judgement::UsernameUnknown)
                && self.tried.how_unnamed(candidate).is_some()
                && candidate.attempt.is_none()
                && !self.is_dead(candidate)
        };
        state.candidate.as_ref().is_some_and(unnamed)
    }
}
