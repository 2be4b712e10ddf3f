//! What became of the copies of the token, as the connector's status shows it?

#![expect(
    clippy::doc_markdown,
    reason = "kubectl explain prints these docs as plain text"
)]
#![expect(
    unreachable_pub,
    reason = "the KubeSchema derive writes helper types as `pub`"
)]

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Copies of the token in other namespaces.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SharingStatus {
    /// How many SalesforceTokenCopy objects take the token.
    pub copies: i32,
    /// How many of them have it.
    pub ready: i32,
    /// Which of them don't have it, and why. Absent if all have it. The status of each SalesforceTokenCopy says what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub message: Option<String>,
}
