//! How are calls to Salesforce measured?

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use salesforce_client::{CallOutcome, Endpoint, Observer};

use crate::clock::Clock;
use crate::core::schedule::reference_clock::ClockFinding;
use crate::metrics::Metrics;

/// Puts what it hears into the metrics.
pub(crate) struct SalesforceObserver {
    metrics: Arc<Metrics>,
    clock: Clock,
}

impl SalesforceObserver {
    pub(crate) const fn new(metrics: Arc<Metrics>, clock: Clock) -> Self {
        Self { metrics, clock }
    }
}

impl Observer for SalesforceObserver {
    fn called(&self, endpoint: Endpoint, outcome: CallOutcome, duration: Duration) {
        let (endpoint, outcome) = (endpoint.as_str(), outcome.as_str());
        let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        tracing::debug!(endpoint, outcome, milliseconds, "Called Salesforce");
        self.metrics.salesforce_request(endpoint, outcome, duration);
    }

    fn server_date(&self, date: Timestamp) {
        let (ahead, finding) = self.clock.compare(date);
        self.metrics.clock_skew(ahead.as_secs_f64());
        match finding {
            ClockFinding::Unchanged => {}
            ClockFinding::MachineWrong => tracing::warn!(
                seconds_ahead = ahead.as_secs(),
                "The clock of this node differs from Salesforce's. Synchronize the clock of the node. Until then the operator uses \
                 Salesforce's time"
            ),
            ClockFinding::MachineRight => {
                tracing::info!("The clock of this node agrees with Salesforce's again, and is used");
            }
        }
    }
}
