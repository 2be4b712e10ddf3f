//! What does every reconcile share? Clients, settings, and the little that is kept in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use kube::runtime::events::{Recorder, Reporter};
use kube::runtime::reflector::Store;
use kube::{Api, Client, ResourceExt};
use salesforce_client::HostAllowList;
use tokio::sync::watch;

use super::{Error, Guarded};
use crate::api::{SalesforceConnector, names};
use crate::budget::Budget;
use crate::clock::Clock;
use crate::decide::digest::DigestKey;
use crate::lease::LeaseState;
use crate::metrics::Metrics;
use crate::settings::Settings;

/// What every reconcile shares.
pub struct Context {
    /// Kubernetes.
    pub client: Client,
    /// Kubernetes, without any retry below us: for writes whose outcome must be known.
    pub once: Client,
    /// Sessions of the redeem protocol.
    pub grants: super::grant::Grants,
    pub(super) place: tokio::sync::OnceCell<super::grant::Place>,
    /// Salesforce.
    pub salesforce: salesforce_client::Client,
    /// Hosts that credentials may be sent to.
    pub allow_list: HostAllowList,
    /// How this process is set up.
    pub settings: Settings,
    /// The key of all keyed digests.
    pub digest_key: DigestKey,
    /// The clock.
    pub clock: Clock,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// Whether this process leads.
    pub lease: LeaseState,
    /// Token requests that each login host may still be sent.
    pub budget: Budget,
    /// The connectors that are known.
    pub connectors: Connectors,
    pub(super) recorder: Recorder,
    pub(super) passwords: super::passwords::InFlight,
    memory: Mutex<HashMap<String, Memory>>,
}

/// Two ways to Kubernetes.
#[derive(Clone)]
pub struct Clients {
    /// Retries what the API server asks to retry.
    pub usual: Client,
    /// Never retries.
    pub once: Client,
}

/// What a context is made of.
pub struct Parts {
    /// Kubernetes.
    pub clients: Clients,
    /// Whether this process leads.
    pub lease: LeaseState,
    /// Salesforce.
    pub salesforce: salesforce_client::Client,
    /// Hosts that credentials may be sent to.
    pub allow_list: HostAllowList,
    /// How this process is set up.
    pub settings: Settings,
    /// The key of all keyed digests.
    pub digest_key: DigestKey,
    /// The clock.
    pub clock: Clock,
    /// Metrics.
    pub metrics: Arc<Metrics>,
}

/// What is remembered of a connector while the process lives. Losing it costs at most a test.
#[derive(Debug, Default, Clone)]
struct Memory {
    last_test: Option<Timestamp>,
    /// resourceVersion that our last status write replaced: the cache may still show it.
    replaced: Option<String>,
}

/// The stores of connectors, one for each watch, known once the watches have begun.
#[derive(Default)]
pub struct Connectors {
    stores: Mutex<Vec<Store<Guarded>>>,
    /// How many stores hold all that there was when their watch began. Not [`Store::wait_until_ready`]: it wakes
    /// only the one who asked last, and the controller asks, too.
    listed: watch::Sender<usize>,
}

impl Connectors {
    /// Makes a store known.
    pub fn add(&self, store: Store<Guarded>) {
        self.stores_mut().push(store);
    }

    /// Where it is noted, once for each store, that it holds all that there was when its watch began.
    pub(super) fn listed(&self) -> watch::Sender<usize> {
        self.listed.clone()
    }

    /// Waits until so many stores hold all that there was when their watches began. Any number may wait.
    pub async fn wait_until_listed(&self, stores: usize) {
        // We hold the sender, so it can't be gone.
        let _ = self.listed.subscribe().wait_for(|listed| *listed >= stores).await;
    }

