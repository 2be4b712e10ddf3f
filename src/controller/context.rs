//! What does every reconcile share? Clients, settings, and the little that is kept in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use kube::runtime::events::{Recorder, Reporter};
use kube::runtime::reflector::Store;
use kube::{Api, Client, ResourceExt};
use salesforce_client::HostAllowList;

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
    /// Reconciles that Kubernetes has failed in a row.
    errors: u32,
}

/// The stores of connectors, one for each watch, known once the watches have begun.
#[derive(Default)]
pub struct Connectors(Mutex<Vec<Store<Guarded>>>);

impl Connectors {
    /// Makes a store known.
    pub fn add(&self, store: Store<Guarded>) {
        self.stores_mut().push(store);
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Counts a reconcile that Kubernetes has failed, and says how many there were in a row before it.
    pub(super) fn count_error(&self, connector: &SalesforceConnector) -> u32 {
        let mut before = 0;
        self.memorize(connector, |memory| {
            before = memory.errors;
            memory.errors = memory.errors.saturating_add(1);
        });
        before
    }

    /// A reconcile has come to its end.
    pub(super) fn forget_errors(&self, connector: &SalesforceConnector) {
        self.memorize(connector, |memory| memory.errors = 0);
    }

    /// Forgets connectors that are gone.
    pub fn forget_except(&self, alive: &std::collections::HashSet<String>) {
        self.grants.forget_except(alive);
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
