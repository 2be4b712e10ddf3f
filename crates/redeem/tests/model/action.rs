//! Everything that can happen next in a world.

use std::time::Duration;

use redeem::{AttemptPhase, Effect, Now, RedeemAnswer, RedeemRefusal, ResourceVersion, Session, WriteReply};

use crate::cluster::{Connector, Spoiled};
use crate::driver::Fault;
use crate::salesforce::{Code, Stage, numbers};
use crate::shared::Shared;
use crate::tally::{Event, Tally};
use crate::world::{ControllerPhase, DigestKey, World};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// An idle controller starts a session, from a cache that is fresh or as old as its last session.
    Begin {
        c: usize,
        renew: bool,
        stale: bool,
    },
    /// The next effect of a session.
    Step {
        c: usize,
        fault: Fault,
    },
    /// The request leaves and arrives.
    Arrive(usize),
    /// The request can't leave, and the client knows it.
    NotSent(usize),
    /// The request is lost on its way, and the client doesn't know it.
    RequestLost(usize),
    /// Something between us and Salesforce sends the request twice; the answer to the second copy is what arrives.
    Twice(usize),
    /// Salesforce refuses for a reason that has nothing to do with the token.
    Refused(usize),
    /// Salesforce decides a request: issues, or fails without spending.
    Decide {
        c: Option<usize>,
        id: u32,
        fails: bool,
    },
    /// The answer arrives.
    Deliver(usize),
    /// The answer arrives, and nothing of it can be understood but the new refresh token.
    Garble(usize),
    /// The answer is lost.
    ReplyLost(usize),
    /// The connection is reset before the answer.
    Reset(usize),
    Crash(usize),
    Pause(usize),
    Resume(usize),
    Advance(u64),
    Lead(usize, bool),
    LandDelayed,
    /// A person logs in, as the expected user (0) or another, and hands the code over.
    Login(usize),
    DeleteState,
    Restore(usize),
    Recreate,
    /// A new token in the bootstrap Secret, of the expected user (0) or another, or the first one again.
    Bring(usize),
    BringFirst,
    /// Somebody else edits the connector.
    Edit,
    /// The digest key is lost, and another one made; or the former one is restored.
    ReplaceKey,
    /// Somebody changes the state Secret so that it can't be read, and back.
    Spoil(Spoiled),
    Mend,
    /// The state is replaced by one that another cluster went on from, and that cluster goes on using the grant.
    Migrate,
    /// A policy or an administrator ends a grant.
    Lapse(usize),
    /// Time or an administrator ends every access token.
    EndAccess,
    /// The connector is deleted.
    DeleteConnector,
    /// A person takes the claim out of status, or tells the second installation to take the first one's connectors over.
    Unclaim,
}

