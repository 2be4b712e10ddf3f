//! How does the code reach the operator? In a Secret for this one login, which goes with its connector.

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, DeleteParams, PostParams};
use salesforce_client::Pkce;
use salesforce_connector_operator::api::names;
use serde_json::{Value, json};

use crate::cluster::{self, Cluster, FIELD_MANAGER};
use crate::command_error::CommandError;

/// Whether the API server would let the code be handed over. Asked before the person logs in.
pub async fn rehearse(cluster: &Cluster, connector: &str, uid: &str) -> Result<(), CommandError> {
    let secret = secret(connector, uid, &json!({ (names::LOGIN_CODE): "" }));
    write(cluster, secret, true).await.map(drop)
}

/// Creates the Secret, and returns its name.
pub async fn create(
    cluster: &Cluster,
    connector: &str,
    uid: &str,
    code: &str,
    pkce: &Pkce,
    callback: &str,
) -> Result<String, CommandError> {
    let values = json!({
        (names::LOGIN_CODE): code,
        (names::LOGIN_CODE_VERIFIER): pkce.verifier.expose(),
        (names::LOGIN_REDIRECT_URI): callback,
    });
    created(cluster, secret(connector, uid, &values)).await
}

/// Creates the Secret of a login that somebody is to begin by a link with this key, and returns its name.
pub async fn offer(cluster: &Cluster, connector: &str, uid: &str, key: &str) -> Result<String, CommandError> {
    let values = json!({ (names::LOGIN_LINK_KEY): key });
    created(cluster, secret(connector, uid, &values)).await
}

async fn created(cluster: &Cluster, secret: Value) -> Result<String, CommandError> {
    let created = write(cluster, secret, false).await?;
    Ok(created.metadata.name.unwrap_or_default())
}

/// By label and uid the operator may delete it once the login is over.
fn secret(connector: &str, uid: &str, values: &Value) -> Value {
    json!({
        "metadata": {
            "generateName": format!("{connector}-login-"),
            "labels": { (names::MANAGED_BY): names::MANAGED_BY_VALUE, (names::CONNECTOR_LABEL): connector },
            "annotations": { (names::CONNECTOR_UID): uid },
            "ownerReferences": [{
                "apiVersion": "salesforce-connector.dev/v1alpha1", "kind": "SalesforceConnector", "name": connector, "uid": uid,
            }],
        },
        "type": names::LOGIN_SECRET_TYPE,
        "stringData": values,
    })
}

async fn write(cluster: &Cluster, secret: Value, dry_run: bool) -> Result<Secret, CommandError> {
    let secret = serde_json::from_value(secret).map_err(|error| CommandError::Unwell(error.to_string()))?;
    let params = PostParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        dry_run,
    };
    let created = secrets(cluster).create(&params, &secret).await;
    created.map_err(|error| cluster::refusal("create", "secrets", Some(&cluster.namespace), error))
}

/// Leaves nothing behind. What can't be removed is of no use to anybody: the code is spent, or ends within 15 minutes.
pub async fn remove(cluster: &Cluster, connector: &str, secret: &str) {
    let annotations = json!({ "metadata": { "annotations": { (names::LOGIN_SECRET): Value::Null } } });
    let _ = cluster.patch(connector, annotations).await;
    let _ = secrets(cluster).delete(secret, &DeleteParams::default()).await;
}

fn secrets(cluster: &Cluster) -> Api<Secret> {
    Api::namespaced(cluster.client.clone(), &cluster.namespace)
}
