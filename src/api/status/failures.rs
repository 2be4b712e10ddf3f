//! What has failed, how often, and when is it tried again, as the status shows it?

#![expect(
    unreachable_pub,
    reason = "the KubeSchema derive writes helper types as `pub`"
)]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Failures since the last success.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct FailuresStatus {
    /// Number of failures.
    pub count: i32,
    /// When the first of these failures happened.
    pub first_failure_time: Time,
    /// When the most recent failure happened.
    pub last_failure_time: Time,
    /// When the operator retries by itself. Absent if it waits for a changed input or a requested renewal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt_time: Option<Time>,
    /// Reason of the most recent failure; see `https://salesforce-connector.dev/docs/reasons`.
    pub reason: String,
    /// What happened most recently, and what to do.
    pub message: String,
    /// Keyed digest of the inputs that failed. The operator uses it to detect a changed input. Without the operator's
    /// key it reveals nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs_digest: Option<String>,
}