    /// How many connectors there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.stores_mut().iter().map(Store::len).sum()
    }

    /// The stores.
    #[must_use]
    pub fn stores(&self) -> Vec<Store<Guarded>> {
        self.stores_mut().clone()
    }

    fn stores_mut(&self) -> std::sync::MutexGuard<'_, Vec<Store<Guarded>>> {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Context {
    /// A context made of these parts.
    #[must_use]
    pub fn new(parts: Parts) -> Arc<Self> {
        let Parts {
            clients,
            lease,
            salesforce,
            allow_list,
            settings,
            digest_key,
            clock,
            metrics,
        } = parts;
        let reporter = Reporter {
            controller: names::FIELD_MANAGER.to_owned(),
            instance: None,
        };
        Arc::new(Self {
            recorder: Recorder::new(clients.usual.clone(), reporter),
            once: clients.once,
            grants: super::grant::Grants::default(),
            place: tokio::sync::OnceCell::new(),
            budget: Budget::new(settings.token_requests_per_hour),
            client: clients.usual,
            salesforce,
            allow_list,
            settings,
            digest_key,
            clock,
            metrics,
            lease,
            connectors: Connectors::default(),
            passwords: super::passwords::InFlight::default(),
            memory: Mutex::default(),
        })
    }

    /// Waits until all connectors are known that there were when the watches began.
    pub async fn wait_until_listed(&self) {
        let watches = super::wake::Scope::of(&self.settings).len();
        self.connectors.wait_until_listed(watches).await;
    }

    /// The connector to work on: the cached one, or a live one where the cache still shows what our last write replaced.
    /// `None` if it is gone, or going.
    pub(super) async fn current(
        &self,
        cached: &SalesforceConnector,
    ) -> Result<Option<SalesforceConnector>, Error> {
        let stale = self
            .recall(cached)
            .replaced
            .is_some_and(|version| Some(version) == cached.resource_version());
        if stale {
            return self.live(cached).await;
        }
        Ok(Some(cached.clone()).filter(|cached| cached.metadata.deletion_timestamp.is_none()))
    }

    /// The connector as it stands now; `None` if it is gone, or another one.
    pub(super) async fn live(
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

    pub(super) fn last_test(&self, connector: &SalesforceConnector) -> Option<Timestamp> {
        self.recall(connector).last_test
    }

    pub(super) fn remember_test(&self, connector: &SalesforceConnector, at: Timestamp) {
        self.memorize(connector, |memory| memory.last_test = Some(at));
    }

    pub(super) fn remember_replaced(&self, connector: &SalesforceConnector) {
        self.memorize(connector, |memory| memory.replaced = connector.resource_version());
    }

    /// Forgets connectors that are gone.
    pub fn forget_except(&self, alive: &std::collections::HashSet<String>) {
        self.lock().retain(|uid, _| alive.contains(uid));
    }

    fn recall(&self, connector: &SalesforceConnector) -> Memory {
        connector
            .uid()
            .and_then(|uid| self.lock().get(&uid).cloned())
            .unwrap_or_default()
    }

    fn memorize(&self, connector: &SalesforceConnector, note: impl FnOnce(&mut Memory)) {
        if let Some(uid) = connector.uid() {
            note(self.lock().entry(uid).or_default());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Memory>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The namespace of a connector; the API server never yields one without.
#[must_use]
pub fn namespace(connector: &SalesforceConnector) -> String {
    connector.namespace().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn everyone_who_waits_hears_that_all_stores_are_filled() {
        let connectors = Arc::new(Connectors::default());
        let waits = [connectors.clone(), connectors.clone()]
            .map(|connectors| tokio::spawn(async move { connectors.wait_until_listed(2).await }));
        let listed = connectors.listed();
        for waiting in [true, true, false] {
            tokio::task::yield_now().await; // one thread: now all have asked
            if waiting {
                assert!(waits.iter().all(|wait| !wait.is_finished()));
                listed.send_modify(|stores| *stores += 1);
            }
        }
        for wait in waits {
            tokio::time::timeout(Duration::from_secs(10), wait)
                .await
                .expect("the waiter should have been woken")
                .unwrap();
        }
    }
}
