//! From `kubectl apply` to Ready and to the end: create, restart, edit, suspend, delete.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use salesforce_connector_operator::core::pass::connection_test::SUCCEEDED;
use salesforce_sim::{Endpoint, default_world as world};
use serde_json::json;
use testbed::eventually;

use crate::in_both_modes;
use crate::stage::{DEADLINE, Stage, condition, status, value};

in_both_modes!(Stage::set =>
    a_new_connector_becomes_ready_with_a_working_token,
    a_restart_with_valid_tokens_costs_no_token_call_and_no_write,
    edits_of_labels_annotations_and_template_mint_nothing,
    a_suspended_connector_is_left_alone_until_it_is_resumed,
    deleting_a_connector_removes_its_secret,
    a_test_on_request_is_echoed_and_mints_nothing,
    a_renewal_on_request_is_echoed,
);

async fn a_new_connector_becomes_ready_with_a_working_token(stage: Stage) {
    stage.good_connector("crm").await;
    let connector = stage.ready("crm").await;
    let found = status(&connector);

    let identity = found.identity.unwrap();
    assert_eq!(identity.organization_name.as_deref(), Some("Green ITR"));
    assert_eq!(identity.username.as_deref(), Some(world::INTEGRATION_USER));
    assert_eq!(found.secret_name.as_deref(), Some("crm-salesforce"));
    let test = found.connection_test.unwrap();
    assert_eq!(test.message, SUCCEEDED);
    assert!(
        test.api_usage.is_some_and(|usage| usage.allowed == 100_000),
        "{test:?}"
    );
    for kind in ["Ready", "Authenticated", "SecretSynced", "ConnectionTested"] {
        assert_eq!(condition(&connector, kind).0, "True", "{kind}");
    }
    assert_eq!(condition(&connector, "Stalled").0, "");
    assert_eq!(condition(&connector, "Reconciling").0, "");

    let managers = connector.managed_fields().iter();
    let managers: Vec<_> = managers.filter(|entry| entry.subresource.is_some()).collect();
    let names: Vec<_> = managers.iter().map(|entry| entry.manager.as_deref()).collect();
    assert_eq!(names, [Some("salesforce-connector-operator")], "{managers:?}");

    let secret = stage.secret("crm-salesforce").await;
    let token = value(&secret, "access_token");
    assert!(stage.sim.world(|world| world.access_token_is_good(&token)));
    assert_eq!(
        value(&secret, "instance_url"),
        format!("https://{}", world::PRODUCTION)
    );
    assert_eq!(value(&secret, "token_type"), "Bearer");
    assert_eq!(secret.owner_references()[0].uid, connector.uid().unwrap());
    let keys: BTreeSet<_> = secret.data.unwrap().into_keys().collect();
    let expected = [
        "access_token",
        "api_version",
        "instance_url",
        "issued_at",
        "org_id",
        "token_type",
        "user_id",
    ];
    assert_eq!(keys, expected.map(str::to_owned).into());
    assert_eq!(stage.token_calls(), 1);
    stage.finish().await;
}

async fn a_restart_with_valid_tokens_costs_no_token_call_and_no_write(mut stage: Stage) {
    let names = ["a", "b", "c", "d", "e"];
    for name in names {
        stage.good_connector(name).await;
    }
    for name in names {
        stage.ready(name).await;
    }
    stage.settle().await;
    let before = versions(&stage, &names).await;
    let calls = stage.token_calls();

    stage.stop_operator().await;
    let tests = stage.sim.count(Endpoint::Query);
    stage.start_operator().await;
    // The process that starts has forgotten nothing that matters; it proves that it works by handling a new connector.
    stage.good_connector("after").await;
    stage.ready("after").await;
    stage.settle().await;

    assert_eq!(stage.token_calls(), calls + 1, "only the new connector logs in");
    assert_eq!(versions(&stage, &names).await, before, "nothing is written");
    assert_eq!(
        stage.sim.count(Endpoint::Query),
        tests + 1,
        "only the new connector is tested"
    );
    stage.finish().await;
}

/// resourceVersions of connectors and their Secrets.
async fn versions(stage: &Stage, names: &[&str]) -> Vec<Option<String>> {
    let mut versions = Vec::new();
    for name in names {
        versions.push(stage.get(name).await.resource_version());
        versions.push(
            stage
                .secret(&format!("{name}-salesforce"))
                .await
                .resource_version(),
        );
    }
    versions
}

