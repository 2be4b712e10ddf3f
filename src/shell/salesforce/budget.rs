//! The budgets of requests to Salesforce, as all passes share them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::core::model::owner::Owner;
use crate::core::schedule::fair_budget::{FairBudget, Payer};

/// Requests by host and namespace.
#[derive(Debug)]
pub struct Budget(Mutex<FairBudget>);

impl Budget {
    pub fn new(per_hour: u32) -> Self {
        Self(Mutex::new(FairBudget::new(per_hour)))
    }

    /// Allows so many requests an hour for each host from now on.
    pub(crate) fn set_per_hour(&self, per_hour: u32) {
        self.lock().set_per_hour(per_hour);
    }

    /// Takes one request for the connector, or says how long it takes until its turn comes.
    pub(crate) fn take(&self, host: &str, owner: &Owner, now: Timestamp) -> Result<(), Duration> {
        self.lock().take(host, payer(owner), now)
    }

    /// How long it takes until there is a request for the connector, if there is none now.
    pub(crate) fn wait(&self, host: &str, owner: &Owner, now: Timestamp) -> Option<Duration> {
        self.lock().wait(host, payer(owner), now)
    }

    /// Takes what was sent beyond what was taken before, or gives back what was not sent.
    pub(crate) fn charge_or_refund(&self, host: &str, owner: &Owner, taken: u32, sent: u32, now: Timestamp) {
        self.lock()
            .charge_or_refund(host, &owner.namespace, taken, sent, now);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, FairBudget> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn payer(owner: &Owner) -> Payer<'_> {
    Payer {
        namespace: &owner.namespace,
        uid: &owner.uid,
    }
}
