//! What does a part of a status read as that a newer version wrote? As absent, if this version can't understand it.
//!
//! After a downgrade, or while two versions run, a status can hold a value that this version doesn't know. The operator finds
//! out again what such a part says. To refuse the whole connector would leave its conditions as they are, for ever.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

#[derive(Deserialize)]
#[serde(untagged)]
enum Part<T> {
    Known(T),
    Newer(IgnoredAny),
}

/// A part of a status, if this version understands it.
pub(crate) fn known<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let part = Option::<Part<T>>::deserialize(deserializer)?;
    Ok(part.and_then(|part| match part {
        Part::Known(part) => Some(part),
        Part::Newer(_) => None,
    }))
}

/// A list in a status, if this version understands all of it.
pub(crate) fn known_list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(known(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::api::status::SalesforceConnectorStatus;

    #[test]
    fn a_part_of_a_status_that_a_newer_version_wrote_reads_as_absent_and_the_rest_stays() {
        let newer = json!({
            "observedGeneration": 3,
            "installationUid": "u",
            "grantSerial": 7,
            "identity": { "organizationId": "00D000000000001AAA", "environment": "Hologram" },
            "token": {
                "issueTime": "2026-01-01T00:00:00Z",
                "expirationTime": "2026-01-01T02:00:00Z",
                "renewalTime": "2026-01-01T01:00:00Z",
                "expirySource": "Foretold",
            },
            "connectionTest": {
                "result": "Succeeded",
                "message": "Connection test succeeded",
                "lastTestTime": "2026-01-01T00:00:00Z",
                "steps": [{ "name": "MoonPhase", "result": "Passed" }],
            },
            "inventory": { "result": "Guessed", "message": "" },
            "rolloutRestarts": [{ "kind": "Swarm", "name": "bees", "tokenIssueTime": "2026-01-01T00:00:00Z" }],
            "lastLogin": {
                "secretName": "login",
                "result": "Postponed",
                "message": "",
                "loginTime": "2026-01-01T00:00:00Z",
            },
        });
        let status: SalesforceConnectorStatus = serde_json::from_value(newer).unwrap();
        let read = json!({
            "observedGeneration": 3,
            "installationUid": "u",
            "grantSerial": 7,
            "identity": { "organizationId": "00D000000000001AAA" },
        });
        assert_eq!(serde_json::to_value(status).unwrap(), read);
    }
}
