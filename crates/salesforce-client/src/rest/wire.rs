//! How Salesforce writes the answers in JSON.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::model::{ApiVersion, AvailableVersion};
use super::parse::parsed;

#[derive(Deserialize)]
pub(super) struct Version {
    #[serde(deserialize_with = "parsed")]
    version: ApiVersion,
    label: String,
}

impl From<Version> for AvailableVersion {
    fn from(wire: Version) -> Self {
        Self {
            version: wire.version,
            label: wire.label,
        }
    }
}

/// The answer of a query.
#[derive(Deserialize)]
pub(super) struct Rows<T> {
    pub(super) records: Vec<T>,
}

/// The answer of `limits/recordCount`.
#[derive(Deserialize)]
pub(super) struct RecordCounts {
    #[serde(rename = "sObjects")]
    objects: Vec<RecordCount>,
}

#[derive(Deserialize)]
struct RecordCount {
    name: String,
    count: u64,
}

impl RecordCounts {
    /// The counts of these objects, under the names that were asked for.
    pub(super) fn of(&self, asked: &[String]) -> BTreeMap<String, u64> {
        let count = |name: &String| {
            let mut objects = self.objects.iter();
            let found = objects.find(|object| object.name.eq_ignore_ascii_case(name))?;
            Some((name.clone(), found.count))
        };
        asked.iter().filter_map(count).collect()
    }
}
