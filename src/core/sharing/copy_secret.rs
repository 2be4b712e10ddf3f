//! What does a Secret with a copy of a token look like, and whose is it?

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Resource as _;

use crate::api::copy::CopySource;
use crate::api::{SalesforceTokenCopy, names};
use crate::core::model::held_token::HeldToken;
use crate::core::model::owner::Owner;
use crate::core::sharing::offer::OfferedToken;

/// Whether the Secret was made for the `SalesforceTokenCopy` of this uid. An owner reference proves nothing, as anybody can write one.
pub fn is_of(secret: &Secret, uid: &str) -> bool {
    annotation(secret, names::TOKEN_COPY_UID) == Some(uid)
}

/// Uid of the connector that the token in the Secret came from.
pub fn copied_from(secret: &Secret) -> Option<&str> {
    annotation(secret, names::COPIED_FROM_UID)
}

fn annotation<'a>(secret: &'a Secret, name: &str) -> Option<&'a str> {
    let annotations = secret.metadata.annotations.as_ref()?;
    annotations.get(name).map(String::as_str)
}

/// The Secret for a copy, complete. It has the data of the connector's Secret as the operator renders it, and none of the
/// labels and annotations that its author chose.
pub(super) fn copy_secret(
    taker: &Owner,
    name: &str,
    from: &CopySource,
    offered: &OfferedToken,
    held: &HeldToken,
) -> Secret {
    Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(taker.namespace.clone()),
            labels: Some(strings([
                (names::MANAGED_BY, names::MANAGED_BY_VALUE.to_owned()),
                (names::CONNECTOR_LABEL, from.name.clone()),
                (names::NAMESPACE_LABEL, from.namespace.clone()),
            ])),
            annotations: Some(strings([
                (names::TOKEN_COPY_UID, taker.uid.clone()),
                (names::COPIED_FROM_UID, offered.connector.clone()),
                (names::ISSUE_TIME, held.issue_time.to_string()),
                (names::EXPIRATION_TIME, held.expiration.time.to_string()),
            ])),
            owner_references: Some(vec![owner_reference(taker)]),
            ..ObjectMeta::default()
        },
        type_: Some(offered.template.secret_type().to_owned()),
        data: Some(offered.template.data(held)),
        ..Secret::default()
    }
}

fn strings<const N: usize>(entries: [(&str, String); N]) -> BTreeMap<String, String> {
    entries.map(|(key, value)| (key.to_owned(), value)).into()
}

/// By which Kubernetes deletes the copy with the object that accepted it, whether the operator runs or not.
fn owner_reference(taker: &Owner) -> OwnerReference {
    OwnerReference {
        api_version: SalesforceTokenCopy::api_version(&()).into_owned(),
        kind: SalesforceTokenCopy::kind(&()).into_owned(),
        name: taker.name.clone(),
        uid: taker.uid.clone(),
        controller: Some(true),
        block_owner_deletion: None,
    }
}
