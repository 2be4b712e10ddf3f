//! What if garbage collection can't tell whether a connector is there? Its right to read is gone, or the whole CRD: nothing is
//! removed, however long that takes.

use futures::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt as _};
use salesforce_connector_operator::api::{SalesforceConnector, crd, names};
use serde_json::json;
use testbed::{ControlPlane, eventually};

use crate::operator::{Operator, Setup};
use crate::stage::{DEADLINE, Stage};

const ACCOUNT: &str = "operator";
/// Runs, of one a second, that see the grace go by several times: an hour, ten minutes a run.
const RUNS: usize = 15;
const STAYS: &str = "Kept a stored grant: the connector's existence is unclear";
const LONGER: &str = "Kept a stored grant until this process has observed it for longer";

/// A process that keeps what is left behind for an hour, on a clock that runs 600 times as fast, with rights of its own.
async fn hasty(stage: &Stage) -> Operator {
    stage.plane.service_account(stage.home.name(), ACCOUNT).await;
    rights(stage, "[get, list, watch]").await;
    let setup = Setup {
        kubeconfig: stage.plane.kubeconfig_for(stage.home.name(), ACCOUNT).await,
        clock_speed: 600,
        retention_hours: 1,
        ..stage.setup("first")
    };
    Operator::start(stage, &setup)
}

