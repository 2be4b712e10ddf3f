//! What each reply does to a session.

use super::{Session, SessionStep};
use crate::answer::{IntrospectionAnswer, RedeemAnswer};
use crate::attempt::with_username;
use crate::ids::{GrantId, Serial};
use crate::memory::Doubt;
use crate::next_move::Unnamed;
use crate::protocol::{ConnectorSeen, Read, Reply, SessionWait, StateSeen, Username, WriteReply};
use crate::state::State;
use crate::time::Now;

impl Session {
    /// Takes what came of the effect that [`Session::next`] gave last. A reply of another kind counts as a failure of
    /// that effect; for a request that was sent it counts as an unclear answer.
    pub fn on(&mut self, reply: Reply, now: Now) {
        match (self.step.clone(), reply) {
            (
                step
                @ (SessionStep::LookAtState | SessionStep::LookAtConnector | SessionStep::LookAtConsumer),
                reply,
            ) => self.on_looked(step, reply, now),
            (SessionStep::ConfirmRefusal(problem), Reply::State(Read::Is(seen))) => {
                self.on_refusal_confirmed(problem, seen, now);
            }
            (SessionStep::ConfirmWait(why, length), Reply::State(Read::Is(seen))) => {
                self.on_wait_confirmed(why, length, seen, now);
            }
            (SessionStep::Confirm, Reply::State(Read::Is(seen))) => self.on_confirmed(seen, now),
            (SessionStep::Claim, Reply::Write(WriteReply::Refused)) => self.try_again(),
            (SessionStep::Claim, Reply::Write(WriteReply::Unknown)) => self.write_again(),
            (SessionStep::Claim, Reply::Write(_)) => self.look_again(),
            (SessionStep::CreateLedger(name, _) | SessionStep::MarkLedger(name, ..), Reply::Write(reply)) => {
                self.on_ledger_written(name, &reply);
            }
            (SessionStep::CreateLedger(..), Reply::ImportedTooOften) if self.redeem.is_none() => {
                self.on_too_many_imports(now);
            }
            (SessionStep::ReadLedger(name), Reply::Ledger(read)) => self.on_ledger(name, read, now),
            (
                step @ (SessionStep::FindEntriesOfOtherKeys(..)
                | SessionStep::IntrospectImport(..)
                | SessionStep::IntrospectUsed(..)),
                reply,
            ) => self.on_import(step, reply, now),
            (SessionStep::Introspect(doubt, ..), Reply::Introspection(said)) => {
                self.on_introspected(doubt, said, now);
            }
            (SessionStep::Identify(grant, access), Reply::Username(username)) => {
                self.on_identified(&grant, access.serial, username, now);
            }
            (SessionStep::Write(state), Reply::Write(reply)) => self.on_written(reply, state, now),
            (SessionStep::Derive, Reply::Derived) => {
                self.tried.derived = self
                    .view
                    .state()
                    .and_then(State::access)
                    .map(|access| access.serial);
                self.decide(now);
            }
            (
                step @ (SessionStep::ClaimCode(_)
                | SessionStep::FindClaim(_)
                | SessionStep::FindCodeOfOtherKeys(_)
                | SessionStep::RedeemCode),
                reply,
            ) => self.on_login(step, reply, now),
            (step, reply) => self.on_redeem(step, reply, now),
        }
    }

    /// What there is, before anything is decided.
    fn on_looked(&mut self, step: SessionStep, reply: Reply, now: Now) {
        match (step, reply) {
            (SessionStep::LookAtState, Reply::State(Read::Is(seen))) => {
                self.see(seen, now);
                self.view.looked = now.monotonic;
                self.view.behind = false;
                self.step = SessionStep::LookAtConnector;
            }
            (SessionStep::LookAtConnector, Reply::Connector(Read::Is(seen))) => {
                self.see_connector(seen);
                let taken_over = self.view.connector.as_ref().is_some_and(|seen| seen.taken_over);
                self.memory.observe_takeover(taken_over, now.monotonic);
                self.step = SessionStep::LookAtConsumer;
            }
            (SessionStep::LookAtConsumer, Reply::Consumer(Read::Is(serial))) => {
                self.view.consumer = serial;
                self.failures = 0;
                let old = self.facts(now).old_state_version().cloned();
                self.memory.observe_old_state(old.as_ref(), self.view.looked);
                self.decide(now);
            }
            (step, reply) => self.on_redeem(step, reply, now),
        }
    }

