//! Whose is a Secret of that name, and what becomes of it when its connector goes or names another one?

use std::collections::BTreeSet;

use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams};
use salesforce_connector_operator::api::names;
use salesforce_connector_operator::settings::SecretWatch;
use salesforce_sim::{Endpoint, Fault, FaultRule, default_world as world};
use serde_json::json;
use testbed::eventually;

use crate::secrets::{TARGET, by_name, stage_with_crm};
use crate::stage::{DEADLINE, Stage, client_credentials, condition, status, value};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_secret_is_refused_and_left_as_it_is() {
    let stage = by_name().await;
    stage.input(TARGET, &[("precious", "not to be lost")]).await;
    let before = stage.secret(TARGET).await;
    stage.good_connector("crm").await;
    let connector = stage.stalled("crm", "SecretNotOwned").await;
    assert_eq!(condition(&connector, "SecretSynced").0, "False");
    assert!(
        condition(&connector, "Ready").2.contains("\"crm-salesforce\""),
        "{:?}",
        status(&connector)
    );
    stage.annotate("crm", names::RENEW_REQUESTED_AT, "1").await;
    stage.annotate("crm", names::TEST_REQUESTED_AT, "1").await;
    stage.settle().await;
    assert_eq!(stage.secret(TARGET).await, before);
    assert_eq!(stage.token_calls(), 0, "no login for a token that has no place");
    let warning = ("Warning", "SecretNotOwned", condition(&connector, "Ready").2);
    until_told(&stage, &[&warning]).await;

    stage
        .secrets()
        .delete(TARGET, &DeleteParams::default())
        .await
        .unwrap();
    let connector = stage.ready("crm").await;
    let recovered = ("Normal", "TokenValid", condition(&connector, "Ready").2);
    until_told(&stage, &[&warning, &recovered]).await;
    stage.settle().await;
    until_told(&stage, &[&warning, &recovered]).await;
    stage.finish().await;
}

/// Type, reason and note of an event.
type Told = (&'static str, &'static str, String);

/// Waits until these are all the events of the connector "crm", each told once.
async fn until_told(stage: &Stage, wanted: &[&Told]) {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let wanted: BTreeSet<_> = wanted
        .iter()
        .map(|(kind, reason, note)| {
            (
                "crm".to_owned(),
                (*kind).to_owned(),
                (*reason).to_owned(),
                note.clone(),
                1,
            )
        })
        .collect();
    eventually(DEADLINE, &format!("the events {wanted:?}"), async || {
        let events = stage.events().list(&ListParams::default()).await;
        let events = events.map_err(|error| error.to_string())?.items;
        let told: Vec<_> = events
            .iter()
            .map(|event| {
                let of = event
                    .regarding
                    .as_ref()
                    .and_then(|regarding| regarding.name.clone());
                let times = event.series.as_ref().map_or(1, |series| series.count);
                (
                    text(&of),
                    text(&event.type_),
                    text(&event.reason),
                    text(&event.note),
                    times,
                )
            })
            .collect();
        let all: BTreeSet<_> = told.iter().cloned().collect();
        (all == wanted && told.len() == wanted.len())
            .then_some(())
            .ok_or_else(|| format!("{told:?}"))
    })
    .await;
}