/// Grants the operator what it needs, and these rights to connectors.
async fn rights(stage: &Stage, connectors: &str) {
    let (home, group) = (stage.home.name(), names::GROUP);
    let manifests = format!(
        "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {{name: {home}}}
rules:
- {{apiGroups: [''], resources: [secrets], verbs: ['*']}}
- {{apiGroups: [''], resources: [namespaces], verbs: [get]}}
- {{apiGroups: [coordination.k8s.io], resources: [leases], verbs: ['*']}}
- {{apiGroups: [events.k8s.io], resources: [events], verbs: ['*']}}
- {{apiGroups: [{group}], resources: [salesforceconnectors/status], verbs: ['*']}}
- {{apiGroups: [{group}], resources: [salesforceconnectors], verbs: {connectors}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {{name: {home}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {home}}}
subjects:
- {{kind: ServiceAccount, name: {ACCOUNT}, namespace: {home}}}
"
    );
    let _ = stage.plane.apply(&manifests).await.stdout();
}

async fn state(stage: &Stage, uid: &str) -> Option<Secret> {
    let name = format!("{}{uid}", names::STATE_PREFIX);
    stage.own_secrets().get_opt(&name).await.unwrap()
}

async fn until_forbidden(stage: &Stage) {
    let client = stage.plane.client_as(stage.home.name(), ACCOUNT).await;
    let connectors: Api<SalesforceConnector> = Api::namespaced(client, stage.namespace.name());
    eventually(DEADLINE, "the operator may not look", async || {
        match connectors.get("crm").await {
            Err(kube::Error::Api(status)) if status.code == 403 => Ok(()),
            answer => Err(format!("{answer:?}")),
        }
    })
    .await;
}

/// As if the connector had been found gone long ago, or the clock had jumped since.
async fn mark(stage: &Stage, uid: &str) {
    let annotations = json!({ names::GONE_SINCE: "2020-01-01T00:00:00Z" });
    let patch = Patch::Merge(json!({ "metadata": { "annotations": annotations } }));
    let name = format!("{}{uid}", names::STATE_PREFIX);
    let secrets = stage.own_secrets();
    let params = PatchParams::default();
    secrets.patch(&name, &params, &patch).await.unwrap();
}

/// Waits until so many runs, from now on, have found nothing out about a connector that they read like this.
async fn runs_without_result(operator: &Operator, read: &str) {
    let count = || {
        let said = operator.said(STAYS);
        said.iter().filter(|fields| fields["read"] == read).count()
    };
    let before = count();
    eventually(DEADLINE, &format!("runs that read {read}"), async || {
        let more = count() - before;
        (more >= RUNS).then_some(()).ok_or(format!("{more} runs"))
    })
    .await;
}

async fn until_removed(stage: &Stage, uid: &str) {
    eventually(DEADLINE, "the state is removed", async || {
        let found = state(stage, uid).await;
        found.map_or(Ok(()), |state| Err(format!("{:?}", state.metadata)))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_collection_without_access_to_connectors_or_crd_removes_nothing() {
    let plane: &'static ControlPlane = Box::leak(Box::new(ControlPlane::start().await));
    let stage = Stage::on(plane).await;
    let operator = hasty(&stage).await;
    stage.bring("crm").await;
    stage.healthy("crm", None).await;
    let uid = stage.get("crm").await.uid().unwrap();

    // Gone, marked as gone long ago, and nobody may look again.
    rights(&stage, "[create]").await;
    until_forbidden(&stage).await;
    mark(&stage, &uid).await;
    stage.delete("crm").await;
    runs_without_result(&operator, "Forbidden").await;
    assert!(state(&stage, &uid).await.is_some(), "removed unseen");

    // One may look again, and there are no connectors of any kind.
    let crds: Api<CustomResourceDefinition> = Api::all(plane.client().await);
    let name = crd::crd().name_any();
    crds.delete(&name, &DeleteParams::default()).await.unwrap();
    eventually(DEADLINE, "the CRD is gone", async || {
        let found = crds.get_opt(&name).await.unwrap();
        found.map_or(Ok(()), |found| Err(format!("{:?}", found.status)))
    })
    .await;
    rights(&stage, "[get, list, watch]").await;
    runs_without_result(&operator, "NoCrd").await;
    assert!(state(&stage, &uid).await.is_some(), "removed with the CRD");

    // The kind is back, and the connector is not. The mark is old, but this process has not seen it gone before.
    plane.install_crd(&crd::crd()).await;
    operator.says(LONGER, 2).await;
    until_removed(&stage, &uid).await;
    stage.finish().await;
}

/// How to run it is in docs/benchmarks.md.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes and a gigabyte"]
async fn eighty_thousand_ledger_entries_cost_garbage_collection_less_than_10_mb() {
    const ENTRIES: usize = 80_000;
    let plane: &'static ControlPlane = Box::leak(Box::new(ControlPlane::start().await));
    let stage = Stage::on(plane).await;
    let setup = Setup {
        clock_speed: 600,
        retention_hours: 1,
        ..stage.setup("first")
    };
    let operator = Operator::start(&stage, &setup);
    let counted = |entries: usize| format!("stored_secrets{{purpose=\"ledger\"}} {entries}\n");
    stage.client_credentials("crm").await;
    operator.until("/metrics", &counted(0)).await;
    let before = operator.peak_memory();
    let own = stage.own_secrets();
    stream::iter(0..ENTRIES)
        .for_each_concurrent(32, async |number| {
            let labels = json!({
                names::MANAGED_BY: names::MANAGED_BY_VALUE,
                names::PURPOSE: names::LEDGER,
                names::NAMESPACE_LABEL: "attacker",
                names::CONNECTOR_UID_LABEL: format!("{number:036}"),
                names::PHASE_LABEL: "used",
                names::DAY_LABEL: "2026-11-27",
            });
            let name = format!("sfc-ledger-{number:064x}");
            let data = json!({ "connector-uid": format!("{number:036}"), "phase": "used", "grant-id": name });
            let entry = json!({ "metadata": { "name": name, "labels": labels }, "stringData": data });
            let entry = serde_json::from_value(entry).unwrap();
            own.create(&PostParams::default(), &entry).await.unwrap();
        })
        .await;
    operator.until("/metrics", &counted(ENTRIES)).await;
    let after = operator.peak_memory();
    println!("{ENTRIES} entries: {before} KiB before, {after} KiB after");
    assert!(after - before < 10_000, "{before} KiB before, {after} KiB after");
    stage.finish().await;
}
