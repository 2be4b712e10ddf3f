use salesforce_client::ObjectList;
use serde_json::json;

use super::*;
use crate::api::reasons::Refusal;
use crate::api::status::{ApiUsageStatus, InventoryPart};
use crate::core::inventory::findings::InventoryFindings;
use crate::core::testing::fixtures::{self, after, kept, now, settled, spec};

fn inventory_spec() -> InventorySpec {
    serde_json::from_value(json!({})).unwrap()
}

fn limit(max: u64, remaining: u64) -> OrgLimit {
    OrgLimit { max, remaining }
}

fn report() -> InventoryReport {
    let findings = InventoryFindings {
        versions: Some(("31.0".parse().unwrap(), "67.0".parse().unwrap())),
        organization: fixtures::organization(false).value,
        objects: Some(ObjectList {
            total: 1214,
            custom: 312,
            ..ObjectList::default()
        }),
        record_counts: [("Account".to_owned(), 7), ("Lead".to_owned(), 0)].into(),
        limits: [
            ("DailyApiRequests".to_owned(), limit(100, 21)),
            ("DataStorageMB".to_owned(), limit(100, 8)),
            ("FileStorageMB".to_owned(), limit(100, 20)),
        ]
        .into(),
        failed: Vec::new(),
    };
    let changes = ObjectChanges {
        since: now(),
        added: 3,
        removed: 1,
    };
    InventoryReport {
        findings,
        changes: Some(changes),
        details: DetailsOutcome::Stored,
    }
}

fn shown(report: &InventoryReport) -> serde_json::Value {
    let org = Some(fixtures::ORGANIZATION.to_owned());
    serde_json::to_value(of_run(report, &inventory_spec(), org, "crm", after(1))).unwrap()
}

#[test]
fn a_run_is_shown_with_counts_changes_and_the_limits_that_are_nearly_used() {
    let wanted = json!({
        "result": "Complete",
        "message": "The user of the token sees 1214 objects, 312 of them custom. \
                    3 objects added, 1 removed since 2026-11-22T10:00:00Z.",
        "lastRunTime": "2026-11-22T10:00:01Z",
        "organizationId": fixtures::ORGANIZATION,
        "orgType": "Production",
        "apiVersions": "31.0 to 67.0",
        "objects": 1214,
        "customObjects": 312,
        "recordCounts": [{ "name": "Account", "records": 7 }, { "name": "Lead", "records": 0 }],
        "limits": [{ "name": "DataStorageMB", "used": 92, "max": 100 }, { "name": "FileStorageMB", "used": 80, "max": 100 }],
        "configMapName": "crm-inventory",
    });
    assert_eq!(shown(&report()), wanted);
}

#[test]
fn what_could_not_be_read_or_stored_is_told_with_what_to_do() {
    let mut report = report();
    report.changes = None;
    report.findings.limits.clear();
    report.findings.record_counts.clear();
    report.findings.failed = vec![
        (InventoryPart::Limits, Refusal::LimitsNotVisible.into()),
        (InventoryPart::RecordCounts, Refusal::LimitsNotVisible.into()),
    ];
    report.details = DetailsOutcome::Refused(DetailsFault::Forbidden);
    let shown = shown(&report);
    assert_eq!(shown["result"], "Partial");
    assert_eq!(
        shown["failedParts"],
        json!([
            { "name": "Limits", "reason": "LimitsNotVisible" },
            { "name": "RecordCounts", "reason": "LimitsNotVisible" },
        ])
    );
    let message = shown["message"].as_str().unwrap();
    assert!(
        message.contains("Set inventory.enabled of the operator's chart to true"),
        "{message}"
    );
    assert_eq!(shown["configMapName"], serde_json::Value::Null);
}

