//! What exactly is installed in the cluster? The CRDs, generated from the types and then made strict.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::Value;

use crate::api::{SalesforceConnector, SalesforceTokenCopy};

/// The CRD of connectors, as it is installed.
///
/// Two things differ from what the types alone would yield:
/// - no `nullable`: the server would store explicit nulls, to which neither CEL's `has()` nor defaults apply;
/// - `status` has the default `observedGeneration: -1`: kstatus takes an object without conditions for current, and
///   would otherwise call a connector healthy before anybody has looked at it.
///
/// # Panics
/// Never in practice: the types are fixed at compile time, and a test generates the CRD.
pub fn crd() -> CustomResourceDefinition {
    strict(&SalesforceConnector::crd())
}

/// The CRD of copies of tokens, made strict in the same way.
///
/// # Panics
/// Never in practice, as with [`crd`].
pub fn copies_crd() -> CustomResourceDefinition {
    strict(&SalesforceTokenCopy::crd())
}

/// Every CRD, in the order in which they are shown.
///
/// # Panics
/// Never in practice, as with [`crd`].
pub fn all() -> Vec<CustomResourceDefinition> {
    vec![crd(), copies_crd()]
}

/// A CRD as YAML, with a head line that says where it comes from.
///
/// # Panics
/// Never in practice, as with [`crd`].
pub fn yaml(crd: &CustomResourceDefinition) -> String {
    let value = serde_json::to_value(crd).expect("a CRD should serialize");
    let yaml = serde_yaml::to_string(&value).expect("a CRD should be expressible in YAML");
    format!("# Generated from src/api by `make generate`; do not edit.\n{yaml}")
}

fn strict(crd: &CustomResourceDefinition) -> CustomResourceDefinition {
    let mut crd = serde_json::to_value(crd).expect("a CRD should serialize");
    strip_nullable(&mut crd);
    if let Some(status) = crd.pointer_mut("/spec/versions/0/schema/openAPIV3Schema/properties/status") {
        status["default"] = serde_json::json!({ "observedGeneration": -1 });
    }
    serde_json::from_value(crd).expect("a CRD should deserialize")
}

fn strip_nullable(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.remove("nullable");
            map.values_mut().for_each(strip_nullable);
        }
        Value::Array(items) => items.iter_mut().for_each(strip_nullable),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
