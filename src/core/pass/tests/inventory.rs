//! An inventory: what is asked for, in which order, and what a failure of one part leaves of the others.

use serde_json::json;

use super::*;
use crate::api::status::{InventoryPart, InventoryResult, InventoryStatus};
use crate::core::inventory::calls::InventoryAnswer;
use crate::core::inventory::findings::DetailsFault;

const PARTS: [&str; 7] = [
    "ReadDetails",
    "TakeInventory",
    "TakeInventory",
    "TakeInventory",
    "TakeInventory",
    "TakeInventory",
    "WriteDetails",
];

fn wanting(details: &str) -> Observed {
    let fields = json!({ "inventory": { "details": details, "recordCounts": ["Account"] } });
    Observed {
        source: fixtures::source(&spec(fields)),
        ..settled()
    }
}

fn inventory(ran: &Ran) -> &InventoryStatus {
    ran.left.status.inventory.as_ref().unwrap()
}

/// This part is answered with a refusal.
fn refuses(refused: InventoryPart, refusal: Refusal) -> impl Fn(&PassEffect) -> Option<PassReply> {
    move |effect| match effect {
        PassEffect::TakeInventory(call) if call.part == refused => {
            let failure = failure(refusal);
            let answer = match refused {
                InventoryPart::Objects => InventoryAnswer::Objects(Err(failure)),
                InventoryPart::Limits => InventoryAnswer::Limits(Err(failure)),
                _ => InventoryAnswer::ApiVersions(Err(failure)),
            };
            Some(PassReply::Inventory(Box::new(answer)))
        }
        _ => None,
    }
}

fn failed_parts(ran: &Ran) -> Vec<(InventoryPart, &str)> {
    let failed = inventory(ran).failed_parts.iter();
    failed.map(|part| (part.name, part.reason.as_str())).collect()
}

