//! The order of things: a resumable machine that says which one thing comes next and takes what came of it.
//!
//! Memory only: a crash forgets it all, and the next session finds its way from the Secrets alone.

mod import;
mod import_again;
mod login;
mod redeem;
mod reply;

use std::time::Duration;

use crate::answer::AnswerVerdict;
use crate::attempt::PendingVerdict;
use crate::ids::{AttemptId, GrantId, ResourceVersion, Serial};
use crate::ledger::{Bootstrap, LedgerEntry, LedgerName};
use crate::memory::{Doubt, SessionMemory};
use crate::next_move::{Import, LoginStage, Move, SessionFacts, Tried, View, next_move};
use crate::problem::GrantProblem;
use crate::protocol::{
    BootstrapNote, Effect, LoginVerdict, SessionEnd, SessionInputs, SessionOutcome, SessionWait, StateSeen,
};
use crate::state::{Access, State};
use crate::time::Now;
use crate::token::RefreshToken;

/// Rounds of looking again before a session leaves the rest to the next one.
const ROUNDS: u8 = 16;
/// Failures in a row before a session that holds nothing gives up.
const FAILURES: u8 = 3;
const PAUSE_MIN: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(15);
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// One pass over one connector's grant, from reading its state to a settled end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Session {
    inputs: SessionInputs,
    memory: SessionMemory,
    view: View,
    tried: Tried,
    step: SessionStep,
    importing: Option<Bootstrap>,
    redeem: Option<Redeem>,
    holding: Option<PendingVerdict>,
    rounds: u8,
    failures: u8,
    /// Writes of the state in a row that did not land, as far as is known.
    unwritten: u8,
}

/// A redeem between its intent and its verdict.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Redeem {
    grant: GrantId,
    attempt: AttemptId,
    serial: Serial,
    /// When writing the intent was begun for the first time.
    began: Option<Duration>,
}

/// Where a session stands: each one is an effect that is due or under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum SessionStep {
    // Looking.
    LookAtState,
    LookAtConnector,
    LookAtConsumer,
    Confirm,
    // Taking in.
    Claim,
    CreateLedger(LedgerName, LedgerEntry),
    ReadLedger(LedgerName),
    MarkLedger(LedgerName, LedgerEntry, ResourceVersion),
    /// With what is to be said of the token if it is inactive.
    FindEntriesOfOtherKeys(Box<str>, GrantProblem),
    /// The same, and whether there are entries of other keys.
    IntrospectImport(RefreshToken, GrantProblem, bool),
    ConfirmRefusal(GrantProblem),
    /// Is the state still gone, or the import still there, that is waited for?
    ConfirmWait(SessionWait, Duration),
    Introspect(Doubt, RefreshToken, Duration),
    /// An import that its ledger entry, at this version, knows under another grant.
    IntrospectUsed(RefreshToken, LedgerName, ResourceVersion),
    ClaimCode(LedgerName),
    FindClaim(LedgerName),
    FindCodeOfOtherKeys(Box<str>),
    RedeemCode,
    Identify(GrantId, Box<Access>),
    Write(Box<State>),
    Derive,
    // Redeeming.
    WriteIntent(Box<State>),
    FindIntent,
    Announce,
    FindAnnouncement,
    ReadBack,
    Send,
    AwaitAnswer,
    // Recording.
    Record(Box<State>),
    FindRecord,
    FindFloorInConnector,
    FindFloorInConsumer,
    // Both.
    Pause(Duration, Box<SessionStep>),
    Done(SessionEnd),
}

impl Session {
    /// Starts a session. `memory` is what the previous session of this connector in this process gave back.
    #[must_use]
    pub fn begin(inputs: SessionInputs, memory: SessionMemory) -> Self {
        Self {
            inputs,
            memory,
            view: View {
                state: StateSeen::Absent,
                connector: None,
                consumer: None,
                looked: Duration::ZERO,
                behind: false,
            },
            tried: Tried::default(),
            step: SessionStep::LookAtState,
            importing: None,
            redeem: None,
            holding: None,
            rounds: 0,
            failures: 0,
            unwritten: 0,
        }
    }

    /// Whether the process must not end by itself: a request is under way, its result isn't recorded, or a login isn't
    /// stored.
    #[must_use]
    pub fn holds_result(&self) -> bool {
        let result = self.holding.as_ref().is_some_and(|held| held.verdict.is_result());
        result || self.step == SessionStep::AwaitAnswer || self.holds_login()
    }

