//! What becomes of the cluster by install, upgrade and uninstall?

use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, ListParams};
use salesforce_connector_operator::api::crd::crd;
use salesforce_connector_operator::api::names;
use testbed::{ControlPlane, eventually};

use crate::files::{CHART, read};
use crate::release::{FULL_NAME, Release, SOON};

const CRD: &str = "salesforceconnectors.salesforce-connector.dev";
/// One that the earlier version did not have.
const NEW_CRD: &str = "salesforcetokencopies.salesforce-connector.dev";

#[tokio::test]
async fn the_crd_is_upgraded_with_the_release_kept_on_uninstall_and_adopted_again() {
    let plane = ControlPlane::start().await; // a CRD is one for all: here it comes and goes
    let crds: Api<CustomResourceDefinition> = Api::all(plane.client().await);
    let earlier = earlier_chart(plane.scratch());
    let helm = async |args: &[&str]| {
        plane
            .helm(&[args, &["--namespace", "sfc-system"]].concat())
            .await
            .stdout()
    };
    let short_names = async || crds.get(CRD).await.unwrap().spec.names.short_names;

    helm(&["install", "sfc", earlier.to_str().unwrap(), "--create-namespace"]).await;
    assert_eq!(short_names().await, Some(vec!["earlier".to_owned()]));
    let is_there = async || crds.get_opt(NEW_CRD).await.unwrap().is_some();
    assert!(!is_there().await);
    helm(&["upgrade", "sfc", CHART]).await;
    assert_eq!(short_names().await, crd().spec.names.short_names);
    assert!(is_there().await);
    helm(&["rollback", "sfc", "1"]).await;
    assert!(is_there().await, "its objects would go with it");
    assert_eq!(short_names().await, Some(vec!["earlier".to_owned()]));
    helm(&["upgrade", "sfc", CHART]).await;
    assert_eq!(short_names().await, crd().spec.names.short_names);

    let of_the_crd = async || {
        let metadata = crds.get(CRD).await.unwrap().metadata;
        (metadata.uid, metadata.deletion_timestamp)
    };
    let upgraded = of_the_crd().await;
    helm(&["uninstall", "sfc"]).await;
    assert_eq!(of_the_crd().await, upgraded);
    helm(&["install", "sfc", CHART]).await;
    assert_eq!(of_the_crd().await, upgraded);
    helm(&["upgrade", "sfc", CHART, "--set", "crds.install=false"]).await;
    assert_eq!(of_the_crd().await, upgraded);

    let second = ["install", "other", CHART, "--namespace", "sfc-system"];
    let refusal = plane.helm(&second).await.refusal();
    assert!(
        refusal.contains(names::GROUP) && refusal.contains("ownership"),
        "{refusal}"
    );
    helm(&["install", "other", CHART, "--set", "crds.install=false"]).await;
}

/// A chart as an earlier version may have been: there is one CRD, with another short name.
fn earlier_chart(scratch: &Path) -> PathBuf {
    let chart = scratch.join("earlier");
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .arg(CHART)
        .arg(&chart)
        .status()
        .unwrap();
    assert!(copied.success(), "failed to copy {CHART}");
    let template = read("templates/crd.yaml");
    let changed = template.replacen("- sfc\n", "- earlier\n", 1);
    assert_ne!(changed, template);
    std::fs::write(chart.join("templates/crd.yaml"), changed).unwrap();
    std::fs::remove_file(chart.join("templates/crd-copies.yaml")).unwrap();
    chart
}

#[tokio::test]
async fn a_pod_is_admitted_where_pod_security_is_restricted() {
    let plane = ControlPlane::shared().await;
    let namespace = plane.namespace("restricted").await;
    let label = [
        "label",
        "namespace",
        &namespace,
        "pod-security.kubernetes.io/enforce=restricted",
    ];
    let _ = plane.kubectl(&label).await.stdout();
    let release = Release::install_in(plane, namespace, &[]).await;

    let command = format!(
        "--namespace {} rollout status deployment/{}",
        &*release.namespace, FULL_NAME
    );
    assert!(release.notes.contains(&command), "{}", release.notes);
    let pods: Api<Pod> = Api::namespaced(plane.client().await, &release.namespace);
    let deployment = [
        "get",
        "replicasets",
        "--namespace",
        &release.namespace,
        "--output=jsonpath={.items[*].status}",
    ];
    let pod = eventually(SOON, "the pod", async || {
        let found = pods
            .list(&ListParams::default())
            .await
            .map_err(|error| error.to_string())?;
        match found.items.into_iter().next() {
            Some(pod) => Ok(pod),
            None => Err(plane.kubectl(&deployment).await.stdout),
        }
    })
    .await;
    let spec = pod.spec.unwrap();
    assert_eq!(spec.service_account_name.as_deref(), Some(FULL_NAME));
    release.uninstall().await;
}

#[tokio::test]
async fn nothing_outside_the_namespace_is_left_but_the_crd() {
    let release = Release::install(&[]).await;
    let (plane, name) = (release.plane, release.cluster_name());
    let kinds =
        "clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings";
    let ours = async || {
        let all = plane.kubectl(&["get", kinds, "--output=name"]).await.stdout();
        all.lines().filter(|line| line.contains(&name)).count()
    };
    assert_eq!(ours().await, 10);
    release.uninstall().await;
    assert_eq!(ours().await, 0);
}
