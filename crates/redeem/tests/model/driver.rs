//! The shell as the model has it: carries out one effect at a time, faithfully or as a broken variant would.

use std::time::Duration;

use redeem::{
    ConnectorSeen, Effect, IntrospectionAnswer, LedgerEntry, LedgerPhase, Read, Reply, ResourceVersion,
    Session, State, StateSeen, Username, WriteReply,
};

use crate::cluster::{Op, Spoiled};
use crate::salesforce::Stage;
use crate::shared::Shared;
use crate::tally::{Event, Tally};
use crate::transitions::{Due, Heard};
use crate::variant::Variant;
use crate::world::{Asking, ControllerPhase, Violation, World, username};

/// What goes wrong with one effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Fault {
    None,
    /// A read times out; introspection gives no answer.
    Failed,
    /// A write never arrives, and nobody says so.
    LostRequest,
    /// A write lands, and nobody says so.
    LostReply,
    /// A write arrives later, and nobody says so; introspection calls a token inactive that is good.
    Delayed,
    /// The API server refuses a write; Salesforce refuses to tell about a token.
    Refused,
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the branches of a match that may end without a reply"
)]
pub(crate) fn told(reply: Reply) -> Option<Heard> {
    Some(Heard::Reply(reply))
}

impl World {
    /// One step of a controller: the next effect of its session, carried out. `false` when the fault doesn't fit.
    pub(crate) fn step(&mut self, c: usize, fault: Fault, tally: &mut Tally) -> bool {
        let phase = std::mem::replace(&mut self.controllers[c].phase, ControllerPhase::Idle);
        let ControllerPhase::Running(session) = phase else {
            self.controllers[c].phase = phase;
            return false;
        };
        let (session, due) = self.transitions.due(session, self.now(c));
        crate::trace(|| format!("{c} {:?} {fault:?} {}", self.now, crate::short(&due)));
        match &*due {
            Due::Effect(Effect::Send { token, .. }) => {
                let (token, at) = (token.clone(), self.now);
                self.controllers[c].phase = ControllerPhase::Checked { session, token, at };
                fault == Fault::None
            }
            Due::Effect(Effect::Done(outcome)) => {
                if outcome.login.is_some() {
                    self.end_login(c);
                }
                if outcome.login == Some(redeem::LoginVerdict::Stored) {
                    tally.count(Event::LoginStored);
                }
                let controller = &mut *self.controllers[c];
                controller.memory = Shared::new(outcome.memory.clone());
                controller.last = Some(outcome.end);
                if self.is_false_alarm(outcome.end) {
                    self.violate(Violation::FalseAlarm);
                }
                if let Some(state) = &outcome.state {
                    self.report(self.controllers[c].cache_uid(), state);
                }
                fault == Fault::None
            }
            _ => {
                let heard = self.carry_out(c, &session, &due, fault, tally);
                let fits = heard.is_some();
                let session = match heard {
                    Some(heard) => self.transitions.after(session, heard, self.now(c)),
                    None => session,
                };
                self.controllers[c].phase = ControllerPhase::Running(session);
                fits
            }
        }
    }

