//! How is the grant of an authorizationCode connector spent without being lost? By the redeem protocol: this shell
//! carries out what a [`Session`] asks for, one effect at a time, and decides nothing.
//!
//! A session runs in a task of its own. Neither a reconcile that is dropped nor a lost lease ends it, and shutdown waits
//! for it: between Salesforce's answer and the write of the new refresh token nothing may come. Reads are live, writes are
//! tried once, and no layer below retries.

mod kubernetes;
mod salesforce;
mod unstored;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redeem::{
    Answer, Bootstrap, ClusterUid, Conclusion, ConnectorRef, Effect, Expect, FreshIds, Inputs,
    InstallationUid, Introspectable, Limits, Memory, Now, Outcome, Reply, Session, State, Want,
};
use ring::rand::{SecureRandom, SystemRandom};
use salesforce_client::Failure;
use tokio::sync::watch;

use unstored::Unstored;

use super::pause::{Point, Side};
use super::{Context, Error, login};
use crate::clock::boot_time;
use crate::decide::MintReason;
use crate::decide::conclude::{Minted, Trouble};
use crate::decide::explain;
use crate::decide::incoming::Said;
use crate::decide::observed::Observed;
use crate::decide::secret::Owner;
use crate::decide::validate::{Connector, Method};

pub(super) use kubernetes::{bytes, keep_wish, place, read_state, state_name, understood};

/// Bound of one call of the API server; what takes longer has an unknown outcome and is looked at again.
pub(super) const KUBERNETES_LIMIT: Duration = Duration::from_secs(10);

/// Which installation this is, on which cluster.
#[derive(Debug, Clone)]
pub struct Place {
    /// Uid of the operator's own namespace.
    pub installation: InstallationUid,
    /// Uid of the namespace kube-system.
    pub cluster: ClusterUid,
}

/// Sessions in progress, and what this process remembers between them.
pub struct Grants {
    memory: Mutex<HashMap<String, Memory>>,
    running: watch::Sender<usize>,
}

impl Default for Grants {
    fn default() -> Self {
        Self {
            memory: Mutex::default(),
            running: watch::channel(0).0,
        }
    }
}

impl Grants {
    /// Waits until no session is in progress. The process must not end before.
    pub async fn idle(&self) {
        // The sender lives in `self`, so waiting can't fail.
        let _ = self.running.subscribe().wait_for(|running| *running == 0).await;
    }

    /// Forgets connectors that are gone.
    pub(super) fn forget_except(&self, alive: &std::collections::HashSet<String>) {
        self.memory().retain(|uid, _| alive.contains(uid));
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, HashMap<String, Memory>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a session for as long as it lives, panics included.
struct Running(Arc<Context>);

impl Running {
    fn begin(context: &Arc<Context>) -> Self {
        context.grants.running.send_modify(|running| *running += 1);
        Self(context.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.grants.running.send_modify(|running| *running -= 1);
    }
}

/// What a session came to.
pub(super) struct Settled {
    /// For the conclusion.
    pub(super) minted: Option<Minted>,
    /// The state as last known.
    pub(super) state: Option<Box<State>>,
    /// What is to be said beside it.
    pub(super) said: Said,
}

/// Runs a session for a connector, and waits for it.
pub(super) async fn settle(
    context: &Arc<Context>,
    observed: &Observed,
    connector: &Connector,
    why: MintReason,
) -> Result<Settled, Error> {
    // Where something is open, most sessions send nothing; an import sends once.
    if why != MintReason::GrantOpen
        && let Err(trouble) = login::spend_budget(context, connector)
    {
        let minted = Some(Minted::Failed { why, trouble });
        return Ok(Settled {
            minted,
            state: None,
            said: Said::default(),
        });
    }
    let place = kubernetes::place(context).await?;
    let inputs = inputs(context, observed, connector, why, place)?;
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
        failure: None,
        sent: false,
        unstored: None,
        announced: false,
    };
    let running = Running::begin(context);
    let session = tokio::spawn(async move {
        let ended = shell.run(Session::begin(inputs, memory)).await;
        drop(running);
        ended
    });
    let (outcome, shell) = session.await.map_err(|_| Error::Session)?;
    context
        .grants
        .memory()
        .insert(observed.owner.uid.clone(), outcome.memory.clone());
    Ok(Settled {
        minted: minted(&outcome, &shell, why),
        said: Said {
            bootstrap: outcome.bootstrap,
            next: outcome.next,
        },
        state: outcome.state,
    })
}

fn inputs(
    context: &Context,
    observed: &Observed,
    connector: &Connector,
    why: MintReason,
    place: Place,
) -> Result<Inputs, Error> {
    let Owner { name, namespace, uid } = &observed.owner;
    let seen = observed
        .held
        .as_ref()
        .and_then(|held| held.serial)
        .map(redeem::Serial);
    let want = match why {
        MintReason::GrantOpen | MintReason::NoToken => Want::Settle,
        MintReason::Requested
        | MintReason::InputsChanged
        | MintReason::SessionEnded
        | MintReason::InstanceGone
        | MintReason::RenewalDue
        | MintReason::Retry
        | MintReason::KeepAlive => Want::Renew { seen },
    };
    let brought = match &connector.method {
        Method::AuthorizationCode { brought, .. } => brought.as_ref(),
        Method::ClientCredentials | Method::JwtBearer { .. } | Method::Password(_) => None,
    };
    Ok(Inputs {
        connector: ConnectorRef {
            uid: uid.as_str().into(),
            namespace: namespace.as_str().into(),
            name: name.as_str().into(),
        },
        installation: place.installation,
        cluster: place.cluster,
        want,
        bootstrap: brought.map(|token| {
            Bootstrap::new(
                context.digest_key.hmac(),
                redeem::RefreshToken::new(token.expose().to_owned()),
            )
        }),
        expect: Expect {
            organization_id: connector.expect.organization_id.clone(),
            username: connector.expect.username.clone(),
        },
        introspectable: match connector.app.client_secret {
            Some(_) => Introspectable::Possible,
            None => Introspectable::Impossible,
        },
        limits: Limits::new(context.settings.token_request_limit).map_err(Error::Limits)?,
        fresh: FreshIds {
            attempt: redeem::AttemptId::new(random()?),
            grant: redeem::GrantId::new(random()?),
        },
    })
}

/// A name that nobody else makes.
fn random() -> Result<String, Error> {
    use base64::Engine as _;
    let mut bytes = [0; 15];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::Random)?;
    Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes))
}

