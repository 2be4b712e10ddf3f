//! A workload is restarted once after a new token, wherever the process dies that wrote it.

use jiff::Timestamp;
use salesforce_connector_operator::api::names;
use salesforce_connector_operator::api::spec::WorkloadKind;
use salesforce_connector_operator::failpoints::Failpoint;
use salesforce_sim::default_world as world;
use serde_json::json;
use testbed::eventually;

use crate::scene::client_credentials;
use crate::stage::{DEADLINE, Stage, status};
use crate::tenant::Tenant;
use crate::workloads::{api, deploy, restarted};

/// The point between the write of the Secret and that of the status.
pub(crate) const ROLLOUT: [Failpoint; 1] = [Failpoint::RestartWorkload];

const POINTS: [(&str, &str); 3] = [
    ("secret", "after-SecretWrite"),
    ("before", "before-RestartWorkload"),
    ("after", "after-RestartWorkload"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workload_is_restarted_once_wherever_the_process_dies() {
    let stage = Stage::set().await;
    let namespace = stage.namespace.name().to_owned();
    stage
        .sim
        .world(|world| world.switches.same_token_while_session_lives = false);
    let first = stage.start("first");
    let mut issued = Vec::new();
    for (name, point) in POINTS {
        deploy(&stage.client, &namespace, WorkloadKind::Deployment, name, name).await;
        stage
            .input(&format!("{name}-input"), &[("client-secret", world::ECA_SECRET)])
            .await;
        let mut spec = client_credentials(&format!("{name}-input"));
        spec["rolloutRestartTargets"] = json!([{ "kind": "Deployment", "name": name }]);
        Tenant::create(&stage, name, spec).await;
        let known = stage
            .until("the workload is known", name, |connector| {
                let status = status(connector);
                let known = status.rollout_restarts.first()?.reason.is_none();
                known.then_some(status.token?.issue_time)
            })
            .await;
        issued.push(known);
        stage.pause(name, point);
    }
    // Tokens are told apart by the second of their issue.
    let last = issued.iter().map(|issued| issued.0).max().unwrap();
    eventually(DEADLINE, "another second begins", async || {
        let since = Timestamp::now().duration_since(last);
        (since.as_secs() >= 1)
            .then_some(())
            .ok_or_else(|| format!("{since:?}"))
    })
    .await;
    for (name, point) in POINTS {
        stage.request_renewal(name, "1").await;
        stage.reached(name, point).await;
    }
    first.kill();
    // Else the renewal is carried out once more: no status says that it was.
    for (name, _) in POINTS {
        let withdrawn = json!({ "metadata": { "annotations": { names::RENEW_REQUESTED_AT: null } } });
        stage.merge(name, withdrawn).await;
    }

    let second = stage.start("second");
    for ((name, _), before) in POINTS.iter().zip(issued) {
        let token = stage
            .until("the restart is told", name, |connector| {
                let status = status(connector);
                let entry = status.rollout_restarts.first()?.clone();
                let token = status.token?.issue_time;
                let told = entry.restart_time.is_some() && entry.token_issue_time == token;
                (told && token != before).then(|| token.0.to_string())
            })
            .await;
        let deployments = api(&stage.client, &namespace, WorkloadKind::Deployment);
        let found = deployments.get(name).await.unwrap();
        assert_eq!(restarted(&found, name), (1, Some(token)), "{name}");
    }
    second.kill();
    stage.finish().await;
}
