//! The one decision between two looks: given what was read live, which single move comes next.

mod login;
mod naming;
mod open_attempt;
mod waiting;

use std::time::Duration;

use crate::answer::IntrospectionAnswer;
use crate::attempt::promoted;
use crate::deposit::deposit_import;
use crate::identity::Judgement;
use crate::ids::{AttemptId, GrantId, ResourceVersion, Serial};
use crate::ledger::Bootstrap;
use crate::memory::SessionMemory;
use crate::problem::GrantProblem;
use crate::session::{ConnectorSeen, SessionEnd, SessionGoal, SessionInputs, SessionWait, StateSeen};
use crate::state::{Access, Grant, State};
use crate::time::Now;
use crate::token::RefreshToken;
pub(crate) use naming::Unnamed;
use open_attempt::OpenAttempt;

/// What was read live, in this order: state, connector, consumer. The order matters: whoever announces a serial does
/// so after writing it to state, so a copy read later than the state is never behind it by accident.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct View {
    pub(crate) state: StateSeen,
    pub(crate) connector: Option<ConnectorSeen>,
    pub(crate) consumer: Option<Serial>,
    /// This process's monotonic clock when the state was read; connector and consumer were read after it.
    pub(crate) looked: Duration,
    /// The state was read once more after the copies, and is behind them all the same.
    pub(crate) behind: bool,
}

impl View {
    pub(crate) fn state(&self) -> Option<&State> {
        match &self.state {
            StateSeen::Found(state, _) => Some(state),
            StateSeen::Absent | StateSeen::UnsupportedVersion | StateSeen::Unreadable => None,
        }
    }

    pub(crate) fn state_version(&self) -> Option<&ResourceVersion> {
        match &self.state {
            StateSeen::Found(_, version) => Some(version),
            StateSeen::Absent | StateSeen::UnsupportedVersion | StateSeen::Unreadable => None,
        }
    }

    /// Whether the state is older than its copies, or missing. It may be so by accident: somebody writes both between our reads.
    pub(crate) fn is_behind(&self) -> bool {
        self.state().map_or(Serial::default(), |state| state.serial) < self.floor()
    }

    /// The highest copy of a serial.
    pub(crate) fn floor(&self) -> Serial {
        let status = self.connector.as_ref().and_then(|connector| connector.serial);
        status.max(self.consumer).unwrap_or_default()
    }
}

/// What this session has found out or tried already.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Tried {
    /// The login is in the state Secret, or was, or may have been.
    pub(crate) deposited: bool,
    /// Where the login may have landed, unless it is known: its serial, and what it was written over.
    pub(crate) login_in_doubt: Option<(Serial, Option<ResourceVersion>)>,
    /// How the import of the bootstrap token stands.
    pub(crate) import: Import,
    /// How often a state with the import in it was written.
    pub(crate) imports_written: u8,
    /// The grant in `candidate` can't be redeemed.
    pub(crate) candidate_refused: Option<GrantProblem>,
    /// What introspection said of the attempts that stand.
    pub(crate) introspected: Vec<(AttemptId, IntrospectionAnswer)>,
    /// The access token derived, or tried to.
    pub(crate) derived: Option<Serial>,
    /// The access tokens with which Salesforce was asked for a username in vain.
    pub(crate) unnamed: Vec<(Serial, Unnamed)>,
    /// How many intents this session has written, or tried to.
    pub(crate) intents: u8,
    /// The attempts that were sent.
    pub(crate) sent: Vec<AttemptId>,
    /// The grants that this session has redeemed, or tried to; none of them is redeemed again.
    pub(crate) redeemed: Vec<(GrantId, Redeemed)>,
}

/// How this session's own attempt at a grant ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Redeemed {
    /// Without an access token, and the grant can be presented again: its token is unspent, or was replaced by one that
    /// was rescued.
    Fruitless,
    /// Sent, in any other way.
    Sent,
}

impl Tried {
    pub(crate) fn note_redeemed(&mut self, grant: &GrantId, how: Redeemed) {
        self.redeemed.retain(|(id, _)| id != grant);
        self.redeemed.push((grant.clone(), how));
    }

    fn how_redeemed(&self, grant: &Grant) -> Option<Redeemed> {
        let found = self.redeemed.iter().find(|(id, _)| *id == grant.id);
        found.map(|(_, how)| *how)
    }
}

/// How far the import of the bootstrap token has come in this session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Import {
    #[default]
    NotTried,
    /// Ledger and introspection have nothing against it.
    Cleared,
    Refused(GrantProblem),
    /// Introspection gave no answer.
    Unanswered,
}

