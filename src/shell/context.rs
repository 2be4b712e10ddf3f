//! What does every reconcile share? Clients, settings, and the little that is kept in memory.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use kube::runtime::events::{Recorder, Reporter};
use kube::{Api, Client, ResourceExt};

use crate::api::status::LastHandledStatus;
use crate::api::{SalesforceConnector, SalesforceConnectorStatus, names};
use crate::clock::Clock;
use crate::core::decide::requests::CarriedOut;
use crate::core::model::digest::DigestKey;
use crate::core::schedule::time::is_ahead;
use crate::lease::Ownership;
use crate::metrics::Metrics;
use crate::settings::Settings;
use crate::shell::error::Error;
use crate::shell::kubernetes::found_secret::SecretReader;
use crate::shell::salesforce::budget::Budget;
use crate::shell::salesforce::current_client::CurrentClient;
use crate::shell::salesforce::user_locks::UserLocks;
use crate::shell::signer::Signers;
use crate::shell::turns::Turns;
use crate::shell::watch::copies::Copies;
use crate::shell::watch::stores::Connectors;

pub struct Context {
    pub client: Client,
    /// Kubernetes, without any retry below us: for writes whose outcome must be known.
    pub once: Client,
    pub(crate) secrets: SecretReader,
    /// Kubernetes, for watches.
    pub(crate) watching: Client,
    pub grants: crate::shell::grant_session::Grants,
    pub(crate) place: tokio::sync::OnceCell<crate::shell::grant_session::Place>,
    salesforce: CurrentClient,
    pub(crate) signers: Signers,
    pub settings: Settings,
    pub digest_key: DigestKey,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
    /// The namespaces that this process works in.
    pub ownership: Ownership,
    /// Token requests that each login host may still be sent, with what a session of the redeem protocol asks beside them.
    pub budget: Budget,
    /// Connection tests that each instance may still be sent. The introspection that belongs to a login counts as one.
    pub(crate) questions: Budget,
    pub connectors: Connectors,
    /// Where copies of tokens are accepted.
    pub(crate) copies: Arc<Copies>,
    /// Passes of all watches together.
    pub(crate) turns: Arc<Turns>,
    pub(crate) recorder: Recorder,
    pub(crate) passwords: crate::shell::salesforce::password_memory::InFlight,
    pub(crate) users: Arc<UserLocks>,
    memory: Mutex<HashMap<String, ConnectorMemory>>,
}

/// What a context is made of.
pub struct Parts {
    pub clients: crate::shell::kubernetes::clients::Clients,
    pub ownership: Ownership,
    pub salesforce: CurrentClient,
    pub signers: Signers,
    pub settings: Settings,
    pub digest_key: DigestKey,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
}

/// What is remembered of a connector while the process lives. Losing it costs at most a test.
#[derive(Debug, Default, Clone)]
struct ConnectorMemory {
    last_test: Option<Timestamp>,
    replaced: Replaced,
    /// Names of Secrets that were written and not deleted since, the latest first. The status may know of none of them, where
    /// its write was refused.
    secrets: Vec<String>,
    /// Another installation looks after it, and that was told.
    claim_told: bool,
    /// Reconciles that Kubernetes has failed in a row.
    errors: u32,
    carried_out: CarriedOut,
    unwritten: Option<Box<UnwrittenStatus>>,
}

/// A status that could not be written, and the one that it was to replace.
#[derive(Debug, Clone)]
struct UnwrittenStatus {
    replaces: SalesforceConnectorStatus,
    status: SalesforceConnectorStatus,
}

/// resourceVersions that our latest status writes have replaced: the cache may still show any of them.
#[derive(Debug, Default, Clone)]
struct Replaced(VecDeque<String>);

impl Replaced {
    /// A cache that is further behind has a watch that hangs.
    const MOST: usize = 16;

    fn add(&mut self, version: String) {
        if self.0.len() == Self::MOST {
            self.0.pop_front();
        }
        self.0.push_back(version);
    }

    fn has(&self, version: &str) -> bool {
        self.0.iter().any(|replaced| replaced == version)
    }
}

