//! What the broken variants make up or hold back: an intent that is not written, and an identity that is not theirs.

use redeem::{AttemptPhase, Reply, ResourceVersion, State, WriteReply};

use crate::cluster::{Key, Op};
use crate::driver::{Fault, told};
use crate::shared::Shared;
use crate::tally::Tally;
use crate::transitions::Heard;
use crate::variant::Variant;
use crate::world::World;

impl World {
    /// A state with the attempt in it that a broken variant only makes up.
    pub(crate) fn with_pretence(&self, c: usize, mut state: Shared<State>) -> Shared<State> {
        let Some(pretended) = &self.controllers[c].pretend else {
            return state;
        };
        let pretending = &mut *state;
        for grant in pretending
            .current
            .iter_mut()
            .chain(pretending.candidate.iter_mut())
        {
            let intended = pretended
                .grants()
                .find(|intended| intended.id == grant.id && intended.attempt.is_some());
            if let Some(intended) = intended {
                grant.attempt = intended.attempt.clone();
                pretending.serial = pretending.serial.max(pretended.serial);
            }
        }
        state
    }

    pub(crate) fn is_own_intent(&self, c: usize, state: &State) -> bool {
        let number = (self.controllers[c].sessions - 1).to_string();
        let own = |id: &str| {
            id.strip_prefix(["a0", "a1", "a2"][c])
                .and_then(|id| id.split('-').next())
                == Some(number.as_str())
        };
        let mut attempts = state.grants().filter_map(|grant| grant.attempt.as_ref());
        attempts.any(|attempt| attempt.phase == AttemptPhase::Open && own(attempt.id.as_str()))
    }

    /// An intent as the broken variants write it.
    pub(crate) fn write_intent(
        &mut self,
        c: usize,
        (key, precondition): (Key, Option<ResourceVersion>),
        state: Shared<State>,
        fault: Fault,
        tally: &mut Tally,
    ) -> Option<Heard> {
        match self.config.variant {
            Variant::NoIntent | Variant::IntentAfterSending => {
                self.controllers[c].pretend = Some(state);
                (fault == Fault::None)
                    .then(|| Heard::Reply(Reply::Write(WriteReply::Written(ResourceVersion::new("0")))))
            }
            Variant::UnconditionalIntent if fault == Fault::None => {
                let before = self.cluster.state(key).map(|(state, _)| state.clone());
                let version = self.cluster.put_state(key, state.clone());
                self.state_written(key, before, &state, tally);
                told(Reply::Write(WriteReply::Written(version)))
            }
            Variant::ReadersHoldOff => {
                let mut state = state;
                let changed = &mut *state;
                for grant in changed.current.iter_mut().chain(changed.candidate.iter_mut()) {
                    if let Some(attempt) = &mut grant.attempt {
                        attempt.hold_off_seconds = 0;
                    }
                }
                self.write_whole((key, precondition), state, fault, tally)
            }
            Variant::NoReadBack => {
                self.controllers[c].pretend = Some(state.clone());
                self.write_whole((key, precondition), state, fault, tally)
            }
            _ => self.write_whole((key, precondition), state, fault, tally),
        }
    }

    fn write_whole(
        &mut self,
        (key, precondition): (Key, Option<ResourceVersion>),
        state: Shared<State>,
        fault: Fault,
        tally: &mut Tally,
    ) -> Option<Heard> {
        let op = Op::State {
            key,
            precondition,
            state,
        };
        self.write(op, fault, tally)
    }

    /// What variants held back until the request was out.
    pub(crate) fn end_pretence(&mut self, c: usize, tally: &mut Tally) {
        if self.config.variant == Variant::IntentAfterSending {
            let key = self.key(c, self.controllers[c].cache_uid());
            if let Some((state, version)) = self.cluster.state(key) {
                let (state, precondition) = (state.clone(), Some(version.clone()));
                let state = self.with_pretence(c, state);
                self.land(
                    Op::State {
                        key,
                        precondition,
                        state,
                    },
                    tally,
                );
            }
        }
        if self.config.variant != Variant::NoIntent {
            self.controllers[c].pretend = None;
        }
    }

    /// What the broken variant makes of a rescued token.
    pub(crate) fn borrowed(&self, c: usize, token: &redeem::RefreshToken) -> Option<redeem::TokenAnswer> {
        if self.config.variant != Variant::BorrowedIdentity {
            return None;
        }
        let key = self.key(c, self.controllers[c].cache_uid());
        let grant = self.cluster.state(key)?.0.current.as_ref()?;
        let (family, _) = crate::salesforce::numbers(&grant.refresh_token);
        Some(redeem::TokenAnswer {
            access_token: grant.access.as_ref()?.token.clone(),
            refresh_token: Some(token.clone()),
            ..self.salesforce.token_answer(family, 0)
        })
    }
}
