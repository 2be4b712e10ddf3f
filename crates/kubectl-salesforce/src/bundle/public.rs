//! What of an object may leave the cluster? Only what is known to hold no secret; the rest is left out, not searched.

use salesforce_connector_operator::api::names::GROUP;
use serde_json::{Map, Value, json};

/// A connector, or an event about one: all of it holds no secret by contract, but for what kubectl remembers of a manifest.
pub fn connector(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.retain(|name, _| is_ours(name));
        }
    }
    object
}

/// Of a Secret: its name, its labels, who owns it, and the operator's annotations. The value of any other annotation may be
/// a copy of its data, such as the one that `kubectl apply` makes.
pub fn secret(metadata: &Value) -> Value {
    let mut public = json!({});
    for field in [
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "deletionTimestamp",
        "labels",
        "ownerReferences",
    ] {
        copy(metadata, field, &mut public);
    }
    let annotations = metadata
        .get("annotations")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let (ours, others): (Vec<_>, Vec<_>) = annotations.partition(|(name, _)| is_ours(name));
    let ours: Map<String, Value> = ours
        .into_iter()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let others: Vec<&str> = others.into_iter().map(|(name, _)| name.as_str()).collect();
    json!({ "metadata": public, "annotations": ours, "otherAnnotations": others })
}

/// Of the operator's Deployment: labels, replicas, status, and of each container image, arguments and settings.
pub fn deployment(object: &Value) -> Value {
    let at = |pointer: &str| object.pointer(pointer).cloned().unwrap_or_default();
    let containers = at("/spec/template/spec/containers");
    let containers = containers.as_array().into_iter().flatten().map(container);
    json!({
        "name": at("/metadata/name"), "namespace": at("/metadata/namespace"), "labels": at("/metadata/labels"),
        "replicas": at("/spec/replicas"), "containers": containers.collect::<Vec<_>>(), "status": at("/status"),
    })
}

fn container(container: &Value) -> Value {
    let mut public = json!({});
    for field in ["name", "image", "args", "resources"] {
        copy(container, field, &mut public);
    }
    let variables = container
        .get("env")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let variables: Vec<Value> = variables.map(variable).collect();
    if let Some(members) = public.as_object_mut() {
        members.insert("env".to_owned(), variables.into());
    }
    public
}

/// A variable of the operator's settings with its value. The value of any other, such as the address of a proxy, may have a
/// password in it.
fn variable(variable: &Value) -> Value {
    let mut public = json!({});
    copy(variable, "name", &mut public);
    if variable
        .get("name")
        .and_then(Value::as_str)
        .is_some_and(|name| name.starts_with("SFC_"))
    {
        copy(variable, "value", &mut public);
    }
    public
}

/// Of a pod: what became of its containers.
pub fn pod(object: &Value) -> Value {
    let at = |pointer: &str| object.pointer(pointer).cloned().unwrap_or_default();
    json!({ "name": at("/metadata/name"), "creationTimestamp": at("/metadata/creationTimestamp"), "phase": at("/status/phase"),
        "containerStatuses": at("/status/containerStatuses") })
}

fn is_ours(annotation: &str) -> bool {
    annotation
        .split_once('/')
        .is_some_and(|(domain, _)| domain == GROUP)
}

fn copy(from: &Value, field: &str, to: &mut Value) {
    if let (Some(value), Some(members)) = (from.get(field), to.as_object_mut()) {
        members.insert(field.to_owned(), value.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANARY: &str = "c4n4ry";

    #[test]
    fn what_may_hold_a_copy_of_a_secret_is_left_out() {
        let applied = "kubectl.kubernetes.io/last-applied-configuration";
        let metadata = json!({
            "name": "crm-app", "labels": { "team": "crm" },
            "annotations": { applied: CANARY, "salesforce-connector.dev/serial": "7" },
            "managedFields": [{ "manager": CANARY }],
        });
        let shown = json!({
            "metadata": { "name": "crm-app", "labels": { "team": "crm" } },
            "annotations": { "salesforce-connector.dev/serial": "7" }, "otherAnnotations": [applied],
        });
        assert_eq!(secret(&metadata), shown);
        let whole = json!({ "metadata": metadata, "data": { "client-secret": CANARY }, "spec": {} });
        let shown = json!({
            "metadata": { "name": "crm-app", "labels": { "team": "crm" },
                "annotations": { "salesforce-connector.dev/serial": "7" } },
            "data": { "client-secret": CANARY }, "spec": {},
        });
        assert_eq!(connector(&whole), shown, "a connector has no data");
    }

    #[test]
    fn only_the_operator_s_own_settings_are_shown_with_their_value() {
        let env = json!([
            { "name": "SFC_LOG", "value": "info" },
            { "name": "HTTPS_PROXY", "value": format!("http://u:{CANARY}@proxy:3128") },
            { "name": "SFC_NAMESPACE", "valueFrom": { "fieldRef": {} } },
        ]);
        let object = json!({
            "metadata": { "name": "op", "annotations": { "note": CANARY } },
            "spec": { "replicas": 2, "template": { "metadata": { "annotations": { "note": CANARY } }, "spec": { "containers": [
                { "name": "operator", "image": "i", "args": ["run"], "env": env },
            ] } } },
        });
        assert_eq!(
            deployment(&object),
            json!({
                "name": "op", "namespace": null, "labels": null, "replicas": 2, "status": null,
                "containers": [{ "name": "operator", "image": "i", "args": ["run"], "env": [
                    { "name": "SFC_LOG", "value": "info" }, { "name": "HTTPS_PROXY" }, { "name": "SFC_NAMESPACE" },
                ] }],
            })
        );
    }
}
