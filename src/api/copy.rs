//! How does a namespace accept a token that a connector of another one offers? The resource `SalesforceTokenCopy`; doc comments
//! are what `kubectl explain` prints.

#![expect(
    unreachable_pub,
    reason = "the KubeSchema derive writes helper types as `pub`"
)]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema, ResourceExt as _};
use serde::{Deserialize, Serialize};

use crate::api::names;
use crate::api::spec::rules;

/// Which token is accepted, and where its copy goes. Immutable: to accept another token, delete the object and create another.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[kube(
    group = "salesforce-connector.dev",
    version = "v1alpha1",
    kind = "SalesforceTokenCopy",
    plural = "salesforcetokencopies",
    singular = "salesforcetokencopy",
    namespaced,
    status = "crate::api::copy::SalesforceTokenCopyStatus",
    derive = "PartialEq",
    shortname = "sftc",
    category = "salesforce",
    doc = "Accepts the access token of a SalesforceConnector in another namespace. If spec.sharing.namespaces of the connector names the namespace of this object, the operator keeps a copy of the token in a Secret beside it, until either side withdraws: this object is deleted, or the connector is, or no longer names the namespace. The operator needs the value sharing.enabled of its chart.",
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason"),
    printcolumn(name = "From", type_ = "string", json_path = ".spec.from.namespace"),
    printcolumn(name = "Connector", type_ = "string", json_path = ".spec.from.name"),
    printcolumn(name = "Secret", type_ = "string", json_path = ".status.secretName"),
    printcolumn(name = "Expires", type_ = "string", json_path = ".status.expirationTime"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].message", priority = 1),
    validation = Rule::new("self.metadata.name.size() <= 63").message("metadata.name must have at most 63 characters: it becomes a label and part of the Secret's name"),
)]
#[x_kube(validation = Rule::new("self == oldSelf").message("spec is immutable: delete this SalesforceTokenCopy, and create another one").reason(Reason::FieldValueForbidden))]
pub struct SalesforceTokenCopySpec {
    /// The connector whose token is accepted.
    pub from: CopySource,
    /// The Secret that receives the copy. It has the keys and the type of the connector's Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<CopySecretSpec>,
}

/// A connector of another namespace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Hash)]
pub struct CopySource {
    /// Namespace of the connector.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = rules::object_name("from.namespace"))]
    pub namespace: String,
    /// Name of the connector.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = rules::object_name("from.name"))]
    pub name: String,
}

/// The Secret that receives the copy.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct CopySecretSpec {
    /// Name of the Secret. Default: the name of this object followed by -salesforce.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = rules::object_name("secret.name"))]
    pub name: Option<String>,
}

/// Observed state of the copy.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SalesforceTokenCopyStatus {
    /// Generation of the spec that this status describes; -1 until the operator has processed the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready is True while the Secret holds the connector's token and the token has not expired. Otherwise its reason and
    /// message say why, and what to do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    #[schemars(length(max = 8))]
    pub conditions: Vec<Condition>,
    /// Name of the Secret that holds the copy. Absent while there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_name: Option<String>,
    /// When the token in it was issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issue_time: Option<Time>,
    /// When the token in it is expected to expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiration_time: Option<Time>,
}

impl SalesforceTokenCopy {
    /// Name of the Secret that receives the copy.
    pub fn secret_name(&self) -> String {
        let named = self.spec.secret.as_ref().and_then(|secret| secret.name.clone());
        named.unwrap_or_else(|| names::default_secret_name(&self.name_any()))
    }
}
