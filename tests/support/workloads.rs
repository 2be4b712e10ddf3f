//! Workloads that are restarted after a new token: made as a person would, and looked at.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client};
use salesforce_connector_operator::api::names;
use salesforce_connector_operator::api::spec::WorkloadKind;
use serde_json::{Value, json};

pub(crate) const KINDS: [WorkloadKind; 3] = [
    WorkloadKind::Deployment,
    WorkloadKind::StatefulSet,
    WorkloadKind::DaemonSet,
];

/// A workload of each kind of this name, as `spec.rolloutRestartTargets` has them.
pub(crate) fn targets(name: &str) -> Value {
    let target = |kind: WorkloadKind| json!({ "kind": kind.as_str(), "name": name });
    KINDS.map(target).into_iter().collect()
}

pub(crate) fn api(client: &Client, namespace: &str, kind: WorkloadKind) -> Api<DynamicObject> {
    let kind_of_group = GroupVersionKind::gvk("apps", "v1", kind.as_str());
    let resource = ApiResource::from_gvk_with_plural(&kind_of_group, kind.plural());
    Api::namespaced_with(client.clone(), namespace, &resource)
}

/// Creates a workload that reads the token once, and may be restarted by these connectors.
pub(crate) async fn deploy(
    client: &Client,
    namespace: &str,
    kind: WorkloadKind,
    name: &str,
    restarted_by: &str,
) {
    let labels = json!({ "app": name });
    let token = json!({ "secretKeyRef": { "name": "crm-salesforce", "key": "access_token" } });
    let container = json!({ "name": "main", "image": "example.com/main", "env": [{ "name": "TOKEN", "valueFrom": token }] });
    let mut workload = json!({
        "apiVersion": "apps/v1", "kind": kind.as_str(),
        "metadata": { "name": name, "annotations": { names::RESTARTED_BY: restarted_by } },
        "spec": {
            "selector": { "matchLabels": labels },
            "template": {
                "metadata": { "labels": labels, "annotations": { "example.com/kept": "as it is" } },
                "spec": { "containers": [container] },
            },
        },
    });
    if kind == WorkloadKind::StatefulSet {
        workload["spec"]["serviceName"] = json!(name);
    }
    let workload = serde_json::from_value(workload).unwrap();
    let (api, params) = (api(client, namespace, kind), PostParams::default());
    api.create(&params, &workload).await.unwrap();
}

/// Says who may restart a workload, as a person does; nobody where that is null.
pub(crate) async fn consent(client: &Client, namespace: &str, kind: WorkloadKind, name: &str, by: Value) {
    let patch = json!({ "metadata": { "annotations": { names::RESTARTED_BY: by } } });
    let patched = api(client, namespace, kind)
        .patch(name, &PatchParams::default(), &Patch::Merge(patch))
        .await;
    patched.unwrap();
}

/// How often the spec of a workload has changed, and the token that a connector restarted it for.
pub(crate) fn restarted(workload: &DynamicObject, connector: &str) -> (i64, Option<String>) {
    let annotations = &workload.data["spec"]["template"]["metadata"]["annotations"];
    let token = annotations[format!("{}{connector}", names::RESTART_PREFIX)].as_str();
    (
        workload.metadata.generation.unwrap() - 1,
        token.map(str::to_owned),
    )
}

/// The spec of a workload without the restarts.
pub(crate) fn spec_without_restarts(workload: &DynamicObject) -> Value {
    let mut spec = workload.data["spec"].clone();
    let annotations = spec["template"]["metadata"]["annotations"]
        .as_object_mut()
        .unwrap();
    annotations.retain(|key, _| !key.starts_with(names::RESTART_PREFIX));
    spec
}

/// The fields of a workload that the operator owns for a connector.
pub(crate) fn owned_fields(workload: &DynamicObject, connector: &str) -> Option<Value> {
    let manager = format!("{}/{connector}", names::FIELD_MANAGER);
    let of_operator = |entry: &&ManagedFieldsEntry| entry.manager.as_ref() == Some(&manager);
    let entries = workload.metadata.managed_fields.iter().flatten();
    let entry = entries.clone().find(of_operator)?;
    Some(entry.fields_v1.as_ref()?.0.clone())
}