    /// Whether ending now would leave something behind that is lost, or that others have to wait for: an intent is written
    /// or about to be, a request is under way, or what came of it isn't recorded, or a login isn't stored. So is the code of a
    /// login from its ledger entry on, as a code that was entered is of use to no other session. Ask after
    /// [`Session::next`] and before carrying its effect out.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        let intended = self.redeem.as_ref().is_some_and(|redeem| redeem.began.is_some());
        intended || self.is_redeeming_code() || self.must_go_on()
    }

    /// Whether giving up would leave something unrecorded.
    fn must_go_on(&self) -> bool {
        self.holding.is_some() || self.holds_result()
    }

    /// The next thing to do. Read the clock immediately before the call and carry the effect out immediately after it:
    /// the check of the send window lies between the two.
    pub fn next(&mut self, now: Now) -> Effect {
        self.close_if_late(now);
        match &self.step {
            SessionStep::LookAtState
            | SessionStep::Confirm
            | SessionStep::ConfirmRefusal(_)
            | SessionStep::ConfirmWait(..)
            | SessionStep::FindIntent
            | SessionStep::ReadBack
            | SessionStep::FindRecord => Effect::ReadState,
            SessionStep::LookAtConnector
            | SessionStep::FindAnnouncement
            | SessionStep::FindFloorInConnector => Effect::ReadConnector,
            SessionStep::LookAtConsumer | SessionStep::FindFloorInConsumer => Effect::ReadConsumer,
            SessionStep::Claim => Effect::Claim {
                serial: self.serial_to_claim_with(),
                taken_from: self.facts(now).taken_from(),
                resource_version: self.connector_version(),
            },
            SessionStep::CreateLedger(..)
            | SessionStep::ClaimCode(_)
            | SessionStep::ReadLedger(_)
            | SessionStep::FindClaim(_)
            | SessionStep::FindEntriesOfOtherKeys(..)
            | SessionStep::FindCodeOfOtherKeys(_)
            | SessionStep::MarkLedger(..) => self.ledger_effect(),
            SessionStep::RedeemCode => Effect::RedeemCode {
                limit: self.inputs.limits.http(),
            },
            SessionStep::IntrospectImport(token, ..) | SessionStep::IntrospectUsed(token, ..) => {
                Effect::Introspect {
                    token: token.clone(),
                    limit: self.inputs.limits.http(),
                }
            }
            SessionStep::Introspect(_, token, limit) => Effect::Introspect {
                token: token.clone(),
                limit: *limit,
            },
            SessionStep::Identify(_, access) => Effect::Identify {
                access: access.clone(),
            },
            SessionStep::Write(state) | SessionStep::Record(state) => self.write(state.clone()),
            SessionStep::WriteIntent(state) => {
                let effect = self.write(state.clone());
                if let Some(redeem) = &mut self.redeem {
                    redeem.began.get_or_insert(now.monotonic);
                }
                effect
            }
            SessionStep::Announce => self.announce(),
            SessionStep::Send | SessionStep::AwaitAnswer => self.send(),
            SessionStep::Derive => self.derive(),
            SessionStep::Pause(length, _) => Effect::Pause { length: *length },
            SessionStep::Done(end) => Effect::Done(Box::new(self.outcome(*end, now))),
        }
    }

    fn ledger_effect(&self) -> Effect {
        match &self.step {
            SessionStep::CreateLedger(name, entry) => Effect::CreateLedger {
                name: name.clone(),
                entry: entry.clone(),
            },
            SessionStep::ClaimCode(name) => Effect::CreateLedger {
                name: name.clone(),
                entry: self.code_entry(),
            },
            SessionStep::MarkLedger(name, entry, version) => Effect::MarkLedgerUsed {
                name: name.clone(),
                entry: entry.clone(),
                resource_version: version.clone(),
            },
            SessionStep::ReadLedger(name) | SessionStep::FindClaim(name) => {
                Effect::ReadLedger { name: name.clone() }
            }
            SessionStep::FindEntriesOfOtherKeys(key_id, _) => Effect::FindEntriesOfOtherKeys {
                key_id: key_id.clone(),
            },
            SessionStep::FindCodeOfOtherKeys(key_id) => Effect::FindCodeOfOtherKeys {
                key_id: key_id.clone(),
            },
            _ => Effect::Pause { length: PAUSE_MIN },
        }
    }

    /// The copy that a claim writes: from now on a status without serial is one that lost it. It never takes one back, or
    /// the loss or return of a state would go unseen.
    fn serial_to_claim_with(&self) -> Serial {
        let copied = self
            .view
            .connector
            .as_ref()
            .and_then(|connector| connector.serial);
        let state = self.view.state().map(State::reported_serial);
        copied.max(state).unwrap_or_default()
    }

    /// Looks at everything again, from the state Secret on.
    fn look_again(&mut self) {
        self.rounds = self.rounds.saturating_add(1);
        self.step = SessionStep::LookAtState;
        if self.rounds > ROUNDS && !self.must_go_on() {
            self.give_up(SessionWait::Contention);
        }
    }

    fn facts(&self, now: Now) -> SessionFacts<'_> {
        SessionFacts {
            view: &self.view,
            inputs: &self.inputs,
            memory: &self.memory,
            tried: &self.tried,
            now,
        }
    }

    /// Decides from what was looked at.
    fn decide(&mut self, now: Now) {
        if self.facts(now).login_may_be_spent() {
            self.tried.login = LoginStage::Ended(LoginVerdict::Stored);
        }
        self.step = match next_move(&self.facts(now)) {
            Move::Confirm => SessionStep::Confirm,
            Move::Claim(_) => SessionStep::Claim,
            Move::Write(state) => SessionStep::Write(state),
            Move::WriteImport(state) => {
                // Should it not be there at the next look, ledger and introspection are asked again.
                self.tried.import = Import::NotTried;
                self.tried.imports_written = self.tried.imports_written.saturating_add(1);
                SessionStep::Write(state)
            }
            Move::ClaimCode(name) => SessionStep::ClaimCode(name),
            Move::Import(bootstrap) => self.begin_import(bootstrap),
            Move::Introspect { doubt, token, limit } => SessionStep::Introspect(doubt, token, limit),
            Move::Identify(grant, access) => SessionStep::Identify(grant, access),
            Move::Derive => SessionStep::Derive,
            Move::Redeem(grant) => return self.begin_redeem(grant, now),
            Move::Done(end) => SessionStep::Done(end),
        };
    }

    fn write(&self, state: Box<State>) -> Effect {
        match self.view.state_version() {
            Some(version) => Effect::WriteState {
                state,
                resource_version: version.clone(),
            },
            None => Effect::CreateState { state },
        }
    }

    fn derive(&self) -> Effect {
        match self.view.state() {
            Some(state) => Effect::Derive {
                state: Box::new(state.clone()),
            },
            None => Effect::Pause { length: PAUSE_MIN },
        }
    }

    fn outcome(&self, end: SessionEnd, now: Now) -> SessionOutcome {
        SessionOutcome {
            end,
            bootstrap: self.bootstrap_note(),
            login: match self.tried.login {
                LoginStage::Ended(end) => Some(end),
                LoginStage::NotTried | LoginStage::InHand(_) => None,
            },
            candidate: self.facts(now).candidate_problem(),
            state: self.view.state().cloned().map(Box::new),
            memory: self.memory.clone(),
        }
    }

    fn bootstrap_note(&self) -> Option<BootstrapNote> {
        let bootstrap = self.inputs.bootstrap.as_ref()?;
        if let Import::Refused(problem) = self.tried.import {
            return Some(BootstrapNote::Refused(problem));
        }
        let state = self.view.state()?;
        let waiting = state
            .candidate
            .as_ref()
            .is_some_and(|candidate| candidate.access.is_none());
        let imported = state.imported.as_ref() == Some(&bootstrap.digest) && !waiting;
        imported.then_some(BootstrapNote::Imported)
    }

    /// Waits a little and does the same again; gives up after a few times where nothing is held.
    fn try_again(&mut self) {
        self.failures = self.failures.saturating_add(1);
        let step = std::mem::replace(&mut self.step, SessionStep::LookAtState);
        self.pause(self.failures, step);
    }

    /// Looks at everything again after a write of the state that did not land. That reads succeed in between says nothing of
    /// writes.
    fn write_again(&mut self) {
        self.unwritten = self.unwritten.saturating_add(1);
        self.pause(self.unwritten, SessionStep::LookAtState);
    }

    fn pause(&mut self, failures: u8, step: SessionStep) {
        if failures > FAILURES && !self.must_go_on() {
            return self.give_up(SessionWait::Kubernetes);
        }
        let pause = PAUSE_MIN.saturating_mul(1 << failures.min(6)).min(PAUSE_MAX);
        self.step = SessionStep::Pause(pause, Box::new(step));
    }

    /// Leaves the rest to the next session. An intent that may stand is not left: it was not sent, and nobody else knows.
    fn give_up(&mut self, why: SessionWait) {
        if self.redeem.as_ref().is_some_and(|redeem| redeem.began.is_some()) {
            return self.hold(AnswerVerdict::NotSent);
        }
        let length = TRY_AGAIN;
        self.step = SessionStep::Done(SessionEnd::Waiting { why, length });
    }
}
