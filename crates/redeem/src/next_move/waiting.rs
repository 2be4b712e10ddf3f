//! What does a session say of the candidate grant?

use super::facts::{ASK_IMPORT_AGAIN, Import, Move, SessionFacts, problem, waiting};
use super::open_attempt::OpenAttempt;
use crate::identity::{Judgement, judge};
use crate::memory::Doubt;
use crate::problem::GrantProblem;
use crate::protocol::{SessionEnd, SessionWait};
use crate::state::{AttemptPhase, Grant, State};

impl SessionFacts<'_> {
    /// There is no current grant: the reason lies with the candidate.
    pub(super) fn no_current_grant(&self) -> Move {
        let Some((state, candidate)) = self
            .view
            .state()
            .and_then(|state| Some((state, state.candidate.as_ref()?)))
        else {
            return match self.tried.import {
                Import::Refused(refused) => self.refused_import(refused),
                Import::Unanswered => waiting(SessionWait::Salesforce, ASK_IMPORT_AGAIN),
                Import::NotTried | Import::Cleared => problem(GrantProblem::AuthorizationRequired),
            };
        };
        match self.problem_of_candidate(state, candidate) {
            Some(GrantProblem::OutcomeUnknown) => {
                let ask_again = match self.open_attempt(state, candidate) {
                    Some(OpenAttempt::Unknown(ask_again)) => ask_again,
                    Some(OpenAttempt::Move(_) | OpenAttempt::HoldOff(_)) | None => None,
                };
                Move::Done(SessionEnd::Problem {
                    problem: GrantProblem::OutcomeUnknown,
                    ask_again,
                })
            }
            Some(found) => Move::Done(SessionEnd::Problem {
                problem: found,
                ask_again: self.asks_again(candidate),
            }),
            None => waiting(SessionWait::Salesforce, ASK_IMPORT_AGAIN),
        }
    }

    /// A bootstrap token that is refused. One that Salesforce calls inactive is asked about again: it may be very new.
    pub(super) fn refused_import(&self, refused: GrantProblem) -> Move {
        let digest = self.inputs.bootstrap.as_ref().map(|bootstrap| &bootstrap.digest);
        let inactive = digest.filter(|_| refused == GrantProblem::BootstrapTokenInactive);
        Move::Done(SessionEnd::Problem {
            problem: refused,
            ask_again: inactive.and_then(|digest| self.question_due(&Doubt::Bootstrap(digest.clone()))),
        })
    }

    /// What is to be said of the grant in `candidate`.
    pub(crate) fn candidate_problem(&self) -> Option<GrantProblem> {
        let state = self.view.state()?;
        self.problem_of_candidate(state, state.candidate.as_ref()?)
    }

    fn problem_of_candidate(&self, state: &State, candidate: &Grant) -> Option<GrantProblem> {
        if let Some(refused) = self.tried.candidate_refused {
            return Some(refused);
        }
        if self.is_dead(candidate) {
            return Some(GrantProblem::ReauthorizationRequired);
        }
        if candidate
            .attempt
            .as_ref()
            .is_some_and(|attempt| attempt.phase == AttemptPhase::OutcomeUnknown)
        {
            return Some(GrantProblem::OutcomeUnknown);
        }
        let identity = candidate.identity.as_ref()?;
        let wrong = judge(identity, &self.inputs.expect, state.pin.as_ref()) == Judgement::Wrong;
        wrong.then_some(GrantProblem::WrongIdentity)
    }
}
