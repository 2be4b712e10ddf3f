//! Grants that can't go on as they are: nobody can tell any more whose one is, or the operator may not write what it must
//! record before it presents one.

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::rbac::v1::Role;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use salesforce_connector_operator::settings::SecretWatch;
use salesforce_sim::default_world as world;
use serde_json::json;
use testbed::eventually;

use crate::grants::{assert_nothing_burned, brought};
use crate::healing::remedy;
use crate::stage::{DEADLINE, SERVICE_ACCOUNT, Stage, condition, status, value};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_who_is_named_after_the_session_has_ended_is_found_out_by_a_renewal() {
    let stage = Stage::set(SecretWatch::ByName).await;
    brought(&stage, "crm").await;
    stage.ready("crm").await;
    stage.merge("crm", json!({ "spec": { "suspend": true } })).await;
    stage
        .until("it is suspended", "crm", |connector| {
            (condition(connector, "Ready").1 == "Suspended").then_some(())
        })
        .await;
    stage
        .sim
        .world(|world| world.revoke_sessions(world::INTEGRATION_USER));
    let expect = json!({ "username": world::INTEGRATION_USER });
    stage
        .merge("crm", json!({ "spec": { "suspend": false, "expect": expect } }))
        .await;
    let connector = stage.ready("crm").await;
    let username = status(&connector).identity.unwrap().username;
    assert_eq!(username.as_deref(), Some(world::INTEGRATION_USER));
    let token = value(&stage.secret("crm-salesforce").await, "access_token");
    assert!(stage.sim.world(|world| world.access_token_is_good(&token)));
    assert_nothing_burned(&stage);
    stage.finish().await;
}

/// Gives the operator these rights to Secrets of its own namespace, and waits until the API server knows.
async fn permit(stage: &Stage, verbs: &[&str], create: bool) {
    let roles: Api<Role> = Api::namespaced(stage.client.clone(), stage.home.name());
    let rule = json!({ "apiGroups": [""], "resources": ["secrets"], "verbs": verbs });
    let patch = Patch::Merge(json!({ "rules": [rule] }));
    let params = PatchParams::default();
    roles.patch(SERVICE_ACCOUNT, &params, &patch).await.unwrap();
    let operator = stage.plane.client_as(&stage.home, SERVICE_ACCOUNT).await;
    let secrets: Api<Secret> = Api::namespaced(operator, stage.home.name());
    let dry = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let secret: Secret = serde_json::from_value(json!({ "metadata": { "name": "sfc-try" } })).unwrap();
    eventually(DEADLINE, "the rights are known", async || {
        let may = secrets.create(&dry, &secret).await;
        (may.is_ok() == create).then_some(()).ok_or(format!("{may:?}"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_that_cannot_be_recorded_is_not_sent_and_a_person_reads_why() {
    let stage = Stage::set(SecretWatch::ByName).await;
    brought(&stage, "crm").await;
    stage.ready("crm").await;
    let calls = stage.token_calls();
    stage.restrict().await;
    permit(&stage, &["get", "list"], false).await;
    stage
        .annotate("crm", "salesforce-connector.dev/renew-requested-at", "1")
        .await;
    let connector = stage
        .until("it says why", "crm", |connector| {
            let failures = status(connector).failures?;
            (failures.reason == "GrantStateUnavailable").then(|| connector.clone())
        })
        .await;
    assert_eq!(condition(&connector, "Ready").1, "TokenValid");
    let message = status(&connector).failures.unwrap().message;
    assert!(message.contains("forbidden"), "{message}");
    assert!(message.contains(remedy("GrantStateUnavailable")), "{message}");
    assert_eq!(stage.token_calls(), calls, "nothing was sent");
    // It is found out by itself.
    permit(
        &stage,
        &["get", "list", "create", "update", "patch", "delete"],
        true,
    )
    .await;
    stage
        .until("the renewal is made", "crm", |connector| {
            let failures = status(connector).failures;
            (failures.is_none() && stage.token_calls() > calls).then_some(())
        })
        .await;
    stage.ready("crm").await;
    assert_nothing_burned(&stage);
    stage.finish().await;
}
