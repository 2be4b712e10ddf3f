use super::*;
use crate::api::spec::WorkloadKind;
use crate::core::testing::fixtures::now;

fn workload(annotations: &Value, of_template: &Value) -> DynamicObject {
    serde_json::from_value(json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": "web", "uid": "u", "annotations": annotations },
        "spec": { "template": { "metadata": { "annotations": of_template } } },
    }))
    .unwrap()
}

#[test]
fn a_workload_consents_by_an_annotation_of_its_own_that_names_the_connector() {
    let consents = |annotations: Value, of_template: Value| {
        Workload::of(&workload(&annotations, &of_template), "crm").consents
    };
    for text in ["crm", "billing,crm", " crm , billing"] {
        assert!(
            consents(json!({ names::RESTARTED_BY: text }), json!({})),
            "{text}"
        );
    }
    for text in ["", "cr", "crm2", "*", "true", "billing crm"] {
        assert!(
            !consents(json!({ names::RESTARTED_BY: text }), json!({})),
            "{text}"
        );
    }
    assert!(!consents(json!({}), json!({ names::RESTARTED_BY: "crm" })));
}

#[test]
fn the_token_of_the_last_restart_is_that_of_the_same_connector() {
    let of_template = json!({ "restart.salesforce-connector.dev/crm": "2026-11-22T10:00:00Z" });
    let found = workload(&json!({}), &of_template);
    let restarted_for = |connector: &str| Workload::of(&found, connector).restarted_for;
    assert_eq!(restarted_for("crm").as_deref(), Some("2026-11-22T10:00:00Z"));
    assert_eq!(restarted_for("billing"), None);
}

#[test]
fn a_restart_is_one_annotation_of_the_pod_template_and_nothing_else() {
    let restart = Restart {
        target: RolloutTarget {
            kind: WorkloadKind::StatefulSet,
            name: "db".to_owned(),
        },
        uid: "u".to_owned(),
        version: "7".to_owned(),
        connector: "crm".to_owned(),
        token: now(),
    };
    let wanted = json!({
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": { "name": "db", "uid": "u", "resourceVersion": "7" },
        "spec": { "template": { "metadata": { "annotations": {
            "restart.salesforce-connector.dev/crm": "2026-11-22T10:00:00Z",
        } } } },
    });
    assert_eq!(restart.applied(), wanted);
    assert_eq!(restart.field_manager(), "salesforce-connector-operator/crm");
}
