//! How does a user refer to a value in a Secret?

#![expect(
    unreachable_pub,
    reason = "the KubeSchema derive writes helper types as `pub`"
)]

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::rules;

/// A key of a Secret in the connector's namespace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct SecretKeyRef {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = rules::object_name("name"))]
    pub name: String,
    /// Key in the Secret's data. The operator trims white space around the value.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = rules::secret_key("key"))]
    pub key: String,
}
