//! Which connectors are there, and when are they all Ready?

use std::collections::HashSet;
use std::ops::Range;
use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, PostParams};
use kube::core::GroupVersionKind;
use kube::runtime::watcher;
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use crate::{Failed, parallel, salesforce};

/// How long a fleet may take to be Ready: so long at least, and so long for each connector.
const LIMIT: Duration = Duration::from_mins(3);
const LIMIT_OF_EACH: Duration = Duration::from_millis(60);

/// Connectors of one namespace, as the simulator's fleet of apps has them.
pub(crate) struct Fleet {
    clients: Vec<Client>,
    namespace: String,
}

pub(crate) fn connectors(client: Client, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client, namespace, &resource())
}

/// Connectors of all namespaces.
fn all_connectors(client: Client) -> Api<DynamicObject> {
    Api::all_with(client, &resource())
}

fn resource() -> ApiResource {
    let kind = GroupVersionKind::gvk("salesforce-connector.dev", "v1alpha1", "SalesforceConnector");
    ApiResource::from_gvk_with_plural(&kind, "salesforceconnectors")
}

fn name(number: usize) -> String {
    format!("connector-{number:05}")
}

pub(crate) fn secret(name: &str, values: &Value) -> Result<Secret, serde_json::Error> {
    serde_json::from_value(json!({ "metadata": { "name": name }, "stringData": values }))
}

/// A connector by client credentials with a literal client id.
pub(crate) fn connector(number: usize, suspend: &Value) -> Result<DynamicObject, serde_json::Error> {
    serde_json::from_value(json!({
        "apiVersion": "salesforce-connector.dev/v1alpha1",
        "kind": "SalesforceConnector",
        "metadata": { "name": name(number) },
        "spec": {
            "host": salesforce::HOST,
            "app": {
                "clientId": format!("FLEET-APP-{number:05}"),
                "clientSecretRef": { "name": format!("{}-app", name(number)), "key": "client-secret" },
            },
            "auth": { "clientCredentials": {} },
            "suspend": suspend,
        },
    }))
}

impl Fleet {
    pub(crate) fn new(clients: Vec<Client>, namespace: String) -> Self {
        Self { clients, namespace }
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Creates the Secrets with the apps' credentials.
    pub(crate) async fn create_inputs(&self, numbers: Range<usize>) -> Result<(), Failed> {
        parallel::for_each(&self.clients, numbers, async |client, number| {
            let values = json!({ "client-secret": format!("fleet-secret-{number:05}") });
            let secret =
                secret(&format!("{}-app", name(number)), &values).map_err(kube::Error::SerdeError)?;
            let api = Api::namespaced(client, &self.namespace);
            api.create(&PostParams::default(), &secret).await.map(drop)
        })
        .await
        .map(drop)
    }

    /// Creates the connectors; returns how long that took.
    pub(crate) async fn create_connectors(&self, numbers: Range<usize>) -> Result<Duration, Failed> {
        parallel::for_each(&self.clients, numbers, async |client, number| {
            let connector = connector(number, &json!(false)).map_err(kube::Error::SerdeError)?;
            let api = connectors(client, &self.namespace);
            api.create(&PostParams::default(), &connector).await.map(drop)
        })
        .await
    }

    /// Deletes all connectors and waits until they are gone.
    pub(crate) async fn delete_connectors(&self) -> Result<(), Failed> {
        let api = connectors(self.client()?, &self.namespace);
        api.delete_collection(&DeleteParams::default(), &ListParams::default())
            .await?;
        while !api
            .list_metadata(&ListParams::default().limit(1))
            .await?
            .items
            .is_empty()
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    fn client(&self) -> Result<Client, Failed> {
        Ok(self.clients.first().ok_or("there is no client")?.clone())
    }

    /// Waits until this many connectors are Ready, as one watch sees it; returns when the last one was.
    pub(crate) async fn all_ready(&self, expected: usize) -> Result<Instant, Failed> {
        all_ready(connectors(self.client()?, &self.namespace), expected).await
    }

    /// The same, wherever they are. Each has a number of its own.
    pub(crate) async fn all_ready_everywhere(&self, expected: usize) -> Result<Instant, Failed> {
        all_ready(all_connectors(self.client()?), expected).await
    }
}

async fn all_ready(api: Api<DynamicObject>, expected: usize) -> Result<Instant, Failed> {
    let mut ready = HashSet::new();
    let mut last_unready = json!("nothing");
    let each = u32::try_from(expected).unwrap_or(u32::MAX);
    let limit = LIMIT.max(LIMIT_OF_EACH.saturating_mul(each));
    let watch = watch(api, expected, &mut ready, &mut last_unready);
    match tokio::time::timeout(limit, watch).await {
        Ok(result) => result,
        Err(_) => Err(format!(
            "{} of {expected} connectors were Ready after {limit:?}; one that was not: {last_unready}",
            ready.len()
        )
        .into()),
    }
}

async fn watch(
    api: Api<DynamicObject>,
    expected: usize,
    ready: &mut HashSet<String>,
    last_unready: &mut Value,
) -> Result<Instant, Failed> {
    let mut events = watcher(api, watcher::Config::default()).boxed();
    let step = (expected / 5).max(1);
    while let Some(event) = events.try_next().await? {
        let (watcher::Event::Apply(object) | watcher::Event::InitApply(object)) = event else {
            continue;
        };
        if !is_ready(&object) {
            *last_unready = object.data;
            continue;
        }
        if ready.insert(object.name_any()) && ready.len().is_multiple_of(step) {
            eprintln!("    {} of {expected} Ready", ready.len());
        }
        if ready.len() >= expected {
            return Ok(Instant::now());
        }
    }
    Err("the watch ended".into())
}

/// Ready, and that of its present generation.
pub(crate) fn is_ready(connector: &DynamicObject) -> bool {
    let observed = connector
        .data
        .pointer("/status/observedGeneration")
        .and_then(Value::as_i64);
    let conditions = connector
        .data
        .pointer("/status/conditions")
        .and_then(Value::as_array);
    let ready = conditions.into_iter().flatten().any(|condition| {
        condition.get("type").and_then(Value::as_str) == Some("Ready")
            && condition.get("status").and_then(Value::as_str) == Some("True")
    });
    ready && observed == connector.metadata.generation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connector_is_ready_only_for_its_present_generation() {
        let with = |generation: i64, ready: &str| {
            let mut object = connector(1, &json!(false)).unwrap();
            object.metadata.generation = Some(2);
            object.data["status"] = json!({
                "observedGeneration": generation,
                "conditions": [{ "type": "Ready", "status": ready }],
            });
            is_ready(&object)
        };
        assert!(with(2, "True"));
        assert!(!with(1, "True"));
        assert!(!with(2, "False"));
        assert!(!is_ready(&connector(1, &json!(false)).unwrap()));
    }
}
