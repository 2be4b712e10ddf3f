//! The control plane does what tests rely on, and what a mock would not do.

use std::time::Duration;

use futures::{FutureExt as _, Stream, StreamExt as _};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, ListParams, ObjectMeta, PostParams, WatchEvent,
    WatchParams,
};
use kube::core::GroupVersionKind;
use serde_json::json;

use crate::proxy::TcpProxy;
use crate::{ControlPlane, eventually};

const SOON: Duration = Duration::from_secs(60);

fn widgets(client: &kube::Client, namespace: &str) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("testbed.example", "v1", "Widget");
    Api::namespaced_with(client.clone(), namespace, &ApiResource::from_gvk(&kind))
}

fn widget_crd() -> CustomResourceDefinition {
    let spec = json!({
        "type": "object",
        "properties": { "size": { "type": "integer" } },
        "x-kubernetes-validations": [{ "rule": "self.size < 10", "message": "size must be below 10" }],
    });
    let schema = json!({ "type": "object", "properties": { "spec": spec } });
    serde_json::from_value(json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": "widgets.testbed.example" },
        "spec": {
            "group": "testbed.example",
            "scope": "Namespaced",
            "names": { "kind": "Widget", "plural": "widgets" },
            "versions": [{ "name": "v1", "served": true, "storage": true, "schema": { "openAPIV3Schema": schema } }],
        },
    }))
    .unwrap()
}

fn widget(name: &str, size: u32) -> DynamicObject {
    serde_json::from_value(json!({
        "apiVersion": "testbed.example/v1", "kind": "Widget",
        "metadata": { "name": name }, "spec": { "size": size },
    }))
    .unwrap()
}

fn config_map(name: &str) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        },
        ..ConfigMap::default()
    }
}

#[tokio::test]
async fn cel_rules_of_a_crd_are_enforced() {
    let plane = ControlPlane::shared().await;
    plane.install_crd(&widget_crd()).await;
    let namespace = plane.namespace("cel").await;
    let widgets = widgets(&plane.client().await, &namespace);

    widgets
        .create(&PostParams::default(), &widget("small", 9))
        .await
        .unwrap();
    let refusal = widgets
        .create(&PostParams::default(), &widget("large", 10))
        .await
        .unwrap_err()
        .to_string();
    assert!(refusal.contains("size must be below 10"), "{refusal}");
}

