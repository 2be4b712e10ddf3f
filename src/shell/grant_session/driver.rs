//! How is what a session asks for carried out? One effect at a time; nothing is decided here.

use std::sync::Arc;
use std::time::Duration;

use redeem::{CodeAnswer, Effect, Now, RedeemAnswer, Reply, Session, SessionOutcome, State};
use salesforce_client::Failure;

use crate::clock::boot_time;
use crate::core::grant::session_report::LoginFailure;
use crate::core::model::connector::Connector;
use crate::core::model::login_request::LoginCode;
use crate::core::model::owner::Owner;
use crate::failpoints::{Failpoint, Side};
use crate::shell::context::Context;
use crate::shell::grant_session::shutdown::Redeeming;
use crate::shell::grant_session::unstored::Unstored;

pub(super) struct SessionDriver {
    pub(super) context: Arc<Context>,
    pub(super) owner: Owner,
    pub(super) connector: Arc<Connector>,
    /// Login host that the state names to revoke the grant at once the connector is gone.
    pub(super) revoke_at: Option<String>,
    /// The login whose code is to be redeemed, and why it has brought no grant.
    pub(super) login: Option<LoginCode>,
    pub(super) login_failure: Option<Box<LoginFailure>>,
    /// The state as last read or written.
    pub(super) known: Option<State>,
    /// Token requests that brought nothing, for the message, with the grants that they were for.
    pub(super) refusals: Vec<(Option<redeem::GrantId>, Failure)>,
    /// Why Salesforce did not say what it was asked last, if it didn't.
    pub(super) unanswered: Option<Failure>,
    /// What the API server last had against a call, if anything.
    pub(super) unavailable: Option<String>,
    /// Token requests and introspections that were sent.
    pub(super) requests: u32,
    /// Whether Salesforce has granted a new token in this session.
    pub(super) sent: bool,
    /// Salesforce's new token, until it is stored.
    pub(super) unstored: Option<Unstored>,
    /// Whether the last effect was the announcement of an intent.
    pub(super) announced: bool,
}

impl SessionDriver {
    /// Runs a session to its end, or, where the process is stopping or hands the shard over, to a point where nothing is lost by
    /// it: then `None`.
    pub(super) async fn run(mut self, mut session: Session) -> Option<(SessionOutcome, Self)> {
        let redeems = self.context.grants.redeems.clone();
        let shard = self.context.ownership.shard_of(&self.owner.namespace);
        let mut redeeming: Option<Redeeming> = None;
        loop {
            let effect = match session.next(self.now()) {
                Effect::Done(outcome) => return Some((*outcome, self)),
                effect => effect,
            };
            redeeming = match redeeming {
                held @ Some(_) if session.has_begun() => held,
                None if session.has_begun() => Some(redeems.begin(shard)?),
                Some(_) | None => None,
            };
            let reply = tokio::select! {
                biased;
                reply = self.carry_out(effect) => reply,
                () = redeems.stopping(), if redeeming.is_none() => return None,
            };
            self.measure(&reply);
            session.on(reply, self.now());
            self.unstored = Unstored::while_held(self.unstored.take(), session.holds_result());
        }
    }

    async fn carry_out(&mut self, effect: Effect) -> Reply {
        let point = self.point(&effect);
        tracing::debug!(effect = point.as_str(), "Redeem protocol");
        let failpoints = self.context.settings.failpoints.clone();
        failpoints.at(&self.owner.name, Side::Before, point).await;
        let reply = self.perform(effect).await;
        failpoints.at(&self.owner.name, Side::After, point).await;
        reply
    }

    /// The name of an effect, by what it is for: of two writes of the state, one is the intent and one stores the result.
    fn point(&mut self, effect: &Effect) -> Failpoint {
        let announced = std::mem::replace(&mut self.announced, matches!(effect, Effect::Announce { .. }));
        match effect {
            Effect::ReadState if announced => Failpoint::ReadBack,
            Effect::CreateState { .. } | Effect::WriteState { .. } if self.unstored.is_some() => {
                Failpoint::Store
            }
            Effect::WriteState { state, .. } if self.is_intent(state) => Failpoint::Intent,
            effect => name_of(effect),
        }
    }

