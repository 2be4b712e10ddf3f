//! What comes from the watch? A connector, or what is left of one that this version can't parse.
//!
//! kube's `DeserializeGuard` answers the same, at a price: it keeps every object as a tree, all of its metadata included,
//! copies the tree, and parses the copy. Here only that metadata is kept which somebody reads: what users put there beside it
//! may be a mebibyte for each connector.

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Resource;
use salesforce_client::visible;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::api::{SalesforceConnector, names};
use crate::core::model::limits;

/// An object as it comes from the watch. One that this version can't parse must not stop the others.
#[derive(Debug, Clone)]
pub struct Guarded(pub Result<SalesforceConnector, Unparsable>);

#[derive(Debug, Clone)]
pub struct Unparsable {
    pub error: String,
    pub metadata: ObjectMeta,
}

/// An object as far as every version can parse it.
#[derive(Deserialize)]
struct Wire {
    metadata: Metadata,
    #[serde(default)]
    spec: Value,
    status: Option<Value>,
}

/// What anybody here reads of the metadata. The rest is the user's, and may be a mebibyte for each connector.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
    deletion_timestamp: Option<Time>,
    generation: Option<i64>,
    name: Option<String>,
    namespace: Option<String>,
    resource_version: Option<String>,
    uid: Option<String>,
}

impl From<Metadata> for ObjectMeta {
    fn from(metadata: Metadata) -> Self {
        let annotations = metadata.annotations.unwrap_or_default().into_iter();
        let requests: BTreeMap<_, _> = annotations
            .filter(|(key, _)| REQUESTS.contains(&key.as_str()))
            .map(|(key, value)| (key, within_limit(value)))
            .collect();
        Self {
            annotations: (!requests.is_empty()).then_some(requests),
            deletion_timestamp: metadata.deletion_timestamp,
            generation: metadata.generation,
            name: metadata.name,
            namespace: metadata.namespace,
            resource_version: metadata.resource_version,
            uid: metadata.uid,
            ..Self::default()
        }
    }
}

const REQUESTS: [&str; 3] = [
    names::TEST_REQUESTED_AT,
    names::RENEW_REQUESTED_AT,
    names::LOGIN_SECRET,
];

/// A request as long as one may be, or so much of it that it is still known to be too long.
fn within_limit(mut request: String) -> String {
    if request.len() > limits::REQUEST {
        let end = (limits::REQUEST + 1..=limits::REQUEST + 4).find(|end| request.is_char_boundary(*end));
        request.truncate(end.unwrap_or_default());
        request.shrink_to_fit();
    }
    request
}

/// The most characters of why an object can't be parsed. The parser's own text quotes the value that it did not expect.
const LONGEST_ERROR: usize = 300;

impl<'de> Deserialize<'de> for Guarded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Wire {
            metadata,
            spec,
            status,
        } = Wire::deserialize(deserializer)?;
        let metadata = metadata.into();
        let parsed = serde_json::from_value(spec)
            .and_then(|spec| Ok((spec, status.map(serde_json::from_value).transpose()?)));
        Ok(Self(match parsed {
            Ok((spec, status)) => Ok(SalesforceConnector {
                metadata,
                spec,
                status,
            }),
            Err(error) => Err(Unparsable {
                error: error
                    .to_string()
                    .chars()
                    .take(LONGEST_ERROR)
                    .map(visible)
                    .collect(),
                metadata,
            }),
        }))
    }
}

