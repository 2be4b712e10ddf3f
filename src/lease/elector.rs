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
const RELEASE_LIMIT: Duration = Duration::from_secs(1);

/// The name of this process in the lease: of its pod, and a random suffix, because a container that is started again has
/// the same pod name and must not take itself for the one before.
pub fn identity(pod: Option<&str>) -> String {
    let mut bytes = [0; size_of::<u64>()];
    // Without random numbers the process does not come this far: it has no digest key.
    let _ = SystemRandom::new().fill(&mut bytes);
    let suffix = u64::from_ne_bytes(bytes);
    format!("{}_{suffix:016x}", pod.unwrap_or(names::MANAGED_BY_VALUE))
}

/// Stands for election as long as the process lives.
#[derive(Debug)]
pub struct Elector {
    candidate: Candidate,
    me: String,
    leases: Leases,
    published: watch::Sender<Option<Until>>,
}

impl Elector {
    /// A candidate called `me` for the operator's lease in `namespace`. It has a connection of its own: no call waits
    /// behind others, and none is repeated by the HTTP client, which would go on for minutes.
    pub fn new(
        mut config: Config,
        namespace: &str,
        me: String,
        settings: LeaseSettings,
    ) -> Result<Self, kube::Error> {
        config.default_retry = false;
        config.connect_timeout = Some(settings.call_limit());
        let client = Client::try_from(config)?;
        Ok(Self {
            candidate: Candidate::new(names::LEASE, &me, settings),
            me,
            leases: Leases {
                api: Api::namespaced(client, namespace),
                namespace: namespace.to_owned(),
                problem: false,
            },
            published: watch::Sender::new(None),
        })
    }

    /// What the rest of the process may ask.
    pub fn state(&self) -> LeaseState {
        LeaseState::elected(self.published.subscribe())
    }

    /// Stands for election until `stop` resolves. Then it leads no more, keeps the lease, where it holds it, until
    /// `drained` resolves, and releases it.
    pub async fn run(mut self, stop: impl Future<Output = ()>, drained: impl Future<Output = ()>) {
        tokio::select! {
            () = self.advance() => {}
            () = stop => {}
        }
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
            (true, true, None) => tracing::info!(identity = self.me, "Released the lease"),
            (true, _, _) => {
                tracing::warn!(
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
            (None, Some(_)) => tracing::info!(identity = self.me, "Started leading"),
            (Some(_), None) => {
                tracing::info!(
                    identity = self.me,
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
    /// Whether the last call failed: only the first failure in a row is a warning.
    problem: bool,
}

impl Leases {
    async fn ask(&mut self, call: Call, limit: Duration) -> Answer {
        let params = PostParams::default();
        let written = |lease| Answer::Written(Box::new(lease));
        let asking = async {
            match &call {
                Call::Read => self.api.get_opt(names::LEASE).await.map(found),
                Call::Create(lease) => self.api.create(&params, lease).await.map(written),
                Call::Replace(lease) => self.api.replace(names::LEASE, &params, lease).await.map(written),
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
            let (namespace, name) = (&self.namespace, names::LEASE);
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
