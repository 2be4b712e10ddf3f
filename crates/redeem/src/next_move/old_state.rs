//! What is made of a state that is older than its copies?
//!
//! Somebody restored it. Its refresh token may have been spent since, or not: where Salesforce calls it active, or it does not
//! rotate, the grant is in use again.

use std::time::Duration;

use super::facts::{Move, SessionFacts, problem, waiting};
use crate::answer::IntrospectionAnswer;
use crate::attempt::nothing_but;
use crate::ids::ResourceVersion;
use crate::memory::Doubt;
use crate::problem::GrantProblem;
use crate::protocol::{SessionEnd, SessionWait};
use crate::state::{Grant, Rotation, State};
use crate::time::TimeLimits;

impl SessionFacts<'_> {
    /// The version of the state read, if that is older than its copies.
    pub(crate) fn old_state_version(&self) -> Option<&ResourceVersion> {
        let state = self.view.state()?;
        let old = state.is_rolled_back(&self.inputs.cluster, self.view.floor());
        self.view.state_version().filter(|_| old)
    }

    /// Asks about the grant of an old state, once who may be presenting a token of a newer one has had its time.
    pub(super) fn old_state(&self, state: &State) -> Move {
        let rolled_back = problem(GrantProblem::StateRolledBack);
        let grant = state.grants().next().filter(|grant| self.may_live(state, grant));
        let (Some(grant), Some(version)) = (grant, self.old_state_version()) else {
            return rolled_back;
        };
        let doubt = Doubt::OldState(version.clone());
        let left = self.left_of(TimeLimits::longest_hold_off(), &doubt);
        if left > Duration::ZERO {
            return waiting(SessionWait::ForeignAttempt, left);
        }
        let due = self.question_due(&doubt).filter(|_| self.can_ask(grant));
        match (self.said(&doubt), due) {
            (Some(IntrospectionAnswer::Active), _) => self.in_use_again(state, grant),
            (None, Some(Duration::ZERO)) => self.question(doubt, grant),
            _ if self.is_inactive(&doubt) => Move::Done(SessionEnd::Problem {
                problem: GrantProblem::StateRolledBack,
                ask_again: due,
            }),
            _ if grant.rotation == Rotation::Fixed && !self.was_called_inactive(&doubt) => {
                self.in_use_again(state, grant)
            }
            (Some(IntrospectionAnswer::Impossible), _) | (_, None) => rolled_back,
            (None | Some(IntrospectionAnswer::NoAnswer | IntrospectionAnswer::Inactive), Some(due)) => {
                waiting(SessionWait::Salesforce, due)
            }
        }
    }

    /// Whether anything can show that the grant of an old state lives. On another cluster it may still be in use.
    fn may_live(&self, state: &State, grant: &Grant) -> bool {
        let mendable = self.can_ask(grant) || grant.rotation == Rotation::Fixed;
        state.cluster == self.inputs.cluster
            && !grant.is_dead()
            && !grant.is_of_another(&self.inputs.client)
            && mendable
    }

    /// The grant alone, above all copies. Its name stays: a late result finds it.
    fn in_use_again(&self, state: &State, grant: &Grant) -> Move {
        let mut state = nothing_but(state, &grant.id);
        state.serial = state.serial.max(self.view.floor()).next();
        if let Some(grant) = state.grant_mut(&grant.id) {
            grant.attempt = None;
        }
        Move::Write(Box::new(state))
    }
}
