//! Are workloads that can't read a changed Secret restarted after a new token: once, and those alone that consent?

use kube::api::{ListParams, Patch, PatchParams};
use kube::core::DynamicObject;
use salesforce_connector_operator::api::names;
use salesforce_connector_operator::api::spec::WorkloadKind;
use salesforce_connector_operator::api::status::RolloutRestartStatus;
use salesforce_connector_operator::settings::SecretWatch;
use salesforce_sim::default_world as world;
use serde_json::{Value, json};
use testbed::eventually;

use crate::stage::{DEADLINE, Stage, client_credentials, condition, status};
use crate::workloads::{
    KINDS, api, consent, deploy, owned_fields, restarted, spec_without_restarts, targets,
};

/// A connector with these workloads in its list. Each of its logins brings another token.
async fn crm(stage: &Stage, targets: Value) {
    stage
        .sim
        .world(|world| world.switches.same_token_while_session_lives = false);
    stage.input("app", &[("client-secret", world::ECA_SECRET)]).await;
    let mut spec = client_credentials("app");
    spec["rolloutRestartTargets"] = targets;
    spec["connectionTest"] = json!({ "interval": "24h" });
    stage.create("crm", spec).await;
}

async fn found(stage: &Stage, kind: WorkloadKind, name: &str) -> DynamicObject {
    api(&stage.client, stage.namespace.name(), kind)
        .get(name)
        .await
        .unwrap()
}

/// Waits until every entry of the status is like this. The connector is Ready all the while.
async fn until_entries(
    stage: &Stage,
    what: &str,
    fits: impl Fn(&RolloutRestartStatus) -> bool,
) -> Vec<RolloutRestartStatus> {
    let (entries, ready) = stage
        .until(what, "crm", |connector| {
            let entries = status(connector).rollout_restarts;
            let all = !entries.is_empty() && entries.iter().all(&fits);
            all.then(|| (entries, condition(connector, "Ready").0))
        })
        .await;
    assert_eq!(ready, "True");
    entries
}

/// Requests a renewal, and waits for it. Returns when its token was issued.
async fn renewed(stage: &Stage, request: &str) -> String {
    let before = status(&stage.ready("crm").await).token.unwrap().issue_time;
    stage.annotate("crm", names::RENEW_REQUESTED_AT, request).await;
    stage
        .until("there is another token", "crm", |connector| {
            let status = status(connector);
            let handled = status.last_handled?.renew_requested_at? == request;
            let issued = status.token?.issue_time;
            (handled && issued != before).then(|| issued.0.to_string())
        })
        .await
}

/// A pass with an unchanged token.
async fn tested(stage: &Stage, request: &str) {
    stage.annotate("crm", names::TEST_REQUESTED_AT, request).await;
    stage
        .until("the test is echoed", "crm", |connector| {
            (status(connector).last_handled?.test_requested_at? == request).then_some(())
        })
        .await;
}

