//! Kubeconfig files, and the clients and tokens that come of them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Api, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};

use crate::eventually;

/// Longer than any test, and within what API servers commonly allow.
const TOKEN_SECONDS: i64 = 24 * 60 * 60;

/// The kubeconfig file of the cluster that the user wants the tests to run in.
pub(crate) fn opted_in_kubeconfig() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(path) = set("SFC_TEST_KUBECONFIG") {
        return Some(path.into());
    }
    set("SFC_USE_EXISTING_CLUSTER").filter(|value| value == "1")?;
    let path =
        set("KUBECONFIG").unwrap_or_else(|| panic!("SFC_USE_EXISTING_CLUSTER=1 needs KUBECONFIG to be set"));
    Some(path.into())
}

pub(crate) async fn client(kubeconfig: &Path) -> kube::Client {
    let options = KubeConfigOptions::default();
    let mut config = kube::Config::from_custom_kubeconfig(read(kubeconfig), &options)
        .await
        .unwrap_or_else(|error| panic!("failed to use {}: {error}", kubeconfig.display()));
    if config.cluster_url.host() == Some("127.0.0.1") {
        config.proxy_url = None; // whatever HTTPS_PROXY says
    }
    kube::Client::try_from(config).unwrap_or_else(|error| panic!("failed to make a client: {error}"))
}

fn read(kubeconfig: &Path) -> Kubeconfig {
    Kubeconfig::read_from(kubeconfig)
        .unwrap_or_else(|error| panic!("failed to read {}: {error}", kubeconfig.display()))
}

/// Asks for a token of a service account, for as long as there is none.
pub(crate) async fn token(client: &kube::Client, namespace: &str, service_account: &str) -> String {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let spec = TokenRequestSpec {
        expiration_seconds: Some(TOKEN_SECONDS),
        ..TokenRequestSpec::default()
    };
    let request = TokenRequest {
        spec,
        ..TokenRequest::default()
    };
    let what = format!("a token of service account {namespace}/{service_account}");
    eventually(Duration::from_secs(30), &what, async || {
        let answer = accounts
            .create_token_request(service_account, &PostParams::default(), &request)
            .await;
        let status = answer.map_err(|error| error.to_string())?.status;
        status
            .map(|status| status.token)
            .ok_or_else(|| "no status".to_owned())
    })
    .await
}

/// Writes a kubeconfig file with one context: the current user and cluster of another, as `change` leaves them.
pub(crate) fn write_kubeconfig(from: &Path, to: &Path, change: impl FnOnce(&mut Value, &mut Value)) {
    let (mut user, mut cluster) = current(from);
    change(&mut user, &mut cluster);
    // JSON is YAML.
    let text = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{ "name": "test", "context": { "cluster": "test", "user": "test" } }],
        "clusters": [{ "name": "test", "cluster": cluster }],
        "users": [{ "name": "test", "user": user }],
    });
    std::fs::write(to, text.to_string())
        .unwrap_or_else(|error| panic!("failed to write {}: {error}", to.display()));
}

pub(crate) fn server_address(kubeconfig: &Path) -> SocketAddr {
    let (_, cluster) = current(kubeconfig);
    let server = cluster["server"].as_str().unwrap_or_default();
    let address = server.trim_start_matches("https://").trim_end_matches('/');
    address
        .parse()
        .unwrap_or_else(|_| panic!("{server:?} is not https://ADDRESS:PORT"))
}

/// The user and the cluster of the current context.
fn current(kubeconfig: &Path) -> (Value, Value) {
    let config = serde_json::to_value(read(kubeconfig)).expect("a kubeconfig is JSON");
    let named = |list: &str, name: &Value, field: &str| -> Value {
        let entries = config[list].as_array().map_or(&[][..], Vec::as_slice);
        let entry = entries.iter().find(|entry| &entry["name"] == name);
        entry.unwrap_or_else(|| panic!("{} has no {name} in {list}", kubeconfig.display()))[field].clone()
    };
    let context = named("contexts", &config["current-context"], "context");
    (
        named("users", &context["user"], "user"),
        named("clusters", &context["cluster"], "cluster"),
    )
}
