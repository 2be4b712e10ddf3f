//! How is the grant of an authorizationCode connector spent without being lost? By the redeem protocol: this shell
//! carries out what a [`Session`] asks for, one effect at a time, and decides nothing.
//!
//! A session runs in a task of its own. Neither a reconcile that is dropped nor a lost lease ends it, and from the intent
//! on shutdown waits for it: between Salesforce's answer and the write of the new refresh token nothing may come. Reads are
//! live, writes are tried once, and no layer below retries.

mod inputs;
mod kubernetes;
mod replies;
mod salesforce;
mod shutdown;
mod unstored;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redeem::{
    ClusterUid, Effect, InstallationUid, Now, RedeemAnswer, Reply, Session, SessionEnd, SessionMemory,
    SessionOutcome, SessionWait, State,
};
use salesforce_client::{Failure, Refusal};
use shutdown::Redeeming;
use shutdown::Redeems;
use unstored::Unstored;

use crate::clock::boot_time;
use crate::core::grant::candidate::Said;
use crate::core::grant::view::granted_elsewhere;
use crate::core::model::connector::Connector;
use crate::core::model::decision::MintReason;
use crate::core::model::observed::Observed;
use crate::core::model::outcome::{Minted, Trouble};
use crate::core::model::owner::Owner;
use crate::core::model::rejection::explain;
use crate::failpoints::{Failpoint, Side};
use crate::shell::context::Context;
use crate::shell::error::Error;
use crate::shell::salesforce::login;

pub(crate) use kubernetes::bytes;
pub(crate) use kubernetes::keep_wish;
pub(crate) use kubernetes::place;
pub(crate) use kubernetes::read_state;
pub(crate) use kubernetes::state_name;
pub(crate) use kubernetes::understood;

/// Bound of one call of the API server; what takes longer has an unknown outcome and is looked at again.
pub(crate) const KUBERNETES_LIMIT: Duration = Duration::from_secs(10);

/// Which installation this is, on which cluster.
#[derive(Debug, Clone)]
pub struct Place {
    /// Uid of the operator's own namespace.
    pub installation: InstallationUid,
    /// Uid of the namespace kube-system.
    pub cluster: ClusterUid,
}

/// Sessions in progress, and what this process remembers between them.
#[derive(Default)]
pub struct Grants {
    memory: Mutex<HashMap<String, SessionMemory>>,
    redeems: Redeems,
}

impl Grants {
    /// From here on no redeem begins, and sessions that have begun none end at once, wherever they stand: to the next
    /// leader it looks like a crash at that point, which loses nothing. Waits until those that have begun one have
    /// recorded what came of it. The process must not end before.
    pub async fn idle(&self) {
        self.redeems.stop().await;
    }