async fn until_event(stage: &Stage, reason: &str, part: &str) {
    eventually(DEADLINE, &format!("an event {reason}"), async || {
        let events = stage.events().list(&ListParams::default()).await;
        let events = events.map_err(|error| error.to_string())?.items;
        let told = events.iter().any(|event| {
            let note = event.note.as_deref().unwrap_or_default();
            event.reason.as_deref() == Some(reason) && note.contains(part)
        });
        told.then_some(()).ok_or_else(|| format!("{events:?}"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workload_that_consents_is_restarted_once_for_each_new_token() {
    let mut stage = Stage::bare(SecretWatch::ByName).await;
    stage.rollout_restarts = true;
    stage.upgrade("rolloutRestarts.enabled=true").await;
    stage.start_operator().await;
    let mut before = Vec::new();
    for kind in KINDS {
        deploy(&stage.client, stage.namespace.name(), kind, "web", "billing, crm").await;
        before.push(spec_without_restarts(&found(&stage, kind, "web").await));
    }
    crm(&stage, targets("web")).await;
    until_entries(&stage, "the workloads are known", |entry| entry.reason.is_none()).await;
    tested(&stage, "0").await;
    for kind in KINDS {
        let seen = restarted(&found(&stage, kind, "web").await, "crm");
        assert_eq!(seen, (0, None), "the first token");
    }

    for (times, request) in [(1, "1"), (2, "2")] {
        let token = renewed(&stage, request).await;
        until_entries(&stage, "the workloads are restarted", |entry| {
            entry.restart_time.is_some() && entry.token_issue_time.0.to_string() == token
        })
        .await;
        tested(&stage, request).await;
        for (kind, before) in KINDS.iter().zip(&before) {
            let found = found(&stage, *kind, "web").await;
            assert_eq!(restarted(&found, "crm"), (times, Some(token.clone())));
            assert_eq!(spec_without_restarts(&found), *before);
            let owned = json!({ "f:spec": { "f:template": { "f:metadata": { "f:annotations": {
                "f:restart.salesforce-connector.dev/crm": {},
            } } } } });
            assert_eq!(owned_fields(&found, "crm"), Some(owned));
        }
    }
    let all = "(Deployment web, StatefulSet web, DaemonSet web)";
    until_event(&stage, "WorkloadsRestarted", all).await;
    let metrics = stage.metrics();
    let counted = "salesforce_connector_rollout_restarts_total{result=\"Restarted\"} 6";
    assert!(metrics.contains(counted), "{metrics}");
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workload_that_can_not_be_restarted_is_told_and_left_alone() {
    let mut stage = Stage::bare(SecretWatch::ByName).await;
    stage.start_operator().await;
    let namespace = stage.namespace.name().to_owned();
    deploy(
        &stage.client,
        &namespace,
        WorkloadKind::Deployment,
        "web",
        "billing",
    )
    .await;
    deploy(&stage.client, &namespace, WorkloadKind::DaemonSet, "kept", "crm").await;
    let target = |kind: &str, name: &str| json!({ "kind": kind, "name": name });
    let list = [
        target("Deployment", "web"),
        target("StatefulSet", "none"),
        target("DaemonSet", "kept"),
    ];
    crm(&stage, json!(list)).await;
    let told =
        |reason: &'static str| move |entry: &RolloutRestartStatus| entry.reason.as_deref() == Some(reason);
    until_entries(&stage, "restarts are disabled", told("RolloutRestartsDisabled")).await;
    let remedy = "Set rolloutRestarts.enabled of the operator's chart to true";
    until_event(&stage, "RolloutRestartsDisabled", remedy).await;

    stage.stop_operator().await;
    stage.rollout_restarts = true;
    stage.start_operator().await;
    until_entries(&stage, "the right is missing", told("WorkloadRestartRefused")).await;
    until_event(&stage, "WorkloadRestartRefused", "is forbidden").await;

    stage.upgrade("rolloutRestarts.enabled=true").await;
    let reasons = |entries: &[RolloutRestartStatus]| -> Vec<Option<String>> {
        entries.iter().map(|entry| entry.reason.clone()).collect()
    };
    let wanted = [Some("WorkloadNotConsenting"), Some("WorkloadMissing"), None];
    let wanted = wanted.map(|reason| reason.map(str::to_owned));
    stage
        .until("each has its own reason", "crm", |connector| {
            (reasons(&status(connector).rollout_restarts) == wanted).then_some(())
        })
        .await;
    until_event(
        &stage,
        "WorkloadNotConsenting",
        "salesforce-connector.dev/restarted-by=crm",
    )
    .await;
    until_event(&stage, "WorkloadMissing", "StatefulSet none").await;

    // Somebody has taken the annotation over into Git.
    let key = format!("{}crm", names::RESTART_PREFIX);
    let in_git = json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": { "name": "kept" },
        "spec": { "template": { "metadata": { "annotations": { key: "of Git" } } } },
    });
    api(&stage.client, &namespace, WorkloadKind::DaemonSet)
        .patch("kept", &PatchParams::apply("git"), &Patch::Apply(in_git))
        .await
        .unwrap();
    renewed(&stage, "1").await;
    stage
        .until("the conflict is told", "crm", |connector| {
            let entries = status(connector).rollout_restarts;
            let message = entries[2].message.as_ref()?;
            message.contains("conflict with \"git\"").then_some(())
        })
        .await;
    let kept = restarted(&found(&stage, WorkloadKind::DaemonSet, "kept").await, "crm");
    assert_eq!(kept, (1, Some("of Git".to_owned())), "left as it is");
    let web = async || restarted(&found(&stage, WorkloadKind::Deployment, "web").await, "crm");
    assert_eq!(web().await, (0, None), "it does not consent");

    consent(
        &stage.client,
        &namespace,
        WorkloadKind::Deployment,
        "web",
        json!("crm"),
    )
    .await;
    eventually(DEADLINE, "who consents is restarted", async || {
        let token = status(&stage.ready("crm").await).token.unwrap().issue_time;
        let (restarts, restarted_for) = web().await;
        let restarted = restarts > 0 && restarted_for == Some(token.0.to_string());
        restarted
            .then_some(())
            .ok_or_else(|| format!("{restarts} {restarted_for:?}"))
    })
    .await;
    assert_eq!(condition(&stage.ready("crm").await, "Ready").1, "TokenValid");
    stage.finish().await;
}
