//! How Salesforce writes the answers in JSON.

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
