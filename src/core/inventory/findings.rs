//! What has a run found? Each answer is taken in here; one that fails says nothing about the others.

use std::collections::BTreeMap;

use salesforce_client::{ApiVersion, Failure, ObjectList, OrgLimit, Organization};

use crate::api::Reason;
use crate::api::reasons::{Class, Refusal};
use crate::api::status::InventoryPart;
use crate::core::inventory::calls::InventoryAnswer;

/// What was found in the org.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct InventoryFindings {
    /// The oldest and the newest version of the API.
    pub versions: Option<(ApiVersion, ApiVersion)>,
    pub organization: Option<Organization>,
    pub objects: Option<ObjectList>,
    pub record_counts: BTreeMap<String, u64>,
    pub limits: BTreeMap<String, OrgLimit>,
    /// What could not be read, and why.
    pub failed: Vec<(InventoryPart, Reason)>,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq)]
pub struct InventoryReport {
    pub findings: InventoryFindings,
    /// Which objects came and went since the run before, if that is known.
    pub changes: Option<ObjectChanges>,
    pub details: DetailsOutcome,
}

/// How many objects came and went since a run before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectChanges {
    pub since: jiff::Timestamp,
    pub added: usize,
    pub removed: usize,
}

/// What became of the details.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DetailsOutcome {
    /// Nobody wants them.
    Unwanted,
    /// The ConfigMap is up to date, or as it was where the objects could not be read.
    Stored,
    /// There is no ConfigMap yet, and nothing to put into one.
    Nothing,
    Refused(DetailsFault),
}

/// Why the details are not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DetailsFault {
    /// The API server does not let the operator read or write it.
    Forbidden,
    /// A ConfigMap of this name is not the connector's.
    NotOwned,
    /// The API server failed.
    Failed,
}

impl InventoryFindings {
    /// Takes in the answer of a call. Says whether further calls make sense.
    pub fn take(&mut self, part: InventoryPart, answer: InventoryAnswer) -> bool {
        let taken = match answer {
            InventoryAnswer::ApiVersions(answer) => answer.map(|versions| {
                let all = || versions.iter().map(|offered| offered.version);
                self.versions = all().min().zip(all().max());
            }),
            InventoryAnswer::Organization(answer) => answer.map(|answer| {
                if answer.value.is_none() {
                    self.failed.push((part, Refusal::ObjectNotReadable.into()));
                }
                self.organization = answer.value;
            }),
            InventoryAnswer::Objects(answer) => answer.map(|answer| self.objects = Some(answer.value)),
            InventoryAnswer::RecordCounts(answer) => answer.map(|answer| self.record_counts = answer.value),
            InventoryAnswer::Limits(answer) => answer.map(|answer| self.limits = answer.value),
            InventoryAnswer::TimedOut => {
                self.failed.push((part, Refusal::TimedOut.into()));
                return false;
            }
        };
        taken.map_or_else(|failure| self.failed(part, &failure), |()| true)
    }

    /// The same cause would answer the rest as well.
    pub fn not_asked(&mut self, parts: impl IntoIterator<Item = InventoryPart>) {
        if let Some((_, reason)) = self.failed.last().copied() {
            self.failed.extend(parts.into_iter().map(|part| (part, reason)));
        }
    }

    fn failed(&mut self, part: InventoryPart, failure: &Failure) -> bool {
        let reason = Reason::from(failure.refusal);
        self.failed.push((part, reason));
        !matches!(reason.class(), Class::Transient | Class::RenewToken)
    }
}