scenarios! {
    fn an_inventory_comes_last_and_its_details_are_stored() {
        let observed = wanting("ConfigMap");
        let ran = run(&observed, after(1));
        let whole = [&["DeleteFormerSecrets"], &PARTS[..], &["Record", "WriteStatus"]].concat();
        assert_eq!(ran.effects, whole);
        assert_eq!(ready_after(&ran), "True TokenValid");
        let shown = inventory(&ran);
        assert_eq!(
            (shown.result, shown.objects, shown.custom_objects),
            (InventoryResult::Complete, Some(3), Some(1))
        );
        assert_eq!(shown.config_map_name.as_deref(), Some("crm-inventory"));
        assert_eq!(
            run(&ran.left, after(2)).effects,
            ["DeleteFormerSecrets", "Record"],
            "one run a day"
        );
    }

    fn a_new_connector_is_ready_before_its_inventory_is_taken() {
        let fields = json!({ "inventory": {} });
        let new = Observed {
            source: fixtures::source(&spec(fields)),
            ..fresh()
        };
        let ran = run(&new, now());
        assert!(!ran.effects.contains(&"TakeInventory"), "{:?}", ran.effects);
        assert_eq!(ran.report().next, std::time::Duration::from_secs(1));
        let second = run(&ran.left, after(1));
        assert_eq!(inventory(&second).result, InventoryResult::Complete);
    }

    fn objects_that_came_since_the_run_before_are_an_event() {
        let observed = wanting("ConfigMap");
        let mut stored = None;
        let first = run_with(&observed, after(1), |effect| {
            if let PassEffect::WriteDetails(wanted) = effect {
                stored = Some((**wanted).clone());
            }
            None
        });
        let mut stored = stored.unwrap();
        let text = stored.data.as_mut().unwrap().values_mut().next().unwrap();
        *text = text.replace("\"Contact\"", "\"Gone\"");
        let mut next_day = first.left;
        next_day.status.inventory.as_mut().unwrap().last_run_time = None;
        let ran = run_with(&next_day, after(2), |effect| match effect {
            PassEffect::ReadDetails => Some(PassReply::Details(Ok(Some(Box::new(stored.clone()))))),
            _ => None,
        });
        let [event] = ran.report().events.as_slice() else {
            panic!("{:?}", ran.report().events)
        };
        assert_eq!(event.reason.as_str(), "ObjectsChanged");
        assert_eq!(event.note, "1 object added, 1 removed since 2026-11-22T10:00:01Z");
    }

    fn a_part_that_is_refused_is_told_and_leaves_the_others_and_ready_as_they_are() {
        let ran = run_with(
            &wanting("ConfigMap"),
            after(1),
            refuses(InventoryPart::Limits, Refusal::LimitsNotVisible),
        );
        assert_eq!(failed_parts(&ran), [(InventoryPart::Limits, "LimitsNotVisible")]);
        let shown = inventory(&ran);
        assert_eq!(
            (shown.result, shown.objects, shown.record_counts.len()),
            (InventoryResult::Partial, Some(3), 1)
        );
        assert_eq!(ready_after(&ran), "True TokenValid");
    }

    fn without_the_objects_the_details_stay_those_of_the_run_before() {
        let ran = run_with(
            &wanting("ConfigMap"),
            after(1),
            refuses(InventoryPart::Objects, Refusal::InsufficientAccess),
        );
        assert!(!ran.effects.contains(&"WriteDetails"), "{:?}", ran.effects);
        assert_eq!(inventory(&ran).config_map_name, None, "there were none");
        assert_eq!(ready_after(&ran), "True TokenValid");
    }

    fn what_would_answer_the_rest_as_well_ends_the_run() {
        for refusal in [Refusal::SessionExpired, Refusal::SalesforceUnavailable] {
            let ran = run_with(
                &wanting("None"),
                after(1),
                refuses(InventoryPart::ApiVersions, refusal),
            );
            assert_eq!(
                ran.effects
                    .iter()
                    .filter(|effect| **effect == "TakeInventory")
                    .count(),
                1
            );
            let reasons: Vec<_> = failed_parts(&ran).into_iter().map(|(_, reason)| reason).collect();
            assert_eq!(reasons, [refusal.as_str(); 5]);
            assert_eq!(ready_after(&ran), "True TokenValid");
        }
    }

    fn details_that_can_not_be_stored_cost_nothing_else() {
        let denied = |effect: &PassEffect| match effect {
            PassEffect::ReadDetails => Some(PassReply::Details(Err(DetailsFault::Forbidden))),
            _ => None,
        };
        let unwritable = |effect: &PassEffect| match effect {
            PassEffect::WriteDetails(_) => Some(PassReply::DetailsWritten(Err(DetailsFault::Failed))),
            _ => None,
        };
        for ran in [
            run_with(&wanting("ConfigMap"), after(1), denied),
            run_with(&wanting("ConfigMap"), after(1), unwritable),
        ] {
            let shown = inventory(&ran);
            assert!(
                shown.message.contains("The details are not stored"),
                "{}",
                shown.message
            );
            assert_eq!(
                (shown.result, &shown.config_map_name),
                (InventoryResult::Complete, &None)
            );
            assert_eq!(ready_after(&ran), "True TokenValid");
            let next = ran.report().next;
            assert!(next > std::time::Duration::from_secs(10), "no loop: {next:?}");
        }
    }

    fn nobody_who_wants_no_details_has_a_config_map_read() {
        let ran = run(&wanting("None"), after(1));
        assert!(!ran.effects.contains(&"ReadDetails") && !ran.effects.contains(&"WriteDetails"));
        assert_eq!(inventory(&ran).result, InventoryResult::Complete);
    }

    fn a_refreshed_sandbox_is_told_of_with_what_to_do() {
        let mut observed = settled();
        observed.status.identity.as_mut().unwrap().organization_id = Some("00Dx0000000OTHEREAK".to_owned());
        let ran = run(&observed, after(1));
        let [event] = ran.report().events.as_slice() else {
            panic!("{:?}", ran.report().events)
        };
        assert_eq!(event.reason.as_str(), "OrganizationChanged");
        let particulars = format!("{} in place of 00Dx0000000OTHEREAK", fixtures::ORGANIZATION);
        assert!(
            event.note.contains(&particulars) && event.note.contains("sandbox was refreshed"),
            "{}",
            event.note
        );
    }
}
