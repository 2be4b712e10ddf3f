//! What is measured? Every metric stands here once; docs/metrics.md is generated from the registry.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::api::SalesforceConnectorStatus;
use crate::core::conclude::merge::{ConditionType, Truth};

/// The metrics of a process. Labels are closed lists, apart from a connector's namespace and name.
pub struct Metrics {
    registry: Registry,
    token_requests: Family<TokenRequestLabels, Counter>,
    connection_tests: Family<ResultLabels, Counter>,
    test_duration: Histogram,
    reconcile_errors: Family<OperationLabels, Counter>,
    ready: Family<ConnectorLabels, Gauge>,
    token_expiration: Family<ConnectorLabels, Gauge>,
    api_usage: Family<ConnectorLabels, Gauge<f64, AtomicU64>>,
    action_required: Family<ConnectorLabels, Gauge>,
    unstored_refresh_tokens: Gauge,
    stored_secrets: Family<PurposeLabels, Gauge>,
    claimed_elsewhere: Family<ConnectorLabels, Gauge>,
    resync_period: Gauge,
    connectors: Gauge,
    leader: Gauge,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct TokenRequestLabels {
    method: &'static str,
    result: &'static str,
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
struct PurposeLabels {
    purpose: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ConnectorLabels {
    namespace: String,
    name: String,
}

/// Seconds; a test makes at most three calls.
const TEST_BUCKETS: [f64; 8] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

impl Metrics {
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("salesforce_connector"),
            token_requests: Family::default(),
            connection_tests: Family::default(),
            test_duration: Histogram::new(TEST_BUCKETS),
            reconcile_errors: Family::default(),
            ready: Family::default(),
            token_expiration: Family::default(),
            api_usage: Family::default(),
            action_required: Family::default(),
            unstored_refresh_tokens: Gauge::default(),
            stored_secrets: Family::default(),
            claimed_elsewhere: Family::default(),
            resync_period: Gauge::default(),
            connectors: Gauge::default(),
            leader: Gauge::default(),
        };
        metrics.register_work();
        metrics.register_connectors();
        metrics.register_process();
        metrics
    }

    fn register_work(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "token_requests",
            "Requests to Salesforce's token endpoint, by login method and result",
            self.token_requests.clone(),
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
        registry.register(
            "reconcile_errors",
            "Reconciles that failed because of a Kubernetes error, by operation",
            self.reconcile_errors.clone(),
        );
    }

    fn register_connectors(&mut self) {
        let registry = &mut self.registry;
        registry.register("ready", "1 if the connector is Ready, else 0", self.ready.clone());
        registry.register_with_unit(
            "token_expiration_timestamp",
            "When the connector's token expires, as Unix time",
            Unit::Seconds,
            self.token_expiration.clone(),
        );
        registry.register_with_unit(
            "api_usage",
            "Used share of the org's daily API allocation, as last reported to this connector",
            Unit::Other("ratio".to_owned()),
            self.api_usage.clone(),
        );
        registry.register_with_unit(
            "action_required_timestamp",
            "When someone must re-authorize the app, as Unix time; in the past if the connector is already without a token, absent if no one has to act",
            Unit::Seconds,
            self.action_required.clone(),
        );
        registry.register(
            "claimed_elsewhere",
            "1 if another installation manages the connector, so that this one ignores it; absent otherwise",
            self.claimed_elsewhere.clone(),
        );
    }

    fn register_process(&mut self) {
        let registry = &mut self.registry;
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
            "1 if this process holds the lease, else 0",
            self.leader.clone(),
        );
    }

    pub fn token_request(&self, method: &'static str, result: &'static str) {
        self.token_requests
            .get_or_create(&TokenRequestLabels { method, result })
            .inc();
    }

    pub fn connection_test(&self, result: &'static str, duration: Duration) {
        self.connection_tests
            .get_or_create(&ResultLabels { result })
            .inc();
        self.test_duration.observe(duration.as_secs_f64());
    }

    pub fn reconcile_errors(&self, operation: &'static str) {
        self.reconcile_errors
            .get_or_create(&OperationLabels { operation })
            .inc();
    }

    pub fn connector(&self, namespace: &str, name: &str, status: Option<&SalesforceConnectorStatus>) {
        let labels = ConnectorLabels {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        };
        let Some(status) = status else { return };
        let ready = status.conditions.iter().any(|condition| {
            condition.type_ == ConditionType::Ready.as_str() && condition.status == Truth::True.as_str()
        });
        self.ready.get_or_create(&labels).set(ready.into());
        match &status.token {
            Some(token) => {
                self.token_expiration
                    .get_or_create(&labels)
                    .set(token.expiration_time.0.as_second());
            }
            None => {
                self.token_expiration.remove(&labels);
            }
        }
        match &status.action_required_time {
            Some(time) => {
                self.action_required
                    .get_or_create(&labels)
                    .set(time.0.as_second());
            }
            None => {
                self.action_required.remove(&labels);
            }
        }
        if let Some(usage) = status.connection_test.as_ref().and_then(|test| test.api_usage) {
            #[expect(clippy::cast_precision_loss, reason = "a ratio of two counts far below 2^52")]
            let share = usage.used as f64 / usage.allowed.max(1) as f64;
            self.api_usage.get_or_create(&labels).set(share);
        }
    }

    pub fn claimed_elsewhere(&self, namespace: &str, name: &str, claimed: bool) {
        let labels = ConnectorLabels {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        };
        if claimed {
            self.claimed_elsewhere.get_or_create(&labels).set(1);
        } else {
            self.claimed_elsewhere.remove(&labels);
        }
    }

    pub fn forget(&self, namespace: &str, name: &str) {
        let labels = ConnectorLabels {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        };
        self.ready.remove(&labels);
        self.token_expiration.remove(&labels);
        self.api_usage.remove(&labels);
        self.action_required.remove(&labels);
        self.claimed_elsewhere.remove(&labels);
    }

    /// One more, or less, of Salesforce's answers that is not stored yet.
    pub fn unstored_result(&self, more: i64) {
        self.unstored_refresh_tokens.inc_by(more);
    }

    /// How many Secrets of the operator there are for a purpose.
    pub fn stored_secrets(&self, purpose: &'static str, count: usize) {
        let gauge = self.stored_secrets.get_or_create(&PurposeLabels { purpose });
        gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Shows how many connectors there are and the resync period.
    pub fn population(&self, connectors: usize, resync: Duration) {
        self.connectors.set(i64::try_from(connectors).unwrap_or(i64::MAX));
        self.resync_period
            .set(i64::try_from(resync.as_secs()).unwrap_or(i64::MAX));
    }

    pub fn leader(&self, leads: bool) {
        self.leader.set(leads.into());
    }

    /// The text that Prometheus reads (`OpenMetrics`).
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a String can't fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