impl World {
    /// Does it. `false` when it can't happen here; then nothing has changed that matters.
    pub(crate) fn apply(&mut self, action: Action, tally: &mut Tally) -> bool {
        if !matches!(action, Action::Step { .. } | Action::Deliver(_)) {
            crate::trace(|| format!("{action:?}"));
        }
        match action {
            Action::Begin { c, renew, stale } => self.act_begin(c, renew, stale, tally),
            Action::Step { c, fault } => !self.controllers[c].paused && self.act_step(c, fault, tally),
            Action::Arrive(c) => !self.controllers[c].paused && self.arrive(c, tally),
            Action::NotSent(c) | Action::RequestLost(c) | Action::Refused(c) => {
                !self.controllers[c].paused && self.act_unsent(c, action, tally)
            }
            Action::Twice(c) => !self.controllers[c].paused && self.arrive_twice(c, tally),
            Action::Decide { id, fails, .. } => self.act_decide(id, fails, tally),
            Action::Deliver(c) => !self.controllers[c].paused && self.deliver(c, tally),
            Action::Garble(c) => !self.controllers[c].paused && self.deliver_garbled(c, tally),
            Action::ReplyLost(c) | Action::Reset(c) => {
                !self.controllers[c].paused && self.act_lose_answer(c, action, tally)
            }
            Action::Crash(c) => self.act_crash(c, tally),
            Action::Pause(c) => {
                let fits = !self.controllers[c].paused && self.controllers[c].phase != ControllerPhase::Idle;
                self.controllers[c].paused |= fits;
                count_if(fits, Event::Pause, tally)
            }
            Action::Resume(c) => {
                let fits = std::mem::replace(&mut self.controllers[c].paused, false);
                count_if(fits, Event::Resume, tally)
            }
            Action::Advance(seconds) => {
                self.advance(Duration::from_secs(seconds));
                true
            }
            Action::Lead(c, leads) => {
                let fits = self.controllers[c].leads != leads;
                self.controllers[c].leads = leads;
                count_if(fits, Event::LeadershipMoved, tally)
            }
            Action::LandDelayed => self.act_land(tally),
            Action::Login(user) => self.act_login(user, tally),
            Action::DeleteState => self.act_delete(tally),
            Action::Restore(index) => self.act_restore(index, tally),
            Action::Recreate => self.act_recreate(tally),
            Action::Bring(user) => {
                self.bootstrap = Some(self.salesforce.login(user));
                self.ghost.other_user |= user != 0;
                let event = if user == 0 {
                    Event::NewBootstrap
                } else {
                    Event::ForeignBootstrap
                };
                count_if(true, event, tally)
            }
            Action::BringFirst => {
                self.ghost.imported_again = true;
                let fits = self.bootstrap != Some(0);
                self.bootstrap = Some(0);
                count_if(fits, Event::OldBootstrap, tally)
            }
            Action::Edit => {
                let version = self.cluster.new_version();
                let Some(connector) = &mut self.cluster.connector else {
                    return false;
                };
                connector.version = version;
                count_if(true, Event::ForeignEdit, tally)
            }
            Action::ReplaceKey => {
                self.digest_key = match self.digest_key {
                    DigestKey::First => DigestKey::Second,
                    DigestKey::Second => DigestKey::First,
                };
                self.ghost.other_key = true;
                count_if(true, Event::KeyReplaced, tally)
            }
            Action::Unclaim => self.act_unclaim(tally),
            Action::Spoil(how) => {
                let fits = self.cluster.spoil(Some(how));
                self.ghost.unclear |= fits;
                count_if(fits, Event::StateSpoiled, tally)
            }
            Action::Mend => {
                let fits = self.cluster.spoiled.is_some() && self.cluster.spoil(None);
                count_if(fits, Event::StateMended, tally)
            }
            Action::Migrate => self.act_migrate(tally),
            Action::Lapse(family) => self.act_lapse(family, tally),
            Action::EndAccess => {
                // Tokens that don't rotate have one name in the model, whenever they were issued.
                let fits = self.config.rotates && self.salesforce.end_access();
                count_if(fits, Event::AccessEnded, tally)
            }
            Action::DeleteConnector => {
                let fits = self.cluster.connector.take().is_some();
                self.cluster.consumer = None;
                count_if(fits, Event::Gone, tally)
            }
        }
    }

    fn act_begin(&mut self, c: usize, renew: bool, stale: bool, tally: &mut Tally) -> bool {
        if self.controllers[c].phase != ControllerPhase::Idle || self.controllers[c].paused {
            return false;
        }
        let before = self.controllers[c].cache;
        self.refresh_cache(c);
        if stale {
            let fits = before != self.controllers[c].cache;
            self.controllers[c].cache = before;
            if !fits {
                return false;
            }
            tally.count(Event::StaleInput);
        }
        self.begin(c, renew);
        if c == 1 && self.config.installations == 2 {
            tally.count(Event::SecondInstallation);
        }
        let busy = self
            .controllers
            .iter()
            .filter(|c| c.phase != ControllerPhase::Idle)
            .count();
        if c == 1 && self.config.unequal && busy > 1 {
            tally.count(Event::UnequalLimits);
        }
        let busy =
            |c: &usize| self.controllers[*c].leads && self.controllers[*c].phase != ControllerPhase::Idle;
        match (0..self.config.controllers).filter(busy).count() {
            0 | 1 => {}
            2 => tally.count(Event::TwoLeaders),
            _ => tally.count(Event::ThreeLeaders),
        }
        let mut controllers = self.controllers.iter();
        if self.controllers[c].leads && controllers.any(|c| !c.leads && c.phase != ControllerPhase::Idle) {
            tally.count(Event::HandedOver);
        }
        true
    }