    fn carry_out(
        &mut self,
        c: usize,
        session: &Session,
        due: &Due,
        fault: Fault,
        tally: &mut Tally,
    ) -> Option<Heard> {
        let uid = self.controllers[c].cache_uid();
        let key = self.key(c, uid);
        let installation = self.installation(c);
        let effect = match due {
            Due::Effect(effect) => effect,
            Due::WriteState { state, precondition } => {
                return self.write_state(c, session, precondition.clone(), state.clone(), fault, tally);
            }
        };
        match effect {
            Effect::ReadState
            | Effect::ReadConnector
            | Effect::ReadConsumer
            | Effect::ReadLedger { .. }
            | Effect::FindEntriesOfOtherKeys { .. }
            | Effect::FindCodeOfOtherKeys { .. }
                if fault == Fault::Failed =>
            {
                tally.count(Event::ReadFailed);
                told(match effect {
                    Effect::ReadState => Reply::State(Read::Failed),
                    Effect::ReadConnector => Reply::Connector(Read::Failed),
                    Effect::ReadConsumer => Reply::Consumer(Read::Failed),
                    Effect::FindEntriesOfOtherKeys { .. } | Effect::FindCodeOfOtherKeys { .. } => {
                        Reply::EntriesOfOtherKeys(Read::Failed)
                    }
                    _ => Reply::Ledger(Read::Failed),
                })
            }
            Effect::Introspect { token, .. } => {
                let said = match fault {
                    Fault::None if self.config.asking == Asking::Refused => IntrospectionAnswer::Impossible,
                    Fault::None => self.salesforce.introspect(token),
                    Fault::Failed => IntrospectionAnswer::NoAnswer,
                    Fault::Refused => IntrospectionAnswer::Impossible,
                    Fault::Delayed
                        if self.config.asking == Asking::Answered && self.salesforce.is_good(token) =>
                    {
                        IntrospectionAnswer::Inactive
                    }
                    Fault::LostRequest | Fault::LostReply | Fault::Delayed => return None,
                };
                tally.count(match said {
                    IntrospectionAnswer::Inactive if fault == Fault::Delayed => Event::WronglyInactive,
                    IntrospectionAnswer::Active => Event::Active,
                    IntrospectionAnswer::Inactive => Event::Inactive,
                    IntrospectionAnswer::NoAnswer => Event::NoAnswer,
                    IntrospectionAnswer::Impossible => Event::MayNotAsk,
                });
                told(Reply::Introspection(said))
            }
            Effect::Identify { access } => {
                let (username, event) = match (fault, self.salesforce.user(&access.token)) {
                    (Fault::None, Some(user)) => (Username::Is(username(user).to_owned()), Event::Username),
                    (Fault::None, None) => (Username::AccessEnded, Event::AccessRefused),
                    (Fault::Failed, _) => (Username::NoAnswer, Event::NoUsername),
                    (Fault::LostRequest | Fault::LostReply | Fault::Delayed | Fault::Refused, _) => {
                        return None;
                    }
                };
                tally.count(event);
                told(Reply::Username(username))
            }
            Effect::RedeemCode { .. } => self.redeem_code(c, fault, tally),
            Effect::Derive { state } => {
                match fault {
                    Fault::None => self.derive(uid, state, true),
                    Fault::LostRequest => {}
                    Fault::LostReply => self.derive(uid, state, false),
                    Fault::Failed | Fault::Delayed | Fault::Refused => return None,
                }
                told(Reply::Derived)
            }
            Effect::Claim {
                serial,
                taken_from,
                resource_version,
            } => {
                let by = self.installation_uid(c);
                self.write(
                    Op::Claim {
                        uid,
                        by,
                        serial: *serial,
                        taken_over: taken_from.is_some(),
                        precondition: resource_version.clone(),
                    },
                    fault,
                    tally,
                )
            }
            Effect::Announce { .. }
                if matches!(self.config.variant, Variant::NoAnnouncement | Variant::NoIntent) =>
            {
                (fault == Fault::None)
                    .then(|| Heard::Reply(Reply::Write(WriteReply::Written(ResourceVersion::new("0")))))
            }
            Effect::Announce {
                serial,
                resource_version,
            } => self.write(
                Op::Announce {
                    uid,
                    serial: *serial,
                    precondition: resource_version.clone(),
                },
                fault,
                tally,
            ),
            Effect::CreateLedger { name, entry } => match self.config.variant {
                Variant::NoLedger if fault == Fault::None => {
                    told(Reply::Write(WriteReply::Written(ResourceVersion::new("0"))))
                }
                Variant::NoLedger => None,
                Variant::NoCodeEntry if matches!(entry.phase, LedgerPhase::Used(_)) => (fault == Fault::None)
                    .then(|| Heard::Reply(Reply::Write(WriteReply::Written(ResourceVersion::new("0"))))),
                _ => self.write(
                    Op::CreateLedger {
                        installation,
                        name: name.clone(),
                        entry: entry.clone(),
                    },
                    fault,
                    tally,
                ),
            },
            Effect::MarkLedgerUsed {
                name,
                entry,
                resource_version,
            } => self.write(
                Op::MarkLedger {
                    installation,
                    name: name.clone(),
                    entry: entry.clone(),
                    precondition: resource_version.clone(),
                },
                fault,
                tally,
            ),
            _ if fault != Fault::None => None,
            Effect::ReadState => Some(self.read_state(c)),
            Effect::ReadConnector => told(Reply::Connector(Read::Is(self.read_connector()))),
            Effect::ReadConsumer => {
                let consumer = self
                    .cluster
                    .consumer
                    .as_ref()
                    .filter(|consumer| consumer.uid == uid);
                told(Reply::Consumer(Read::Is(
                    consumer.map(|consumer| consumer.serial),
                )))
            }
            Effect::ReadLedger { name } => {
                if self.config.variant == Variant::NoLedger {
                    let grant = self
                        .cluster
                        .state(key)
                        .and_then(|(state, _)| state.candidate.clone());
                    let entry = grant.map(|grant| LedgerEntry {
                        connector_uid: crate::world::uid_text(uid),
                        phase: LedgerPhase::Used(grant.id),
                    });
                    return told(Reply::Ledger(Read::Is(
                        entry.map(|entry| (entry, ResourceVersion::new("0"))),
                    )));
                }
                told(Reply::Ledger(Read::Is(
                    self.cluster.ledger_entry(installation, name),
                )))
            }
            Effect::FindEntriesOfOtherKeys { key_id } => {
                let found = self.config.variant != Variant::OwnKeyOnlyForImports
                    && self.has_entries_of_other_keys(installation, key_id);
                told(Reply::EntriesOfOtherKeys(Read::Is(found)))
            }
            Effect::FindCodeOfOtherKeys { key_id } => {
                let found =
                    self.config.variant != Variant::OwnKeyOnly && self.has_code_of_other_keys(c, key_id);
                told(Reply::EntriesOfOtherKeys(Read::Is(found)))
            }
            Effect::Pause { .. } => told(Reply::Paused),
            Effect::Send { .. }
            | Effect::Done(_)
            | Effect::CreateState { .. }
            | Effect::WriteState { .. } => {
                unreachable!("handled before")
            }
        }
    }

