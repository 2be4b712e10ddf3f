//! Is the contract with users what it says? Every rule of the resource, on a real API server.
#![expect(
    clippy::indexing_slicing,
    reason = "a test ends where an object is not what it should be"
)]

use std::sync::OnceLock;

use salesforce_connector_operator::api::crd;
use serde_json::{Value, json};
use testbed::{ControlPlane, Ran};

#[path = "api/defaults.rs"]
mod defaults;
#[path = "api/examples.rs"]
mod examples;
#[path = "support/generated.rs"]
mod generated;
#[path = "api/reading.rs"]
mod reading;
#[path = "api/rules.rs"]
mod rules;

/// The control plane with the CRD installed, once for all tests of this file.
async fn cluster() -> &'static ControlPlane {
    static INSTALLED: tokio::sync::Mutex<bool> = tokio::sync::Mutex::const_new(false);
    let cluster = ControlPlane::shared().await;
    let mut installed = INSTALLED.lock().await;
    if !*installed {
        cluster.install_crd(&crd::crd()).await;
        *installed = true;
    }
    cluster
}

/// What the issue promises: ten lines of YAML are enough.
const TEN_LINES: &str = "\
apiVersion: salesforce-connector.dev/v1alpha1
kind: SalesforceConnector
metadata: { name: crm }
spec:
  host: green-itr.my.salesforce.com
  app:
    clientId: 3MVG9GreenItr
    clientSecretRef: { name: crm-app, key: client-secret }
  auth: { clientCredentials: {} }
";

/// The ten lines as a value.
fn connector() -> Value {
    static PARSED: OnceLock<Value> = OnceLock::new();
    PARSED
        .get_or_init(|| serde_yaml::from_str(TEN_LINES).expect("YAML"))
        .clone()
}

/// `connector()` with `value` at the place that a JSON pointer names; a null removes what is there.
fn with(pointer: &str, value: Value) -> Value {
    changed(connector(), pointer, value)
}

fn changed(mut object: Value, pointer: &str, value: Value) -> Value {
    let (parent, member) = pointer.rsplit_once('/').expect("a JSON pointer");
    let mut at = &mut object;
    for step in parent.split('/').skip(1) {
        at = match at.as_array().map(Vec::len) {
            Some(_) => &mut at[step.parse::<usize>().expect("an index")],
            None => &mut at[step],
        };
    }
    if value.is_null() {
        at.as_object_mut().expect("an object").remove(member);
    } else {
        at[member] = value;
    }
    object
}

/// Creates an object in a namespace without storing it.
async fn dry_run(cluster: &ControlPlane, namespace: &str, object: &Value) -> Ran {
    create(cluster, namespace, object, &["--dry-run=server"]).await
}

async fn create(cluster: &ControlPlane, namespace: &str, object: &Value, flags: &[&str]) -> Ran {
    let file = tempfile::NamedTempFile::new_in(cluster.scratch()).expect("a file");
    std::fs::write(file.path(), object.to_string()).expect("a file to write to");
    let path = file.path().to_str().expect("a path in UTF-8");
    let args = [
        "create",
        "--namespace",
        namespace,
        "--output=json",
        "--filename",
        path,
    ];
    cluster.kubectl(&[&args, flags].concat()).await
}

#[test]
fn the_crd_in_the_repository_is_the_one_that_the_types_declare() {
    generated::assert_generated("crds/salesforceconnectors.yaml", &crd::crd_yaml());
}

#[tokio::test]
async fn ten_lines_are_enough() {
    assert!(TEN_LINES.lines().count() <= 10);
    let cluster = cluster().await;
    let namespace = cluster.namespace("ten-lines").await;
    let stored = dry_run(cluster, &namespace, &connector()).await.stdout();
    let stored: Value = serde_json::from_str(&stored).unwrap();
    assert_eq!(stored["spec"]["auth"], json!({ "clientCredentials": {} }));
}