async fn edits_of_labels_annotations_and_template_mint_nothing(stage: Stage) {
    stage.good_connector("crm").await;
    stage.ready("crm").await;
    let token = value(&stage.secret("crm-salesforce").await, "access_token");

    stage
        .merge(
            "crm",
            json!({ "metadata": { "labels": { "team": "sales" }, "annotations": { "note": "x" } } }),
        )
        .await;
    let label = json!({ "metadata": { "labels": { "team": "sales" } } });
    let params = kube::api::PatchParams::default();
    stage
        .secrets()
        .patch("crm-app", &params, &kube::api::Patch::Merge(label))
        .await
        .unwrap();
    let template = json!({ "spec": {
        "displayName": "CRM",
        "secret": { "labels": { "team": "sales" }, "keys": { "accessToken": "token" }, "formats": ["SalesforceCli"] },
        "connectionTest": { "interval": "30m" },
    } });
    stage.merge("crm", template).await;
    let secret = stage
        .until_secret("the Secret follows the template", "crm-salesforce", |secret| {
            let has = |key: &str| secret.data.as_ref().is_some_and(|data| data.contains_key(key));
            let labelled = secret.labels().get("team").is_some_and(|team| team == "sales");
            (has("token") && has("SF_ACCESS_TOKEN") && !has("access_token") && labelled)
                .then(|| secret.clone())
        })
        .await;
    assert_eq!(value(&secret, "token"), token);
    assert_eq!(value(&secret, "SF_ACCESS_TOKEN"), token);
    assert_eq!(
        value(&secret, "SF_ORG_INSTANCE_URL"),
        format!("https://{}", world::PRODUCTION)
    );
    stage.ready("crm").await;
    assert_eq!(stage.token_calls(), 1);
    stage.finish().await;
}

async fn a_suspended_connector_is_left_alone_until_it_is_resumed(stage: Stage) {
    stage
        .input("crm-app", &[("client-secret", world::ECA_SECRET)])
        .await;
    let mut spec = crate::stage::client_credentials("crm-app");
    spec["suspend"] = json!(true);
    stage.create("crm", spec).await;
    stage.not_ready("crm", "Suspended").await;
    assert_eq!(stage.sim.log().len(), 0, "nothing is sent");

    stage.merge("crm", json!({ "spec": { "suspend": false } })).await;
    stage.ready("crm").await;
    stage.merge("crm", json!({ "spec": { "suspend": true } })).await;
    stage
        .until("the token is still good while suspended", "crm", |connector| {
            (condition(connector, "Ready").1 == "Suspended")
                .then(|| assert_eq!(condition(connector, "Ready").0, "True"))
        })
        .await;
    let sent = stage.sim.log().len();
    stage
        .annotate("crm", "salesforce-connector.dev/test-requested-at", "1")
        .await;
    stage.settle().await;
    assert_eq!(stage.sim.log().len(), sent, "nothing is sent while suspended");
    stage.finish().await;
}

async fn deleting_a_connector_removes_its_secret(stage: Stage) {
    stage.good_connector("crm").await;
    stage.ready("crm").await;
    stage.delete("crm").await;
    eventually(DEADLINE, "the Secret is collected", async || {
        let found: Option<Secret> = stage
            .secrets()
            .get_opt("crm-salesforce")
            .await
            .map_err(|error| error.to_string())?;
        if found.is_none() {
            Ok(())
        } else {
            Err("it is still there".to_owned())
        }
    })
    .await;
    stage.finish().await;
}

async fn a_test_on_request_is_echoed_and_mints_nothing(stage: Stage) {
    stage.good_connector("crm").await;
    stage.ready("crm").await;
    let queries = stage.sim.count(Endpoint::Query);
    stage
        .annotate("crm", "salesforce-connector.dev/test-requested-at", "now")
        .await;
    stage
        .until("the request is echoed", "crm", |connector| {
            (status(connector).last_handled?.test_requested_at? == "now").then_some(())
        })
        .await;
    assert_eq!(stage.sim.count(Endpoint::Query), queries + 1);
    assert_eq!(
        (stage.token_calls(), stage.sim.count(Endpoint::Introspect)),
        (1, 1),
        "the token endpoint is left alone"
    );
    stage.finish().await;
}

async fn a_renewal_on_request_is_echoed(stage: Stage) {
    stage.good_connector("crm").await;
    stage.ready("crm").await;
    stage
        .annotate("crm", "salesforce-connector.dev/renew-requested-at", "now")
        .await;
    stage
        .until("the request is echoed", "crm", |connector| {
            (status(connector).last_handled?.renew_requested_at? == "now").then_some(())
        })
        .await;
    assert_eq!(stage.token_calls(), 2);
    stage.ready("crm").await;
    stage.finish().await;
}
