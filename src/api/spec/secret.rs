//! What may be said about the Secret that receives the token?

#![expect(
    clippy::doc_markdown,
    reason = "kubectl explain prints these docs as plain text"
)]
#![expect(
    unreachable_pub,
    reason = "the KubeSchema derive writes helper types as `pub`"
)]

use std::collections::BTreeMap;

use kube::KubeSchema;
use kube::core::Rule;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::spec::rules;

/// The Secret that receives the token.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SecretSpec {
    /// Name of the Secret. If you change it, the operator deletes the earlier Secret after it has created the new one.
    /// status.secretName shows the name in use. Default: the connector's name followed by -salesforce.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = rules::object_name("secret.name"))]
    pub name: Option<String>,

    /// Type of the Secret. The API server rejects Kubernetes' built-in types. Immutable. Default: Opaque.
    #[serde(default = "default_type")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("!self.startsWith('kubernetes.io/') && !self.startsWith('bootstrap.kubernetes.io/') && !self.startsWith('helm.sh/')").message("secret.type must not be a type of Kubernetes or Helm: they act on such Secrets"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("secret.type is immutable, because the type of a Secret is; choose a new secret.name and re-create the connector").reason(Reason::FieldValueForbidden))]
    pub r#type: String,

    /// Labels of the Secret. The API server rejects keys that are reserved for Kubernetes, the operator or other controllers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "labels_schema")]
    pub labels: Option<BTreeMap<String, String>>,

    /// Annotations of the Secret, for example for a tool that restarts workloads when it changes. The API server
    /// rejects keys that are reserved for Kubernetes, the operator or other controllers. At most 8 KiB in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "annotations_schema")]
    pub annotations: Option<BTreeMap<String, String>>,

    /// Custom names for the keys of the Secret's data. A key that is not listed keeps its default name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<SecretKeys>,

    /// Additional sets of keys. Environment adds `SALESFORCE_ACCESS_TOKEN` and `SALESFORCE_INSTANCE_URL`, for envFrom.
    /// SalesforceCli adds `SF_ACCESS_TOKEN` and `SF_ORG_INSTANCE_URL`, which the Salesforce CLI reads. PubSub adds
    /// accesstoken, instanceurl and tenantid, the metadata of the Pub/Sub API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 3))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub formats: Option<Vec<SecretFormat>>,

    /// What happens to the Secret when the connector is deleted. Delete: Kubernetes garbage collection deletes it.
    /// Orphan: it remains, and nothing renews its token. Default: Delete.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

impl Default for SecretSpec {
    fn default() -> Self {
        Self {
            name: None,
            r#type: default_type(),
            labels: None,
            annotations: None,
            keys: None,
            formats: None,
            deletion_policy: DeletionPolicy::default(),
        }
    }
}

fn default_type() -> String {
    "Opaque".to_owned()
}

fn labels_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let [reserved, form] = rules::metadata_keys("secret.labels");
    string_map_schema(63, &[reserved, form, rules::label_values()])
}

fn annotations_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let [reserved, form] = rules::metadata_keys("secret.annotations");
    string_map_schema(4096, &[reserved, form, rules::annotations_in_all()])
}

/// Bounded map of strings with `rules`. The bounds also keep the cost of the rules in check.
fn string_map_schema(max_value: u32, rules: &[Rule]) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "maxProperties": 32,
        "additionalProperties": { "type": "string", "maxLength": max_value },
        "x-kubernetes-validations": rules,
    })
}

/// Names of the keys that every Secret contains. Each must be a valid key of a Secret.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeys {
    /// The access token. Default: access_token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = rules::secret_key("secret.keys.accessToken"))]
    pub access_token: Option<String>,
    /// Base URL of REST calls. It can change with any renewal, so read it together with the access token. Default:
    /// instance_url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = rules::secret_key("secret.keys.instanceUrl"))]
    pub instance_url: Option<String>,
    /// Always Bearer. Default: token_type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = rules::secret_key("secret.keys.tokenType"))]
    pub token_type: Option<String>,
    /// Time at which the token was issued (RFC 3339). Default: issued_at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = rules::secret_key("secret.keys.issuedAt"))]
    pub issued_at: Option<String>,
    /// Organization ID (18 characters). Default: org_id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = rules::secret_key("secret.keys.orgId"))]
    pub org_id: Option<String>,
    /// User ID (18 characters). Default: user_id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = rules::secret_key("secret.keys.userId"))]
    pub user_id: Option<String>,
    /// REST API version, from connectionTest.apiVersion. Default: api_version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = rules::secret_key("secret.keys.apiVersion"))]
    pub api_version: Option<String>,
}

/// A set of additional keys.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretFormat {
    /// `SALESFORCE_ACCESS_TOKEN` and `SALESFORCE_INSTANCE_URL`.
    Environment,
    /// `SF_ACCESS_TOKEN` and `SF_ORG_INSTANCE_URL`.
    SalesforceCli,
    /// accesstoken, instanceurl and tenantid.
    PubSub,
}

/// What happens to the Secret when the connector is deleted.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeletionPolicy {
    /// Kubernetes garbage collection deletes it.
    #[default]
    Delete,
    /// It remains.
    Orphan,
}
