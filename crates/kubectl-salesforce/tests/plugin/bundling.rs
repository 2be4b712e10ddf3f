//! `bundle`.

use std::collections::BTreeMap;
use std::path::Path;

use salesforce_sim::default_world as world;
use serde_json::{Value, json};

use crate::leak::leaks;
use crate::stage::{Stage, run};

/// Every file below a folder, by its path.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                found.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

/// The operator's Deployment as the chart makes it, with a proxy whose address has a password.
fn deployment(namespace: &str) -> Value {
    let labels = json!({ "app.kubernetes.io/name": "salesforce-connector-operator" });
    let env = json!([
        { "name": "SFC_LOG", "value": "info" },
        { "name": "HTTPS_PROXY", "value": format!("http://user:{}@proxy.example:3128", world::PASSWORD) },
    ]);
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": "sfc", "namespace": namespace, "labels": labels },
        "spec": {
            "replicas": 0, "selector": { "matchLabels": labels },
            "template": {
                "metadata": { "labels": labels },
                "spec": { "containers": [{ "name": "operator", "image": "registry.example/operator:0.1.0", "args": ["run"],
                    "env": env }] },
            },
        },
    })
}

async fn stage() -> Stage {
    let stage = Stage::set().await;
    stage.connector("crm", &[]).await;
    stage
        .connector(
            "lost",
            &[(
                "app",
                json!({ "clientId": world::ECA,
        "clientSecretRef": { "name": "nowhere", "key": "client-secret" } }),
            )],
        )
        .await;
    // As `kubectl apply` leaves it: with a copy of the data in an annotation.
    let applied = json!({ "stringData": { "client-secret": world::ECA_SECRET } }).to_string();
    let annotations = json!({ "kubectl.kubernetes.io/last-applied-configuration": applied });
    let patch = json!({ "metadata": { "annotations": annotations } }).to_string();
    let args = [
        "patch",
        "secret",
        "crm-app",
        "--namespace",
        stage.namespace.name(),
        "--type=merge",
        "--patch",
        &patch,
    ];
    let _ = stage.plane.kubectl(&args).await.stdout();
    let _ = stage
        .plane
        .apply(&deployment(stage.home.name()).to_string())
        .await
        .stdout();
    stage.until_ready_is("crm", "True", "TokenValid").await;
    stage.until_ready_is("lost", "False", "InputSecretMissing").await;
    stage
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_gets_into_a_bundle() {
    let stage = stage().await;
    let folder = tempfile::tempdir().unwrap();
    let (directory, archive) = (folder.path().join("d"), folder.path().join("b.tar.gz"));
    let home = ["--operator-namespace", stage.home.name()];
    let to_folder = [
        &["bundle", "--output-directory", directory.to_str().unwrap()],
        &home[..],
    ]
    .concat();
    let ran = stage.plugin(&to_folder).await;
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let found = files(&directory);
    let namespace = stage.namespace.name();
    let paths: Vec<String> = found
        .keys()
        .map(|path| path.replace(namespace, "NAMESPACE"))
        .collect();
    assert_eq!(
        paths,
        [
            "README.txt",
            "connectors/NAMESPACE/crm.secrets.yaml",
            "connectors/NAMESPACE/crm.txt",
            "connectors/NAMESPACE/crm.yaml",
            "connectors/NAMESPACE/lost.secrets.yaml",
            "connectors/NAMESPACE/lost.txt",
            "connectors/NAMESPACE/lost.yaml",
            "events/NAMESPACE.yaml",
            "kubernetes.yaml",
            "operator/deployments.yaml",
            "operator/leases.yaml",
            "operator/pods.yaml",
        ]
    );
    let confidential = stage.confidential().await;
    assert!(
        confidential
            .iter()
            .any(|secret| secret == world::ECA_SECRET.as_bytes())
    );
    assert_eq!(leaks(&confidential, found.clone().into_iter().collect()), []);

    let value = |path: &str| -> Value { serde_yaml::from_str(&found[path]).unwrap() };
    let secrets = value(&format!("connectors/{namespace}/crm.secrets.yaml"));
    assert_eq!(
        secrets["crm-app"]["otherAnnotations"],
        json!(["kubectl.kubernetes.io/last-applied-configuration"])
    );
    assert_eq!(
        secrets["crm-salesforce"]["annotations"]["salesforce-connector.dev/expiry-source"],
        "Introspected"
    );
    let lost = value(&format!("connectors/{namespace}/lost.secrets.yaml"));
    assert_eq!(
        lost,
        json!({ "lost-salesforce": "not found", "nowhere": "not found" })
    );
    let env = json!([{ "name": "SFC_LOG", "value": "info" }, { "name": "HTTPS_PROXY" }]);
    assert_eq!(value("operator/deployments.yaml")[0]["containers"][0]["env"], env);
    assert!(found[&format!("events/{namespace}.yaml")].contains("reason: InputSecretMissing"));

    let to_file = [
        &["bundle", "crm", "--output-file", archive.to_str().unwrap()],
        &home[..],
    ]
    .concat();
    let ran = stage.plugin(&to_file).await;
    assert_eq!(ran.code, Some(0), "{ran}");
    let mut listed = std::process::Command::new("tar");
    listed.args(["--list", "--gzip", "--file", archive.to_str().unwrap()]);
    let listed = run(listed).await.stdout();
    assert!(
        listed.contains(&format!("salesforce-support/connectors/{namespace}/crm.yaml\n")),
        "{listed}"
    );
    assert!(!listed.contains("lost"), "{listed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_not_be_read_is_noted_and_the_rest_collected() {
    let stage = Stage::bare().await;
    stage.connector("crm", &[]).await;
    let namespace = stage.namespace.name();
    stage.plane.service_account(namespace, "viewer").await;
    let rules = json!([{ "apiGroups": ["salesforce-connector.dev"], "resources": ["salesforceconnectors"], "verbs": ["list"] }]);
    stage.grant("viewer", rules).await;
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("d");
    let mut command = stage.command(&["bundle", "--output-directory", directory.to_str().unwrap()]);
    command.env(
        "KUBECONFIG",
        stage.plane.kubeconfig_for(namespace, "viewer").await,
    );
    let ran = run(command).await;
    assert_eq!(ran.code, Some(0), "{ran}");
    let found = files(&directory);
    let missing: Vec<&str> = found["missing.txt"]
        .lines()
        .filter(|line| line.starts_with("  resources"))
        .collect();
    let resource = |name: &str| format!("  resources: [\"{name}\"]");
    assert_eq!(
        missing,
        ["secrets", "events", "deployments", "pods", "leases"].map(resource)
    );
}
