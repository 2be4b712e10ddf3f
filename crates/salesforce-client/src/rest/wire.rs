//! How Salesforce writes the answers in JSON.

use serde::Deserialize;

use super::model::{ApiVersion, AvailableVersion, ObjectCounts};
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

/// The answer of describe global; all but three flags of each object are skipped.
#[derive(Deserialize)]
pub(super) struct Objects {
    sobjects: Vec<Object>,
}

#[derive(Deserialize)]
struct Object {
    #[serde(default)]
    custom: bool,
    #[serde(default)]
    queryable: bool,
}

impl Objects {
    pub(super) fn counts(&self) -> ObjectCounts {
        let count = |is: fn(&Object) -> bool| self.sobjects.iter().filter(|it| is(it)).count() as u64;
        ObjectCounts {
            visible: self.sobjects.len() as u64,
            custom: count(|it| it.custom),
            queryable: count(|it| it.queryable),
        }
    }
}
