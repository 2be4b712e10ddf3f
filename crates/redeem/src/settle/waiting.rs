//! What is said of a grant that came in and is not in use.

use super::standing::Standing;
use super::{ASK_IMPORT_AGAIN, Facts, Import, Move, trouble, waiting};
use crate::identity::{Judgement, judge};
use crate::session::{Conclusion, WaitReason};
use crate::state::{Grant, Phase, State};
use crate::trouble::GrantTrouble;

impl Facts<'_> {
    /// No grant is in use: the reason lies with the one that waits.
    pub(super) fn nothing_in_use(&self) -> Move {
        let Some((state, next)) = self
            .view
            .state()
            .and_then(|state| Some((state, state.next.as_ref()?)))
        else {
            return match self.tried.import {
                Import::Refused(refused) => trouble(refused),
                Import::Unanswered => waiting(WaitReason::Salesforce, ASK_IMPORT_AGAIN),
                Import::NotTried | Import::Cleared => trouble(GrantTrouble::AuthorizationRequired),
            };
        };
        match self.waiting_trouble(state, next) {
            Some(GrantTrouble::OutcomeUnknown) => {
                let ask_again = match self.standing(state, next) {
                    Some(Standing::Unknown(ask_again)) => ask_again,
                    Some(Standing::Move(_) | Standing::HoldOff(_)) | None => None,
                };
                Move::Done(Conclusion::Trouble {
                    trouble: GrantTrouble::OutcomeUnknown,
                    ask_again,
                })
            }
            Some(found) => trouble(found),
            None => waiting(WaitReason::Salesforce, ASK_IMPORT_AGAIN),
        }
    }

    /// What is to be said of the grant in `next`.
    pub(crate) fn next_trouble(&self) -> Option<GrantTrouble> {
        let state = self.view.state()?;
        self.waiting_trouble(state, state.next.as_ref()?)
    }

    fn waiting_trouble(&self, state: &State, next: &Grant) -> Option<GrantTrouble> {
        if let Some(refused) = self.tried.next_refused {
            return Some(refused);
        }
        if next.is_dead() {
            return Some(GrantTrouble::ReauthorizationRequired);
        }
        if next
            .attempt
            .as_ref()
            .is_some_and(|attempt| attempt.phase == Phase::OutcomeUnknown)
        {
            return Some(GrantTrouble::OutcomeUnknown);
        }
        let identity = next.identity.as_ref()?;
        let wrong = judge(identity, &self.inputs.expect, state.pin.as_ref()) == Judgement::Wrong;
        wrong.then_some(GrantTrouble::WrongIdentity)
    }
}
