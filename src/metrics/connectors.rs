//! What is measured of connectors? Series for each one while they are few, and numbers about all of them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::api::status::ConnectionTestStatus;
use crate::api::{Reason, SalesforceConnectorStatus};
use crate::core::conclude::merge::{ConditionType, Truth};

/// Connectors up to which each has series of its own, unless the settings say otherwise: ten thousand series.
pub const CONNECTOR_SERIES_LIMIT: usize = 2000;

type Ratio = Gauge<f64, AtomicU64>;
/// No label: a gauge that can be absent.
type Alone = [(&'static str, &'static str); 0];

/// What is measured of connectors. Every metric is absent while the process does not lead: another one knows better.
pub(super) struct ConnectorMetrics {
    limit: usize,
    each_is_shown: AtomicBool,
    ready: Family<ConnectorLabels, Gauge>,
    token_expiration: Family<ConnectorLabels, Gauge>,
    api_usage: Family<ConnectorLabels, Ratio>,
    action_required: Family<ConnectorLabels, Gauge>,
    claimed_elsewhere: Family<ConnectorLabels, Gauge>,
    by_reason: Family<ReadyLabels, Gauge>,
    stalled: Family<Alone, Gauge>,
    failing: Family<Alone, Gauge>,
    copies: Family<CopyLabels, Gauge>,
    earliest_expiration: Family<Alone, Gauge>,
    earliest_action_required: Family<Alone, Gauge>,
    highest_api_usage: Family<Alone, Ratio>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ConnectorLabels {
    namespace: String,
    name: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReadyLabels {
    ready: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CopyLabels {
    ready: &'static str,
}

/// What all connectors together show.
#[derive(Debug, Default, PartialEq)]
pub struct Totals {
    /// How many have this status of `Ready`, with this reason.
    by_reason: HashMap<(&'static str, &'static str), i64>,
    stalled: i64,
    failing: i64,
    /// Copies of tokens that are current, and that are not.
    copies: [i64; 2],
    /// In seconds of Unix time.
    earliest_expiration: Option<i64>,
    earliest_action_required: Option<i64>,
    highest_api_usage: Option<f64>,
}

impl Totals {
    /// What these statuses show, each with whether its connector is suspended: nothing of such a one needs anybody.
    pub fn of<'a>(statuses: impl IntoIterator<Item = (&'a SalesforceConnectorStatus, bool)>) -> Self {
        let mut totals = Self::default();
        let mut by_reason: HashMap<(&str, &str), i64> = HashMap::new();
        for (status, suspended) in statuses {
            let ready = condition(status, ConditionType::Ready);
            *by_reason
                .entry(ready.unwrap_or(("Unknown", "Pending")))
                .or_default() += 1;
            if !suspended {
                totals.add(
                    status,
                    ready.is_some_and(|(truth, _)| truth == Truth::True.as_str()),
                );
            }
        }
        for ((truth, reason), count) in by_reason {
            *totals
                .by_reason
                .entry((known_truth(truth), known_reason(reason)))
                .or_default() += count;
        }
        totals
    }

    fn add(&mut self, status: &SalesforceConnectorStatus, ready: bool) {
        self.stalled += i64::from(condition(status, ConditionType::Stalled).is_some());
        self.failing += i64::from(status.failures.is_some());
        if let Some(sharing) = &status.sharing {
            let [current, others] = &mut self.copies;
            *current += i64::from(sharing.ready);
            *others += i64::from(sharing.copies.saturating_sub(sharing.ready));
        }
        let expires = status.token.as_ref().filter(|_| ready);
        let expires = expires.map(|token| token.expiration_time.0.as_second());
        self.earliest_expiration = earlier(self.earliest_expiration, expires);
        let required = status
            .action_required_time
            .as_ref()
            .map(|time| time.0.as_second());
        self.earliest_action_required = earlier(self.earliest_action_required, required);
        let usage = status.connection_test.as_ref().and_then(api_usage);
        self.highest_api_usage = [self.highest_api_usage, usage]
            .into_iter()
            .flatten()
            .reduce(f64::max);
    }
}

/// Status and reason of a condition.
fn condition(status: &SalesforceConnectorStatus, kind: ConditionType) -> Option<(&str, &str)> {
    let mut conditions = status.conditions.iter();
    let found = conditions.find(|condition| condition.type_ == kind.as_str())?;
    Some((&found.status, &found.reason))
}

fn known_truth(text: &str) -> &'static str {
    let known = [Truth::True, Truth::False].map(Truth::as_str);
    known
        .into_iter()
        .find(|truth| *truth == text)
        .unwrap_or(Truth::Unknown.as_str())
}

/// Whoever may write the status could write any reason, and a label takes only known ones.
fn known_reason(text: &str) -> &'static str {
    Reason::parse(text).map_or("Other", Reason::as_str)
}

fn earlier(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    one.into_iter().chain(other).min()
}

#[expect(clippy::cast_precision_loss, reason = "a ratio of two counts far below 2^52")]
fn api_usage(test: &ConnectionTestStatus) -> Option<f64> {
    let usage = test.api_usage?;
    Some(usage.used as f64 / usage.allowed.max(1) as f64)
}