    /// The replies of a redeem, from its intent to its record.
    fn on_redeem(&mut self, step: SessionStep, reply: Reply, now: Now) {
        match (step, reply) {
            (SessionStep::WriteIntent(_), Reply::Write(reply)) => self.on_intent_written(&reply),
            (SessionStep::FindIntent, Reply::State(read)) => self.on_intent_looked_for(read, now),
            (SessionStep::Announce, Reply::Write(reply)) => self.on_announced(&reply),
            (SessionStep::FindAnnouncement, Reply::Connector(read)) => self.on_announcement_looked_for(read),
            (SessionStep::ReadBack, Reply::State(read)) => self.on_read_back(read, now),
            (SessionStep::AwaitAnswer, Reply::Answer(answer)) => self.on_answer(answer),
            (SessionStep::AwaitAnswer, _) => self.on_answer(RedeemAnswer::Unclear),
            (SessionStep::Record(state), Reply::Write(reply)) => self.on_recorded(reply, state, now),
            (SessionStep::FindRecord, Reply::State(read)) => self.on_record_looked_for(read, now),
            (SessionStep::FindFloorInConnector, Reply::Connector(Read::Is(seen))) => {
                self.see_connector(seen);
                self.step = SessionStep::FindFloorInConsumer;
            }
            (SessionStep::FindFloorInConsumer, Reply::Consumer(Read::Is(serial))) => {
                self.view.consumer = serial;
                self.on_floor_found();
            }
            (SessionStep::Pause(_, step), _) => self.step = *step,
            (SessionStep::Done(_), _) => {}
            (_, _) => self.try_again(),
        }
    }

    /// A state that has caught up with its copies is looked at again with everything else: of what stands in it now, the
    /// copies read before tell nothing.
    fn on_confirmed(&mut self, seen: StateSeen, now: Now) {
        self.see(seen, now);
        self.view.behind = self.view.is_behind();
        if self.view.behind {
            self.decide(now);
        } else {
            self.look_again();
        }
    }

    /// Takes in a state just read or written.
    pub(super) fn see(&mut self, seen: StateSeen, now: Now) {
        self.view.state = seen;
        self.memory.observe(self.view.state(), now.monotonic);
        self.note_stored_login();
    }

    /// Takes in the connector just read. One of the same name that was created since is another one, with serials of its own.
    pub(super) fn see_connector(&mut self, seen: Option<ConnectorSeen>) {
        self.view.connector = seen.filter(|connector| connector.uid == self.inputs.connector.uid);
    }

    /// Counts a step that could go on for ever where others write the same objects.
    pub(super) fn count_round(&mut self) {
        self.rounds = self.rounds.saturating_add(1);
        if self.rounds > super::ROUNDS {
            self.give_up(SessionWait::Contention);
        }
    }

    fn on_written(&mut self, reply: WriteReply, state: Box<State>, now: Now) {
        match reply {
            WriteReply::Written(version) => {
                self.unwritten = 0;
                self.see(StateSeen::Found(state, version), now);
                self.look_again();
            }
            WriteReply::Unknown => {
                self.doubt_login(&state);
                self.write_again();
            }
            WriteReply::Conflict => self.look_again(),
            WriteReply::Refused => self.write_again(),
        }
    }

    fn on_identified(&mut self, grant: &GrantId, access: Serial, username: Username, now: Now) {
        let why = match username {
            Username::Is(username) => {
                let state = self.view.state();
                if let Some(named) = state.and_then(|state| with_username(state, grant, username)) {
                    self.step = SessionStep::Write(Box::new(named));
                    return;
                }
                Unnamed::NoAnswer
            }
            Username::AccessEnded => Unnamed::AccessEnded,
            Username::NoAnswer => Unnamed::NoAnswer,
        };
        self.tried.unnamed.push((access, why));
        self.decide(now);
    }

    fn on_introspected(&mut self, doubt: Doubt, said: IntrospectionAnswer, now: Now) {
        self.memory.note_answer(&doubt, said, now.monotonic);
        self.tried.introspected.push((doubt, said));
        self.decide(now);
    }
}
