//! A token request on its way: it arrives, once or twice, and its answer comes back, whole or in part.

use redeem::{RedeemAnswer, Reply, State};

use crate::salesforce::{Arrival, Stage};
use crate::tally::{Event, Tally};
use crate::transitions::Heard;
use crate::variant::Variant;
use crate::world::{ControllerPhase, Violation, World};

impl World {
    /// The request leaves the socket and arrives.
    pub(crate) fn arrive(&mut self, c: usize, tally: &mut Tally) -> bool {
        let phase = std::mem::replace(&mut self.controllers[c].phase, ControllerPhase::Idle);
        let ControllerPhase::Checked { session, token, at } = phase else {
            self.controllers[c].phase = phase;
            return false;
        };
        let late_after = at + self.patience(c);
        if self.now >= late_after {
            tally.count(Event::Freeze);
        }
        let (request, arrival) = self.salesforce.arrive(&token, late_after, self.now);
        self.note_arrival(arrival, tally);
        self.end_pretence(c, tally);
        self.controllers[c].phase = ControllerPhase::Sent { session, request };
        true
    }

    fn note_arrival(&mut self, arrival: Arrival, tally: &mut Tally) {
        match arrival {
            Arrival::Replay => self.violate(Violation::Replay),
            Arrival::ReplayAfterFreeze => tally.excuse(),
            Arrival::Taken | Arrival::Busy | Arrival::Dead => {}
        }
    }

    /// The answer to a request reaches its controller.
    pub(crate) fn deliver(&mut self, c: usize, tally: &mut Tally) -> bool {
        let ControllerPhase::Sent { request, .. } = &self.controllers[c].phase else {
            return false;
        };
        let request = *request;
        if self.salesforce.request(request).stage == Stage::Processing {
            return false;
        }
        let (family, number) = {
            let request = self.salesforce.request(request);
            (request.family, request.number)
        };
        let answer = self.salesforce.answer(request);
        if answer == RedeemAnswer::AlreadyProcessing {
            self.busy(c, crate::salesforce::token(family, number), tally);
        } else {
            self.answer(c, answer);
        }
        true
    }

    /// The answer reaches its controller in a form of which only a new refresh token can be understood.
    pub(crate) fn deliver_garbled(&mut self, c: usize, tally: &mut Tally) -> bool {
        let ControllerPhase::Sent { request, .. } = &self.controllers[c].phase else {
            return false;
        };
        let request = *request;
        let Stage::Issued(number) = self.salesforce.request(request).stage else {
            return false;
        };
        if !self.config.rotates {
            return false;
        }
        let family = self.salesforce.request(request).family;
        self.salesforce.answer(request);
        tally.count(Event::Rescued);
        let token = crate::salesforce::token(family, number);
        let answer = match self.borrowed(c, &token) {
            Some(answer) => RedeemAnswer::Granted(Box::new(answer)),
            None => RedeemAnswer::Rescued(token),
        };
        self.answer(c, answer);
        true
    }

    /// The request arrives twice: the first copy is processed and its answer goes nowhere.
    pub(crate) fn arrive_twice(&mut self, c: usize, tally: &mut Tally) -> bool {
        let ControllerPhase::Checked { token, at, .. } = &self.controllers[c].phase else {
            return false;
        };
        let (token, at) = (token.clone(), *at);
        let late_after = at + self.patience(c);
        if self.now >= late_after {
            return false;
        }
        let (_, arrival) = self.salesforce.arrive(&token, late_after, self.now);
        self.note_arrival(arrival, tally);
        self.end_pretence(c, tally);
        self.ghost.unclear = true;
        self.busy(c, token, tally);
        true
    }

    fn busy(&mut self, c: usize, token: redeem::RefreshToken, tally: &mut Tally) {
        tally.count(Event::AlreadyProcessing);
        if self.config.variant != Variant::BlindRetry || self.controllers[c].retries >= 3 {
            return self.answer(c, RedeemAnswer::AlreadyProcessing);
        }
        self.controllers[c].retries += 1;
        let phase = std::mem::replace(&mut self.controllers[c].phase, ControllerPhase::Idle);
        let at = self.now;
        self.controllers[c].phase = match phase {
            ControllerPhase::Sent { session, .. } | ControllerPhase::Checked { session, .. } => {
                ControllerPhase::Checked { session, token, at }
            }
            ControllerPhase::Idle | ControllerPhase::Running(_) => phase,
        };
    }

    pub(crate) fn answer(&mut self, c: usize, answer: RedeemAnswer) {
        crate::trace(|| format!("{c} {:?} answer {}", self.now, crate::short(&answer)));
        let phase = std::mem::replace(&mut self.controllers[c].phase, ControllerPhase::Idle);
        let (ControllerPhase::Sent { session, .. } | ControllerPhase::Checked { session, .. }) = phase else {
            self.controllers[c].phase = phase;
            return;
        };
        if let (Variant::DeriveBeforeStore, RedeemAnswer::Granted(granted)) = (self.config.variant, &answer) {
            let uid = self.controllers[c].cache_uid();
            let state = self
                .cluster
                .state(self.key(c, uid))
                .map(|(state, _)| State::clone(state));
            if let Some(mut state) = state
                && let Some(access) = state.current.as_mut().and_then(|grant| grant.access.as_mut())
            {
                access.token = granted.access_token.clone();
                self.derive(uid, &state, true);
            }
        }
        let heard = Heard::Reply(Reply::Answer(answer));
        let session = self.transitions.after(session, heard, self.now(c));
        self.controllers[c].phase = ControllerPhase::Running(session);
    }
}