    /// Forgets connectors that are gone.
    pub(crate) fn forget_except(&self, alive: &std::collections::HashSet<String>) {
        self.memory().retain(|uid, _| alive.contains(uid));
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, HashMap<String, SessionMemory>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a session came to.
pub(crate) struct Settled {
    /// For the conclusion.
    pub(crate) minted: Option<Minted>,
    /// The state as last known.
    pub(crate) state: Option<Box<State>>,
    /// What is to be said beside it.
    pub(crate) said: Said,
}

/// Runs a session for a connector, and waits for it.
pub(crate) async fn settle(
    context: &Arc<Context>,
    observed: &Observed,
    connector: &Connector,
    why: MintReason,
) -> Result<Settled, Error> {
    let place = kubernetes::place(context).await?;
    let inputs = inputs::inputs(context, observed, connector, why, place)?;
    // Where something is open, most sessions send nothing: what they send is taken afterwards.
    let paid = u32::from(why != MintReason::GrantOpen);
    if paid > 0
        && let Err(trouble) = login::spend_budget(context, connector)
    {
        let minted = Some(Minted::Failed { why, trouble });
        return Ok(Settled {
            minted,
            state: None,
            said: Said::default(),
        });
    }
    let memory = context
        .grants
        .memory()
        .remove(&observed.owner.uid)
        .unwrap_or_default();
    let shell = Shell {
        context: context.clone(),
        owner: observed.owner.clone(),
        connector: connector.clone(),
        known: None,
        refusals: Vec::new(),
        unanswered: None,
        unavailable: None,
        presented: 0,
        sent: false,
        unstored: None,
        announced: false,
    };
    let session = tokio::spawn(shell.run(Session::begin(inputs, memory)));
    let ended = session.await.map_err(|_| Error::Session)?;
    let (outcome, shell) = ended.ok_or(Error::Stopping)?;
    let (host, now) = (connector.host.name(), context.clock.now());
    context.budget.settle(host, paid, shell.presented, now);
    context
        .grants
        .memory()
        .insert(observed.owner.uid.clone(), outcome.memory.clone());
    Ok(Settled {
        minted: minted(&outcome, &shell, why),
        said: Said {
            bootstrap: outcome.bootstrap,
            next: outcome.candidate,
        },
        state: outcome.state,
    })
}

fn minted(outcome: &SessionOutcome, shell: &Shell, why: MintReason) -> Option<Minted> {
    let failed = |trouble| Some(Minted::Failed { why, trouble });
    match outcome.end {
        SessionEnd::Ready if shell.sent => Some(Minted::Obtained { why }),
        SessionEnd::Ready | SessionEnd::ConnectorGone => None,
        SessionEnd::Waiting { why: wait, length } => match &shell.unanswered {
            // An import that Salesforce does not want to tell about is not kept waiting without a word.
            Some(failure) if wait == SessionWait::Salesforce => {
                failed(salesforce::silence(failure, shell.sent))
            }
            Some(_) | None if is_stuck(outcome.end, shell) => failed(shell.unavailability()),
            Some(_) | None => Some(Minted::Waiting { length }),
        },
        SessionEnd::Unspent => match shell.refusal(outcome.state.as_deref()) {
            Some(failure) => failed(unspent(failure, outcome, shell)),
            None if is_stuck(outcome.end, shell) => failed(shell.unavailability()),
            None => Some(Minted::Waiting {
                length: KUBERNETES_LIMIT,
            }),
        },
        SessionEnd::Problem { problem, ask_again } => {
            let failure = shell
                .refusal(outcome.state.as_deref())
                .or(shell.unanswered.as_ref());
            let detail = failure.map_or("", |failure| failure.detail.as_str());
            let reason = problem.into();
            failed(Trouble {
                reason,
                message: explain(reason, detail),
                retry_after: ask_again,
            })
        }
    }
}

/// Whether a session came to nothing for want of the API server. What one has stored is delivered by the next, soon.
fn is_stuck(conclusion: SessionEnd, shell: &Shell) -> bool {
    let stuck = match conclusion {
        SessionEnd::Waiting { why, .. } => matches!(why, SessionWait::Kubernetes | SessionWait::Contention),
        SessionEnd::Unspent => shell.unavailable.is_some(),
        SessionEnd::Ready | SessionEnd::Problem { .. } | SessionEnd::ConnectorGone => false,
    };
    stuck && !shell.sent
}

/// Why a grant is unspent that was presented.
fn unspent(failure: &Failure, outcome: &SessionOutcome, shell: &Shell) -> Trouble {
    let state = outcome.state.as_deref();
    let elsewhere = state.and_then(|state| granted_elsewhere(state, &shell.connector));
    match elsewhere {
        Some(rejection) if failure.refusal == Refusal::RefreshTokenExpired => rejection.into(),
        Some(_) | None => login::trouble(failure),
    }
}

/// Carries out effects.
struct Shell {
    context: Arc<Context>,
    owner: Owner,
    connector: Connector,
    /// The state as last read or written.
    known: Option<State>,
    /// Token requests that brought nothing, for the message, with the grants that they were for.
    refusals: Vec<(Option<redeem::GrantId>, Failure)>,
    /// Why Salesforce did not say what it was asked last, if it didn't.
    unanswered: Option<Failure>,
    /// What the API server last had against a call, if anything.
    unavailable: Option<String>,
    /// How many token requests were sent.
    presented: u32,
    /// Whether Salesforce has granted a new token in this session.
    sent: bool,
    /// Salesforce's new token, until it is stored.
    unstored: Option<Unstored>,
    /// Whether the last effect was the announcement of an intent.
    announced: bool,
}

impl Shell {
    /// What Salesforce had against the grant in use, or else against one that waits.
    fn refusal(&self, state: Option<&State>) -> Option<&Failure> {
        let current = state
            .and_then(|state| state.current.as_ref())
            .map(|grant| &grant.id);
        let of_current = self
            .refusals
            .iter()
            .rfind(|(id, _)| current.is_some() && id.as_ref() == current);
        of_current.or(self.refusals.last()).map(|(_, failure)| failure)
    }

    /// Runs a session to its end, or, where the process is stopping, to a point where nothing is lost by it: then `None`.
    async fn run(mut self, mut session: Session) -> Option<(SessionOutcome, Self)> {
        let redeems = self.context.grants.redeems.clone();
        let mut redeeming: Option<Redeeming> = None;
        loop {
            let effect = match session.next(self.now()) {
                Effect::Done(outcome) => return Some((*outcome, self)),
                effect => effect,
            };
            redeeming = match redeeming {
                held @ Some(_) if session.has_begun() => held,
                None if session.has_begun() => Some(redeems.begin()?),
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
        if let Reply::Answer(RedeemAnswer::Granted(_) | RedeemAnswer::Rescued(_)) = reply {
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
                self.context.lease.lease_left()
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
                resource_version,
            } => self.claim(serial, &resource_version).await,
            Effect::Announce {
                serial,
                resource_version,
            } => self.announce(serial, &resource_version).await,
            Effect::CreateLedger { name, entry } => self.create_ledger(&name, &entry).await,
            Effect::ReadLedger { name } => self.read_ledger(&name).await,
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
        Effect::ReadLedger { .. } => Failpoint::ReadLedger,
        Effect::MarkLedgerUsed { .. } => Failpoint::MarkLedgerUsed,
        Effect::CreateState { .. } => Failpoint::CreateState,
        Effect::WriteState { .. } => Failpoint::WriteState,
        Effect::Introspect { .. } => Failpoint::Introspect,
        Effect::Identify { .. } => Failpoint::Identify,
        Effect::Send { .. } => Failpoint::Send,
        Effect::Derive { .. } => Failpoint::Derive,
        // The end comes to no point.
        Effect::Pause { .. } | Effect::Done(_) => Failpoint::Pause,
    }
}
