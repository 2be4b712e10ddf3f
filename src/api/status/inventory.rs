//! What does the org hold, as the status shows it? Less than 1 KiB in all.

#![expect(
    unreachable_pub,
    reason = "the KubeSchema derive writes helper types as `pub`"
)]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the org holds.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct InventoryStatus {
    /// Result of the last run. It has no influence on Ready.
    pub result: InventoryResult,
    /// The result in words: what changed since the run before, and what could not be read or stored.
    #[schemars(length(max = 512))]
    pub message: String,
    /// When the operator last read the inventory. The next run is a day later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run_time: Option<Time>,
    /// Organization ID of the org that was read (18 characters).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 18))]
    pub organization_id: Option<String>,
    /// Type of the org. status.identity has its name, edition and instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "OrgType")] // else the type's description would replace the field's
    pub org_type: Option<OrgType>,
    /// When the scratch or trial org expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial_expiration_time: Option<Time>,
    /// Oldest and newest version of the REST API that the org offers, such as 31.0 to 66.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub api_versions: Option<String>,
    /// Number of objects that the user of the token sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objects: Option<i64>,
    /// Number of custom objects among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_objects: Option<i64>,
    /// Records of the first objects in spec.inventory.recordCounts. The ConfigMap has all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    #[schemars(length(max = 5))]
    pub record_counts: Vec<RecordCountStatus>,
    /// Limits of the org at or above spec.inventory.limitWarningPercent, the fullest first. The ConfigMap has all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    #[schemars(length(max = 5))]
    pub limits: Vec<LimitStatus>,
    /// Parts that could not be read in the last run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    #[schemars(length(max = 8))]
    pub failed_parts: Vec<FailedPartStatus>,
    /// Name of the ConfigMap with the details, in the connector's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub config_map_name: Option<String>,
}

/// Result of a run.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum InventoryResult {
    /// All parts were read.
    Complete,
    /// Some parts could not be read; failedParts names them.
    Partial,
    /// A run is due and does not take place; the message says why. What else the status has is from the run before.
    Skipped,
}

/// Type of an org.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrgType {
    /// A production org.
    Production,
    /// A Developer Edition org.
    Developer,
    /// A sandbox.
    Sandbox,
    /// A scratch org.
    Scratch,
    /// A trial org.
    Trial,
}

/// A part of an inventory; each is one call.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum InventoryPart {
    /// The list of API versions.
    ApiVersions,
    /// The type of the org.
    Organization,
    /// The list of objects.
    Objects,
    /// The numbers of records.
    RecordCounts,
    /// The limits.
    Limits,
}

/// Number of records of an object.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct RecordCountStatus {
    /// API name of the object.
    #[schemars(length(max = 80))]
    pub name: String,
    /// Number of its records.
    pub records: i64,
}

/// Usage of a limit.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct LimitStatus {
    /// Name of the limit, as Salesforce calls it.
    #[schemars(length(max = 80))]
    pub name: String,
    /// What is used of it.
    pub used: i64,
    /// What the org may use.
    pub max: i64,
}

/// A part that could not be read.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct FailedPartStatus {
    /// Name of the part.
    pub name: InventoryPart,
    /// Why; see `https://salesforce-connector.dev/docs/reasons`.
    #[schemars(length(max = 64))]
    pub reason: String,
}
