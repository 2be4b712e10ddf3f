//! The one decision between two looks: given what was read live, which single move comes next?

mod asking;
mod facts;
mod login;
mod naming;
mod old_state;
mod open_attempt;
mod takeover;
mod waiting;

use crate::attempt::promoted;
use crate::deposit::deposit_import;
use crate::identity::Judgement;
use crate::ids::{GrantId, Serial};
use crate::ledger::Bootstrap;
use crate::problem::GrantProblem;
use crate::protocol::{SessionEnd, SessionGoal, SessionInputs, SessionWait, StateSeen};
use crate::state::{Grant, State};
use facts::{ASK_IMPORT_AGAIN, problem, waiting};
pub(crate) use facts::{Import, LoginStage, Move, Redeemed, SessionFacts, Tried, Unnamed, View};
use open_attempt::OpenAttempt;

/// Decides which move comes next.
pub(crate) fn next_move(facts: &SessionFacts<'_>) -> Move {
    facts
        .ownership()
        .or_else(|| facts.login())
        .or_else(|| facts.restored())
        .or_else(|| facts.settle_grants())
        .unwrap_or_else(|| facts.current_grant())
}

impl SessionFacts<'_> {
    /// Is this connector ours to act on, and its state ours to read?
    fn ownership(&self) -> Option<Move> {
        let uid = &self.inputs.connector.uid;
        let Some(connector) = &self.view.connector else {
            return Some(Move::Done(SessionEnd::ConnectorGone));
        };
        match &connector.controller {
            Some(owner) if *owner == self.inputs.installation => {}
            Some(owner) if self.inputs.heir_of.as_ref() != Some(owner) => {
                return Some(problem(GrantProblem::ClaimedByAnotherInstallation));
            }
            Some(_) | None => {
                let claim = || Move::Claim(connector.resource_version.clone());
                return Some(self.code_of_before().unwrap_or_else(claim));
            }
        }
        match &self.view.state {
            StateSeen::UnsupportedVersion => Some(problem(GrantProblem::UnsupportedStateVersion)),
            StateSeen::Unreadable => Some(problem(GrantProblem::StateUnreadable)),
            StateSeen::Found(state, _) if state.connector.uid != *uid => {
                Some(problem(GrantProblem::StateUnreadable))
            }
            StateSeen::Found(..) | StateSeen::Absent => None,
        }
    }

    /// A state that is missing or older than its copies is not redeemed as it stands.
    fn restored(&self) -> Option<Move> {
        if self.view.is_behind() && !self.view.behind {
            return Some(Move::Confirm);
        }
        let missing = match self.view.state() {
            None if self.view.floor() > Serial::default() => GrantProblem::GrantLost,
            None => GrantProblem::AuthorizationRequired,
            Some(state) if state.is_rolled_back(&self.inputs.cluster, self.view.floor()) => {
                GrantProblem::StateRolledBack
            }
            Some(_) => return None,
        };
        Some(
            self.import()
                .unwrap_or_else(|| match (self.tried.import, self.view.state()) {
                    (Import::Unanswered, _) => waiting(SessionWait::Salesforce, ASK_IMPORT_AGAIN),
                    (_, Some(state)) => self.old_state(state),
                    (Import::Refused(refused), None) => self.refused_import(refused),
                    (Import::NotTried | Import::Cleared, None) => problem(missing),
                }),
        )
    }

    /// A bootstrap token that the state doesn't know yet.
    fn import(&self) -> Option<Move> {
        let bootstrap = self.inputs.bootstrap.as_ref()?;
        if self
            .view
            .state()
            .is_some_and(|state| state.imported.as_ref() == Some(&bootstrap.digest))
        {
            return None;
        }
        let holds = |state: &&State| state.grants().any(|grant| grant.refresh_token == bootstrap.token);
        if let Some(state) = self.view.state().filter(holds) {
            return self.note_imported(state, bootstrap);
        }
        match self.tried.import {
            Import::NotTried => Some(match self.held_off() {
                Some(left) => waiting(SessionWait::ForeignAttempt, left),
                None => Move::Import(bootstrap.clone()),
            }),
            Import::Cleared => {
                let SessionInputs {
                    connector, cluster, ..
                } = self.inputs;
                let (state, floor) = (self.view.state(), self.view.floor());
                let grant = self.import_grant();
                let state = deposit_import(state, connector, cluster, floor, bootstrap, grant);
                Some(Move::WriteImport(Box::new(state)))
            }
            Import::Refused(_) | Import::Unanswered => None,
        }
    }

    /// Notes a bootstrap token that the state holds as it is, under a digest of another key: it is the same grant. Nothing is
    /// written to an old state.
    fn note_imported(&self, state: &State, bootstrap: &Bootstrap) -> Option<Move> {
        if state.is_rolled_back(&self.inputs.cluster, self.view.floor()) {
            return None;
        }
        let mut state = state.clone();
        state.serial = state.serial.next();
        state.imported = Some(bootstrap.digest.clone());
        Some(Move::Write(Box::new(state)))
    }

    /// Each write of an import goes under another grant id: what an earlier one has become is not known, and the
    /// ledger lets a token through for one grant id alone. The bare id is that of a login in the same session.
    fn import_grant(&self) -> GrantId {
        GrantId::new(format!(
            "{}-import-{}",
            self.inputs.fresh.grant, self.tried.imports_written
        ))
    }

    /// Settles what stands open, renews the current grant where that is due, and takes in a bootstrap token or a login.
    fn settle_grants(&self) -> Option<Move> {
        let state = self.view.state()?;
        self.unidentified(state)
            .or_else(|| self.attempts(state))
            .or_else(|| promoted(state, &self.inputs.expect).map(|state| Move::Write(Box::new(state))))
            .or_else(|| self.renewal(state))
            .or_else(|| self.left_alone(state))
            .or_else(|| self.take_in(state))
    }

    /// What can be done at once about an attempt that stands.
    fn attempts(&self, state: &State) -> Option<Move> {
        state
            .grants()
            .find_map(|grant| match self.open_attempt(state, grant) {
                Some(OpenAttempt::Move(candidate)) => Some(candidate),
                Some(OpenAttempt::HoldOff(_) | OpenAttempt::Unknown(_)) | None => None,
            })
    }

    /// The current grant comes before anything that waits beside it, so that no bootstrap token can keep it from being used.
    fn renewal(&self, state: &State) -> Option<Move> {
        let grant = state.current.as_ref()?;
        let stored = grant.access.as_ref().map(|access| access.serial);
        // Where an old state came back, the consumer may have a newer token than the state.
        let wanted = matches!(self.inputs.goal, SessionGoal::Renew { seen } if seen >= stored);
        if grant.attempt.is_some() || grant.is_dead() || self.tried.how_redeemed(grant).is_some() {
            return None;
        }
        let redeem = Move::Redeem(grant.id.clone());
        match self.judged(state, grant)? {
            Judgement::AsExpected if wanted => Some(self.undelivered(stored).unwrap_or(redeem)),
            Judgement::UsernameUnknown => self.needs_new_access(grant, wanted).then_some(redeem),
            Judgement::AsExpected | Judgement::Wrong => None,
        }
    }

    /// An attempt of somebody else that is left alone for now.
    fn left_alone(&self, state: &State) -> Option<Move> {
        state
            .grants()
            .find_map(|grant| match self.open_attempt(state, grant) {
                Some(OpenAttempt::HoldOff(length)) => Some(waiting(SessionWait::ForeignAttempt, length)),
                Some(OpenAttempt::Move(_) | OpenAttempt::Unknown(_)) | None => None,
            })
    }

    /// Redeems what waits as `candidate`, or imports the bootstrap token.
    fn take_in(&self, state: &State) -> Option<Move> {
        // Nothing may take the place of a grant whose outcome will be known.
        let unknown = state
            .candidate
            .as_ref()
            .and_then(|candidate| self.open_attempt(state, candidate));
        if let Some(OpenAttempt::Unknown(Some(_))) = unknown {
            return None;
        }
        // An import that waits is redeemed before another one may take its place: its ledger entry may be marked.
        match self.presentable_candidate(state) {
            Some(candidate) if self.tried.how_redeemed(candidate).is_none() => {
                Some(Move::Redeem(candidate.id.clone()))
            }
            Some(_) if state.current.is_none() => Some(Move::Done(SessionEnd::Unspent)),
            Some(_) => None,
            None => self.import(),
        }
    }

    /// A grant that waits and has no access token yet, or one that ended before it could be told whose it is, and whose
    /// refresh token may be presented.
    fn presentable_candidate<'s>(&self, state: &'s State) -> Option<&'s Grant> {
        let candidate = state.candidate.as_ref()?;
        let blocked =
            candidate.attempt.is_some() || self.is_dead(candidate) || self.tried.candidate_refused.is_some();
        (!blocked && (candidate.access.is_none() || self.has_ended_unnamed(state, candidate)))
            .then_some(candidate)
    }

    pub(super) fn is_dead(&self, grant: &Grant) -> bool {
        grant.is_dead_for(&self.inputs.client)
    }

    /// An access token that is stored and not derived yet.
    fn undelivered(&self, stored: Option<Serial>) -> Option<Move> {
        (stored > self.view.consumer && stored != self.tried.derived).then_some(Move::Derive)
    }

    /// The current grant: derive what is stored, and say how it stands.
    fn current_grant(&self) -> Move {
        let Some((state, grant)) = self
            .view
            .state()
            .and_then(|state| Some((state, state.current.as_ref()?)))
        else {
            return self.no_current_grant();
        };
        let judged = self.judged(state, grant);
        if let Some(Judgement::Wrong) | None = judged {
            return problem(GrantProblem::WrongIdentity);
        }
        let expected = judged == Some(Judgement::AsExpected);
        let undelivered = self.undelivered(state.access().map(|access| access.serial));
        if let (true, Some(derive)) = (expected, undelivered) {
            return derive;
        }
        if grant.is_dead() {
            // A bootstrap token that Salesforce could not be asked about may still take its place.
            let unanswered = (self.tried.import == Import::Unanswered).then_some(ASK_IMPORT_AGAIN);
            let ask_again = unanswered.or(self.asks_again(grant));
            return Move::Done(SessionEnd::Problem {
                problem: GrantProblem::ReauthorizationRequired,
                ask_again,
            });
        }
        if let Some(OpenAttempt::Unknown(ask_again)) = self.open_attempt(state, grant) {
            return Move::Done(SessionEnd::Problem {
                problem: GrantProblem::OutcomeUnknown,
                ask_again,
            });
        }
        let fruitless = |grant| self.tried.how_redeemed(grant) == Some(Redeemed::Fruitless);
        if fruitless(grant) || self.presentable_candidate(state).is_some_and(fruitless) {
            return Move::Done(SessionEnd::Unspent);
        }
        if !expected || self.waits_for_name(state) {
            return waiting(SessionWait::Salesforce, ASK_IMPORT_AGAIN);
        }
        Move::Done(SessionEnd::Ready)
    }
}
