//! Which call of the Salesforce client does a connection test or an inventory ask for?

use salesforce_client::Client;

use crate::api::status::InventoryPart;
use crate::core::inventory::calls::{InventoryAnswer, InventoryCall};
use crate::core::pass::connection_test::{TestAnswer, TestCall};

/// Makes a call of a connection test.
pub(super) async fn ask(client: &Client, call: TestCall) -> TestAnswer {
    match call {
        TestCall::Versions(instance) => TestAnswer::Versions(client.versions(&instance).await),
        TestCall::Identity(instance, id, token) => {
            TestAnswer::Identity(client.identity(&instance, &id, &token).await)
        }
        TestCall::Organization(instance, version, token) => {
            TestAnswer::Organization(Box::new(client.organization(&instance, version, &token).await))
        }
    }
}

/// Makes a call of an inventory.
pub(super) async fn look_up(client: &Client, call: &InventoryCall) -> InventoryAnswer {
    let InventoryCall {
        part,
        instance,
        version,
        token,
        objects,
    } = call;
    match part {
        InventoryPart::ApiVersions => InventoryAnswer::ApiVersions(client.versions(instance).await),
        InventoryPart::Organization => {
            let answer = client.organization(instance, *version, token).await;
            InventoryAnswer::Organization(Box::new(answer))
        }
        InventoryPart::Objects => InventoryAnswer::Objects(client.objects(instance, *version, token).await),
        InventoryPart::RecordCounts => {
            InventoryAnswer::RecordCounts(client.record_counts(instance, *version, token, objects).await)
        }
        InventoryPart::Limits => InventoryAnswer::Limits(client.limits(instance, *version, token).await),
    }
}
