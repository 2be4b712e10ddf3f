//! What becomes of a stored grant that nobody uses: kept alive while its connector is suspended; once that is gone, kept
//! for a while, revoked where asked for, then removed, and never for a wrong reason.

use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, ResourceExt};
use redeem::{ConnectorRead, ConnectorRef, State};
use salesforce_connector_operator::api::{SalesforceConnector, names};
use salesforce_connector_operator::core::model::connector::OnDelete;
use salesforce_connector_operator::settings::SecretWatch;
use salesforce_connector_operator::shell::garbage_collector::judge;
use salesforce_sim::{Endpoint, Fault, FaultRule, RefreshTokenPolicy, default_world as world};
use serde_json::json;
use testbed::eventually;

use crate::grants::{assert_nothing_burned, brought, brought_again, renew};
use crate::stage::{DEADLINE, Stage, status, value};

const GONE_SINCE: &str = "salesforce-connector.dev/gone-since";
const REVOKE_AT: &str = "salesforce-connector.dev/revoke-at";

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
        .own_secrets()
        .get_opt(&format!("sfc-state-{uid}"))
        .await
        .unwrap()
}

async fn until_marked(stage: &Stage, uid: &str) {
    eventually(DEADLINE, "the state is marked", async || {
        let found = state(stage, uid).await.expect("the state went without a mark");
        let marked = found.annotations().contains_key(GONE_SINCE);
        marked.then_some(()).ok_or(format!("{:?}", found.metadata))
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
    assert_eq!(stage.own_secrets().list(&purposes).await.unwrap().items.len(), 2);
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

/// Puts a copy of a state where that of another connector would be.
async fn plant(stage: &Stage, model: &Secret, connector: ConnectorRef) {
    let bytes = model.data.iter().flatten();
    let bytes = bytes.map(|(key, value)| (key.clone(), value.0.clone())).collect();
    let planted = State {
        connector: connector.clone(),
        ..State::from_data(&bytes).unwrap()
    };
    let data = planted.to_data().unwrap();
    let secret = Secret {
        metadata: ObjectMeta {
            name: Some(format!("sfc-state-{}", connector.uid)),
            labels: model.metadata.labels.clone(),
            ..ObjectMeta::default()
        },
        data: Some(
            data.into_iter()
                .map(|(key, value)| (key, ByteString(value)))
                .collect(),
        ),
        ..Secret::default()
    };
    stage
        .own_secrets()
        .create(&PostParams::default(), &secret)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_namespace_that_is_not_watched_any_more_keeps_its_states() {
    let mut stage = hasty().await;
    brought(&stage, "crm").await;
    let uid = uid(&stage.ready("crm").await);
    stage.stop_operator().await;
    stage.delete("crm").await;
    let kept = state(&stage, &uid).await.expect("nothing is collected");
    // This one, whose namespace is watched, shows that garbage collection went on for longer than the grace.
    let elsewhere = ConnectorRef {
        uid: "elsewhere".into(),
        namespace: "elsewhere".into(),
        name: "crm".into(),
    };
    plant(&stage, &kept, elsewhere).await;
    stage.watched = Some("elsewhere".to_owned());
    stage.start_operator().await;
    until_marked(&stage, "elsewhere").await;
    until_removed(&stage, "elsewhere").await;
    assert_eq!(state(&stage, &uid).await, Some(kept));
    stage.finish().await;
}

/// Asks for revocation on deletion, or no longer, and waits until the state says so.
async fn revoke_on_delete(stage: &Stage, name: &str, wanted: OnDelete) {
    let settings = json!({ "authorizationCode": { "revokeOnDelete": wanted == OnDelete::Revoke } });
    stage.merge(name, json!({ "spec": { "auth": settings } })).await;
    let uid = uid(&stage.get(name).await);
    eventually(DEADLINE, "the state says what is to become of it", async || {
        let found = state(stage, &uid).await.expect("the connector is there");
        let host = found.annotations().get(REVOKE_AT).map(String::as_str);
        let expected = match wanted {
            OnDelete::Revoke => Some(world::PRODUCTION),
            OnDelete::Leave => None,
        };
        (host == expected)
            .then_some(())
            .ok_or(format!("{:?}", found.metadata))
    })
    .await;
}

/// Uid of a connector whose grant has been renewed since its deletion was to revoke it, and the refresh token it has now.
async fn to_be_revoked(stage: &Stage, name: &str) -> (String, String) {
    brought(stage, name).await;
    let uid = uid(&stage.ready(name).await);
    revoke_on_delete(stage, name, OnDelete::Revoke).await;
    renew(stage, name, "1").await;
    stage.ready(name).await;
    let found = state(stage, &uid).await.expect("the connector is there");
    (uid, value(&found, "refresh-token"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_is_revoked_before_its_state_is_removed_where_that_was_asked_for() {
    let stage = hasty().await;
    let (revoked, token) = to_be_revoked(&stage, "revoked").await;
    let (spared, other) = to_be_revoked(&stage, "spared").await;
    revoke_on_delete(&stage, "spared", OnDelete::Leave).await;
    let is_good = |token: &str| stage.sim.world(|w| w.refresh_token_is_good(token));
    assert!(is_good(&token) && is_good(&other));

    stage.delete("revoked").await;
    stage.delete("spared").await;
    until_removed(&stage, &revoked).await;
    until_removed(&stage, &spared).await;
    assert!(!is_good(&token), "the grant should be revoked");
    assert!(is_good(&other), "nobody asked to revoke this one");
    assert_eq!(stage.sim.count(Endpoint::Revoke), 1);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_that_can_not_be_revoked_is_removed_after_five_tries() {
    let stage = hasty().await;
    let (uid, token) = to_be_revoked(&stage, "crm").await;
    let down = Fault::Answer {
        status: 503,
        content_type: "text/html".to_owned(),
        body: "down".to_owned(),
        headers: Vec::new(),
    };
    stage.sim.fault(FaultRule::always(down).on(Endpoint::Revoke));
    stage.delete("crm").await;
    until_removed(&stage, &uid).await;
    assert!(stage.sim.world(|w| w.refresh_token_is_good(&token)));
    assert_eq!(stage.sim.count(Endpoint::Revoke), 5);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_grant_is_used_inside_its_idle_limit_and_still_good_afterwards() {
    let mut stage = Stage::bare(SecretWatch::ByName).await;
    stage.speed = 600; // an hour in six seconds
    stage.sim.world(|w| {
        w.app(world::ROTATING).refresh_token_policy = RefreshTokenPolicy::Idle(Duration::from_hours(1));
    });
    stage.start_operator().await;
    brought(&stage, "crm").await;
    stage.ready("crm").await;
    let limit = json!({ "refreshTokenIdleLimit": "1h" });
    let spec = json!({ "suspend": true, "auth": { "authorizationCode": limit } });
    stage.merge("crm", json!({ "spec": spec })).await;
    let suspended = |connector: &SalesforceConnector| {
        let current = status(connector).observed_generation == connector.metadata.generation;
        current.then_some(())
    };
    stage.until("the suspension is seen", "crm", suspended).await;
    let before = stage.token_calls();
    // Three uses, each within the hour, so more than an hour passes.
    eventually(DEADLINE, "the grant is used three times", async || {
        stage.let_salesforce_catch_up();
        let used = stage.token_calls() - before;
        (used >= 3).then_some(()).ok_or(format!("{used} times"))
    })
    .await;
    stage.merge("crm", json!({ "spec": { "suspend": false } })).await;
    renew(&stage, "crm", "1").await;
    stage.ready("crm").await;
    assert_nothing_burned(&stage);
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

/// As many entries as a connector may leave in a day, whether they are this connector's or not.
async fn fill_ledger(stage: &Stage, uid: &str, count: usize) {
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    for number in 0..count {
        let labels = json!({
            names::PURPOSE: names::LEDGER,
            names::NAMESPACE_LABEL: stage.namespace.name(),
            names::CONNECTOR_UID_LABEL: uid,
            names::DAY_LABEL: today.to_string(),
        });
        let name = format!("sfc-ledger-{number}");
        let entry = json!({ "metadata": { "name": name, "labels": labels } });
        let entry = serde_json::from_value(entry).unwrap();
        stage
            .own_secrets()
            .create(&PostParams::default(), &entry)
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connector_begins_twenty_imports_a_day_whatever_it_brings() {
    let mut stage = Stage::set(SecretWatch::ByName).await;
    stage.stop_operator().await;
    brought(&stage, "crm").await;
    fill_ledger(&stage, &uid(&stage.get("crm").await), 20).await;
    stage.start_operator().await;
    let connector = stage.not_ready("crm", "BootstrapTooOften").await;
    let failures = status(&connector).failures.unwrap();
    assert!(failures.next_attempt_time.is_some(), "{failures:?}");
    assert_eq!(stage.token_calls(), 0);
    let entries = ListParams::default().labels(&format!("{}={}", names::PURPOSE, names::LEDGER));
    assert_eq!(stage.own_secrets().list(&entries).await.unwrap().items.len(), 20);
    // A login is another way to bring a grant.
    stage.hand_over_login("crm", "login", "aPrxUnknown").await;
    let login = stage.login_ended("crm", "login").await;
    assert_eq!(login.reason.as_deref(), Some("BootstrapTooOften"));
    assert_eq!(stage.token_calls(), 0, "the code is not sent");
    // Another connector of the namespace is free to begin its own.
    brought(&stage, "other").await;
    stage.ready("other").await;

    let first = "sfc-ledger-0";
    let _removed = stage
        .own_secrets()
        .delete(first, &DeleteParams::default())
        .await
        .unwrap();
    renew(&stage, "crm", "1").await;
    stage.ready("crm").await;
    assert_nothing_burned(&stage);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_connectors_of_a_namespace_begin_a_hundred_imports_a_day() {
    let mut stage = Stage::set(SecretWatch::ByName).await;
    stage.stop_operator().await;
    brought(&stage, "crm").await;
    fill_ledger(&stage, "gone", 100).await;
    stage.start_operator().await;
    stage.not_ready("crm", "BootstrapTooOften").await;
    assert_eq!(stage.token_calls(), 0);
    stage.finish().await;
}
