//! Who else is offered the token?

#![expect(
    unreachable_pub,
    reason = "the KubeSchema derive writes helper types as `pub`"
)]

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Namespaces that are offered copies of the token.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct SharingSpec {
    /// Names of the namespaces, at most 32. Whoever may create a SalesforceTokenCopy there, and whoever may read Secrets there,
    /// gets the token.
    #[schemars(length(max = 32), inner(length(min = 1, max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[x_kube(validation = Rule::new("self.all(n, n.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$'))").message("sharing.namespaces must have the name of one namespace in each entry: lower-case letters, digits and -"))]
    pub namespaces: Vec<String>,
}