    fn read_state(&mut self, c: usize) -> Heard {
        let seen = |seen| Heard::Reply(Reply::State(Read::Is(seen)));
        let key = self.key(c, self.controllers[c].cache_uid());
        let Some((state, version)) = self.cluster.state(key) else {
            return seen(StateSeen::Absent);
        };
        match self.cluster.spoiled(key) {
            Some(Spoiled::Unsupported) => return seen(StateSeen::UnsupportedVersion),
            Some(Spoiled::Unreadable) => return seen(StateSeen::Unreadable),
            None => {}
        }
        let (mut state, version) = (state.clone(), version.clone());
        if self.config.variant == Variant::NoStamp {
            state.cluster = redeem::ClusterUid::new("c");
        }
        Heard::State(self.with_pretence(c, state), version)
    }

    fn read_connector(&self) -> Option<ConnectorSeen> {
        self.cluster.connector.as_ref().map(|connector| ConnectorSeen {
            uid: crate::world::uid_text(connector.uid),
            resource_version: connector.version.clone(),
            controller: connector.controller.clone(),
            serial: connector
                .serial
                .filter(|_| self.config.variant != Variant::NoClosing),
            taken_over: connector.taken_over,
        })
    }

    pub(crate) fn write(&mut self, op: Op, fault: Fault, tally: &mut Tally) -> Option<Heard> {
        let reply = match fault {
            Fault::None => self.land(op, tally),
            Fault::LostRequest => {
                tally.count(Event::LostRequest);
                WriteReply::Unknown
            }
            Fault::LostReply => {
                tally.count(Event::LostReply);
                self.land(op, tally);
                WriteReply::Unknown
            }
            Fault::Refused => {
                tally.count(Event::WriteRefused);
                WriteReply::Refused
            }
            Fault::Delayed if self.cluster.delayed.is_none() => {
                self.cluster.delayed = Some(op);
                WriteReply::Unknown
            }
            Fault::Failed | Fault::Delayed => return None,
        };
        told(Reply::Write(reply))
    }

    fn write_state(
        &mut self,
        c: usize,
        session: &Session,
        precondition: Option<ResourceVersion>,
        state: Shared<State>,
        fault: Fault,
        tally: &mut Tally,
    ) -> Option<Heard> {
        let key = self.key(c, self.controllers[c].cache_uid());
        let is_intent = !session.holds_result() && self.is_own_intent(c, &state);
        if is_intent && self.config.variant != Variant::Shipped {
            return self.write_intent(c, (key, precondition), state, fault, tally);
        }
        if !is_intent {
            self.controllers[c].pretend = None;
        }
        let mut state = state;
        if self.config.variant == Variant::DropsNext && session.holds_result() {
            state.candidate = None;
        }
        let was_renewed = session.holds_result() && !is_intent;
        let reply = self.write(
            Op::State {
                key,
                precondition,
                state,
            },
            fault,
            tally,
        )?;
        if was_renewed && matches!(reply, Heard::Reply(Reply::Write(WriteReply::Written(_)))) {
            tally.count(Event::Renewed);
            if !self.controllers[c].leads {
                tally.count(Event::LateResult);
            }
        }
        Some(reply)
    }

    /// Runs a controller until its session ends, with nothing going wrong.
    pub(crate) fn drive(&mut self, c: usize, tally: &mut Tally, steps: u32) -> bool {
        if self.controllers[c].phase == ControllerPhase::Idle {
            self.refresh_cache(c);
            self.begin(c, true);
        }
        for _ in 0..steps {
            match &self.controllers[c].phase {
                ControllerPhase::Idle => return true,
                ControllerPhase::Running(_) => {
                    self.step(c, Fault::None, tally);
                }
                ControllerPhase::Checked { .. } => {
                    self.arrive(c, tally);
                }
                ControllerPhase::Sent { request, .. } => {
                    let request = *request;
                    if self.salesforce.request(request).stage == Stage::Processing {
                        self.salesforce.decide(request, self.now, false);
                    }
                    self.deliver(c, tally);
                }
            }
            if self.violation.is_some() {
                return true;
            }
        }
        false
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        self.now += by;
    }
}

impl crate::world::Controller {
    pub(crate) fn cache_uid(&self) -> u32 {
        self.cache.uid
    }
}
