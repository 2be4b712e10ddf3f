//! What becomes of a stored grant whose connector is gone: kept for a while, then removed, and never for a wrong reason.

use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, ResourceExt};
use redeem::ConnectorRead;
use salesforce_connector_operator::api::SalesforceConnector;
use salesforce_connector_operator::controller::sweep::judge;
use salesforce_connector_operator::settings::SecretWatch;
use testbed::eventually;

use crate::grants::{assert_nothing_burned, brought, brought_again};
use crate::stage::{DEADLINE, Stage};

const GONE_SINCE: &str = "salesforce-connector.dev/gone-since";

/// A stage whose operator removes what is left behind after two minutes on its clock: four seconds.
async fn hasty() -> Stage {
    let mut stage = Stage::bare(SecretWatch::ByName).await;
    stage.state_retention = Duration::from_mins(2);
    stage.start_operator().await;
    stage
}

fn uid(connector: &SalesforceConnector) -> String {
    connector.uid().unwrap()
}

async fn state(stage: &Stage, uid: &str) -> Option<Secret> {
    stage
        .home_secrets()
        .get_opt(&format!("sfc-state-{uid}"))
        .await
        .unwrap()
}

async fn until_marked(stage: &Stage, uid: &str) {
    eventually(DEADLINE, "the state is marked", async || {
        let state = state(stage, uid).await.expect("the state went without a mark");
        let marked = state.annotations().contains_key(GONE_SINCE);
        marked.then_some(()).ok_or(format!("{:?}", state.metadata))
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
async fn the_state_of_a_deleted_connector_is_marked_first_and_removed_after_the_grace() {
    let stage = hasty().await;
    brought(&stage, "gone").await;
    brought(&stage, "stays").await;
    let gone = uid(&stage.ready("gone").await);
    let stays = uid(&stage.ready("stays").await);
    stage.delete("gone").await;
    until_marked(&stage, &gone).await;
    until_removed(&stage, &gone).await;

    let kept = state(&stage, &stays).await.expect("the connector is there");
    assert!(!kept.annotations().contains_key(GONE_SINCE));
    // Its ledger entry stays, marked: the brought token must be known for one that is spent.
    let purposes = ListParams::default().labels("salesforce-connector.dev/purpose=ledger");
    assert_eq!(stage.home_secrets().list(&purposes).await.unwrap().items.len(), 2);
    assert_nothing_burned(&stage);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connector_of_the_same_name_neither_adopts_nor_keeps_the_state() {
    let stage = hasty().await;
    brought(&stage, "crm").await;
    let first = uid(&stage.ready("crm").await);
    let calls = stage.token_calls();
    stage.delete("crm").await;
    let second = uid(&brought_again(&stage, "crm").await);
    stage.not_ready("crm", "BootstrapTokenUsed").await;
    until_marked(&stage, &first).await;
    until_removed(&stage, &first).await;
    stage.not_ready("crm", "BootstrapTokenUsed").await;
    assert!(state(&stage, &second).await.is_none());
    assert_eq!(stage.token_calls(), calls);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_an_answer_about_the_object_itself_says_that_it_is_gone() {
    let stage = Stage::bare(SecretWatch::ByName).await;
    stage.good_connector("crm").await;
    let there = stage.get("crm").await.uid().unwrap();
    let read = async |api: Api<SalesforceConnector>, name: &str| {
        judge(name, api.get_metadata(name).await.map(|found| found.uid()))
    };
    let nowhere = Api::namespaced(stage.client.clone(), "no-such-namespace");
    stage
        .plane
        .service_account(stage.namespace.name(), "stranger")
        .await;
    let stranger = stage.plane.client_as(stage.namespace.name(), "stranger").await;
    let unknown = GroupVersionKind::gvk("no-such-group.example", "v1", "SalesforceConnector");
    let unknown: Api<DynamicObject> = Api::namespaced_with(
        stage.client.clone(),
        stage.namespace.name(),
        &ApiResource::from_gvk(&unknown),
    );
    let no_crd = judge("crm", unknown.get_metadata("crm").await.map(|found| found.uid()));

    let found = [
        read(stage.connectors(), "crm").await,
        read(stage.connectors(), "other").await,
        read(nowhere, "crm").await,
        read(Api::namespaced(stranger, stage.namespace.name()), "crm").await,
        no_crd,
    ];
    assert_eq!(
        found,
        [
            ConnectorRead::Found(there.into()),
            ConnectorRead::NotFound,
            ConnectorRead::NotFound,
            ConnectorRead::Forbidden,
            ConnectorRead::NoCrd,
        ]
    );
    stage.finish().await;
}