/// An owner reference can be written by anybody who may write the Secret: it proves nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_secret_with_our_owner_reference_is_foreign_all_the_same() {
    let mut stage = Stage::bare(SecretWatch::ByName).await;
    stage.good_connector("crm").await;
    let uid = stage.get("crm").await.uid().unwrap();
    stage.input(TARGET, &[("precious", "not to be lost")]).await;
    let owner = json!([{ "apiVersion": "salesforce-connector.dev/v1alpha1", "kind": "SalesforceConnector",
        "name": "crm", "uid": uid, "controller": true }]);
    let metadata =
        json!({ "ownerReferences": owner, "labels": { names::MANAGED_BY: names::MANAGED_BY_VALUE } });
    stage.merge_secret(TARGET, json!({ "metadata": metadata })).await;
    let before = stage.secret(TARGET).await;
    stage.start_operator().await;
    stage.stalled("crm", "SecretNotOwned").await;
    stage.settle().await;
    assert_eq!(stage.secret(TARGET).await, before);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_connectors_on_one_target_the_first_keeps_it() {
    let stage = by_name().await;
    stage.input("app", &[("client-secret", world::ECA_SECRET)]).await;
    let mut spec = client_credentials("app");
    spec["secret"] = json!({ "name": "shared" });
    let first = stage.create("first", spec.clone()).await;
    stage.ready("first").await;
    stage.create("second", spec).await;
    stage.stalled("second", "SecretConflict").await;
    stage.settle().await;
    let secret = stage.secret("shared").await;
    assert_eq!(secret.annotations()[names::CONNECTOR_UID], first.uid().unwrap());
    stage.ready("first").await;

    // Once the first one has gone, with its Secret, the second has the place.
    stage.delete("first").await;
    stage.ready("second").await;
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_connectors_the_one_that_writes_the_secret_first_keeps_it_though_the_other_is_older() {
    let stage = by_name().await;
    let mut spec = client_credentials("late");
    spec["secret"] = json!({ "name": "shared" });
    stage.create("older", spec.clone()).await;
    stage.not_ready("older", "InputSecretMissing").await;
    stage.input("app", &[("client-secret", world::ECA_SECRET)]).await;
    spec["app"]["clientSecretRef"]["name"] = json!("app");
    let younger = stage.create("younger", spec).await;
    stage.ready("younger").await;
    let before = stage.secret("shared").await;

    stage.input("late", &[("client-secret", world::ECA_SECRET)]).await;
    let older = stage.stalled("older", "SecretConflict").await;
    assert!(
        condition(&older, "Ready").2.contains("\"shared\""),
        "{:?}",
        status(&older)
    );
    stage.settle().await;
    assert_eq!(stage.secret("shared").await, before);
    assert_eq!(before.annotations()[names::CONNECTOR_UID], younger.uid().unwrap());
    stage.ready("younger").await;
    assert_eq!(stage.token_calls(), 1, "no login for a token that has no place");

    stage.delete("younger").await;
    stage.ready("older").await;
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_change_of_name_the_former_secret_goes_once_the_new_one_exists() {
    let stage = stage_with_crm(by_name().await).await;
    let token = value(&stage.secret(TARGET).await, "access_token");
    let rename = json!({ "spec": { "secret": { "name": "renamed" } } });
    // While another one stands in the place, the former stays.
    stage.input("renamed", &[("precious", "not to be lost")]).await;
    stage.merge("crm", rename).await;
    stage.stalled("crm", "SecretNotOwned").await;
    stage.settle().await;
    assert!(
        stage.has_secret(TARGET).await,
        "the former Secret stays while there is no new one"
    );
    assert_eq!(value(&stage.secret(TARGET).await, "access_token"), token);

    stage
        .secrets()
        .delete("renamed", &DeleteParams::default())
        .await
        .unwrap();
    stage.secret_gone(TARGET).await;
    let connector = stage.ready("crm").await;
    assert_eq!(status(&connector).secret_name.as_deref(), Some("renamed"));
    let after = value(&stage.secret("renamed").await, "access_token");
    assert_eq!(after, token, "the token moves with the Secret");
    assert_eq!(stage.token_calls(), 1);
    stage.finish().await;
}

/// The second change comes while the first one is carried out, so that its status is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_two_changes_of_name_in_a_row_one_secret_is_left_and_no_token_is_obtained() {
    let stage = stage_with_crm(by_name().await).await;
    let token = value(&stage.secret(TARGET).await, "access_token");
    let slow = FaultRule::always(Fault::Delay { millis: 1_500 });
    stage.sim.fault(slow.on(Endpoint::Versions));
    let tests = stage.sim.count(Endpoint::Versions);
    let rename = |name: &str| json!({ "spec": { "secret": { "name": name } } });
    stage.merge("crm", rename("second")).await;
    let tested = stage
        .sim
        .wait_until("the token is tested before it moves", DEADLINE, |world| {
            world.count(Endpoint::Versions) > tests
        })
        .await;
    tested.unwrap_or_else(|error| panic!("{error}"));
    stage.merge("crm", rename("third")).await;

    let connector = stage.ready("crm").await;
    assert_eq!(status(&connector).secret_name.as_deref(), Some("third"));
    assert_eq!(value(&stage.secret("third").await, "access_token"), token);
    stage.secret_gone(TARGET).await;
    stage.secret_gone("second").await;
    assert_eq!(stage.token_calls(), 1);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orphaned_secret_outlives_its_connector() {
    let stage = by_name().await;
    stage.input("app", &[("client-secret", world::ECA_SECRET)]).await;
    let mut spec = client_credentials("app");
    spec["secret"] = json!({ "deletionPolicy": "Orphan" });
    stage.create("orphan", spec).await;
    stage.create("changed", client_credentials("app")).await;
    stage.create("witness", client_credentials("app")).await;
    for name in ["orphan", "changed", "witness"] {
        stage.ready(name).await;
    }
    assert_eq!(stage.secret("orphan-salesforce").await.owner_references(), []);
    assert_eq!(
        stage.secret("changed-salesforce").await.owner_references().len(),
        1
    );
    let calls = stage.token_calls();
    let orphan = json!({ "spec": { "secret": { "deletionPolicy": "Orphan" } } });
    stage.merge("changed", orphan).await;
    stage
        .until_secret("the owner reference goes", "changed-salesforce", |secret| {
            secret.owner_references().is_empty().then_some(())
        })
        .await;
    assert_eq!(stage.token_calls(), calls);

    for name in ["orphan", "changed", "witness"] {
        stage.delete(name).await;
    }
    // The garbage collector has been at work when it has collected the last one.
    stage.secret_gone("witness-salesforce").await;
    stage.create("later", client_credentials("app")).await;
    stage.ready("later").await;
    stage.settle().await;
    assert!(stage.has_secret("orphan-salesforce").await);
    assert!(stage.has_secret("changed-salesforce").await);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_immutable_target_is_refused_with_a_remedy() {
    let stage = stage_with_crm(by_name().await).await;
    stage.merge_secret(TARGET, json!({ "immutable": true })).await;
    let connector = stage.stalled("crm", "SecretImmutable").await;
    let message = condition(&connector, "Ready").2;
    assert!(message.contains("Delete the Secret"), "{message}");
    stage
        .secrets()
        .delete(TARGET, &DeleteParams::default())
        .await
        .unwrap();
    stage.ready("crm").await;
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_label_is_reported_with_the_command_that_restores_it() {
    let stage = stage_with_crm(by_name().await).await;
    stage
        .merge_secret(
            TARGET,
            json!({ "metadata": { "labels": { names::MANAGED_BY: null } } }),
        )
        .await;
    let connector = stage.stalled("crm", "SecretLabelRemoved").await;
    let message = condition(&connector, "Ready").2;
    let command = "kubectl label secret NAME app.kubernetes.io/managed-by=salesforce-connector-operator";
    assert!(message.contains(command) && message.contains(TARGET), "{message}");

    let namespace = stage.namespace.name();
    let label = format!("{}={}", names::MANAGED_BY, names::MANAGED_BY_VALUE);
    let ran = stage
        .plane
        .kubectl(&[
            "label",
            "secret",
            TARGET,
            &label,
            "--overwrite",
            "--namespace",
            namespace,
        ])
        .await;
    assert!(ran.succeeded(), "{ran}");
    stage.ready("crm").await;
    assert_eq!(stage.token_calls(), 1);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recreated_connector_inherits_nothing() {
    let mut stage = stage_with_crm(by_name().await).await;
    let former = stage.get("crm").await.uid().unwrap();
    stage.stop_operator().await;
    // With its Secret left behind, as after `kubectl delete --cascade=orphan`. By hand, since the garbage collector orphans
    // those Secrets alone that it has heard of by then, and collects the others.
    let orphaned = json!({ "metadata": { "ownerReferences": [] } });
    stage.merge_secret(TARGET, orphaned).await;
    stage.delete("crm").await;
    eventually(DEADLINE, "the connector is gone", async || {
        let found = stage.connectors().get_opt("crm").await.unwrap();
        found
            .is_none()
            .then_some(())
            .ok_or_else(|| "it is there".to_owned())
    })
    .await;
    let created = stage.create("crm", client_credentials("crm-app")).await;
    let fresh = status(&created);
    assert_eq!((fresh.observed_generation, fresh.conditions.len()), (Some(-1), 0));

    stage.start_operator().await;
    let connector = stage.stalled("crm", "SecretLeftBehind").await;
    let message = condition(&connector, "Ready").2;
    assert!(
        message.contains("\"crm-salesforce\"") && message.contains("Delete the Secret"),
        "{message}"
    );
    assert_eq!(
        stage.secret(TARGET).await.annotations()[names::CONNECTOR_UID],
        former,
        "the Secret of the one before is left alone"
    );
    stage
        .secrets()
        .delete(TARGET, &DeleteParams::default())
        .await
        .unwrap();
    stage.ready("crm").await;
    assert_eq!(stage.token_calls(), 2);

    // In one go, with the operator at work: the garbage collector and the operator race, and the new one wins.
    stage.delete("crm").await;
    let created = stage.create("crm", client_credentials("crm-app")).await;
    stage.ready("crm").await;
    assert_eq!(
        stage.secret(TARGET).await.annotations()[names::CONNECTOR_UID],
        created.uid().unwrap()
    );
    stage.finish().await;
}
