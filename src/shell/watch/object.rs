//! What comes from the watch? A connector, or what is left of one that this version can't parse.
//!
//! kube's `DeserializeGuard` answers the same, at a price: it keeps every object as a tree, managed fields and all, copies
//! the tree, and parses the copy. Managed fields are the larger half of a connector, and nobody here reads them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference, Time};
use kube::Resource;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::api::SalesforceConnector;

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

/// `ObjectMeta` without managed fields.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    annotations: Option<BTreeMap<String, String>>,
    creation_timestamp: Option<Time>,
    deletion_grace_period_seconds: Option<i64>,
    deletion_timestamp: Option<Time>,
    finalizers: Option<Vec<String>>,
    generate_name: Option<String>,
    generation: Option<i64>,
    labels: Option<BTreeMap<String, String>>,
    name: Option<String>,
    namespace: Option<String>,
    owner_references: Option<Vec<OwnerReference>>,
    resource_version: Option<String>,
    self_link: Option<String>,
    uid: Option<String>,
}

impl From<Metadata> for ObjectMeta {
    fn from(metadata: Metadata) -> Self {
        Self {
            annotations: metadata.annotations,
            creation_timestamp: metadata.creation_timestamp,
            deletion_grace_period_seconds: metadata.deletion_grace_period_seconds,
            deletion_timestamp: metadata.deletion_timestamp,
            finalizers: metadata.finalizers,
            generate_name: metadata.generate_name,
            generation: metadata.generation,
            labels: metadata.labels,
            managed_fields: None,
            name: metadata.name,
            namespace: metadata.namespace,
            owner_references: metadata.owner_references,
            resource_version: metadata.resource_version,
            self_link: metadata.self_link,
            uid: metadata.uid,
        }
    }
}

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
                error: error.to_string(),
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
    fn a_connector_comes_with_everything_but_its_managed_fields() {
        let mut expected: SalesforceConnector = serde_json::from_value(object()).unwrap();
        assert!(expected.metadata.managed_fields.take().is_some());
        let Guarded(found) = serde_json::from_value(object()).unwrap();
        assert_eq!(found.unwrap(), expected);
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
}