impl Context {
    pub fn new(parts: Parts) -> Arc<Self> {
        let Parts {
            clients,
            ownership,
            salesforce,
            signers,
            settings,
            digest_key,
            clock,
            metrics,
        } = parts;
        let reporter = Reporter {
            controller: names::FIELD_MANAGER.to_owned(),
            instance: None,
        };
        let turns = Arc::<Turns>::default();
        Arc::new(Self {
            users: Arc::new(UserLocks::new(turns.clone())),
            turns,
            recorder: Recorder::new(clients.usual.clone(), reporter),
            once: clients.once,
            watching: clients.watching,
            grants: crate::shell::grant_session::Grants::default(),
            place: tokio::sync::OnceCell::new(),
            budget: Budget::new(settings.token_requests_per_hour),
            questions: Budget::new(settings.token_requests_per_hour),
            secrets: SecretReader::new(clients.long_answers),
            client: clients.usual,
            salesforce,
            signers,
            settings,
            digest_key,
            clock,
            metrics,
            ownership,
            connectors: Connectors::default(),
            copies: Arc::default(),
            passwords: crate::shell::salesforce::password_memory::InFlight::default(),
            memory: Mutex::default(),
        })
    }

    /// Salesforce, as far as connectors of a namespace may reach it.
    pub(crate) fn salesforce(&self, namespace: &str) -> salesforce_client::Client {
        self.salesforce
            .get()
            .allowing(self.settings.allowed_hosts.of(namespace).clone())
    }

    /// Takes the part of the budgets that belongs to so many shards. The other replicas have the rest. While this one owns none, its
    /// budgets stay as they are: a pass may begin before they are divided anew, and would wait an hour for its turn in an empty one.
    pub fn share_budgets(&self, owned: usize) {
        let (all, whole) = (self.ownership.shards(), self.settings.token_requests_per_hour);
        if let Some(part) = all.part_of(whole, owned) {
            self.budget.set_per_hour(part);
            self.questions.set_per_hour(part);
        }
    }

    /// Waits until all connectors are known that there were when the watches began.
    pub async fn wait_until_listed(&self) {
        let watches = crate::shell::watch::scope::WatchScope::of(&self.settings).len();
        self.connectors.wait_until_listed(watches).await;
    }

    /// Whether a write of this process has replaced this version of the connector.
    pub(crate) fn has_replaced(&self, cached: &SalesforceConnector) -> bool {
        let version = cached.resource_version();
        version.is_some_and(|version| self.recall(cached).replaced.has(&version))
    }

    /// The connector as it stands now; `None` if it is gone, or another one.
    pub(crate) async fn live(
        &self,
        connector: &SalesforceConnector,
    ) -> Result<Option<SalesforceConnector>, Error> {
        let api: Api<SalesforceConnector> = Api::namespaced(self.client.clone(), &namespace(connector));
        let found = api
            .get_opt(&connector.name_any())
            .await
            .map_err(Error::ReadConnector)?;
        Ok(found.filter(|live| live.metadata.deletion_timestamp.is_none() && live.uid() == connector.uid()))
    }

    pub(crate) fn claim_told(&self, connector: &SalesforceConnector) -> bool {
        self.recall(connector).claim_told
    }

    pub(crate) fn remember_claim(&self, connector: &SalesforceConnector, elsewhere: bool) {
        self.memorize(connector.uid(), |memory| memory.claim_told = elsewhere);
    }

    /// When the connector was tested here last, unless a clock that was ahead says so.
    pub(crate) fn last_test(&self, connector: &SalesforceConnector) -> Option<Timestamp> {
        let now = self.clock.now();
        self.recall(connector).last_test.filter(|at| !is_ahead(*at, now))
    }

    pub(crate) fn remember_test(&self, connector: &SalesforceConnector, at: Timestamp) {
        self.memorize(connector.uid(), |memory| memory.last_test = Some(at));
    }

    pub(crate) fn carried_out(&self, connector: &SalesforceConnector) -> CarriedOut {
        self.recall(connector).carried_out
    }

    pub(crate) fn note_carried_out(&self, connector: &SalesforceConnector, handled: &LastHandledStatus) {
        let now = self.clock.now();
        self.memorize(connector.uid(), |memory| memory.carried_out.note(handled, now));
    }

    /// Remembers the status that could not be written in the place of the connector's, or that it was written.
    pub(crate) fn remember_unwritten(
        &self,
        connector: &SalesforceConnector,
        status: Option<SalesforceConnectorStatus>,
    ) {
        let replaces = connector.status.clone().unwrap_or_default();
        self.memorize(connector.uid(), |memory| {
            memory.unwritten = status.map(|status| Box::new(UnwrittenStatus { replaces, status }));
        });
    }

    /// The status that could not be written, while the one is there that it was to replace.
    pub(crate) fn unwritten(&self, connector: &SalesforceConnector) -> Option<SalesforceConnectorStatus> {
        let unwritten = self.recall(connector).unwritten?;
        let same = connector.status.as_ref() == Some(&unwritten.replaces);
        (same || (connector.status.is_none() && unwritten.replaces == SalesforceConnectorStatus::default()))
            .then_some(unwritten.status)
    }

