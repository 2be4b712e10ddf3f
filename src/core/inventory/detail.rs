//! What is in the ConfigMap with the details, and what do they say has changed?

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use salesforce_client::{ObjectList, OrgLimit};
use serde::{Deserialize, Serialize};

use crate::api::names;
use crate::core::inventory::findings::{DetailsFault, InventoryFindings, ObjectChanges};
use crate::core::model::owner::Owner;
use crate::core::schedule::time::whole_seconds;
use crate::core::secret::template::owner_reference;

/// The key of the ConfigMap.
pub const KEY: &str = "inventory.json";
/// The most names of objects in it. With names of 80 characters it has less than half a MiB.
const MOST_NAMES: usize = 5000;

/// The content of the ConfigMap. No label, description or value of a record: these are texts of the org's users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DetailDocument {
    observed_time: Timestamp,
    organization_id: String,
    objects: u32,
    custom_objects: u32,
    /// Objects whose names are left out.
    names_left_out: u32,
    custom_object_names: BTreeSet<String>,
    standard_object_names: BTreeSet<String>,
    record_counts: BTreeMap<String, u64>,
    limits: BTreeMap<String, LimitDetail>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct LimitDetail {
    max: u64,
    remaining: u64,
}

/// The ConfigMap as it was found, if it is the connector's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundDetails {
    uid: Option<String>,
    document: Option<DetailDocument>,
}

/// Judges what was found under that name. What somebody has edited so that it can't be read is written anew.
pub fn judge(found: &ConfigMap, owner: &Owner) -> Result<FoundDetails, DetailsFault> {
    let metadata = &found.metadata;
    let annotations = metadata.annotations.as_ref();
    let uid = annotations.and_then(|annotations| annotations.get(names::CONNECTOR_UID));
    if uid != Some(&owner.uid) || found.immutable == Some(true) {
        return Err(DetailsFault::NotOwned);
    }
    let text = found.data.as_ref().and_then(|data| data.get(KEY));
    Ok(FoundDetails {
        uid: metadata.uid.clone(),
        document: text.and_then(|text| serde_json::from_str(text).ok()),
    })
}

impl DetailDocument {
    pub fn new(findings: &InventoryFindings, objects: &ObjectList, org: &str, now: Timestamp) -> Self {
        let custom: BTreeSet<_> = objects.custom_names.iter().take(MOST_NAMES).cloned().collect();
        let left = MOST_NAMES - custom.len();
        let standard: BTreeSet<_> = objects.standard_names.iter().take(left).cloned().collect();
        let named = u32::try_from(custom.len() + standard.len()).unwrap_or(u32::MAX);
        let limit = |(name, limit): (&String, &OrgLimit)| {
            let OrgLimit { max, remaining } = *limit;
            (name.clone(), LimitDetail { max, remaining })
        };
        Self {
            observed_time: whole_seconds(now),
            organization_id: org.to_owned(),
            objects: objects.total,
            custom_objects: objects.custom,
            names_left_out: objects.total.saturating_sub(named),
            custom_object_names: custom,
            standard_object_names: standard,
            record_counts: findings.record_counts.clone(),
            limits: findings.limits.iter().map(limit).collect(),
        }
    }

    /// What has changed since the run of `found`. Where names are left out, only their number can be compared.
    pub fn changes_since(&self, found: &FoundDetails) -> Option<ObjectChanges> {
        let before = found.document.as_ref()?;
        if before.organization_id != self.organization_id {
            return None;
        }
        let (added, removed) = if self.names_left_out == 0 && before.names_left_out == 0 {
            let (now, then) = (self.names(), before.names());
            (now.difference(&then).count(), then.difference(&now).count())
        } else {
            let more = |a: u32, b: u32| usize::try_from(a.saturating_sub(b)).unwrap_or(usize::MAX);
            (
                more(self.objects, before.objects),
                more(before.objects, self.objects),
            )
        };
        Some(ObjectChanges {
            since: before.observed_time,
            added,
            removed,
        })
    }

    fn names(&self) -> BTreeSet<&String> {
        self.custom_object_names
            .iter()
            .chain(&self.standard_object_names)
            .collect()
    }

    /// The ConfigMap with these details. With the uid of the one that was found, it can't become another's.
    pub fn config_map(&self, owner: &Owner, found: Option<&FoundDetails>) -> Option<ConfigMap> {
        let text = serde_json::to_string(self).ok()?;
        Some(ConfigMap {
            metadata: ObjectMeta {
                name: Some(names::inventory_config_map_name(&owner.name)),
                namespace: Some(owner.namespace.clone()),
                uid: found.and_then(|found| found.uid.clone()),
                labels: Some(
                    [
                        (names::MANAGED_BY, names::MANAGED_BY_VALUE),
                        (names::CONNECTOR_LABEL, owner.name.as_str()),
                    ]
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .into(),
                ),
                annotations: Some([(names::CONNECTOR_UID.to_owned(), owner.uid.clone())].into()),
                owner_references: Some(vec![owner_reference(owner)]),
                ..ObjectMeta::default()
            },
            data: Some([(KEY.to_owned(), text)].into()),
            ..ConfigMap::default()
        })
    }
}

#[cfg(test)]
mod tests;
