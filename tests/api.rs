//! Is the contract with users what it says? Every rule of the resource, on a real API server.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test ends where an object is not what it should be"
)]

use std::sync::OnceLock;

use kube::api::{Api, ApiResource, DynamicObject, PostParams};
use salesforce_connector_operator::api::{SalesforceConnector, crd};
use serde_json::{Value, json};
use testbed::{ControlPlane, Ran};

#[path = "api/coverage.rs"]
mod coverage;
#[path = "api/defaults.rs"]
mod defaults;
#[path = "api/examples.rs"]
mod examples;
#[path = "support/generated.rs"]
mod generated;
#[path = "support/leak.rs"]
mod leak;
#[path = "api/limits.rs"]
mod limits;
#[path = "api/lint.rs"]
mod lint;
#[path = "api/reading.rs"]
mod reading;
#[path = "api/rules.rs"]
mod rules;
#[path = "api/secrecy.rs"]
mod secrecy;

/// The control plane with the CRD installed, once for all tests of this file.
async fn cluster() -> &'static ControlPlane {
    static INSTALLED: tokio::sync::Mutex<bool> = tokio::sync::Mutex::const_new(false);
    let cluster = ControlPlane::shared().await;
    let mut installed = INSTALLED.lock().await;
    if !*installed {
        for crd in &crd::all() {
            cluster.install_crd(crd).await;
        }
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

/// What the API server makes of an object in a namespace, without storing it: the object, or its complaints.
async fn dry_run(client: &kube::Client, namespace: &str, object: &Value) -> Result<Value, Vec<String>> {
    let resource = ApiResource::erase::<SalesforceConnector>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    let object: DynamicObject = serde_json::from_value(object.clone()).expect("an object");
    let params = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    match api.create(&params, &object).await {
        Ok(stored) => Ok(serde_json::to_value(stored).expect("an object")),
        Err(kube::Error::Api(status)) => {
            let causes = status.details.as_ref().map_or(&[][..], |details| &details.causes);
            Err(causes
                .iter()
                .map(|cause| format!("{}: {}", cause.field, cause.message))
                .collect())
        }
        Err(error) => panic!("failed to reach the API server: {error}"),
    }
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
fn the_crds_in_the_repository_are_generated_from_the_types() {
    generated::assert_generated("crds/salesforceconnectors.yaml", &crd::yaml(&crd::crd()));
    generated::assert_generated("crds/salesforcetokencopies.yaml", &crd::yaml(&crd::copies_crd()));
}

#[tokio::test]
async fn ten_lines_are_enough() {
    assert!(TEN_LINES.lines().count() <= 10);
    let cluster = cluster().await;
    let namespace = cluster.namespace("ten-lines").await;
    let stored = dry_run(&cluster.client().await, &namespace, &connector())
        .await
        .unwrap();
    assert_eq!(stored["spec"]["auth"], json!({ "clientCredentials": {} }));
}
