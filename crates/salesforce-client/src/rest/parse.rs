//! How does Salesforce write single values in JSON?

use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, de::Error as _};

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
