//! Changed inputs are noticed, and the consumer's Secret is kept as it should be.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, PostParams};
use kube::{Api, ResourceExt};
use salesforce_connector_operator::api::names;
use salesforce_connector_operator::settings::SecretWatch;
use salesforce_sim::default_world as world;
use serde_json::json;
use testbed::eventually;

use crate::healing::tested_daily;
use crate::stage::{DEADLINE, Stage, client_credentials, condition, status, value};
use crate::{in_both_modes, looks};

in_both_modes!(Stage::noticing =>
    a_rotated_client_secret_is_noticed_and_a_new_token_obtained,
    an_edited_target_is_repaired_without_a_mint,
    an_edited_token_is_replaced_by_a_new_one,
    a_deleted_target_comes_back_with_a_new_token,
    a_missing_input_is_waited_for,
);

pub(crate) const TARGET: &str = "crm-salesforce";

/// A stage with the Ready connector "crm".
pub(crate) async fn stage_with_crm(stage: Stage) -> Stage {
    stage
        .input("crm-app", &[("client-secret", world::ECA_SECRET)])
        .await;
    let mut spec = client_credentials("crm-app");
    tested_daily(&mut spec);
    stage.create("crm", spec).await;
    stage.ready("crm").await;
    assert_eq!(stage.token_calls(), 1);
    stage
}

pub(crate) async fn by_name() -> Stage {
    Stage::set(SecretWatch::ByName).await
}

/// Waits until the target Secret holds a token that Salesforce accepts.
async fn good_token(stage: &Stage) -> Secret {
    stage
        .until_secret("the Secret holds a good token", TARGET, |secret| {
            let token = secret.data.as_ref()?.get("access_token")?;
            let token = String::from_utf8(token.0.clone()).ok()?;
            let good = stage.sim.world(|world| world.access_token_is_good(&token));
            good.then(|| secret.clone())
        })
        .await
}

async fn a_rotated_client_secret_is_noticed_and_a_new_token_obtained(stage: Stage) {
    let stage = stage_with_crm(stage).await;
    let before = value(&stage.secret(TARGET).await, "access_token");
    let rotated = "rotated-secret-of-the-app";
    stage
        .sim
        .world(|world| world.rotate_client_secret(world::ECA, rotated, Duration::ZERO));
    stage.input("crm-app", &[("client-secret", rotated)]).await;
    let after = value(&good_token(&stage).await, "access_token");
    assert_ne!(after, before);
    assert_eq!(stage.token_calls(), 2);
    stage.ready("crm").await;
    stage.finish().await;
}

async fn an_edited_target_is_repaired_without_a_mint(stage: Stage) {
    let stage = stage_with_crm(stage).await;
    let before = stage.secret(TARGET).await;
    let edit = json!({ "stringData": { "instance_url": "https://elsewhere.example", "surplus": "x" } });
    stage.merge_secret(TARGET, edit).await;
    let after = stage
        .until_secret("the Secret is repaired", TARGET, |secret| {
            (secret.data == before.data).then(|| secret.clone())
        })
        .await;
    assert_ne!(after.resource_version(), before.resource_version());
    assert_eq!(stage.token_calls(), 1);
    stage.ready("crm").await;
    stage.finish().await;
}

async fn an_edited_token_is_replaced_by_a_new_one(stage: Stage) {
    let stage = stage_with_crm(stage).await;
    let edit = json!({ "stringData": { "access_token": "00Dtyped-by-hand" } });
    stage.merge_secret(TARGET, edit).await;
    good_token(&stage).await;
    assert_eq!(stage.token_calls(), 2);
    stage.ready("crm").await;
    stage.finish().await;
}

async fn a_deleted_target_comes_back_with_a_new_token(stage: Stage) {
    let stage = stage_with_crm(stage).await;
    let before = stage.secret(TARGET).await;
    stage
        .secrets()
        .delete(TARGET, &DeleteParams::default())
        .await
        .unwrap();
    let after = good_token(&stage).await;
    assert_ne!(after.uid(), before.uid());
    assert_eq!(stage.token_calls(), 2, "the token was lost with the Secret");
    stage.ready("crm").await;
    stage.finish().await;
}