    fn act_step(&mut self, c: usize, fault: Fault, tally: &mut Tally) -> bool {
        let fits = self.step(c, fault, tally);
        if self.controllers[c].phase == ControllerPhase::Idle {
            self.controllers[c].pretend = None;
            self.controllers[c].retries = 0;
        }
        fits
    }

    fn act_unsent(&mut self, c: usize, action: Action, tally: &mut Tally) -> bool {
        let ControllerPhase::Checked { .. } = &self.controllers[c].phase else {
            return false;
        };
        let (answer, event) = match action {
            Action::NotSent(_) => (RedeemAnswer::NotSent, Event::NotSent),
            Action::RequestLost(_) => (RedeemAnswer::Unclear, Event::RequestLost),
            _ => (RedeemAnswer::Refused(RedeemRefusal::Unspent), Event::Refused),
        };
        self.ghost.unclear |= answer == RedeemAnswer::Unclear;
        self.answer(c, answer);
        count_if(true, event, tally)
    }

    fn act_decide(&mut self, id: u32, fails: bool, tally: &mut Tally) -> bool {
        let Some(request) = self
            .salesforce
            .requests
            .iter()
            .find(|r| r.id == id && r.stage == Stage::Processing)
        else {
            return false;
        };
        let family = request.family;
        let rotated = self.salesforce.decide(id, self.now, fails);
        let waits = |phase: &ControllerPhase| matches!(phase, ControllerPhase::Sent { request, .. } if *request == id);
        let awaited = self.controllers.iter().any(|controller| waits(&controller.phase));
        if rotated && !awaited {
            self.salesforce.lines[family].lost = true;
        }
        if !awaited {
            self.salesforce.requests.retain(|request| request.id != id);
        }
        self.ghost.unclear |= fails;
        if fails {
            tally.count(Event::ServerError);
        }
        true
    }

    fn act_lose_answer(&mut self, c: usize, action: Action, tally: &mut Tally) -> bool {
        let ControllerPhase::Sent { request, .. } = &self.controllers[c].phase else {
            return false;
        };
        let id = *request;
        let request = self.salesforce.request(id);
        let (family, stage) = (request.family, request.stage);
        let processing = stage == Stage::Processing;
        if processing != matches!(action, Action::Reset(_)) {
            return false;
        }
        match stage {
            Stage::Issued(_) => {
                self.salesforce.lines[family].lost |= self.config.rotates;
                tally.count(Event::ReplyLost);
            }
            Stage::Processing => tally.count(Event::ResetEarly),
            Stage::Busy | Stage::Dead | Stage::Failed => {}
        }
        if !processing {
            self.salesforce.requests.retain(|request| request.id != id);
        }
        self.ghost.unclear = true;
        self.answer(c, RedeemAnswer::Unclear);
        true
    }

    fn act_crash(&mut self, c: usize, tally: &mut Tally) -> bool {
        let at = if tally.is_silent() { "" } else { self.stands_at(c) };
        let phase = std::mem::replace(&mut self.controllers[c].phase, ControllerPhase::Idle);
        match phase {
            ControllerPhase::Idle => return false,
            ControllerPhase::Running(session) => {
                if session.holds_result() {
                    self.lose_unstored(c, tally);
                }
            }
            ControllerPhase::Checked { .. } => {}
            ControllerPhase::Sent { request, .. } => {
                let request = self.salesforce.request(request).clone();
                if request.stage != Stage::Processing {
                    if matches!(request.stage, Stage::Issued(_)) && self.config.rotates {
                        self.salesforce.lines[request.family].lost = true;
                        tally.count(Event::CrashInWindow);
                    }
                    self.salesforce.requests.retain(|other| other.id != request.id);
                }
            }
        }
        self.ghost.unclear = true;
        let controller = &mut self.controllers[c];
        controller.memory = Shared::new(redeem::SessionMemory::default());
        controller.paused = false;
        controller.pretend = None;
        tally.count_crash(at);
        true
    }

