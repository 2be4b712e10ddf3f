//! The order of things: a resumable machine that says which one thing comes next and takes what came of it.
//!
//! Memory only: a crash forgets it all, and the next session finds its way from the Secrets alone.

mod effect;
mod import;
mod redeem;
mod reply;

pub use effect::{
    BootstrapNote, Conclusion, ConnectorSeen, Effect, FreshIds, Inputs, Introspectable, Outcome, Read, Reply,
    StateSeen, Username, WaitReason, Want, WriteReply,
};

use std::time::Duration;

use crate::answer::Verdict;
use crate::attempt::Holding;
use crate::ids::{AttemptId, GrantId, ResourceVersion, Serial};
use crate::ledger::{Bootstrap, LedgerEntry, LedgerName};
use crate::memory::Memory;
use crate::settle::{Facts, Import, Move, Tried, View, settle};
use crate::state::{Access, State};
use crate::time::Now;
use crate::token::RefreshToken;
use crate::trouble::GrantTrouble;

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
    inputs: Inputs,
    memory: Memory,
    view: View,
    tried: Tried,
    step: Step,
    importing: Option<Bootstrap>,
    redeem: Option<Redeem>,
    holding: Option<Holding>,
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
enum Step {
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
    IntrospectImport(RefreshToken),
    ConfirmRefusal(GrantTrouble),
    IntrospectAttempt(AttemptId, RefreshToken, Duration),
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
    Pause(Duration, Box<Step>),
    Done(Conclusion),
}

impl Session {
    /// Starts a session. `memory` is what the previous session of this connector in this process gave back.
    #[must_use]
    pub fn begin(inputs: Inputs, memory: Memory) -> Self {
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
            step: Step::LookAtState,
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
        let deposit = matches!(self.inputs.want, Want::Deposit(_)) && !self.tried.deposited;
        let ended = matches!(self.step, Step::Done(_));
        let result = self.holding.as_ref().is_some_and(|held| held.verdict.is_result());
        result || self.step == Step::AwaitAnswer || (deposit && !ended)
    }

