//! What does the API server make of what a user leaves out, sets to null, or misspells?

use serde_json::{Value, json};

use super::{changed, cluster, connector, create, dry_run, rules, with};

/// Everything that the ten lines do not say.
fn filled() -> Value {
    json!({
        "environment": "Live",
        "host": "green-itr.my.salesforce.com",
        "app": { "clientId": "3MVG9GreenItr", "clientSecretRef": { "name": "crm-app", "key": "client-secret" } },
        "auth": { "clientCredentials": {} },
        "token": {},
        "secret": { "type": "Opaque", "deletionPolicy": "Delete" },
        "connectionTest": { "interval": "15m", "timeout": "30s", "apiVersion": "66.0" },
        "suspend": false,
    })
}

async fn stored(prefix: &str, object: &Value) -> Value {
    let cluster = cluster().await;
    let namespace = cluster.namespace(prefix).await;
    dry_run(&cluster.client().await, &namespace, object)
        .await
        .expect("to be accepted")
}

#[tokio::test]
async fn every_default_is_in_the_stored_object() {
    let stored = stored("defaults", &connector()).await;
    assert_eq!(stored["spec"], filled());
    assert_eq!(stored["status"], json!({ "observedGeneration": -1 }));
}

#[tokio::test]
async fn a_null_is_as_good_as_nothing() {
    let mut object = connector();
    for field in [
        "environment",
        "token",
        "secret",
        "connectionTest",
        "suspend",
        "displayName",
        "expect",
    ] {
        object["spec"][field] = Value::Null;
    }
    assert_eq!(stored("nulls", &object).await["spec"], filled());
    let inner = json!({ "interval": null, "timeout": null, "apiVersion": null });
    assert_eq!(
        stored("nulls", &with("/spec/connectionTest", inner)).await["spec"],
        filled()
    );
    let login = json!({ "clientCredentials": {}, "password": null });
    assert_eq!(
        stored("nulls", &with("/spec/auth", login)).await["spec"],
        filled()
    );
}

#[tokio::test]
async fn a_null_does_not_stand_for_a_login_method() {
    let cluster = cluster().await;
    let namespace = cluster.namespace("nulls").await;
    let object = with("/spec/auth", json!({ "password": null }));
    let complaints = dry_run(&cluster.client().await, &namespace, &object)
        .await
        .unwrap_err();
    let wanted = "spec.auth: Invalid value: exactly one of clientCredentials, jwtBearer, authorizationCode and password must be set";
    // Kubernetes 1.34 also quotes the type of the value.
    assert_eq!(rules::complaints(complaints), [wanted]);
}

#[tokio::test]
async fn a_misspelt_field_is_dropped_or_refused_as_the_client_asks() {
    let cluster = cluster().await;
    let namespace = cluster.namespace("unknown").await;
    let misspelt = with("/spec/hosst", "x".into());
    let lenient = create(
        cluster,
        &namespace,
        &misspelt,
        &["--dry-run=server", "--validate=ignore"],
    )
    .await
    .stdout();
    let lenient: Value = serde_json::from_str(&lenient).unwrap();
    assert_eq!(lenient["spec"], filled());
    let strict = create(cluster, &namespace, &misspelt, &["--dry-run=server"])
        .await
        .refusal();
    assert!(strict.contains("unknown field \"spec.hosst\""), "{strict}");
}

#[tokio::test]
async fn a_status_given_at_creation_does_not_count() {
    let healthy = json!({ "observedGeneration": 1, "conditions": [{
        "type": "Ready", "status": "True", "reason": "Copied", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z",
    }] });
    let stored = stored("copied", &changed(connector(), "/status", healthy)).await;
    assert_eq!(stored["status"], json!({ "observedGeneration": -1 }));
}