    /// The connector's Secret has been written under this name.
    pub(crate) fn remember_secret(&self, uid: &str, name: &str) {
        self.memorize(Some(uid.to_owned()), |memory| {
            memory.secrets.retain(|other| other != name);
            memory.secrets.insert(0, name.to_owned());
        });
    }

    /// There is no such Secret of the connector any more.
    pub(crate) fn forget_secret(&self, uid: &str, name: &str) {
        self.memorize(Some(uid.to_owned()), |memory| {
            memory.secrets.retain(|other| other != name);
        });
    }

    /// Names under which a Secret of the connector may still exist, the latest first, where it is to have this name now.
    pub(crate) fn former_secrets(&self, uid: &str, in_status: Option<&str>, now: &str) -> Vec<String> {
        let written = self.lock().get(uid).map(|memory| memory.secrets.clone());
        let mut names = written.unwrap_or_default();
        names.extend(in_status.map(str::to_owned).filter(|name| !names.contains(name)));
        names.retain(|name| name != now);
        names
    }

    /// This version of the connector is not the latest any more, whatever the cache may show.
    pub(crate) fn remember_replaced(&self, uid: Option<String>, version: Option<String>) {
        if let Some(version) = version {
            self.memorize(uid, |memory| memory.replaced.add(version));
        }
    }

    /// Counts a reconcile that Kubernetes has failed, and says how many there were in a row before it.
    pub(crate) fn count_error(&self, connector: &SalesforceConnector) -> u32 {
        let mut before = 0;
        self.memorize(connector.uid(), |memory| {
            before = memory.errors;
            memory.errors = memory.errors.saturating_add(1);
        });
        before
    }

    pub(crate) fn forget_errors(&self, connector: &SalesforceConnector) {
        self.memorize(connector.uid(), |memory| memory.errors = 0);
    }

    pub fn forget_except(&self, alive: &std::collections::HashSet<String>) {
        self.grants.forget_except(alive);
        self.users.forget_except(alive);
        self.lock().retain(|uid, _| alive.contains(uid));
    }

    fn recall(&self, connector: &SalesforceConnector) -> ConnectorMemory {
        connector
            .uid()
            .and_then(|uid| self.lock().get(&uid).cloned())
            .unwrap_or_default()
    }

    fn memorize(&self, uid: Option<String>, note: impl FnOnce(&mut ConnectorMemory)) {
        if let Some(uid) = uid {
            note(self.lock().entry(uid).or_default());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, ConnectorMemory>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The namespace of a connector; the API server never yields one without.
pub fn namespace(connector: &SalesforceConnector) -> String {
    connector.namespace().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use futures::FutureExt as _;

    use super::*;

    /// Whether somebody was woken.
    #[derive(Default)]
    struct Woken(AtomicBool);

    impl std::task::Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    fn poll(wait: &mut (impl Future<Output = ()> + Unpin), wakes: &Arc<Woken>) -> std::task::Poll<()> {
        wait.poll_unpin(&mut std::task::Context::from_waker(&wakes.clone().into()))
    }

    #[test]
    fn a_cache_is_stale_while_it_shows_any_of_the_versions_that_we_have_replaced_lately() {
        let mut replaced = Replaced::default();
        for version in ["A", "B"] {
            replaced.add(version.to_owned());
        }
        assert_eq!(
            ["A", "B", "C"].map(|version| replaced.has(version)),
            [true, true, false]
        );
        for version in 0..Replaced::MOST {
            replaced.add(version.to_string());
        }
        assert!(
            replaced.has("0") && !replaced.has("A") && !replaced.has("B"),
            "{replaced:?}"
        );
    }

    #[test]
    fn everyone_who_waits_hears_that_all_stores_are_filled() {
        let connectors = Connectors::default();
        let wakes = [Arc::<Woken>::default(), Arc::default()];
        let mut waits = [(); 2].map(|()| Box::pin(connectors.wait_until_listed(2)));
        for (wait, wakes) in waits.iter_mut().zip(&wakes) {
            assert!(poll(wait, wakes).is_pending());
        }
        connectors.listed().send_modify(|listed| *listed += 1);
        for (wait, wakes) in waits.iter_mut().zip(&wakes) {
            assert!(poll(wait, wakes).is_pending());
            wakes.0.store(false, Ordering::Relaxed);
        }
        connectors.listed().send_modify(|listed| *listed += 1);
        for (wait, wakes) in waits.iter_mut().zip(&wakes) {
            assert!(wakes.0.load(Ordering::Relaxed));
            assert!(poll(wait, wakes).is_ready());
        }
    }
}