async fn a_missing_input_is_waited_for(stage: Stage) {
    stage.create("crm", client_credentials("crm-app")).await;
    let connector = stage.not_ready("crm", "InputSecretMissing").await;
    assert_eq!(condition(&connector, "Reconciling").0, "True");
    assert_eq!(condition(&connector, "Stalled").0, "");
    let message = condition(&connector, "Ready").2;
    assert!(
        message.contains("spec.app.clientSecretRef") && message.contains("\"crm-app\""),
        "{message}"
    );

    stage
        .input("crm-app", &[("client_secret", world::ECA_SECRET)])
        .await;
    let connector = stage.not_ready("crm", "InputKeyMissing").await;
    assert_eq!(condition(&connector, "Reconciling").0, "True");
    let message = condition(&connector, "Ready").2;
    assert!(message.contains("key \"client-secret\""), "{message}");
    assert_eq!(stage.sim.log().len(), 0, "nothing is sent without the input");

    let since = Instant::now();
    stage
        .input("crm-app", &[("client-secret", world::ECA_SECRET)])
        .await;
    stage.ready("crm").await;
    if stage.mode == SecretWatch::Watch {
        until_woken_by_its_input(&stage, since).await;
    }
    stage.finish().await;
}

/// A missing input is looked for every few seconds as well, in both modes: here it must have been the watch.
async fn until_woken_by_its_input(stage: &Stage, since: Instant) {
    let by_input = |look: &looks::Look| {
        look.cause.starts_with("related object updated:") && look.cause.contains("/crm-app.")
    };
    eventually(DEADLINE, "the changed input wakes its connector", async || {
        let looks = looks::at(stage.namespace.name(), "crm", since);
        let found = looks.iter().any(by_input);
        found.then_some(()).ok_or_else(|| format!("{looks:?}"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_leaves_the_template_leaves_the_secret_and_what_others_wrote_stays() {
    let stage = by_name().await;
    stage.input("app", &[("client-secret", world::ECA_SECRET)]).await;
    let mut spec = client_credentials("app");
    spec["secret"] = json!({
        "labels": { "team": "sales", "tier": "gold" },
        "annotations": { "note": "one", "reloader.example/match": "true" },
    });
    stage.create("crm", spec).await;
    stage.ready("crm").await;
    let others = json!({ "metadata": { "labels": { "backup": "yes" }, "annotations": { "audit": "seen" } } });
    stage.merge_secret(TARGET, others).await;
    let template = json!({ "spec": { "secret": {
        "labels": { "team": "service", "tier": null },
        "annotations": null,
    } } });
    stage.merge("crm", template).await;
    let secret = stage
        .until_secret("the Secret follows the template", TARGET, |secret| {
            (secret.labels().get("team").map(String::as_str) == Some("service")).then(|| secret.clone())
        })
        .await;
    let labels: BTreeSet<_> = secret.labels().keys().map(String::as_str).collect();
    let expected = ["backup", "team", names::MANAGED_BY, names::CONNECTOR_LABEL];
    assert_eq!(labels, expected.into());
    let annotations = secret.annotations();
    assert_eq!(annotations.get("audit").map(String::as_str), Some("seen"));
    assert!(!annotations.contains_key("note"), "{annotations:?}");
    assert!(
        !annotations.contains_key("reloader.example/match"),
        "{annotations:?}"
    );

    // Data is the operator's alone, however long a value is.
    let long = json!({ "stringData": { "theirs": "x".repeat(200_000) } });
    stage.merge_secret(TARGET, long).await;
    stage
        .until_secret("the value of others is gone", TARGET, |secret| {
            let data = secret.data.as_ref();
            data.is_some_and(|data| !data.contains_key("theirs"))
                .then_some(())
        })
        .await;

    // What others take away of ours comes back.
    stage
        .merge_secret(TARGET, json!({ "metadata": { "labels": { "team": null } } }))
        .await;
    stage
        .until_secret("the label comes back", TARGET, |secret| {
            secret.labels().contains_key("team").then_some(())
        })
        .await;
    stage.ready("crm").await;
    assert_eq!(stage.token_calls(), 1);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ready_formats_serve_their_readers() {
    let stage = by_name().await;
    stage.input("app", &[("client-secret", world::ECA_SECRET)]).await;
    let mut spec = client_credentials("app");
    spec["secret"] = json!({
        "type": "example.com/salesforce",
        "formats": ["Environment", "SalesforceCli", "PubSub"],
        "keys": { "accessToken": "TOKEN", "orgId": "organization" },
    });
    stage.create("crm", spec).await;
    let connector = stage.ready("crm").await;
    let secret = stage.secret(TARGET).await;
    assert_eq!(secret.type_.as_deref(), Some("example.com/salesforce"));
    let token = value(&secret, "TOKEN");
    let instance = format!("https://{}", world::PRODUCTION);
    let organization = status(&connector).identity.unwrap().organization_id.unwrap();
    for (key, expected) in [
        ("SALESFORCE_ACCESS_TOKEN", &token),
        ("SALESFORCE_INSTANCE_URL", &instance),
        ("SF_ACCESS_TOKEN", &token),
        ("SF_ORG_INSTANCE_URL", &instance),
        ("accesstoken", &token),
        ("instanceurl", &instance),
        ("tenantid", &organization),
        ("organization", &organization),
        ("instance_url", &instance),
    ] {
        assert_eq!(&value(&secret, key), expected, "{key}");
    }
    let data = secret.data.unwrap();
    assert!(!data.contains_key("access_token") && !data.contains_key("org_id"));
    assert_eq!(data.len(), 14);
    assert!(stage.sim.world(|world| world.access_token_is_good(&token)));
    stage.finish().await;
}

/// A webhook for Secrets of one namespace that nobody answers.
fn dead_webhook(namespace: &str) -> ValidatingWebhookConfiguration {
    serde_json::from_value(json!({
        "metadata": { "name": format!("{namespace}-dead") },
        "webhooks": [{
            "name": "dead.acme.example",
            "clientConfig": { "url": "https://127.0.0.1:1/" },
            "failurePolicy": "Fail",
            "sideEffects": "None",
            "timeoutSeconds": 1,
            "admissionReviewVersions": ["v1"],
            "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": namespace } },
            "rules": [{ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["secrets"] }],
        }],
    }))
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_that_is_down_is_said_in_the_status_and_costs_no_login_for_each_retry() {
    let stage = by_name().await;
    stage
        .input("crm-app", &[("client-secret", world::ECA_SECRET)])
        .await;
    let webhook = dead_webhook(stage.namespace.name());
    let name = webhook.name_any();
    let webhooks: Api<ValidatingWebhookConfiguration> = Api::all(stage.secrets().into_client());
    webhooks.create(&PostParams::default(), &webhook).await.unwrap();
    stage.create("crm", client_credentials("crm-app")).await;
    let connector = stage.not_ready("crm", "SecretWriteFailed").await;
    let message = condition(&connector, "Ready").2;
    assert!(message.contains("dead.acme.example"), "{message}");
    stage
        .until("it has been tried three times", "crm", |connector| {
            let failures = status(connector).failures;
            failures.filter(|failures| failures.count >= 3)
        })
        .await;
    assert_eq!(stage.token_calls(), 1, "the Secret is tried by a dry run");
    webhooks.delete(&name, &DeleteParams::default()).await.unwrap();
    stage.ready("crm").await;
    assert_eq!(stage.token_calls(), 2);
    stage.finish().await;
}

/// Argo CD, Flux and Helm take for their own what bears their marks: they would prune the Secret, or revert it.
#[tokio::test]
async fn no_mark_of_a_gitops_tool_travels_from_a_connector_to_its_secret() {
    let stage = by_name().await;
    stage
        .input("crm-app", &[("client-secret", world::ECA_SECRET)])
        .await;
    let connector = json!({
        "apiVersion": "salesforce-connector.dev/v1alpha1",
        "kind": "SalesforceConnector",
        "metadata": {
            "name": "crm",
            "labels": {
                "app.kubernetes.io/instance": "sales",
                "app.kubernetes.io/managed-by": "Helm",
                "argocd.argoproj.io/instance": "sales",
                "kustomize.toolkit.fluxcd.io/name": "sales",
                "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
            },
            "annotations": {
                "argocd.argoproj.io/tracking-id": "sales:salesforce-connector.dev/SalesforceConnector:sales/crm",
                "argocd.argoproj.io/sync-options": "Prune=false",
                "meta.helm.sh/release-name": "sales",
                "meta.helm.sh/release-namespace": "sales",
                "kubectl.kubernetes.io/last-applied-configuration": "{}",
            },
        },
        "spec": client_credentials("crm-app"),
    });
    let connector = serde_json::from_value(connector).unwrap();
    stage
        .connectors()
        .create(&PostParams::default(), &connector)
        .await
        .unwrap();
    stage.ready("crm").await;
    let secret = stage.secret(TARGET).await;
    let labels = [
        (names::MANAGED_BY, names::MANAGED_BY_VALUE),
        (names::CONNECTOR_LABEL, "crm"),
    ];
    let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(*secret.labels(), labels.into());
    let foreign: Vec<_> = secret
        .annotations()
        .keys()
        .filter(|key| !key.starts_with("salesforce-connector.dev/"))
        .collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    stage.finish().await;
}
