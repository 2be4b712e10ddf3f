//! Does a connector log in by a key that its signer alone has, and what if the signer does not sign?

use salesforce_connector_operator::api::names;
use salesforce_connector_operator::settings::SecretWatch;
use salesforce_sim::default_world as world;
use serde_json::{Value, json};
use testbed::OperatorProcess;
use transit_client::SignerTrust;

use crate::process::{command, until_logged};
use crate::stage::{Stage, condition, status, value};
use crate::vault::Vault;

/// An operator that may use this signer, and a connector that does; its key is `salesforce`.
async fn by_signer(vault: &Vault, namespace_of_entry: Option<&str>) -> Stage {
    let mut stage = Stage::bare(SecretWatch::Watch).await;
    let namespace = namespace_of_entry.unwrap_or(stage.namespace.name());
    stage.allowed_signers = vec![format!("{namespace}={}", vault.address)];
    stage.speed = 1;
    stage.signer_trust = SignerTrust::Only(vault.ca_pem.clone());
    stage
        .sim
        .world(|world| world.switches.same_token_while_session_lives = false);
    stage.start_operator().await;
    provide_key(vault, &stage).await;
    stage
}

/// The signer has a key whose certificate Salesforce has, and the connector's namespace a token to use it with.
async fn provide_key(vault: &Vault, stage: &Stage) {
    vault.make_key("salesforce", "rsa-2048").await;
    upload(stage, vault.public_key("salesforce", 1).await);
    vault.policy("signs", true).await;
    stage
        .input("vault", &[("token", vault.token("signs").await.as_str())])
        .await;
}

/// Salesforce gets another certificate for the app.
fn upload(stage: &Stage, public_key: String) {
    stage
        .sim
        .world(|world| world.app(world::JWT).certificate_pem = Some(public_key));
}

fn spec(vault: &Vault, change: &[(&str, Value)]) -> Value {
    let mut transit = json!({
        "address": vault.address,
        "keyName": "salesforce",
        "tokenRef": { "name": "vault", "key": "token" },
    });
    for (field, value) in change {
        transit[*field] = value.clone();
    }
    json!({
        "host": world::PRODUCTION,
        "app": { "clientId": world::JWT },
        "auth": { "jwtBearer": { "username": world::INTEGRATION_USER, "signer": { "vaultTransit": transit } } },
        "connectionTest": { "interval": "24h" },
    })
}

/// Requests a renewal, and waits until it fails for this reason, while the token that there is stays in use.
async fn renewal_fails(stage: &Stage, request: &str, reason: &str) -> String {
    stage.annotate("crm", names::RENEW_REQUESTED_AT, request).await;
    stage
        .until(&format!("the renewal fails with {reason}"), "crm", |connector| {
            let failures = status(connector).failures?;
            let ready = condition(connector, "Ready").0 == "True";
            (failures.reason == reason && ready && failures.next_attempt_time.is_some())
                .then_some(failures.message)
        })
        .await
}

async fn renewed(stage: &Stage, before: &str) -> String {
    stage
        .until_secret("the Secret has another token", "crm-salesforce", |secret| {
            let token = value(secret, "access_token");
            (token != before).then_some(token)
        })
        .await
}

async fn token(stage: &Stage) -> String {
    stage.ready("crm").await;
    value(&stage.secret("crm-salesforce").await, "access_token")
}

#[tokio::test]
async fn a_connector_logs_in_by_a_key_that_its_signer_alone_has_and_keeps_its_token_while_the_signer_is_sealed()
 {
    let vault = Vault::start().await;
    let stage = by_signer(&vault, None).await;
    stage.create("crm", spec(&vault, &[])).await;
    let before = token(&stage).await;

    let asked = stage.token_calls();
    vault.seal().await;
    let message = renewal_fails(&stage, "sealed", "SignerSealed").await;
    assert!(
        message.contains(&format!("({}: HTTP 503)", vault.address)),
        "{message}"
    );
    assert_eq!(stage.token_calls(), asked, "Salesforce heard of it");
    vault.unseal().await;
    stage.annotate("crm", names::RENEW_REQUESTED_AT, "unsealed").await;
    renewed(&stage, &before).await;
    stage.finish().await;
}

#[tokio::test]
async fn a_withdrawn_permission_is_told_and_another_token_is_tried_at_once() {
    let vault = Vault::start().await;
    let stage = by_signer(&vault, None).await;
    vault.policy("signs", false).await;
    stage.create("crm", spec(&vault, &[])).await;
    let connector = stage.not_ready("crm", "SignerForbidden").await;
    let (_, _, message) = condition(&connector, "Ready");
    assert!(message.contains("tokenRef"), "{message}");
    vault.policy("others", true).await;
    let other = vault.token("others").await;
    stage.input("vault", &[("token", other.as_str())]).await;
    let first = token(&stage).await;
    vault.policy("others", false).await;
    renewal_fails(&stage, "withdrawn", "SignerForbidden").await;
    assert_eq!(token(&stage).await, first);
    stage.finish().await;
}