#[test]
fn the_status_of_an_inventory_has_less_than_a_kibibyte_whatever_the_org_holds() {
    let name = |n: usize| format!("{n:0>80}");
    let mut report = report();
    let most = (0..20).map(|n| (name(n), u64::MAX));
    report.findings.record_counts = most.collect();
    report.findings.limits = (0..256).map(|n| (name(n), limit(u64::MAX, 0))).collect();
    report.findings.failed = vec![
        (InventoryPart::ApiVersions, Refusal::SalesforceUnknownError.into()),
        (
            InventoryPart::Organization,
            Refusal::SalesforceUnknownError.into(),
        ),
        (InventoryPart::Objects, Refusal::SalesforceUnknownError.into()),
        (
            InventoryPart::RecordCounts,
            Refusal::SalesforceUnknownError.into(),
        ),
        (InventoryPart::Limits, Refusal::SalesforceUnknownError.into()),
    ];
    for details in [DetailsFault::Forbidden, DetailsFault::NotOwned] {
        report.details = DetailsOutcome::Refused(details);
        let org = Some(fixtures::ORGANIZATION.to_owned());
        let longest_name = "c".repeat(63);
        let status = of_run(&report, &inventory_spec(), org, &longest_name, after(1));
        let bytes = serde_json::to_vec(&status).unwrap().len();
        assert!(bytes < 1024, "{bytes}");
    }
}

#[test]
fn the_type_of_an_org_follows_from_sandbox_edition_and_expiration() {
    let of = |is_sandbox, edition: &str, trial: bool| {
        let mut organization = fixtures::organization(is_sandbox).value.unwrap();
        organization.organization_type = edition.to_owned();
        organization.trial_expiration_date = trial.then(now);
        org_type(&organization)
    };
    assert_eq!(of(false, "Enterprise Edition", false), OrgType::Production);
    assert_eq!(of(false, "Enterprise Edition", true), OrgType::Trial);
    assert_eq!(of(false, "Developer Edition", false), OrgType::Developer);
    assert_eq!(of(true, "Enterprise Edition", false), OrgType::Sandbox);
    assert_eq!(of(true, "Developer Edition", true), OrgType::Scratch);
}

#[test]
fn changes_are_counted_in_words() {
    let of = |added, removed| {
        said(ObjectChanges {
            since: now(),
            added,
            removed,
        })
    };
    assert_eq!(of(0, 0), None);
    assert_eq!(of(1, 0).unwrap(), "1 object added since 2026-11-22T10:00:00Z");
    assert_eq!(of(0, 2).unwrap(), "2 objects removed since 2026-11-22T10:00:00Z");
}

#[test]
fn a_skipped_run_leaves_what_is_known_and_nothing_is_left_when_nobody_wants_it() {
    let mut observed = settled();
    observed.source = fixtures::source(&spec(json!({ "inventory": {} })));
    let test = observed.status.connection_test.as_mut().unwrap();
    test.api_usage = Some(ApiUsageStatus {
        used: 80,
        allowed: 100,
    });
    let skipped = inventory_status(&observed, &kept(&observed), after(1)).unwrap();
    assert_eq!(
        (skipped.result, skipped.objects),
        (InventoryResult::Skipped, None)
    );
    assert!(
        skipped.message.contains("80 % or more of its API calls"),
        "{}",
        skipped.message
    );
    let earlier = of_run(
        &report(),
        &inventory_spec(),
        skipped.organization_id,
        "crm",
        now(),
    );
    observed.status.inventory = Some(earlier.clone());
    let soon = inventory_status(&observed, &kept(&observed), after(1)).unwrap();
    assert_eq!(soon, earlier, "no run is due yet");
    let later = inventory_status(&observed, &kept(&observed), after(100_000)).unwrap();
    assert_eq!(
        (later.result, later.objects),
        (InventoryResult::Skipped, Some(1214))
    );
    observed.source = fixtures::source(&spec(json!({})));
    assert_eq!(inventory_status(&observed, &kept(&observed), after(1)), None);
}
