//! How Salesforce writes the answers in JSON.

use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, de::Error as _};

use super::{ApiVersion, AvailableVersion, ObjectCounts};

/// A string in the form of a typed value.
pub(super) fn parsed<'de, D: Deserializer<'de>, T: FromStr<Err: std::fmt::Display>>(
    from: D,
) -> Result<T, D::Error> {
    String::deserialize(from)?.parse().map_err(D::Error::custom)
}

/// `2026-12-01T00:00:00.000+0000`, or null.
pub(super) fn salesforce_time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.map(|text| {
        let own_form = Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", &text);
        own_form.or_else(|_| text.parse()).map_err(D::Error::custom)
    })
    .transpose()
}

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
