//! How does a process stand for election? It carries a candidate's steps out at the API server.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::PostParams;
use kube::{Api, Client, Config};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::api::names;
use crate::clock::boot_time;
use crate::error_chain::chain;
use crate::lease::candidate::{Answer, Call, Candidate, Moment, Step};
use crate::lease::state::Until;
use crate::lease::{LeaseSettings, LeaseState};

/// How long the end of the process may be held up by the release.
pub(super) const RELEASE_LIMIT: Duration = Duration::from_secs(1);

/// The name of this process in the lease: of its pod, and a random suffix, because a container that is started again has
/// the same pod name and must not take itself for the one before.
pub fn identity(pod: Option<&str>) -> String {
    let mut bytes = [0; size_of::<u64>()];
    // Without random numbers the process does not come this far: it has no digest key.
    let _ = SystemRandom::new().fill(&mut bytes);
    let suffix = u64::from_ne_bytes(bytes);
    format!("{}_{suffix:016x}", pod.unwrap_or(names::MANAGED_BY_VALUE))
}

/// Stands for election in one shard as long as the process lives.
#[derive(Debug)]
pub(super) struct Elector {
    candidate: Candidate,
    me: String,
    leases: Leases,
    published: watch::Sender<Option<Until>>,
}

/// A connection for leases alone: no call waits behind others, and none is repeated by the HTTP client, which would go on for
/// minutes.
pub(super) fn connect(mut config: Config, settings: LeaseSettings) -> Result<Client, kube::Error> {
    config.default_retry = false;
    config.connect_timeout = Some(settings.call_limit());
    Client::try_from(config)
}

impl Elector {
    /// A candidate called `me` for the lease `name` in `namespace`.
    pub(super) fn of(
        client: Client,
        namespace: &str,
        name: String,
        me: &str,
        settings: LeaseSettings,
    ) -> Self {
        Self {
            candidate: Candidate::new(&name, me, settings),
            me: me.to_owned(),
            leases: Leases {
                api: Api::namespaced(client, namespace),
                namespace: namespace.to_owned(),
                name,
                problem: false,
            },
            published: watch::Sender::new(None),
        }
    }

    /// What the rest of the process may ask.
    pub(super) fn state(&self) -> LeaseState {
        LeaseState::elected(self.published.subscribe())
    }

    /// Stands for election while the lease is `wanted`. When it is no longer, it leads no more, keeps the lease until what `drain`
    /// returns resolves, releases it, and looks on. When `stop` resolves, it keeps the lease until `drained` does.
    pub(super) async fn run<D: Future<Output = ()>>(
        mut self,
        mut wanted: watch::Receiver<bool>,
        drain: impl Fn() -> D,
        stop: impl Future<Output = ()>,
        drained: impl Future<Output = ()>,
    ) {
        let mut stop = std::pin::pin!(stop);
        loop {
            if *wanted.borrow_and_update() {
                self.candidate.stand();
            } else {
                self.candidate.stand_aside();
            }
            self.publish();
            let holding = self.candidate.is_holding();
            let drained = async {
                if holding {
                    drain().await;
                } else {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = self.advance() => {}
                () = drained => {
                    tracing::info!(identity = self.me, lease = self.leases.name, "Handing the lease over");
                    self.candidate.let_go();
                }
                // The sender is gone only when the process is stopping, too.
                Ok(()) = wanted.changed() => {}
                () = &mut stop => break,
            }
        }
        self.leave(drained).await;
    }

    async fn leave(mut self, drained: impl Future<Output = ()>) {
        self.candidate.hold();
        self.publish();
        tokio::select! {
            () = self.advance() => {}
            () = drained => {}
        }
        let held = self.candidate.holder() == Some(self.me.as_str());
        self.candidate.leave();
        let in_time = timeout(RELEASE_LIMIT, self.advance()).await.is_ok();
        match (held, in_time, self.candidate.holder()) {
            (true, true, None) => {
                tracing::info!(identity = self.me, lease = self.leases.name, "Released the lease");
            }
            (true, _, _) => {
                tracing::warn!(
                    lease = self.leases.name,
                    "Failed to release the lease in time; another replica takes over when it expires"
                );
            }
            (false, _, _) => {}
        }
    }

    /// Does one step after the other until there is nothing to do any more. May be dropped at any point.
    async fn advance(&mut self) {
        loop {
            let step = self.candidate.next(moment());
            self.publish();
            match step {
                Step::WaitUntil(until) => sleep(until.saturating_sub(boot_time())).await,
                Step::Ask { call, limit } => {
                    let asked = boot_time();
                    let answer = self.leases.ask(call, limit).await;
                    self.candidate.answered(asked, boot_time(), answer);
                }
                Step::Done => return,
            }
        }
    }

    fn publish(&self) {
        let until = self.candidate.term().map(|term| Until {
            renew_by: term.renew_by,
            ends: term.ends,
        });
        let before = self.published.send_replace(until);
        match (before, until) {
            (None, Some(_)) => {
                tracing::info!(identity = self.me, lease = self.leases.name, "Started leading");
            }
            (Some(_), None) => {
                tracing::info!(
                    identity = self.me,
                    lease = self.leases.name,
                    holder = self.candidate.holder(),
                    "Stopped leading"
                );
            }
            (None, None) | (Some(_), Some(_)) => {}
        }
    }
}

fn moment() -> Moment {
    Moment {
        monotonic: boot_time(),
        wall: Timestamp::now(),
    }
}

#[derive(Debug)]
struct Leases {
    api: Api<Lease>,
    namespace: String,
    name: String,
    /// Whether the last call failed: only the first failure in a row is a warning.
    problem: bool,
}

impl Leases {
    async fn ask(&mut self, call: Call, limit: Duration) -> Answer {
        let params = PostParams::default();
        let written = |lease| Answer::Written(Box::new(lease));
        let asking = async {
            match &call {
                Call::Read => self.api.get_opt(&self.name).await.map(found),
                Call::Create(lease) => self.api.create(&params, lease).await.map(written),
                Call::Replace(lease) => self.api.replace(&self.name, &params, lease).await.map(written),
            }
        };
        match timeout(limit, asking).await {
            Ok(Ok(answer)) => {
                self.problem = false;
                answer
            }
            Ok(Err(kube::Error::Api(status)))
                if status.is_conflict() || status.is_already_exists() || is_gone(&call, &status) =>
            {
                self.problem = false;
                Answer::Refused
            }
            Ok(Err(error)) => self.failed(&chain(&error)),
            Err(_) => self.failed("no answer in time"),
        }
    }

    fn failed(&mut self, error: &str) -> Answer {
        if self.problem {
            tracing::debug!(error, "Failed to read or update the lease");
        } else {
            let (namespace, name) = (&self.namespace, &self.name);
            tracing::warn!(
                namespace,
                name,
                error,
                "Failed to reach the lease; it is tried again"
            );
        }
        self.problem = true;
        Answer::Failed
    }
}

fn found(lease: Option<Lease>) -> Answer {
    lease.map_or(Answer::Missing, |lease| Answer::Found(Box::new(lease)))
}

/// A record that can't be replaced because it was deleted. A missing namespace is another matter: creating fails too.
fn is_gone(call: &Call, status: &kube::core::Status) -> bool {
    matches!(call, Call::Replace(_)) && status.is_not_found()
}
