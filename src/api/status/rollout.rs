//! What became of the restarts of a workload, as the status shows it?

#![expect(
    unreachable_pub,
    reason = "the KubeSchema derive writes helper types as `pub`"
)]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::api::spec::{RolloutTarget, WorkloadKind};

/// Restarts of a workload.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RolloutRestartStatus {
    /// Kind of the workload.
    pub kind: WorkloadKind,
    /// Name of the workload.
    #[schemars(length(max = 253))]
    pub name: String,
    /// Issue time of the token that the operator last restarted the workload for, or that was current when the operator
    /// first saw the workload in the list. A token with another issue time causes one restart.
    pub token_issue_time: Time,
    /// When the operator last restarted the workload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart_time: Option<Time>,
    /// Why the operator can't restart the workload; see `https://salesforce-connector.dev/docs/reasons`. Absent if
    /// nothing stands in the way. It has no influence on Ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What stands in the way, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub message: Option<String>,
    /// When this was first so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_failure_time: Option<Time>,
    /// When the operator tries again. Absent if nothing stands in the way, or if restarts are disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt_time: Option<Time>,
}

impl RolloutRestartStatus {
    /// Whether it is about this workload.
    #[must_use]
    pub fn is_of(&self, target: &RolloutTarget) -> bool {
        self.kind == target.kind && self.name == target.name
    }
}
