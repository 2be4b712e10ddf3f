//! Does a refusal repeat a secret that somebody has put where it does not belong?

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use salesforce_sim::default_world as world;
use serde_json::{Value, json};

use super::leak::{self, Leak};
use super::rules::containing;
use super::{changed, cluster, create, dry_run};

const MARKER: &str = "marker-secret-3f9a1c7e5d2b";

/// A secret in a field that does not exist, or instead of the reference to it.
fn misplaced() -> Vec<Value> {
    let places = [
        ("/spec/app/clientSecretRef", "/spec/app/clientSecret"),
        ("/spec/app/clientSecretRef", "/spec/app/clientSecretRef"),
        ("/spec/app/clientIdRef", "/spec/app/clientIdRef"),
        ("/spec/auth/jwtBearer", "/spec/auth/jwtBearer/privateKey"),
        ("/spec/auth/jwtBearer", "/spec/auth/jwtBearer/privateKeyRef"),
        (
            "/spec/auth/jwtBearer/signer",
            "/spec/auth/jwtBearer/signer/vaultTransit/token",
        ),
        (
            "/spec/auth/jwtBearer/signer",
            "/spec/auth/jwtBearer/signer/vaultTransit/tokenRef",
        ),
        ("/spec/auth/password/passwordRef", "/spec/auth/password/password"),
        (
            "/spec/auth/password/passwordRef",
            "/spec/auth/password/passwordRef",
        ),
        (
            "/spec/auth/password/passwordRef",
            "/spec/auth/password/securityToken",
        ),
        (
            "/spec/auth/authorizationCode",
            "/spec/auth/authorizationCode/refreshToken",
        ),
        (
            "/spec/auth/authorizationCode",
            "/spec/auth/authorizationCode/bootstrap",
        ),
    ];
    let with = |secret: &str| places.map(|(base, place)| changed(containing(base), place, secret.into()));
    [with(MARKER), with(world::JWT_KEY_PKCS8)].concat()
}

/// What the API server says of each by itself, and through kubectl with the strict check of fields that is its default.
async fn said(objects: &[Value]) -> (String, String) {
    let cluster = cluster().await;
    let namespace = cluster.namespace("secrecy").await;
    let client = cluster.client().await;
    let (mut answers, mut printed) = (String::new(), String::new());
    for object in objects {
        if let Err(complaints) = dry_run(&client, &namespace, object).await {
            answers += &complaints.join("\n");
        }
        let ran = create(cluster, &namespace, object, &["--dry-run=server"]).await;
        printed += &ran.refusal();
    }
    // No operator has run here, so there is no digest key.
    let own: Api<Secret> = Api::namespaced(client, &namespace);
    assert_eq!(leak::digest_key(&own).await, None);
    (answers, printed)
}

async fn leaks(objects: &[Value]) -> Vec<Leak> {
    let keys = leak::key_lines(world::JWT_KEY_PKCS8).map(|line| line.as_bytes().to_vec());
    let secrets: Vec<_> = keys.chain([MARKER.into()]).chain(leak::fixed()).collect();
    let (answers, printed) = said(objects).await;
    let channels = [("the answers", answers), ("what kubectl prints", printed)];
    leak::leaks(
        &secrets,
        channels.map(|(channel, text)| (channel.to_owned(), text)).into(),
    )
}

#[tokio::test]
async fn a_misplaced_secret_is_refused_without_being_repeated() {
    let objects = misplaced();
    let (_, printed) = said(&objects[..1]).await;
    assert!(printed.contains("spec.app.clientSecret"), "{printed}");
    assert_eq!(leaks(&objects).await, []);
}

/// Every version of the API server quotes a value that is none of an enumeration: that makes it the planted leak of both
/// channels. Kubernetes 1.34 does not quote what breaks a CEL rule.
#[tokio::test]
async fn a_secret_that_is_quoted_in_a_refusal_is_found() {
    let quoted = changed(containing("/spec"), "/spec/environment", json!(MARKER));
    let found = leaks(&[quoted]).await.into_iter().map(|leak| leak.channel);
    assert_eq!(found.collect::<Vec<_>>(), ["the answers", "what kubectl prints"]);
}
