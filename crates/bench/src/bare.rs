//! How fast does this API server write when nobody thinks? The ceiling for what the operator could do.

use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use crate::fleet::{Fleet, connector, connectors, secret};
use crate::{Failed, parallel};

/// Writes a second of each kind, by 16 clients at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rates {
    pub(crate) connector_creates: f64,
    pub(crate) secret_creates: f64,
    pub(crate) status_replaces: f64,
    pub(crate) status_merge_patches: f64,
}

impl Rates {
    /// The shortest time for `count` Secret creates and as many status replaces.
    pub(crate) fn shortest(&self, count: usize) -> f64 {
        as_f64(count) * (1.0 / self.secret_creates + 1.0 / self.status_replaces)
    }

    /// The same with `count` creates of connectors before.
    pub(crate) fn shortest_with_creates(&self, count: usize) -> f64 {
        self.shortest(count) + as_f64(count) / self.connector_creates
    }
}

/// A count as a number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2⁵²")]
pub(crate) fn as_f64(count: usize) -> f64 {
    count as f64
}

/// Writes `count` objects of each kind into a namespace, and removes them.
pub(crate) async fn rates(clients: &[Client], namespace: &str, count: usize) -> Result<Rates, Failed> {
    let post = PostParams::default();
    let creates = parallel::for_each(clients, 0..count, async |client, number| {
        let values =
            json!({ "access_token": "x".repeat(112), "instance_url": "https://green-itr.my.salesforce.com" });
        let secret = secret(&format!("bare-{number:05}"), &values).map_err(kube::Error::SerdeError)?;
        Api::namespaced(client, namespace)
            .create(&post, &secret)
            .await
            .map(drop)
    })
    .await?;

    let fleet = Fleet::new(clients.to_vec(), namespace.to_owned());
    let connectors_created = fleet.create_connectors(0..count).await?;
    let client = clients.first().ok_or("there is no client")?.clone();
    let objects = connectors(client.clone(), namespace)
        .list(&ListParams::default())
        .await?
        .items;
    let replaces = parallel::for_each(clients, 0..objects.len(), async |client, number| {
        let Some(mut object) = objects.get(number).cloned() else {
            return Ok(());
        };
        if let Some(fields) = object.data.as_object_mut() {
            fields.insert("status".to_owned(), status());
        }
        let api = connectors(client, namespace);
        api.replace_status(&object.name_any(), &post, &object)
            .await
            .map(drop)
    })
    .await?;
    let patches = parallel::for_each(clients, 0..count, async |client, number| {
        let name = connector(number, &json!(false))
            .map_err(kube::Error::SerdeError)?
            .name_any();
        let patch = Patch::Merge(json!({ "status": { "observedGeneration": 2 } }));
        let api = connectors(client, namespace);
        api.patch_status(&name, &PatchParams::default(), &patch)
            .await
            .map(drop)
    })
    .await?;
    fleet.delete_connectors().await?;
    let secrets: Api<Secret> = Api::namespaced(client, namespace);
    secrets
        .delete_collection(&DeleteParams::default(), &ListParams::default())
        .await?;
    let per_second = |time: std::time::Duration| as_f64(count) / time.as_secs_f64();
    Ok(Rates {
        connector_creates: per_second(connectors_created),
        secret_creates: per_second(creates),
        status_replaces: per_second(replaces),
        status_merge_patches: per_second(patches),
    })
}

/// About as large as the status of a connector that is Ready.
fn status() -> Value {
    let condition = |kind: &str| {
        json!({
            "type": kind, "status": "True", "observedGeneration": 1, "lastTransitionTime": "2026-01-01T00:00:00Z",
            "reason": "Succeeded", "message": "Connection test succeeded: logged in as integration@example.com",
        })
    };
    json!({
        "observedGeneration": 1,
        "conditions": [condition("Ready"), condition("TokenIssued"), condition("SecretSynced")],
    })
}