#[tokio::test]
async fn a_secret_goes_with_its_owner_of_a_custom_kind() {
    let plane = ControlPlane::shared().await;
    plane.install_crd(&widget_crd()).await;
    let namespace = plane.namespace("owner").await;
    let client = plane.client().await;
    let widgets = widgets(&client, &namespace);
    let secrets: Api<Secret> = Api::namespaced(client, &namespace);

    let owner = widgets
        .create(&PostParams::default(), &widget("owner", 1))
        .await
        .unwrap();
    let secret: Secret = serde_json::from_value(json!({ "metadata": {
        "name": "owned",
        "ownerReferences": [{
            "apiVersion": "testbed.example/v1", "kind": "Widget", "name": "owner", "uid": owner.metadata.uid,
        }],
    }}))
    .unwrap();
    secrets.create(&PostParams::default(), &secret).await.unwrap();
    widgets.delete("owner", &DeleteParams::default()).await.unwrap();

    eventually(SOON, "the Secret to be collected", async || {
        match secrets.get_opt("owned").await {
            Ok(None) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}

#[tokio::test]
async fn a_deleted_namespace_is_gone_in_the_end() {
    let plane = ControlPlane::shared().await;
    let namespace = plane.namespace("gone").await;
    let client = plane.client().await;
    let config_maps: Api<ConfigMap> = Api::namespaced(client.clone(), &namespace);
    config_maps
        .create(&PostParams::default(), &config_map("inside"))
        .await
        .unwrap();
    let namespaces: Api<Namespace> = Api::all(client);
    namespaces
        .delete(&namespace, &DeleteParams::default())
        .await
        .unwrap();

    eventually(SOON, "the namespace to be gone", async || {
        match namespaces.get_opt(&namespace).await {
            Ok(None) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}

#[tokio::test]
async fn a_service_account_without_rights_may_read_nothing() {
    let plane = ControlPlane::shared().await;
    let namespace = plane.namespace("rights").await;
    plane.service_account(&namespace, "nobody").await;
    let secrets: Api<Secret> = Api::namespaced(plane.client_as(&namespace, "nobody").await, &namespace);

    let kube::Error::Api(status) = secrets.list(&ListParams::default()).await.unwrap_err() else {
        panic!()
    };
    let user = format!("User \"system:serviceaccount:{namespace}:nobody\" cannot list resource \"secrets\"");
    assert!(status.code == 403 && status.message.contains(&user), "{status:?}");
}

#[tokio::test]
async fn validating_admission_policies_are_enforced() {
    let plane = ControlPlane::shared().await;
    let namespace = plane.namespace("policy").await;
    let policy = format!(
        r#"
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {{name: {namespace}}}
spec:
  matchConstraints:
    namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {namespace}}}}}
    resourceRules:
    - {{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}}
  validations:
  - {{expression: "object.metadata.name != 'forbidden'", message: "forbidden by policy"}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {{name: {namespace}}}
spec: {{policyName: {namespace}, validationActions: [Deny]}}
"#
    );
    let _ = plane.apply(&policy).await.stdout();

    let config_maps: Api<ConfigMap> = Api::namespaced(plane.client().await, &namespace);
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    // The API server learns of policies by its own watch.
    eventually(SOON, "the policy to refuse", async || {
        match config_maps.create(&dry_run, &config_map("forbidden")).await {
            Err(error) if error.to_string().contains("forbidden by policy") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    config_maps
        .create(&PostParams::default(), &config_map("allowed"))
        .await
        .unwrap();
    let _ = plane
        .kubectl(&[
            "delete",
            "validatingadmissionpolicy,validatingadmissionpolicybinding",
            &namespace,
        ])
        .await;
}

#[tokio::test]
async fn helm_installs_a_chart() {
    let plane = ControlPlane::shared().await;
    let namespace = plane.namespace("helm").await;
    let chart = plane.scratch().join("chart");
    std::fs::create_dir_all(chart.join("templates")).unwrap();
    std::fs::write(
        chart.join("Chart.yaml"),
        "{apiVersion: v2, name: small, version: 0.1.0}",
    )
    .unwrap();
    let template = "{apiVersion: v1, kind: ConfigMap, metadata: {name: {{ .Release.Name }}}}";
    std::fs::write(chart.join("templates/config.yaml"), template).unwrap();

    let chart = chart.to_str().unwrap();
    let _ = plane
        .helm(&["install", "released", chart, "--namespace", &namespace])
        .await
        .stdout();
    let config_maps: Api<ConfigMap> = Api::namespaced(plane.client().await, &namespace);
    config_maps.get("released").await.unwrap();

    let refusal = plane
        .helm(&["install", "released", chart, "--namespace", &namespace])
        .await
        .refusal();
    assert!(refusal.contains("cannot reuse a name"), "{refusal}");
}

#[tokio::test]
async fn objects_outlive_a_restart_of_the_api_server() {
    let plane = ControlPlane::start().await;
    let namespace = plane.namespace("restart").await;
    let config_maps: Api<ConfigMap> = Api::namespaced(plane.client().await, &namespace);
    config_maps
        .create(&PostParams::default(), &config_map("kept"))
        .await
        .unwrap();

    plane.stop_api_server().await;
    config_maps
        .get("kept")
        .await
        .expect_err("the API server is stopped");
    plane.start_api_server().await;
    config_maps.get("kept").await.unwrap();
    plane.restart_api_server().await;
    config_maps.get("kept").await.unwrap();

    let scratch = plane.scratch().to_owned();
    drop(plane);
    assert!(!scratch.exists(), "{} was left behind", scratch.display());
}

#[tokio::test]
async fn a_client_through_the_proxy_feels_a_cut_and_a_blackhole_and_recovers() {
    let plane = ControlPlane::shared().await;
    let namespace = plane.namespace("proxy").await;
    let proxy = TcpProxy::to(plane.api_server_address()).await;
    let kubeconfig = plane.kubeconfig_through(plane.kubeconfig_path(), proxy.address());
    let config_maps: Api<ConfigMap> = Api::namespaced(crate::access::client(&kubeconfig).await, &namespace);
    config_maps
        .create(&PostParams::default(), &config_map("there"))
        .await
        .unwrap();

    proxy.cut();
    config_maps.get("there").await.expect_err("the link is cut");
    proxy.heal();
    config_maps.get("there").await.unwrap();

    proxy.blackhole();
    let hanging = config_maps.get("there");
    tokio::pin!(hanging);
    let early = tokio::time::timeout(Duration::from_millis(200), &mut hanging).await;
    assert!(early.is_err(), "answered through a blackhole: {early:?}");
    proxy.heal();
    hanging.await.unwrap();
    assert!(proxy.accepted() >= 2, "{proxy:?}");
}

#[tokio::test]
async fn a_link_that_carries_answers_only_holds_back_what_a_watch_would_tell() {
    let plane = ControlPlane::shared().await;
    let namespace = plane.namespace("silence").await;
    let proxy = TcpProxy::to(plane.api_server_address()).await;
    let kubeconfig = plane.kubeconfig_through(plane.kubeconfig_path(), proxy.address());
    let config_maps: Api<ConfigMap> = Api::namespaced(crate::access::client(&kubeconfig).await, &namespace);
    let create = async |name: &str| {
        config_maps
            .create(&PostParams::default(), &config_map(name))
            .await
            .unwrap()
    };
    let known = create("first").await.metadata.resource_version.unwrap();
    let mut watch = Box::pin(config_maps.watch(&WatchParams::default(), &known).await.unwrap());
    let told = async |watch: &mut (dyn Stream<Item = kube::Result<WatchEvent<ConfigMap>>> + Unpin + Send)| {
        match watch.next().await.unwrap().unwrap() {
            WatchEvent::Added(found) => found.metadata.name.unwrap(),
            event => format!("{event:?}"),
        }
    };
    create("told").await;
    assert_eq!(told(&mut watch).await, "told");

    proxy.answers_only();
    create("held-back").await;
    for _ in 0..50 {
        config_maps.get("held-back").await.unwrap();
    }
    assert!(watch.next().now_or_never().is_none(), "the watch told of it");
    proxy.heal();
    assert_eq!(told(&mut watch).await, "held-back");
}

#[test]
fn a_wait_that_fails_tells_where_it_is_and_what_it_saw_last() {
    let waiting = std::thread::spawn(|| {
        let mut looks = 0;
        let look = async || {
            looks += 1;
            if looks == 3 {
                std::future::pending().await
            } else {
                Err::<(), _>(format!("look {looks}"))
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(eventually(Duration::from_millis(200), "a miracle", look));
    });
    let panic = waiting.join().unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    let (place, rest) = text.split_once(": ").unwrap();
    assert!(place.contains("tests.rs:"), "{place}");
    assert_eq!(
        rest,
        "waited 200ms for a miracle (deadline has elapsed during a look); last seen: look 2"
    );
}
