//! What do the Secrets in the operator's own namespace have in common? How they are labelled, and how one is deleted.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{DeleteParams, Preconditions};

use crate::api::names;

/// A Secret of the operator, by the labels of which it is found and left alone.
pub(crate) fn labelled(
    name: impl Into<String>,
    purpose: &str,
    data: impl IntoIterator<Item = (String, Vec<u8>)>,
) -> Secret {
    let labels = [
        (names::MANAGED_BY, names::MANAGED_BY_VALUE),
        (names::PURPOSE, purpose),
    ];
    let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let data: BTreeMap<_, _> = data
        .into_iter()
        .map(|(key, value)| (key, ByteString(value)))
        .collect();
    Secret {
        metadata: ObjectMeta {
            name: Some(name.into()),
            labels: Some(labels.into()),
            ..ObjectMeta::default()
        },
        data: (!data.is_empty()).then_some(data),
        ..Secret::default()
    }
}

/// Deletes the very version of a Secret that was looked at: one that was written or created again meanwhile stays, which
/// is an error. One that is gone is as it should be.
pub(crate) async fn delete_version(
    api: &Api<Secret>,
    seen: &(impl kube::ResourceExt + Sync),
) -> kube::Result<()> {
    let params = DeleteParams {
        preconditions: Some(Preconditions {
            uid: seen.uid(),
            resource_version: seen.resource_version(),
        }),
        ..DeleteParams::default()
    };
    match api.delete(&seen.name_any(), &params).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_of_the_operator_says_whose_it_is_and_what_for() {
        let labels = json!({
            "app.kubernetes.io/managed-by": "salesforce-connector-operator",
            "salesforce-connector.dev/purpose": "state",
        });
        let secret = labelled("sfc-state-1", "state", [("grant".to_owned(), b"value".to_vec())]);
        assert_eq!(
            serde_json::to_value(secret).unwrap(),
            json!({
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": { "name": "sfc-state-1", "labels": labels },
                "data": { "grant": "dmFsdWU=" },
            })
        );
        let empty = labelled("sfc-password-1", "state", []);
        assert_eq!(
            serde_json::to_value(empty).unwrap(),
            json!({
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": { "name": "sfc-password-1", "labels": labels },
            })
        );
    }
}