#[tokio::test]
async fn a_rotated_key_is_refused_until_its_certificate_is_uploaded_and_the_earlier_version_signs_meanwhile()
{
    let vault = Vault::start().await;
    let stage = by_signer(&vault, None).await;
    stage.create("crm", spec(&vault, &[])).await;
    let first = token(&stage).await;
    vault.post("transit/keys/salesforce/rotate", json!({})).await;
    let message = renewal_fails(&stage, "rotated", "AssertionInvalid").await;
    assert!(
        message.contains("keyVersion") && message.ends_with("The signer signed with version 2 of the key."),
        "{message}"
    );
    let pinned = json!({ "spec": spec(&vault, &[("keyVersion", json!(1))]) });
    stage.merge("crm", pinned).await;
    let second = renewed(&stage, &first).await;
    upload(&stage, vault.public_key("salesforce", 2).await);
    let latest = json!({ "spec": spec(&vault, &[("keyVersion", json!(2))]) });
    stage.merge("crm", latest).await;
    renewed(&stage, &second).await;
    stage.finish().await;
}

#[tokio::test]
async fn what_a_signer_cannot_sign_with_is_told_by_its_reason() {
    let vault = Vault::start().await;
    let stage = by_signer(&vault, Some("*")).await;
    for kind in ["ed25519", "aes256-gcm96"] {
        vault.make_key(kind, kind).await;
    }
    for (name, change, reason) in [
        ("missing", ("keyName", json!("other")), "SignerKeyNotFound"),
        ("unmounted", ("mount", json!("team/transit")), "SignerForbidden"),
        ("nowhere", ("namespace", json!("team")), "SignerKeyNotFound"),
        ("short", ("keyName", json!("ed25519")), "SignerKeyUnsuitable"),
        (
            "symmetric",
            ("keyName", json!("aes256-gcm96")),
            "SignerKeyUnsuitable",
        ),
        ("future", ("keyVersion", json!(9)), "SignerKeyVersionUnavailable"),
    ] {
        stage.create(name, spec(&vault, &[change])).await;
        stage.not_ready(name, reason).await;
    }
    let calls = stage.token_calls();
    assert_eq!(calls, 0, "Salesforce heard of a signature that there is not");
    stage.finish().await;
}

#[tokio::test]
async fn a_signer_that_is_not_allowed_in_the_namespace_hears_nothing() {
    let vault = Vault::start().await;
    let stage = by_signer(&vault, Some("elsewhere")).await;
    stage.create("crm", spec(&vault, &[])).await;
    let connector = stage.stalled("crm", "SignerNotAllowed").await;
    let (_, _, message) = condition(&connector, "Ready");
    assert!(
        message.contains(&vault.address) && message.contains("--allow-signer"),
        "{message}"
    );
    let metrics = stage.metrics();
    assert!(!metrics.contains("connector_signatures_total{"), "{metrics}");
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ca_certificates_of_signers_that_change_are_trusted_without_a_restart() {
    let vault = Vault::start().await;
    let stage = Stage::bare(SecretWatch::ByName).await;
    provide_key(&vault, &stage).await;
    let folder = tempfile::tempdir().unwrap();
    let [salesforce_ca, signer_ca, log] =
        ["salesforce.pem", "signer.pem", "log"].map(|it| folder.path().join(it));
    std::fs::write(&salesforce_ca, stage.sim.ca_pem()).unwrap();
    std::fs::write(&signer_ca, stage.sim.ca_pem()).unwrap();
    let mut command = command(&stage, &salesforce_ca).await;
    command
        .args([
            "--allow-signer",
            &format!("*={}", vault.address),
            "--signer-ca-file",
        ])
        .arg(&signer_ca);
    let _process = OperatorProcess::start(command, &log).unwrap();
    stage.create("crm", spec(&vault, &[])).await;
    stage.not_ready("crm", "SignerTlsFailed").await;

    std::fs::write(&signer_ca, "no certificate").unwrap();
    until_logged(
        &log,
        "The CA certificates of signers have changed and can't be used",
    )
    .await;
    std::fs::write(&signer_ca, &vault.ca_pem).unwrap();
    until_logged(
        &log,
        "The CA certificates of signers have changed, and are in use",
    )
    .await;
    stage.ready("crm").await;
    stage.finish().await;
}