impl ConnectorMetrics {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            each_is_shown: AtomicBool::new(limit > 0),
            ready: Family::default(),
            token_expiration: Family::default(),
            api_usage: Family::default(),
            action_required: Family::default(),
            claimed_elsewhere: Family::default(),
            by_reason: Family::default(),
            stalled: Family::default(),
            failing: Family::default(),
            copies: Family::default(),
            earliest_expiration: Family::default(),
            earliest_action_required: Family::default(),
            highest_api_usage: Family::default(),
        }
    }

    pub(super) fn register_each(&self, registry: &mut Registry) {
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
            ratio(),
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

    pub(super) fn register_totals(&self, registry: &mut Registry) {
        registry.register(
            "connectors_by_reason",
            "Number of connectors, by status and reason of their condition Ready; of those that this replica works on",
            self.by_reason.clone(),
        );
        registry.register(
            "stalled_connectors",
            "Number of connectors that someone must act on (condition Stalled); of those that this replica works on",
            self.stalled.clone(),
        );
        registry.register(
            "failing_connectors",
            "Number of connectors whose last attempt to obtain a token failed, those that still have a valid one included; of those that this replica works on",
            self.failing.clone(),
        );
        registry.register(
            "token_copies",
            "Number of copies of tokens in other namespaces, by whether they are current; of those that this replica works on",
            self.copies.clone(),
        );
        registry.register_with_unit(
            "earliest_token_expiration_timestamp",
            "Earliest expiration of a token of a connector that is Ready, as Unix time; of connectors that this replica works on, absent if there is none",
            Unit::Seconds,
            self.earliest_expiration.clone(),
        );
        registry.register_with_unit(
            "earliest_action_required_timestamp",
            "When someone must re-authorize the first app, as Unix time; of connectors that this replica works on, absent if no one has to act",
            Unit::Seconds,
            self.earliest_action_required.clone(),
        );
        registry.register_with_unit(
            "highest_api_usage",
            "Highest used share of a daily API allocation that an org has reported to a connector; of connectors that this replica works on, absent if none has",
            ratio(),
            self.highest_api_usage.clone(),
        );
    }

    pub(super) fn connector(&self, namespace: &str, name: &str, status: &SalesforceConnectorStatus) {
        if !self.each_is_shown() {
            return;
        }
        let labels = labels(namespace, name);
        let ready = condition(status, ConditionType::Ready);
        let ready = ready.is_some_and(|(truth, _)| truth == Truth::True.as_str());
        self.ready.get_or_create(&labels).set(ready.into());
        let expires = status
            .token
            .as_ref()
            .map(|token| token.expiration_time.0.as_second());
        set_or_remove(&self.token_expiration, &labels, expires);
        let required = status
            .action_required_time
            .as_ref()
            .map(|time| time.0.as_second());
        set_or_remove(&self.action_required, &labels, required);
        if let Some(share) = status.connection_test.as_ref().and_then(api_usage) {
            self.api_usage.get_or_create(&labels).set(share);
        }
    }

    pub(super) fn claimed_elsewhere(&self, namespace: &str, name: &str, claimed: bool) {
        let claimed = (claimed && self.each_is_shown()).then_some(1);
        set_or_remove(&self.claimed_elsewhere, &labels(namespace, name), claimed);
    }

    pub(super) fn forget(&self, namespace: &str, name: &str) {
        let labels = labels(namespace, name);
        self.ready.remove(&labels);
        self.token_expiration.remove(&labels);
        self.api_usage.remove(&labels);
        self.action_required.remove(&labels);
        self.claimed_elsewhere.remove(&labels);
    }

    /// Shows each connector, or none where there are too many.
    pub(super) fn count(&self, connectors: usize) {
        let shown = self.limit > 0 && connectors <= self.limit;
        if self.each_is_shown.swap(shown, Ordering::Relaxed) && !shown {
            self.forget_each();
        }
    }

    pub(super) fn totals(&self, totals: &Totals) {
        self.by_reason.clear();
        for (&(ready, reason), &count) in &totals.by_reason {
            self.by_reason
                .get_or_create(&ReadyLabels { ready, reason })
                .set(count);
        }
        self.stalled.get_or_create(&[]).set(totals.stalled);
        self.failing.get_or_create(&[]).set(totals.failing);
        for (ready, count) in [Truth::True, Truth::False]
            .map(Truth::as_str)
            .into_iter()
            .zip(totals.copies)
        {
            self.copies.get_or_create(&CopyLabels { ready }).set(count);
        }
        set_or_remove(&self.earliest_expiration, &[], totals.earliest_expiration);
        set_or_remove(
            &self.earliest_action_required,
            &[],
            totals.earliest_action_required,
        );
        match totals.highest_api_usage {
            Some(share) => {
                self.highest_api_usage.get_or_create(&[]).set(share);
            }
            None => self.highest_api_usage.clear(),
        }
    }

    pub(super) fn forget_all(&self) {
        self.forget_each();
        self.by_reason.clear();
        self.stalled.clear();
        self.failing.clear();
        self.copies.clear();
        self.earliest_expiration.clear();
        self.earliest_action_required.clear();
        self.highest_api_usage.clear();
    }

    fn forget_each(&self) {
        self.ready.clear();
        self.token_expiration.clear();
        self.api_usage.clear();
        self.action_required.clear();
        self.claimed_elsewhere.clear();
    }

    fn each_is_shown(&self) -> bool {
        self.each_is_shown.load(Ordering::Relaxed)
    }
}

fn ratio() -> Unit {
    Unit::Other("ratio".to_owned())
}

fn labels(namespace: &str, name: &str) -> ConnectorLabels {
    ConnectorLabels {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    }
}

fn set_or_remove<S: Clone + std::hash::Hash + Eq>(family: &Family<S, Gauge>, labels: &S, value: Option<i64>) {
    match value {
        Some(value) => {
            family.get_or_create(labels).set(value);
        }
        None => {
            family.remove(labels);
        }
    }
}

#[cfg(test)]
mod tests;