    /// What a controller is about to do, or waits for.
    pub(crate) fn stands_at(&self, c: usize) -> &'static str {
        match &self.controllers[c].phase {
            ControllerPhase::Idle => "",
            ControllerPhase::Running(session) => due(session, self.now(c)),
            ControllerPhase::Checked { .. } => "Send, before it is on the wire",
            ControllerPhase::Sent { .. } => "Send, before the answer",
        }
    }

    /// Another cluster starts from a copy of the state and renews; then that copy comes back here, as it was there before.
    /// It waits out the hold-off as everybody does, so no redeem of this cluster is under way.
    fn act_migrate(&mut self, tally: &mut Tally) -> bool {
        let busy = |phase: &ControllerPhase| match phase {
            ControllerPhase::Idle => false,
            ControllerPhase::Running(session) => session.has_begun(),
            ControllerPhase::Checked { .. } | ControllerPhase::Sent { .. } => true,
        };
        let busy = self.controllers.iter().any(|controller| busy(&controller.phase));
        let (Some((key, state, _)), false, true) = (
            self.cluster.states.first().cloned(),
            busy,
            self.salesforce.requests.is_empty() && self.config.rotates,
        ) else {
            return false;
        };
        let mut state = redeem::State::clone(&state);
        if state.grants().any(|grant| grant.access.is_none()) {
            // A bootstrap token that two clusters see is caught by introspection alone: said in docs/redeem.md.
            return false;
        }
        for grant in state.grants() {
            let line = &mut self.salesforce.lines[numbers(&grant.refresh_token).0];
            line.head += 1;
            line.lost = true;
        }
        state.cluster = redeem::ClusterUid::new("another");
        state.serial = redeem::Serial(state.serial.0 + 2);
        self.ghost.restored = true;
        // What is restored from here on would be that cluster's grant on two clusters, which nothing can tell.
        self.backups.clear();
        self.cluster.put_state(key, Shared::new(state));
        count_if(true, Event::Migrated, tally)
    }

    fn act_lapse(&mut self, family: usize, tally: &mut Tally) -> bool {
        let Some(line) = self.salesforce.lines.get_mut(family) else {
            return false;
        };
        let fits = line.alive;
        line.alive = false;
        self.ghost.lapsed |= fits;
        count_if(fits, Event::Lapsed, tally)
    }

    /// A process dies with a result that isn't stored: every family whose newest token stands nowhere is lost.
    fn lose_unstored(&mut self, c: usize, tally: &mut Tally) {
        let key = self.key(c, self.controllers[c].cache.uid);
        let state = self.cluster.state(key).map(|(state, _)| state.clone());
        for (family, line) in self.salesforce.lines.iter_mut().enumerate() {
            let stands = |grant: &redeem::Grant| numbers(&grant.refresh_token) == (family, line.head);
            if line.head > 0 && !state.as_ref().is_some_and(|state| state.grants().any(stands)) {
                line.lost = true;
                tally.count(Event::CrashInWindow);
            }
        }
    }

    fn act_land(&mut self, tally: &mut Tally) -> bool {
        let Some(op) = self.cluster.delayed.take() else {
            return false;
        };
        let landed = self.land(op, tally);
        count_if(true, Event::DelayedWrite, tally);
        matches!(landed, WriteReply::Written(_) | WriteReply::Conflict)
    }

    fn act_login(&mut self, user: usize, tally: &mut Tally) -> bool {
        let claim = self
            .cluster
            .connector
            .as_ref()
            .and_then(|seen| seen.controller.as_ref());
        let handing_over = self.ghost.handed_over && claim.is_none_or(|claim| claim.as_str() != "i1");
        // A login during a takeover may be carried out by both: said in docs/redeem.md.
        if self.login.is_some() || handing_over {
            return false;
        }
        let family = self.salesforce.login(user);
        self.salesforce.lines[family].code = Some(Code::Fresh);
        self.ghost.other_user |= user != 0;
        self.login = Some(family);
        let open = self.cluster.states.iter().any(|(_, state, _)| {
            let mut attempts = state.grants().filter_map(|grant| grant.attempt.as_ref());
            attempts.any(|attempt| attempt.phase == AttemptPhase::Open)
        });
        if open {
            tally.count(Event::LoginWhileOpen);
        }
        count_if(
            true,
            if user == 0 { Event::Login } else { Event::WrongUser },
            tally,
        )
    }

    fn act_restore(&mut self, index: usize, tally: &mut Tally) -> bool {
        let Some((key, state)) = self.backups.get(index).cloned() else {
            return false;
        };
        self.ghost.restored = true;
        if !self.is_known_for_old(key, &state) {
            // What was written since and told to nobody must not come back as well: said in docs/redeem.md.
            self.backups.retain(|(_, other)| other.serial <= state.serial);
        }
        self.cluster.put_state(key, state);
        count_if(true, Event::StateRestored, tally)
    }

    fn act_delete(&mut self, tally: &mut Tally) -> bool {
        let Some(key) = self.cluster.states.first().map(|(key, ..)| *key) else {
            return false;
        };
        self.ghost.deleted = true;
        self.cluster.delete_state(key);
        count_if(true, Event::StateDeleted, tally)
    }

    fn act_unclaim(&mut self, tally: &mut Tally) -> bool {
        if self.config.installations == 2 {
            // A login that is under way meanwhile may be carried out by both: said in docs/redeem.md.
            let fits = self.login.is_none() && !self.ghost.handed_over;
            self.ghost.handed_over |= fits;
            return count_if(fits, Event::Unclaimed, tally);
        }
        let version = self.cluster.new_version();
        let Some(connector) = &mut self.cluster.connector else {
            return false;
        };
        if connector.controller.is_none() {
            return false;
        }
        self.ghost.unclaimed = true;
        connector.version = version;
        connector.controller = None;
        count_if(true, Event::Unclaimed, tally)
    }

    fn act_recreate(&mut self, tally: &mut Tally) -> bool {
        if self.last_uid > 3 || self.config.installations == 2 {
            // A bootstrap token that two installations see is caught by introspection alone: said in docs/redeem.md.
            return false;
        }
        self.last_uid += 1;
        self.cluster.connector = Some(Connector {
            uid: self.last_uid,
            version: ResourceVersion::new(format!("n{}", self.last_uid)),
            controller: None,
            serial: None,
            taken_over: false,
        });
        self.cluster.consumer = None;
        self.ghost.recreated = true;
        count_if(true, Event::Recreated, tally)
    }
}

