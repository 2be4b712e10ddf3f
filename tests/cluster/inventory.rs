//! What does the org hold? Read by the operator once a day, and never a reason for a connector not to be ready.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{Patch, PatchParams};
use salesforce_connector_operator::api::names;
use salesforce_connector_operator::api::status::{InventoryPart, InventoryResult, InventoryStatus};
use salesforce_connector_operator::settings::SecretWatch;
use salesforce_sim::{Endpoint, Fault, FaultRule, default_world as world};
use serde_json::{Value, json};
use testbed::eventually;

use crate::stage::{DEADLINE, Stage, client_credentials, condition, status};

const ALL_WELL: &str = "True";

/// A connector that becomes Ready, with this inventory.
async fn crm(stage: &Stage, inventory: Value) {
    stage.input("app", &[("client-secret", world::ECA_SECRET)]).await;
    let mut spec = client_credentials("app");
    spec["inventory"] = inventory;
    spec["connectionTest"] = json!({ "interval": "24h" });
    stage.create("crm", spec).await;
}

/// Waits until the status shows such an inventory, of a connector that is Ready.
async fn until_inventory(
    stage: &Stage,
    what: &str,
    fits: impl Fn(&InventoryStatus) -> bool,
) -> InventoryStatus {
    let seen = stage
        .until(what, "crm", |connector| {
            let inventory = status(connector).inventory.filter(|inventory| fits(inventory))?;
            Some((inventory, condition(connector, "Ready")))
        })
        .await;
    assert_eq!(seen.1.0, ALL_WELL, "{:?}", seen.1);
    seen.0
}

/// As if the last run had been long ago, and somebody asks for a test, which wakes the operator.
async fn a_day_later(stage: &Stage, request: &str) {
    let long_ago = json!({ "status": { "inventory": { "lastRunTime": "2026-01-01T00:00:00Z" } } });
    let connectors = stage.connectors();
    let patch = Patch::Merge(long_ago);
    connectors
        .patch_status("crm", &PatchParams::default(), &patch)
        .await
        .unwrap();
    stage.annotate("crm", names::TEST_REQUESTED_AT, request).await;
}