    /// Whether ending now would leave something behind that is lost, or that others have to wait for: an intent is written
    /// or about to be, a request is under way, or what came of it isn't recorded, or a login isn't stored. Ask after
    /// [`Session::next`] and before carrying its effect out.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        let intended = self.redeem.as_ref().is_some_and(|redeem| redeem.began.is_some());
        intended || self.must_go_on()
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
            Step::LookAtState
            | Step::Confirm
            | Step::ConfirmRefusal(_)
            | Step::FindIntent
            | Step::ReadBack
            | Step::FindRecord => Effect::ReadState,
            Step::LookAtConnector | Step::FindAnnouncement | Step::FindFloorInConnector => {
                Effect::ReadConnector
            }
            Step::LookAtConsumer | Step::FindFloorInConsumer => Effect::ReadConsumer,
            Step::Claim => Effect::Claim {
                serial: self.serial_to_claim_with(),
                resource_version: self.connector_version(),
            },
            Step::CreateLedger(name, entry) => Effect::CreateLedger {
                name: name.clone(),
                entry: entry.clone(),
            },
            Step::ReadLedger(name) => Effect::ReadLedger { name: name.clone() },
            Step::MarkLedger(name, entry, version) => Effect::MarkLedgerUsed {
                name: name.clone(),
                entry: entry.clone(),
                resource_version: version.clone(),
            },
            Step::IntrospectImport(token) => Effect::Introspect {
                token: token.clone(),
                limit: self.inputs.limits.http(),
            },
            Step::IntrospectAttempt(_, token, limit) => Effect::Introspect {
                token: token.clone(),
                limit: *limit,
            },
            Step::Identify(_, access) => Effect::Identify {
                access: access.clone(),
            },
            Step::Write(state) | Step::Record(state) => self.write(state.clone()),
            Step::WriteIntent(state) => {
                let effect = self.write(state.clone());
                if let Some(redeem) = &mut self.redeem {
                    redeem.began.get_or_insert(now.monotonic);
                }
                effect
            }
            Step::Announce => self.announce(),
            Step::Send | Step::AwaitAnswer => self.send(),
            Step::Derive => self.derive(),
            Step::Pause(length, _) => Effect::Pause { length: *length },
            Step::Done(conclusion) => Effect::Done(Box::new(self.outcome(*conclusion, now))),
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
        self.step = Step::LookAtState;
        if self.rounds > ROUNDS && !self.must_go_on() {
            self.give_up(WaitReason::Contention);
        }
    }

    fn facts(&self, now: Now) -> Facts<'_> {
        Facts {
            view: &self.view,
            inputs: &self.inputs,
            memory: &self.memory,
            tried: &self.tried,
            now,
        }
    }

    /// Decides from what was looked at.
    fn decide(&mut self, now: Now) {
        self.tried.deposited |= self.facts(now).login_may_be_spent();
        self.step = match settle(&self.facts(now)) {
            Move::Confirm => Step::Confirm,
            Move::Claim(_) => Step::Claim,
            Move::Write(state) => Step::Write(state),
            Move::WriteImport(state) => {
                // Should it not be there at the next look, ledger and introspection are asked anew.
                self.tried.import = Import::NotTried;
                self.tried.imports_written = self.tried.imports_written.saturating_add(1);
                Step::Write(state)
            }
            Move::Import(bootstrap) => self.begin_import(bootstrap),
            Move::Introspect {
                attempt,
                token,
                limit,
            } => Step::IntrospectAttempt(attempt, token, limit),
            Move::Identify(grant, access) => Step::Identify(grant, access),
            Move::Derive => Step::Derive,
            Move::Redeem(grant) => return self.begin_redeem(grant, now),
            Move::Done(conclusion) => Step::Done(conclusion),
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

    fn outcome(&self, conclusion: Conclusion, now: Now) -> Outcome {
        Outcome {
            conclusion,
            bootstrap: self.bootstrap_note(),
            next: self.facts(now).next_trouble(),
            state: self.view.state().cloned().map(Box::new),
            memory: self.memory.clone(),
        }
    }

    fn bootstrap_note(&self) -> Option<BootstrapNote> {
        let bootstrap = self.inputs.bootstrap.as_ref()?;
        if let Import::Refused(trouble) = self.tried.import {
            return Some(BootstrapNote::Refused(trouble));
        }
        let state = self.view.state()?;
        let waiting = state.next.as_ref().is_some_and(|next| next.access.is_none());
        let imported = state.imported.as_ref() == Some(&bootstrap.digest) && !waiting;
        imported.then_some(BootstrapNote::Imported)
    }

    /// Waits a little and does the same again; gives up after a few times where nothing is held.
    fn try_again(&mut self) {
        self.failures = self.failures.saturating_add(1);
        let step = std::mem::replace(&mut self.step, Step::LookAtState);
        self.pause(self.failures, step);
    }

    /// Looks at everything again after a write of the state that did not land. That reads succeed in between says nothing of
    /// writes.
    fn write_again(&mut self) {
        self.unwritten = self.unwritten.saturating_add(1);
        self.pause(self.unwritten, Step::LookAtState);
    }

    fn pause(&mut self, failures: u8, step: Step) {
        if failures > FAILURES && !self.must_go_on() {
            return self.give_up(WaitReason::Kubernetes);
        }
        let pause = PAUSE_MIN.saturating_mul(1 << failures.min(6)).min(PAUSE_MAX);
        self.step = Step::Pause(pause, Box::new(step));
    }

    /// Leaves the rest to the next session. An intent that may stand is not left: it was not sent, and nobody else knows.
    fn give_up(&mut self, why: WaitReason) {
        if self.redeem.as_ref().is_some_and(|redeem| redeem.began.is_some()) {
            return self.hold(Verdict::NotSent);
        }
        let length = TRY_AGAIN;
        self.step = Step::Done(Conclusion::Waiting { why, length });
    }
}