    fn is_intent(&self, state: &State) -> bool {
        let attempts = |state: &State| -> Vec<_> {
            let attempts = state.grants().filter_map(|grant| grant.attempt.as_ref());
            attempts.map(|attempt| attempt.id.clone()).collect()
        };
        let known = self.known.as_ref().map(attempts).unwrap_or_default();
        attempts(state).iter().any(|attempt| !known.contains(attempt))
    }

    fn measure(&mut self, reply: &Reply) {
        if let Reply::Answer(RedeemAnswer::Granted(_) | RedeemAnswer::Rescued(_))
        | Reply::Code(CodeAnswer::Granted(_)) = reply
        {
            self.unstored = Some(Unstored::begin(&self.context.metrics));
        } else if let Some(unstored) = &mut self.unstored
            && unstored.is_stored_by(reply, &self.owner)
        {
            self.unstored = None;
        }
    }

    /// The boot-time clock: it goes on while the machine sleeps, so that a window can't be slept through.
    fn now(&self) -> Now {
        Now {
            monotonic: boot_time(),
            // Who is stopping sends nothing any more: an intent that is not sent yet is closed.
            lease_left: if self.context.grants.redeems.is_stopping() {
                Duration::ZERO
            } else {
                self.context.ownership.lease_left(&self.owner.namespace)
            },
        }
    }

    async fn perform(&mut self, effect: Effect) -> Reply {
        match effect {
            Effect::ReadState => self.read_state().await,
            Effect::ReadConnector => self.read_connector().await,
            Effect::ReadConsumer => self.read_consumer().await,
            Effect::Claim {
                serial,
                taken_from,
                resource_version,
            } => self.claim(serial, taken_from.as_ref(), &resource_version).await,
            Effect::Announce {
                serial,
                resource_version,
            } => self.announce(serial, &resource_version).await,
            Effect::CreateLedger { name, entry } => self.create_ledger(&name, &entry).await,
            Effect::ReadLedger { name } => self.read_ledger(&name).await,
            Effect::FindEntriesOfOtherKeys { key_id } => self.has_entries_of_other_keys(&key_id).await,
            Effect::FindCodeOfOtherKeys { key_id } => self.has_code_of_other_keys(&key_id).await,
            Effect::MarkLedgerUsed {
                name,
                entry,
                resource_version,
            } => self.mark_ledger(&name, &entry, &resource_version).await,
            Effect::CreateState { state } => self.create_state(*state).await,
            Effect::WriteState {
                state,
                resource_version,
            } => self.write_state(*state, &resource_version).await,
            Effect::Introspect { token, limit } => self.introspect(&token, limit).await,
            Effect::Identify { access } => self.identify(&access).await,
            Effect::Send {
                token,
                attempt,
                limit,
            } => self.send(&token, &attempt, limit).await,
            Effect::RedeemCode { limit } => self.redeem_code(limit).await,
            // The consumer's Secret and the status follow from the outcome's state, after a test where one is due.
            Effect::Derive { .. } => Reply::Derived,
            Effect::Pause { length } => {
                tokio::time::sleep(length).await;
                Reply::Paused
            }
            // Ended in `run`.
            Effect::Done(_) => Reply::Paused,
        }
    }
}

fn name_of(effect: &Effect) -> Failpoint {
    match effect {
        Effect::ReadState => Failpoint::ReadState,
        Effect::ReadConnector => Failpoint::ReadConnector,
        Effect::ReadConsumer => Failpoint::ReadConsumer,
        Effect::Claim { .. } => Failpoint::Claim,
        Effect::Announce { .. } => Failpoint::Announce,
        Effect::CreateLedger { .. } => Failpoint::CreateLedger,
        Effect::ReadLedger { .. }
        | Effect::FindEntriesOfOtherKeys { .. }
        | Effect::FindCodeOfOtherKeys { .. } => Failpoint::ReadLedger,
        Effect::MarkLedgerUsed { .. } => Failpoint::MarkLedgerUsed,
        Effect::CreateState { .. } => Failpoint::CreateState,
        Effect::WriteState { .. } => Failpoint::WriteState,
        Effect::Introspect { .. } => Failpoint::Introspect,
        Effect::Identify { .. } => Failpoint::Identify,
        Effect::Send { .. } => Failpoint::Send,
        Effect::RedeemCode { .. } => Failpoint::RedeemCode,
        Effect::Derive { .. } => Failpoint::Derive,
        // The end comes to no point.
        Effect::Pause { .. } | Effect::Done(_) => Failpoint::Pause,
    }
}
