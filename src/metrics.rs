//! What is measured? Every metric stands here and in `connectors` once; docs/metrics.md is generated from the registry.

mod connectors;

use std::collections::BTreeSet;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::api::SalesforceConnectorStatus;
use crate::lease::shard::Shard;
use connectors::ConnectorMetrics;

pub use connectors::{CONNECTOR_SERIES_LIMIT, Totals};

/// The metrics of a process. Labels are closed lists, apart from a connector's namespace and name.
pub struct Metrics {
    registry: Registry,
    token_requests: Family<TokenRequestLabels, Counter>,
    signatures: Family<ResultLabels, Counter>,
    salesforce_requests: Family<RequestLabels, Histogram, fn() -> Histogram>,
    clock_skew: Gauge<f64, AtomicU64>,
    connection_tests: Family<ResultLabels, Counter>,
    test_duration: Histogram,
    rollout_restarts: Family<ResultLabels, Counter>,
    credential_rotations: Family<ResultLabels, Counter>,
    callback_requests: Family<CallbackLabels, Counter>,
    reconciles: Family<ResultLabels, Histogram, fn() -> Histogram>,
    reconciles_waiting: Gauge,
    reconciles_running: Gauge,
    reconcile_errors: Family<OperationLabels, Counter>,
    of_connectors: ConnectorMetrics,
    unstored_refresh_tokens: Gauge,
    stored_secrets: Family<PurposeLabels, Gauge>,
    resync_period: Gauge,
    connectors: Gauge,
    leader: Gauge,
    shards: Family<ShardLabels, Gauge>,
    missing_rights: Gauge,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct TokenRequestLabels {
    method: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    endpoint: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ResultLabels {
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OperationLabels {
    operation: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CallbackLabels {
    page: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PurposeLabels {
    purpose: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ShardLabels {
    shard: String,
}

/// Seconds; a test makes at most three calls.
const TEST_BUCKETS: [f64; 8] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];
/// Seconds; a call is given up after half a minute.
const REQUEST_BUCKETS: [f64; 8] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];
/// Seconds; most reconciles read the cache and end, and a pass is given up after five minutes.
const RECONCILE_BUCKETS: [f64; 8] = [0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0, 300.0];

impl Metrics {
    pub fn new() -> Self {
        Self::with_connector_series(CONNECTOR_SERIES_LIMIT)
    }

    /// With series for each connector while there are at most so many.
    pub fn with_connector_series(limit: usize) -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("salesforce_connector"),
            token_requests: Family::default(),
            signatures: Family::default(),
            salesforce_requests: Family::new_with_constructor(|| Histogram::new(REQUEST_BUCKETS)),
            clock_skew: Gauge::default(),
            connection_tests: Family::default(),
            test_duration: Histogram::new(TEST_BUCKETS),
            rollout_restarts: Family::default(),
            credential_rotations: Family::default(),
            callback_requests: Family::default(),
            reconciles: Family::new_with_constructor(|| Histogram::new(RECONCILE_BUCKETS)),
            reconciles_waiting: Gauge::default(),
            reconciles_running: Gauge::default(),
            reconcile_errors: Family::default(),
            of_connectors: ConnectorMetrics::new(limit),
            unstored_refresh_tokens: Gauge::default(),
            stored_secrets: Family::default(),
            resync_period: Gauge::default(),
            connectors: Gauge::default(),
            leader: Gauge::default(),
            shards: Family::default(),
            missing_rights: Gauge::default(),
        };
        metrics.register_salesforce();
        metrics.register_work();
        metrics.of_connectors.register_each(&mut metrics.registry);
        metrics.of_connectors.register_totals(&mut metrics.registry);
        metrics.register_process();
        metrics
    }

    fn register_salesforce(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "token_requests",
            "Requests to Salesforce's token endpoint, by login method and result",
            self.token_requests.clone(),
        );
        registry.register(
            "signatures",
            "Requests to signers (spec.auth.jwtBearer.signer), by result: Succeeded, or the reason",
            self.signatures.clone(),
        );
        registry.register_with_unit(
            "salesforce_request_duration",
            "Duration of requests to Salesforce, by endpoint and outcome: Refused means an error response, Unknown none that can be understood, NotSent that no connection was made",
            Unit::Seconds,
            self.salesforce_requests.clone(),
        );
        registry.register_with_unit(
            "clock_skew",
            "The operator's clock minus Salesforce's, at the last response of one of Salesforce's own hosts; accurate to about a second",
            Unit::Seconds,
            self.clock_skew.clone(),
        );
        registry.register(
            "connection_tests",
            "Connection tests, by result",
            self.connection_tests.clone(),
        );
        registry.register_with_unit(
            "connection_test_duration",
            "Duration of a whole connection test",
            Unit::Seconds,
            self.test_duration.clone(),
        );
    }

    fn register_work(&mut self) {
        let registry = &mut self.registry;
        registry.register_with_unit(
            "reconcile_duration",
            "Duration of reconciles, by result: Succeeded whatever Salesforce said, Conflict if the object changed meanwhile, Failed if Kubernetes or the operator failed",
            Unit::Seconds,
            self.reconciles.clone(),
        );
        registry.register(
            "rollout_restarts",
            "Restarts of workloads after a new token, by result: Restarted, or the reason of a failure",
            self.rollout_restarts.clone(),
        );
        registry.register(
            "credential_rotations",
            "Rotations of the credentials of apps, by result: Rotated, or the reason of a failure",
            self.credential_rotations.clone(),
        );
        registry.register(
            "callback_requests",
            "Requests to the callback page, by the page that answered: Offer (a link was opened), Departure (a link was used up), Arrival (an answer of Salesforce's was handed over), Outcome, or why nothing happened",
            self.callback_requests.clone(),
        );
        registry.register(
            "reconciles_waiting",
            "Number of connectors that wait for their turn to be reconciled",
            self.reconciles_waiting.clone(),
        );
        registry.register(
            "reconciles_running",
            "Number of reconciles in progress",
            self.reconciles_running.clone(),
        );
        registry.register(
            "reconcile_errors",
            "Reconciles that failed because of a Kubernetes error, by operation",
            self.reconcile_errors.clone(),
        );
    }

    fn register_process(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "build",
            "Version of the operator",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        registry.register(
            "unstored_refresh_tokens",
            "New refresh tokens that exist only in this process because the API server has not stored them yet; if the process is killed, each lost token costs a grant",
            self.unstored_refresh_tokens.clone(),
        );
        registry.register(
            "stored_secrets",
            "Secrets in the operator's namespace at the last garbage collection, by purpose: stored grants (state), the ledger of bootstrap tokens, and users with refused passwords",
            self.stored_secrets.clone(),
        );
        registry.register_with_unit(
            "resync_period",
            "Resync period of the namespace with the most connectors: the time within which the operator notices a changed Secret there; shorter in others",
            Unit::Seconds,
            self.resync_period.clone(),
        );
        registry.register("connectors", "Number of connectors", self.connectors.clone());
        registry.register(
            "leader",
            "1 if this process holds the lease, or that of a shard, else 0",
            self.leader.clone(),
        );
        registry.register(
            "shard_owner",
            "1 if this process holds the lease of the shard, else 0",
            self.shards.clone(),
        );
        registry.register(
            "missing_rights",
            "Rights that the operator needs and does not have, by verb, resource and namespace, at the last check; the log names them",
            self.missing_rights.clone(),
        );
    }

    pub fn token_request(&self, method: &'static str, result: &'static str) {
        self.token_requests
            .get_or_create(&TokenRequestLabels { method, result })
            .inc();
    }

    /// Counts a request to a signer.
    pub fn signature(&self, result: &'static str) {
        self.signatures.get_or_create(&ResultLabels { result }).inc();
    }

    pub fn connection_test(&self, result: &'static str, duration: Duration) {
        self.connection_tests
            .get_or_create(&ResultLabels { result })
            .inc();
        self.test_duration.observe(duration.as_secs_f64());
    }

    pub fn rollout_restart(&self, result: &'static str) {
        self.rollout_restarts
            .get_or_create(&ResultLabels { result })
            .inc();
    }

    pub fn credential_rotation(&self, result: &'static str) {
        self.credential_rotations
            .get_or_create(&ResultLabels { result })
            .inc();
    }

    /// A request to the callback page was answered with this page.
    pub fn callback_request(&self, page: &'static str) {
        self.callback_requests
            .get_or_create(&CallbackLabels { page })
            .inc();
    }

    pub fn reconcile_errors(&self, operation: &'static str) {
        self.reconcile_errors
            .get_or_create(&OperationLabels { operation })
            .inc();
    }

    /// A reconcile has ended.
    pub fn reconcile(&self, result: &'static str, duration: Duration) {
        let histogram = self.reconciles.get_or_create(&ResultLabels { result });
        histogram.observe(duration.as_secs_f64());
    }

    /// How many reconciles wait, and how many run.
    pub fn queue(&self, waiting: usize, running: usize) {
        self.reconciles_waiting.set(count(waiting));
        self.reconciles_running.set(count(running));
    }

    /// A request to Salesforce has ended.
    pub fn salesforce_request(&self, endpoint: &'static str, outcome: &'static str, duration: Duration) {
        let labels = RequestLabels { endpoint, outcome };
        let histogram = self.salesforce_requests.get_or_create(&labels);
        histogram.observe(duration.as_secs_f64());
    }

    /// How far our clock is ahead of Salesforce's, in seconds.
    pub fn clock_skew(&self, seconds: f64) {
        self.clock_skew.set(seconds);
    }

    pub fn connector(&self, namespace: &str, name: &str, status: Option<&SalesforceConnectorStatus>) {
        if let Some(status) = status {
            self.of_connectors.connector(namespace, name, status);
        }
    }

    pub fn claimed_elsewhere(&self, namespace: &str, name: &str, claimed: bool) {
        self.of_connectors.claimed_elsewhere(namespace, name, claimed);
    }

    pub fn forget(&self, namespace: &str, name: &str) {
        self.of_connectors.forget(namespace, name);
    }

    /// What all connectors together show that this process owns.
    pub fn totals(&self, totals: &Totals) {
        self.of_connectors.totals(totals);
    }

    /// Others own all connectors, and know better about them.
    pub fn stand_by(&self) {
        self.of_connectors.forget_all();
    }

    /// One more, or less, of Salesforce's answers that is not stored yet.
    pub fn unstored_result(&self, more: i64) {
        self.unstored_refresh_tokens.inc_by(more);
    }

    /// How many Secrets of the operator there are for a purpose.
    pub fn stored_secrets(&self, purpose: &'static str, secrets: usize) {
        let gauge = self.stored_secrets.get_or_create(&PurposeLabels { purpose });
        gauge.set(count(secrets));
    }

    /// Shows how many connectors there are and the resync period.
    pub fn population(&self, connectors: usize, resync: Duration) {
        self.connectors.set(count(connectors));
        self.of_connectors.count(connectors);
        self.resync_period
            .set(i64::try_from(resync.as_secs()).unwrap_or(i64::MAX));
    }

    /// Which of all shards this process owns.
    pub fn ownership(&self, all: impl Iterator<Item = Shard>, owned: &BTreeSet<Shard>) {
        self.leader.set((!owned.is_empty()).into());
        for shard in all {
            let labels = ShardLabels {
                shard: shard.to_string(),
            };
            self.shards
                .get_or_create(&labels)
                .set(owned.contains(&shard).into());
        }
    }

    /// How many rights the last check found missing.
    pub fn missing_rights(&self, rights: usize) {
        self.missing_rights.set(count(rights));
    }

    /// The text that Prometheus reads (`OpenMetrics`).
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a String can't fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

fn count(things: usize) -> i64 {
    i64::try_from(things).unwrap_or(i64::MAX)
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