fn minted(outcome: &Outcome, shell: &Shell, why: MintReason) -> Option<Minted> {
    let failed = |trouble| Some(Minted::Failed { why, trouble });
    match outcome.conclusion {
        Conclusion::Ready if shell.sent => Some(Minted::Obtained { why }),
        Conclusion::Ready | Conclusion::ConnectorGone => None,
        Conclusion::Waiting { length, .. } => Some(Minted::Waiting { length }),
        Conclusion::Unspent => match &shell.failure {
            Some(failure) => failed(login::trouble(failure)),
            None => Some(Minted::Waiting {
                length: KUBERNETES_LIMIT,
            }),
        },
        Conclusion::Trouble { trouble, ask_again } => {
            let detail = shell
                .failure
                .as_ref()
                .map_or("", |failure| failure.detail.as_str());
            let reason = trouble.into();
            failed(Trouble {
                reason,
                message: explain(reason, detail),
                retry_after: ask_again,
            })
        }
    }
}

/// Carries out effects.
struct Shell {
    context: Arc<Context>,
    owner: Owner,
    connector: Connector,
    /// The state as last read or written.
    known: Option<State>,
    /// The last refusal, for the message.
    failure: Option<Failure>,
    /// Whether Salesforce has granted a new token in this session.
    sent: bool,
    /// Salesforce's new token, until it is stored.
    unstored: Option<Unstored>,
    /// Whether the last effect was the announcement of an intent.
    announced: bool,
}

impl Shell {
    async fn run(mut self, mut session: Session) -> (Outcome, Self) {
        loop {
            let effect = match session.next(self.now()) {
                Effect::Done(outcome) => return (*outcome, self),
                effect => effect,
            };
            let point = self.point(&effect);
            tracing::debug!(effect = point.as_str(), "Redeem protocol");
            let pauses = self.context.settings.pauses.clone();
            pauses.at(&self.owner.name, Side::Before, point).await;
            let reply = self.perform(effect).await;
            pauses.at(&self.owner.name, Side::After, point).await;
            self.measure(&reply);
            session.on(reply, self.now());
        }
    }

    /// The name of an effect, by what it is for: of two writes of the state, one is the intent and one stores the result.
    fn point(&mut self, effect: &Effect) -> Point {
        let announced = std::mem::replace(&mut self.announced, matches!(effect, Effect::Announce { .. }));
        match effect {
            Effect::ReadState if announced => Point::ReadBack,
            Effect::CreateState { .. } | Effect::WriteState { .. } if self.unstored.is_some() => Point::Store,
            Effect::WriteState { state, .. } if self.is_intent(state) => Point::Intent,
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
        match (reply, &self.unstored) {
            (Reply::Answer(Answer::Granted(_)), _) => {
                self.unstored = Some(Unstored::begin(&self.context.metrics));
            }
            (reply, Some(unstored)) if unstored.is_stored_by(reply, &self.owner) => self.unstored = None,
            (_, Some(_) | None) => {}
        }
    }

    /// The boot-time clock: it goes on while the machine sleeps, so that a window can't be slept through.
    fn now(&self) -> Now {
        Now {
            monotonic: boot_time(),
            lease_left: self.context.lease.lease_left(),
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
            Effect::Introspect { token } => self.introspect(&token).await,
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

fn name_of(effect: &Effect) -> Point {
    match effect {
        Effect::ReadState => Point::ReadState,
        Effect::ReadConnector => Point::ReadConnector,
        Effect::ReadConsumer => Point::ReadConsumer,
        Effect::Claim { .. } => Point::Claim,
        Effect::Announce { .. } => Point::Announce,
        Effect::CreateLedger { .. } => Point::CreateLedger,
        Effect::ReadLedger { .. } => Point::ReadLedger,
        Effect::MarkLedgerUsed { .. } => Point::MarkLedgerUsed,
        Effect::CreateState { .. } => Point::CreateState,
        Effect::WriteState { .. } => Point::WriteState,
        Effect::Introspect { .. } => Point::Introspect,
        Effect::Identify { .. } => Point::Identify,
        Effect::Send { .. } => Point::Send,
        Effect::Derive { .. } => Point::Derive,
        // The end comes to no point.
        Effect::Pause { .. } | Effect::Done(_) => Point::Pause,
    }
}
