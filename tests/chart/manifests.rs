//! The manifests for who has no Helm: are they what the chart renders, and do they install and remove the operator?

use std::path::Path;
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use salesforce_connector_operator::api::names;
use salesforce_sim::{Addresses, Simulator, default_world};
use serde_json::json;
use testbed::{ControlPlane, OperatorProcess, eventually};

use crate::files::{CHART, assert_generated};
use crate::tenant::{Tenant, condition};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/kustomize");
const NAME: &str = "salesforce-connector-operator";
const NAMESPACE: &str = "salesforce-connector-system";
const DEADLINE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn the_generated_manifests_are_what_the_chart_renders() {
    let template = [
        "template",
        NAME,
        CHART,
        "--namespace",
        NAMESPACE,
        "--set",
        "crds.install=false",
    ];
    let rendered = ControlPlane::shared().await.helm(&template).await.stdout();
    let head = "# Generated from the chart with its default values by `make generate`; do not edit.\n";
    let wanted = head.to_owned() + &without_helm(&rendered);
    assert_generated("../../examples/kustomize/operator/operator.yaml", &wanted);
}

/// Without what is true of a release of Helm alone.
fn without_helm(rendered: &str) -> String {
    let of_helm = |line: &str| {
        let line = line.trim();
        let labels = ["helm.sh/chart: ", "app.kubernetes.io/managed-by: Helm"];
        line.is_empty()
            || line.starts_with("# Source: ")
            || labels.iter().any(|label| line.starts_with(label))
    };
    let lines = rendered.lines().filter(|line| !of_helm(line));
    lines.flat_map(|line| [line, "\n"]).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_kubectl_alone_installs_makes_a_connector_ready_and_goes_without_a_trace() {
    let plane = ControlPlane::start().await; // CRD and namespace have fixed names, and go at the end
    let applied = plane.kubectl(&["apply", "--kustomize", FOLDER]).await;
    assert_eq!(applied.stderr, "");
    let _ = applied.stdout();
    let established = ["wait", "--for=condition=Established", "--timeout=60s", "crd"];
    let crd = format!("salesforceconnectors.{}", names::GROUP);
    let _ = plane
        .kubectl(&[&established[..], &[&crd]].concat())
        .await
        .stdout();
    a_pod_is_admitted(&plane).await;

    let client = plane.client().await;
    let tenant = Tenant::new(client.clone(), plane.namespace("tenant").await, DEADLINE);
    let sim = Simulator::start_on(default_world::build(), Addresses::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let operator = start(&plane, &sim, folder.path()).await;
    tenant
        .input("crm-app", &[("client-secret", default_world::ECA_SECRET)])
        .await;
    let app = json!({
        "clientId": default_world::ECA, "clientSecretRef": { "name": "crm-app", "key": "client-secret" },
    });
    let spec = json!({ "host": default_world::PRODUCTION, "app": app, "auth": { "clientCredentials": {} } });
    tenant.create("crm", spec).await;
    tenant
        .until("the connector becomes Ready", "crm", |connector| {
            (condition(connector, "Ready").0 == "True").then_some(())
        })
        .await;
    let complete = "salesforce_connector_missing_rights 0\n";
    operator
        .until(DEADLINE, "/metrics", complete, |answer| {
            answer.body.contains(complete)
        })
        .await;
    drop(operator);

    // The operator alone: connectors, tokens, and what the operator knows, stay.
    let _ = plane
        .kubectl(&["delete", "--kustomize", &format!("{FOLDER}/operator")])
        .await
        .stdout();
    tenant.get("crm").await;
    tenant.secrets().get("crm-salesforce").await.unwrap();
    let own: Api<Secret> = Api::namespaced(client, NAMESPACE);
    own.get(names::DIGEST_KEY_SECRET).await.unwrap();

    let delete = ["delete", "--kustomize", FOLDER, "--ignore-not-found"];
    let _ = plane.kubectl(&delete).await.stdout();
    nothing_is_left(&plane).await;
}

/// In a namespace where pod security is restricted; no node is there to run it.
async fn a_pod_is_admitted(plane: &ControlPlane) {
    let pods = ["get", "pods", "--namespace", NAMESPACE, "--output=name"];
    eventually(DEADLINE, "a pod", async || {
        let pods = plane.kubectl(&pods).await.stdout();
        (pods.lines().count() == 1).then_some(()).ok_or(pods)
    })
    .await;
}

async fn nothing_is_left(plane: &ControlPlane) {
    let kinds = "namespaces,customresourcedefinitions,clusterroles,clusterrolebindings,\
        validatingadmissionpolicies,validatingadmissionpolicybindings";
    eventually(DEADLINE, "nothing of the operator", async || {
        let all = plane.kubectl(&["get", kinds, "--output=name"]).await.stdout();
        let left: Vec<_> = all.lines().filter(|line| line.contains("salesforce")).collect();
        left.is_empty().then_some(()).ok_or_else(|| left.join("\n"))
    })
    .await;
}

/// Starts the operator as the Deployment would: under its account, and with its environment.
async fn start(plane: &ControlPlane, sim: &Simulator, folder: &Path) -> OperatorProcess {
    let ca = folder.join("ca.pem");
    std::fs::write(&ca, sim.ca_pem()).unwrap();
    let deployments: Api<Deployment> = Api::namespaced(plane.client().await, NAMESPACE);
    let pod = deployments.get(NAME).await.unwrap().spec.unwrap().template;
    let pod = pod.spec.unwrap();
    let account = pod.service_account_name.unwrap();
    let kubeconfig = plane.kubeconfig_for(NAMESPACE, &account).await;
    let program = env!("CARGO_BIN_EXE_salesforce-connector-operator");
    let mut command = OperatorProcess::command(program, &kubeconfig);
    for variable in pod
        .containers
        .into_iter()
        .filter_map(|container| container.env)
        .flatten()
    {
        command.env(variable.name, variable.value.unwrap_or(NAMESPACE.to_owned()));
    }
    command
        .args(["--connect-to", &format!("*={}", sim.https_addr())])
        .arg("--ca-file")
        .arg(ca);
    OperatorProcess::start(command, &folder.join("log")).unwrap()
}