impl Resource for Guarded {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind(context: &()) -> Cow<'_, str> {
        SalesforceConnector::kind(context)
    }

    fn group(context: &()) -> Cow<'_, str> {
        SalesforceConnector::group(context)
    }

    fn version(context: &()) -> Cow<'_, str> {
        SalesforceConnector::version(context)
    }

    fn plural(context: &()) -> Cow<'_, str> {
        SalesforceConnector::plural(context)
    }

    fn meta(&self) -> &ObjectMeta {
        match &self.0 {
            Ok(connector) => &connector.metadata,
            Err(unparsable) => &unparsable.metadata,
        }
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        match &mut self.0 {
            Ok(connector) => &mut connector.metadata,
            Err(unparsable) => &mut unparsable.metadata,
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::core::WatchEvent;
    use serde_json::json;

    use super::*;

    /// Every field of the metadata, and a connector that says little.
    fn object() -> Value {
        json!({
            "apiVersion": "salesforce-connector.dev/v1alpha1",
            "kind": "SalesforceConnector",
            "metadata": {
                "annotations": { "a": "1" },
                "creationTimestamp": "2026-11-22T10:00:00Z",
                "deletionGracePeriodSeconds": 30,
                "deletionTimestamp": "2026-11-22T11:00:00Z",
                "finalizers": ["example.com/f"],
                "generateName": "c",
                "generation": 3,
                "labels": { "l": "2" },
                "managedFields": [{
                    "manager": "kubectl", "operation": "Update", "apiVersion": "salesforce-connector.dev/v1alpha1",
                    "fieldsType": "FieldsV1", "fieldsV1": { "f:spec": { "f:host": {} } },
                }],
                "name": "crm",
                "namespace": "sales",
                "ownerReferences": [{ "apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": "ou" }],
                "resourceVersion": "7",
                "selfLink": "/self",
                "uid": "u",
            },
            "spec": {
                "host": "acme.my.salesforce.com",
                "app": { "clientId": "3MVG9" },
                "auth": { "clientCredentials": {} },
            },
            "status": { "observedGeneration": -1 },
        })
    }

    #[test]
    fn a_connector_comes_with_that_metadata_only_that_somebody_reads() {
        let mut expected: SalesforceConnector = serde_json::from_value(object()).unwrap();
        expected.metadata = ObjectMeta {
            deletion_timestamp: expected.metadata.deletion_timestamp,
            ..metadata()
        };
        let Guarded(found) = serde_json::from_value(object()).unwrap();
        assert_eq!(found.unwrap(), expected);
    }

    /// What is kept of [`object`] while it is not being deleted.
    fn metadata() -> ObjectMeta {
        ObjectMeta {
            generation: Some(3),
            name: Some("crm".to_owned()),
            namespace: Some("sales".to_owned()),
            resource_version: Some("7".to_owned()),
            uid: Some("u".to_owned()),
            ..ObjectMeta::default()
        }
    }

    #[test]
    fn nothing_that_a_user_pads_a_connector_with_is_kept() {
        let mut object = object();
        let metadata = object.pointer_mut("/metadata").unwrap();
        let pad = "x".repeat(250_000);
        metadata["annotations"] = json!({
            "pad": pad,
            names::TEST_REQUESTED_AT: "1",
            names::RENEW_REQUESTED_AT: "é".repeat(100_000),
        });
        metadata["labels"] = (0..3000).map(|n| (format!("l{n}"), json!("v"))).collect();
        object["spec"]["pad"] = json!(pad);
        object["status"]["pad"] = json!(pad);
        let Guarded(found) = serde_json::from_value(object).unwrap();
        let found = found.unwrap();
        let renew = &found.metadata.annotations.as_ref().unwrap()[names::RENEW_REQUESTED_AT];
        assert!(
            renew.len() > limits::REQUEST,
            "it is no request, and would be one if it were cut to the limit"
        );
        let kept = serde_json::to_string(&found).unwrap().len();
        assert!(kept < 1500, "{kept} bytes");
    }

    #[test]
    fn an_object_that_cannot_be_parsed_keeps_its_metadata_and_says_why() {
        for (pointer, value, why) in [
            (
                "/spec/auth",
                json!("none"),
                "invalid type: string \"none\", expected struct AuthSpec",
            ),
            (
                "/spec",
                Value::Null,
                "invalid type: null, expected struct SalesforceConnectorSpec",
            ),
            (
                "/status/observedGeneration",
                json!("x"),
                "invalid type: string \"x\", expected i64",
            ),
        ] {
            let mut object = object();
            *object.pointer_mut(pointer).unwrap() = value;
            let event = json!({ "object": object, "type": "MODIFIED" });
            let WatchEvent::Modified(guarded) = serde_json::from_value::<WatchEvent<Guarded>>(event).unwrap()
            else {
                panic!("it should be an object, whatever is in it")
            };
            assert_eq!(guarded.meta().name.as_deref(), Some("crm"));
            assert_eq!(guarded.meta().generation, Some(3));
            let Unparsable { error, .. } = guarded.0.unwrap_err();
            assert_eq!(error, why);
        }
    }

    #[test]
    fn an_object_that_cannot_be_parsed_does_not_quote_a_large_value() {
        let mut object = object();
        object["spec"]["auth"] = json!("\n".repeat(1 << 20));
        let Guarded(parsed) = serde_json::from_value(object).unwrap();
        let error = parsed.unwrap_err().error;
        assert_eq!(error.len(), LONGEST_ERROR, "{error}");
    }
}
