//! A signer for tests: OpenBao's own core and transit engine, as `scripts/signer-build` builds them.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use reqwest::Certificate;
use serde_json::{Value, json};
use tempfile::TempDir;

static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/signer-build");
    let output = Command::new(script).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{script} failed; its reason is above");
    PathBuf::from(String::from_utf8_lossy(&output.stdout).trim_end()).join("signer")
});

/// An unsealed server with a transit engine at `transit`. It ends with this value.
pub(crate) struct Vault {
    process: Child,
    http: reqwest::Client,
    pub(crate) ca_pem: Vec<u8>,
    pub(crate) address: String,
    root: String,
    unseal_key: String,
    _folder: TempDir,
}

impl Drop for Vault {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Vault {
    pub(crate) async fn start() -> Self {
        salesforce_client::install_crypto_provider();
        let folder = tempfile::tempdir().unwrap();
        let ca = folder.path().join("ca.pem");
        let program = tokio::task::spawn_blocking(|| PROGRAM.clone()).await.unwrap();
        let mut process = Command::new(program)
            .arg(&ca)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = process.stdout.take().unwrap();
        let port = tokio::task::spawn_blocking(|| BufReader::new(stdout).lines().next()).await;
        let port = port.unwrap().expect("the signer prints its port").unwrap();
        let ca_pem = std::fs::read(&ca).unwrap();
        let http = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([Certificate::from_pem(&ca_pem).unwrap()])
            .build()
            .unwrap();
        let mut vault = Self {
            process,
            http,
            ca_pem,
            address: format!("https://localhost:{port}"),
            root: String::new(),
            unseal_key: String::new(),
            _folder: folder,
        };
        let shares = json!({ "secret_shares": 1, "secret_threshold": 1 });
        let made = vault.call("PUT", "sys/init", shares).await;
        vault.root = made["root_token"].as_str().unwrap().to_owned();
        vault.unseal_key = made["keys"][0].as_str().unwrap().to_owned();
        vault.unseal().await;
        vault
            .post("sys/mounts/transit", json!({ "type": "transit" }))
            .await;
        vault
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> Value {
        let url = format!("{}/v1/{path}", self.address);
        let request = self.http.request(method.parse().unwrap(), url);
        let answer = request
            .header("X-Vault-Token", &self.root)
            .json(&body)
            .send()
            .await
            .unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        self.call("POST", path, body).await
    }

    pub(crate) async fn seal(&self) {
        self.post("sys/seal", json!({})).await;
    }

    pub(crate) async fn unseal(&self) {
        let key = json!({ "key": self.unseal_key });
        self.call("PUT", "sys/unseal", key).await;
    }

    pub(crate) async fn make_key(&self, name: &str, kind: &str) {
        self.post(&format!("transit/keys/{name}"), json!({ "type": kind }))
            .await;
    }

    /// The public key of a version, in PEM format.
    pub(crate) async fn public_key(&self, name: &str, version: u32) -> String {
        let key = self
            .call("GET", &format!("transit/keys/{name}"), Value::Null)
            .await;
        let public = &key["data"]["keys"][version.to_string()]["public_key"];
        public.as_str().unwrap().to_owned()
    }

    /// Lets tokens of a policy sign with any key, or lets them do nothing.
    pub(crate) async fn policy(&self, name: &str, may_sign: bool) {
        let rules = if may_sign {
            r#"path "transit/sign/+/sha2-256" { capabilities = ["update"] }"#
        } else {
            r#"path "transit/nothing" { capabilities = ["update"] }"#
        };
        self.call(
            "PUT",
            &format!("sys/policies/acl/{name}"),
            json!({ "policy": rules }),
        )
        .await;
    }

    /// A token that has this policy alone.
    pub(crate) async fn token(&self, policy: &str) -> String {
        let wanted = json!({ "policies": [policy], "no_default_policy": true });
        let made = self.post("auth/token/create-orphan", wanted).await;
        made["auth"]["client_token"].as_str().unwrap().to_owned()
    }
}
