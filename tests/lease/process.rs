//! Two real processes: what they answer to probes, and what SIGTERM does.

use std::path::Path;
use std::process::Command;

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::ListParams;
use salesforce_connector_operator::api::{SalesforceConnector, crd};
use salesforce_sim::default_world as world;
use testbed::{ControlPlane, OperatorProcess, TestNamespace, eventually};

use crate::{DEADLINE, leak};

const PROGRAM: &str = env!("CARGO_BIN_EXE_salesforce-connector-operator");

/// With a lease that does not expire within a test; it serves connectors of the tenant.
fn start(plane: &ControlPlane, home: &TestNamespace, tenant: &TestNamespace, log: &Path) -> OperatorProcess {
    OperatorProcess::start(command(plane, home, tenant), log).unwrap()
}

fn command(plane: &ControlPlane, home: &TestNamespace, tenant: &TestNamespace) -> Command {
    let mut command = OperatorProcess::command(PROGRAM, plane.kubeconfig_path());
    command
        .args(["--namespace", home.name(), "--watch-namespaces", tenant.name()])
        .args(["--log-format", "human", "--log", "debug"])
        .args(["--lease-duration-seconds", "3000"])
        .args(["--lease-renew-deadline-seconds", "2000"])
        .args(["--lease-retry-seconds", "1"])
        .args(["--connect-to", "*=127.0.0.1:1"]);
    command
}

async fn until_metrics(process: &OperatorProcess, part: &str) {
    process
        .until(DEADLINE, "/metrics", &format!("{part:?}"), |answer| {
            answer.body.contains(part)
        })
        .await;
}

async fn until_ready(process: &OperatorProcess) {
    process
        .until(DEADLINE, "/readyz", "200 OK", |answer| answer.status == "200 OK")
        .await;
}

/// Sends SIGTERM, and waits for the process to end well.
async fn terminate(mut process: OperatorProcess) {
    process.terminate();
    process.ended(DEADLINE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_replica_is_ready_as_follower_and_leads_when_the_first_is_terminated() {
    let plane = ControlPlane::shared().await;
    plane.install_crd(&crd::crd()).await;
    let home = plane.namespace("replicas").await;
    let tenant = plane.namespace("tenant").await;
    let folder = tempfile::tempdir().unwrap();
    let logs = ["first.log", "second.log"].map(|name| folder.path().join(name));
    let first = start(plane, &home, &tenant, &logs[0]);
    until_metrics(&first, "salesforce_connector_leader 1\n").await;
    let second = start(plane, &home, &tenant, &logs[1]);
    until_ready(&second).await;
    until_metrics(&second, "salesforce_connector_leader 0\n").await;
    until_metrics(&first, "salesforce_connector_leader 1\n").await;
    terminate(first).await;
    until_metrics(&second, "salesforce_connector_leader 1\n").await;
    // The new leader has credentials in hand, and something to say.
    connector(plane, &tenant).await;
    let connectors: Api<SalesforceConnector> = Api::namespaced(plane.client().await, tenant.name());
    let events: Api<Event> = Api::namespaced(plane.client().await, tenant.name());
    let said = eventually(DEADLINE, "a status and an event", async || {
        let status = connectors.get("crm").await.unwrap().status;
        let failed = status.as_ref().is_some_and(|status| status.failures.is_some());
        let events = events.list(&ListParams::default()).await.unwrap().items;
        let shown = serde_json::to_string(&(status, &events)).unwrap();
        (failed && !events.is_empty())
            .then_some(shown.clone())
            .ok_or(shown)
    })
    .await;
    for part in [
        "salesforce_connector_build_info{version=",
        "salesforce_connector_failing_connectors{} 1\n",
        "salesforce_connector_connectors_by_reason{ready=\"",
        "salesforce_connector_salesforce_request_duration_seconds_count{endpoint=\"Token\",outcome=\"NotSent\"}",
        "salesforce_connector_reconcile_duration_seconds_count{result=\"Succeeded\"}",
    ] {
        until_metrics(&second, part).await;
    }
    terminate(second).await;

    let own: Api<Secret> = Api::namespaced(plane.client().await, home.name());
    let key = leak::digest_key(&own).await;
    let secrets = [leak::fixed(), vec![key.expect("a leader made a digest key")]].concat();
    let mut channels = vec![("status and events".to_owned(), said)];
    for log in logs {
        let text = std::fs::read_to_string(&log).unwrap();
        assert!(!text.is_empty(), "{} should tell something", log.display());
        channels.push((log.display().to_string(), text));
    }
    assert_eq!(leak::leaks(&secrets, channels), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_are_for_whom_the_api_server_allows_them_if_it_is_asked() {
    let plane = ControlPlane::shared().await;
    plane.install_crd(&crd::crd()).await;
    let (home, tenant) = (plane.namespace("scraped").await, plane.namespace("tenant").await);
    let manifests = format!(
        "
apiVersion: v1
kind: ServiceAccount
metadata: {{name: prometheus, namespace: {home}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {{name: {home}-metrics}}
rules: [{{nonResourceURLs: [/metrics], verbs: [get]}}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {{name: {home}-metrics}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {home}-metrics}}
subjects: [{{kind: ServiceAccount, name: prometheus, namespace: {home}}}]
"
    );
    let _ = plane.apply(&manifests).await.stdout();
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(plane, &home, &tenant);
    command.arg("--authenticate-metrics");
    let process = OperatorProcess::start(command, &folder.path().join("log")).unwrap();
    until_ready(&process).await;

    let allowed = plane.token_of(home.name(), "prometheus").await;
    eventually(DEADLINE, "the API server to know the right", async || {
        let answer = process.get_as("/metrics", Some(&allowed)).await?;
        (answer.status == "200 OK" && answer.body.contains("salesforce_connector_leader"))
            .then_some(())
            .ok_or(answer.status)
    })
    .await;
    let other = plane.token_of(tenant.name(), "default").await;
    for (token, status) in [
        (None, "401 Unauthorized"),
        (Some("forged"), "401 Unauthorized"),
        (Some(other.as_str()), "403 Forbidden"),
    ] {
        assert_eq!(process.get_as("/metrics", token).await.unwrap().status, status);
    }
    terminate(process).await;
}

/// A connector whose login can't succeed: nothing listens where Salesforce should be.
async fn connector(plane: &ControlPlane, namespace: &TestNamespace) {
    let manifests = format!(
        "
apiVersion: v1
kind: Secret
metadata: {{name: input, namespace: {namespace}}}
stringData: {{client-secret: {}}}
---
apiVersion: salesforce-connector.dev/v1alpha1
kind: SalesforceConnector
metadata: {{name: crm, namespace: {namespace}}}
spec:
  host: {}
  app: {{clientId: {}, clientSecretRef: {{name: input, key: client-secret}}}}
  auth: {{clientCredentials: {{}}}}
",
        world::ECA_SECRET,
        world::PRODUCTION,
        world::ECA
    );
    let _ = plane.apply(&manifests).await.stdout();
}

#[test]
fn invalid_lease_times_are_rejected_with_the_flag_to_change() {
    let output = Command::new(PROGRAM)
        .args(["run", "--lease-duration-seconds", "10"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "error: invalid setting: invalid leader election settings: --lease-renew-deadline-seconds (20s) must be less than \
         --lease-duration-seconds (10s): a leader must stop before another replica takes over\n"
    );
}
