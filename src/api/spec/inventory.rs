//! What is to be read once a day of what the org holds?

#![expect(
    clippy::doc_markdown,
    reason = "kubectl explain prints these docs as plain text"
)]
#![expect(
    unreachable_pub,
    reason = "the KubeSchema derive writes helper types as `pub`"
)]

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the operator reads once a day of what the org holds.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct InventorySpec {
    /// API names of objects whose records are counted, such as Account or Invoice__c. Salesforce counts them from a
    /// snapshot. The user of the token needs the permission View Setup and Configuration. A change takes effect with the
    /// next run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20), inner(length(min = 1, max = 80)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[x_kube(validation = Rule::new("self.all(n, n.matches('^[a-zA-Z0-9_]*$'))").message("inventory.recordCounts must have one API name in each entry, such as Account or Invoice__c"))]
    pub record_counts: Option<Vec<String>>,
    /// Share of a limit of the org, in percent, from which on status.inventory lists it: 1 to 100. Default: 80.
    #[serde(default = "default_limit_warning_percent")]
    #[x_kube(validation = Rule::new("self >= 1 && self <= 100").message("inventory.limitWarningPercent must be from 1 to 100"))]
    pub limit_warning_percent: i32,
    /// Where the names of the objects, all counts and all limits go: ConfigMap (the ConfigMap NAME-inventory beside the
    /// connector) or None. The operator needs the right to write ConfigMaps: value inventory.enabled of its chart. Without
    /// the details, changes of objects are not reported. Default: ConfigMap.
    #[serde(default)]
    pub details: InventoryDetails,
}

/// Where the details of an inventory go.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InventoryDetails {
    /// To the ConfigMap NAME-inventory.
    #[default]
    ConfigMap,
    /// Nowhere.
    None,
}

fn default_limit_warning_percent() -> i32 {
    80
}