async fn details(stage: &Stage) -> Value {
    let config_maps: Api<ConfigMap> = Api::namespaced(stage.client.clone(), stage.namespace.name());
    let found = config_maps.get("crm-inventory").await.unwrap();
    let owners = found.metadata.owner_references.unwrap_or_default();
    assert_eq!(owners[0].name, "crm");
    serde_json::from_str(&found.data.unwrap()["inventory.json"]).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_org_holds_is_shown_and_what_came_since_is_an_event() {
    let mut stage = Stage::bare(SecretWatch::ByName).await;
    stage.start_operator().await;
    crm(
        &stage,
        json!({ "recordCounts": ["Account", "Invoice__c"], "limitWarningPercent": 40 }),
    )
    .await;
    let first = until_inventory(&stage, "the missing right is told", |inventory| {
        inventory
            .message
            .contains("Set inventory.enabled of the operator's chart to true")
    })
    .await;
    assert_eq!(
        (first.result, first.objects, first.custom_objects),
        (InventoryResult::Complete, Some(11), Some(3))
    );
    let counts: Vec<_> = first
        .record_counts
        .iter()
        .map(|count| (count.name.as_str(), count.records))
        .collect();
    assert_eq!(counts, [("Account", 1280), ("Invoice__c", 48_210)]);
    let limits: Vec<_> = first
        .limits
        .iter()
        .map(|limit| (limit.name.as_str(), limit.used, limit.max))
        .collect();
    assert_eq!(limits, [("DataStorageMB", 2142, 5100)]);
    assert_eq!(stage.sim.count(Endpoint::Sobjects), 1);

    stage.upgrade("inventory.enabled=true").await;
    let mut request = 0;
    eventually(DEADLINE, "the details are stored", async || {
        request += 1;
        a_day_later(&stage, &format!("right-{request}")).await;
        let ran = until_inventory(&stage, "it ran again", |inventory| {
            inventory
                .last_run_time
                .as_ref()
                .is_some_and(|time| time.0.strftime("%Y-%m").to_string() != "2026-01")
        })
        .await;
        ran.config_map_name.ok_or(ran.message)
    })
    .await;
    let stored = details(&stage).await;
    assert_eq!(
        stored["customObjectNames"],
        json!(["Invoice_Line__c", "Invoice__c", "Shipment__c"])
    );

    stage.sim.world(|world| {
        let objects = &mut world.org(world::PRODUCTION).custom_objects;
        objects.retain(|name| name != "Shipment__c");
        objects.extend(["Asset__c", "Claim__c", "Ticket__c"].map(str::to_owned));
    });
    a_day_later(&stage, "changed").await;
    let changed = until_inventory(&stage, "the change is told", |inventory| {
        inventory.message.contains("3 objects added, 1 removed since ")
    })
    .await;
    assert_eq!((changed.objects, changed.custom_objects), (Some(13), Some(5)));
    eventually(DEADLINE, "the change is an event", async || {
        let events = stage.events().list(&kube::api::ListParams::default()).await;
        let events = events.map_err(|error| error.to_string())?.items;
        let told = events.iter().any(|event| {
            event.reason.as_deref() == Some("ObjectsChanged")
                && event
                    .note
                    .as_deref()
                    .is_some_and(|note| note.starts_with("3 objects added, 1 removed since "))
        });
        told.then_some(()).ok_or_else(|| format!("{events:?}"))
    })
    .await;
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_of_an_inventory_that_is_refused_leaves_the_others_and_the_connector_as_they_are() {
    let mut stage = Stage::bare(SecretWatch::ByName).await;
    let refused = Fault::RestRefusal {
        status: 403,
        error_code: "INSUFFICIENT_ACCESS".to_owned(),
        message: "insufficient access rights on cross-reference id".to_owned(),
    };
    let rule = FaultRule::always(refused).on(Endpoint::RecordCount);
    stage.sim.world(|world| world.add_fault(rule));
    stage.start_operator().await;
    crm(&stage, json!({ "recordCounts": ["Account"], "details": "None" })).await;
    let shown = until_inventory(&stage, "an inventory is shown", |_| true).await;
    let failed: Vec<_> = shown
        .failed_parts
        .iter()
        .map(|part| (part.name, part.reason.as_str()))
        .collect();
    assert_eq!(failed, [(InventoryPart::RecordCounts, "InsufficientAccess")]);
    assert_eq!(
        (shown.result, shown.objects),
        (InventoryResult::Partial, Some(11))
    );
    assert_eq!(shown.config_map_name, None);
    assert_eq!(condition(&stage.ready("crm").await, "Ready").1, "TokenValid");
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_inventory_is_taken_while_the_org_has_used_four_fifths_of_its_api_calls() {
    let mut stage = Stage::bare(SecretWatch::ByName).await;
    stage
        .sim
        .world(|world| world.org(world::PRODUCTION).api_calls_used = 80_000);
    stage.start_operator().await;
    crm(&stage, json!({})).await;
    let shown = until_inventory(&stage, "it is said that the run is skipped", |_| true).await;
    assert_eq!(
        (shown.result, shown.last_run_time),
        (InventoryResult::Skipped, None)
    );
    assert!(
        shown.message.contains("80 % or more of its API calls"),
        "{}",
        shown.message
    );
    assert_eq!(stage.sim.count(Endpoint::Sobjects), 0);

    stage
        .sim
        .world(|world| world.org(world::PRODUCTION).api_calls_used = 100);
    stage.annotate("crm", names::TEST_REQUESTED_AT, "1").await;
    let ran = until_inventory(&stage, "it runs once there are enough calls", |inventory| {
        inventory.result == InventoryResult::Complete
    })
    .await;
    assert_eq!(ran.objects, Some(11));
    stage.finish().await;
}