fn count_if(fits: bool, event: Event, tally: &mut Tally) -> bool {
    if fits {
        tally.count(event);
    }
    fits
}

/// The name of the effect that is due, by what it is for.
fn due(session: &Session, now: Now) -> &'static str {
    let mut after = session.clone();
    let effect = after.next(now);
    match effect {
        Effect::CreateState { .. } | Effect::WriteState { .. } if session.holds_result() => "Store",
        Effect::WriteState { .. } if after.has_begun() && !session.has_begun() => "Intent",
        Effect::ReadState if session.has_begun() && !session.holds_result() => "ReadBack",
        effect => effect_name(&effect),
    }
}

/// The steps at which a process may die.
pub(crate) const STEPS: [&str; 23] = [
    "ReadState",
    "ReadConnector",
    "ReadConsumer",
    "Claim",
    "CreateLedger",
    "RedeemCode",
    "FindEntriesOfOtherKeys",
    "FindCodeOfOtherKeys",
    "Introspect",
    "CreateState",
    "ReadLedger",
    "MarkLedgerUsed",
    "Intent",
    "Announce",
    "ReadBack",
    "Send",
    "Send, before it is on the wire",
    "Send, before the answer",
    "Store",
    "WriteState",
    "Identify",
    "Derive",
    "Pause",
];

/// The name of an effect.
pub(crate) fn effect_name(effect: &Effect) -> &'static str {
    match effect {
        Effect::ReadState => "ReadState",
        Effect::ReadConnector => "ReadConnector",
        Effect::ReadConsumer => "ReadConsumer",
        Effect::Claim { .. } => "Claim",
        Effect::CreateLedger { .. } => "CreateLedger",
        Effect::ReadLedger { .. } => "ReadLedger",
        Effect::FindEntriesOfOtherKeys { .. } => "FindEntriesOfOtherKeys",
        Effect::FindCodeOfOtherKeys { .. } => "FindCodeOfOtherKeys",
        Effect::MarkLedgerUsed { .. } => "MarkLedgerUsed",
        Effect::CreateState { .. } => "CreateState",
        Effect::WriteState { .. } => "WriteState",
        Effect::Introspect { .. } => "Introspect",
        Effect::Identify { .. } => "Identify",
        Effect::Announce { .. } => "Announce",
        Effect::Send { .. } => "Send",
        Effect::RedeemCode { .. } => "RedeemCode",
        Effect::Derive { .. } => "Derive",
        Effect::Pause { .. } => "Pause",
        Effect::Done(_) => "Done",
    }
}
