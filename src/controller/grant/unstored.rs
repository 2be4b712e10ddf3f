//! The irreducible window: from Salesforce's answer, which this process alone knows, to its being stored.

use std::sync::Arc;
use std::time::Instant;

use redeem::{Read, Reply, StateSeen, WriteReply};

use crate::decide::secret::Owner;
use crate::metrics::Metrics;

/// A new token that is not stored yet; in the metrics for as long as that is so.
pub(super) struct Unstored {
    since: Instant,
    metrics: Arc<Metrics>,
}

impl Unstored {
    pub(super) fn begin(metrics: &Arc<Metrics>) -> Self {
        metrics.unstored_result(1);
        Self {
            since: Instant::now(),
            metrics: metrics.clone(),
        }
    }

    /// Takes note of what came of an effect; whether the token is stored now.
    pub(super) fn is_stored_by(&self, reply: &Reply, owner: &Owner) -> bool {
        let trouble = match reply {
            Reply::Write(WriteReply::Written(_)) => {
                let microseconds = u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX);
                tracing::info!(microseconds, "Stored what Salesforce answered");
                return true;
            }
            Reply::Write(WriteReply::Conflict) => "somebody else has written the Secret",
            Reply::Write(WriteReply::Refused) => "the API server refuses the write",
            Reply::Write(WriteReply::Unknown) => "the API server has not answered the write",
            Reply::State(Read::Failed) => "the Secret can't be read",
            Reply::State(Read::Is(StateSeen::Unreadable)) => {
                "what stands in the Secret can't be understood, and is left as it is; restore or delete it"
            }
            Reply::State(Read::Is(StateSeen::UnsupportedVersion)) => {
                "a newer version of the operator has written the Secret; delete it, or its grant is lost with this process"
            }
            _ => return false,
        };
        tracing::warn!(object.name = %owner.name, object.namespace = %owner.namespace,
            secret.name = super::state_name(&owner.uid), seconds = self.since.elapsed().as_secs(), trouble,
            "What Salesforce answered could not be stored; it is tried again");
        false
    }
}

impl Drop for Unstored {
    fn drop(&mut self) {
        self.metrics.unstored_result(-1);
    }
}