/// The one move that comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// Read the state once more: it looks older than its copies.
    Confirm,
    Claim(ResourceVersion),
    /// Write this state, then look again.
    Write(Box<State>),
    /// The same, for a state with a bootstrap token taken in.
    WriteImport(Box<State>),
    /// Clear the bootstrap token with ledger and introspection.
    Import(Bootstrap),
    Introspect {
        attempt: AttemptId,
        token: RefreshToken,
        limit: Duration,
    },
    Identify(GrantId, Box<Access>),
    Derive,
    Redeem(GrantId),
    Done(SessionEnd),
}

/// Everything a decision is made from.
pub(crate) struct SessionFacts<'a> {
    pub(crate) view: &'a View,
    pub(crate) inputs: &'a SessionInputs,
    pub(crate) memory: &'a SessionMemory,
    pub(crate) tried: &'a Tried,
    pub(crate) now: Now,
}

pub(crate) fn next_move(facts: &SessionFacts<'_>) -> Move {
    facts
        .ownership()
        .or_else(|| facts.deposit())
        .or_else(|| facts.restored())
        .or_else(|| facts.incoming())
        .unwrap_or_else(|| facts.in_use())
}

impl SessionFacts<'_> {
    /// Is this connector ours to act on, and its state ours to read?
    fn ownership(&self) -> Option<Move> {
        let uid = &self.inputs.connector.uid;
        let Some(connector) = self.view.connector.as_ref().filter(|seen| seen.uid == *uid) else {
            return Some(Move::Done(SessionEnd::ConnectorGone));
        };
        match &connector.controller {
            None => return Some(Move::Claim(connector.resource_version.clone())),
            Some(owner) if *owner != self.inputs.installation => {
                return Some(problem(GrantProblem::ClaimedByAnotherInstallation));
            }
            Some(_) => {}
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

    /// A state that is missing or older than its copies is never redeemed; only a new grant gets past it.
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
        Some(self.import().unwrap_or_else(|| match self.tried.import {
            Import::Refused(refused) if missing != GrantProblem::StateRolledBack => problem(refused),
            Import::Unanswered => waiting(SessionWait::Salesforce, ASK_IMPORT_AGAIN),
            Import::Refused(_) | Import::NotTried | Import::Cleared => problem(missing),
        }))
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
        match self.tried.import {
            Import::NotTried => Some(Move::Import(bootstrap.clone())),
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

    /// Each write of an import goes under another grant id: what an earlier one has become is not known, and the
    /// ledger lets a token through for one grant id alone. The bare id is that of a login in the same session.
    fn import_grant(&self) -> GrantId {
        GrantId::new(format!(
            "{}-import-{}",
            self.inputs.fresh.grant, self.tried.imports_written
        ))
    }

    /// Settles what stands open, renews the grant in use where that is due, and takes in a bootstrap token or a login.
    fn incoming(&self) -> Option<Move> {
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

    /// The grant in use comes before anything that waits beside it, so that no bootstrap token can keep it from being used.
    fn renewal(&self, state: &State) -> Option<Move> {
        let grant = state.current.as_ref()?;
        let stored = grant.access.as_ref().map(|access| access.serial);
        let wanted = self.inputs.goal == SessionGoal::Renew { seen: stored };
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
            candidate.attempt.is_some() || candidate.is_dead() || self.tried.candidate_refused.is_some();
        (!blocked && (candidate.access.is_none() || self.has_ended_unnamed(state, candidate)))
            .then_some(candidate)
    }

    /// An access token that is stored and not derived yet.
    fn undelivered(&self, stored: Option<Serial>) -> Option<Move> {
        (stored > self.view.consumer && stored != self.tried.derived).then_some(Move::Derive)
    }

    /// The current grant: derive what is stored, and say how it stands.
    fn in_use(&self) -> Move {
        let Some((state, grant)) = self
            .view
            .state()
            .and_then(|state| Some((state, state.current.as_ref()?)))
        else {
            return self.nothing_in_use();
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
            return problem(GrantProblem::ReauthorizationRequired);
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

/// After how long a bootstrap token is asked about again when Salesforce gave no answer.
const ASK_IMPORT_AGAIN: Duration = Duration::from_secs(30);

fn problem(problem: GrantProblem) -> Move {
    Move::Done(SessionEnd::Problem {
        problem,
        ask_again: None,
    })
}

fn waiting(why: SessionWait, length: Duration) -> Move {
    Move::Done(SessionEnd::Waiting { why, length })
}
