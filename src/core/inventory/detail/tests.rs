use serde_json::json;

use super::*;
use crate::core::testing::fixtures::{ORGANIZATION, after, now, owner};

fn list(standard: &[&str], custom: &[&str]) -> ObjectList {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    ObjectList {
        total: u32::try_from(standard.len() + custom.len()).unwrap(),
        custom: u32::try_from(custom.len()).unwrap(),
        standard_names: names(standard),
        custom_names: names(custom),
    }
}

fn document(objects: &ObjectList, org: &str) -> DetailDocument {
    DetailDocument::new(&InventoryFindings::default(), objects, org, now())
}

/// What a run finds of the one before.
fn found(document: &DetailDocument) -> FoundDetails {
    let mut stored = document.config_map(&owner(), None).unwrap();
    stored.metadata.uid = Some("u1".to_owned());
    judge(&stored, &owner()).unwrap()
}

#[test]
fn the_config_map_belongs_to_the_connector_and_names_objects_counts_and_limits() {
    let findings = InventoryFindings {
        record_counts: [("Account".to_owned(), 7)].into(),
        limits: [(
            "DataStorageMB".to_owned(),
            OrgLimit {
                max: 100,
                remaining: 8,
            },
        )]
        .into(),
        ..InventoryFindings::default()
    };
    let objects = list(&["Account"], &["Invoice__c"]);
    let document = DetailDocument::new(&findings, &objects, ORGANIZATION, after(1));
    let config_map = document.config_map(&owner(), None).unwrap();
    assert_eq!(config_map.metadata.name.as_deref(), Some("crm-inventory"));
    let owners = config_map.metadata.owner_references.unwrap();
    assert_eq!(owners[0].uid, owner().uid);
    let text = &config_map.data.unwrap()[KEY];
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    assert_eq!(
        value,
        json!({
            "observedTime": "2026-11-22T10:00:01Z", "organizationId": ORGANIZATION,
            "objects": 2, "customObjects": 1, "namesLeftOut": 0,
            "customObjectNames": ["Invoice__c"], "standardObjectNames": ["Account"],
            "recordCounts": { "Account": 7 }, "limits": { "DataStorageMB": { "max": 100, "remaining": 8 } },
        })
    );
}

#[test]
fn objects_that_came_and_went_are_counted_by_name() {
    let before = found(&document(&list(&["Account"], &["A__c", "B__c"]), ORGANIZATION));
    let now = document(&list(&["Account"], &["B__c", "C__c", "D__c"]), ORGANIZATION);
    let changes = now.changes_since(&before).unwrap();
    assert_eq!((changes.added, changes.removed), (2, 1));
    let elsewhere = document(&list(&["Account"], &[]), "00Dx0000000OTHEREAK");
    assert_eq!(elsewhere.changes_since(&before), None, "another org is no change");
}

#[test]
fn the_details_of_the_largest_org_have_less_than_half_a_mebibyte_and_are_compared_by_number() {
    let name = |n: usize| format!("{n:0>80}");
    let objects = |total: u32| ObjectList {
        total,
        custom: total,
        standard_names: (10_000..11_000).map(name).collect(),
        custom_names: (0..10_000).map(name).collect(),
    };
    let findings = InventoryFindings {
        record_counts: (0..20).map(|n| (name(n), u64::MAX)).collect(),
        limits: (0..256)
            .map(|n| {
                (
                    name(n),
                    OrgLimit {
                        max: u64::MAX,
                        remaining: u64::MAX,
                    },
                )
            })
            .collect(),
        ..InventoryFindings::default()
    };
    let document = |total| DetailDocument::new(&findings, &objects(total), ORGANIZATION, now());
    let config_map = document(20_000).config_map(&owner(), None).unwrap();
    let bytes = serde_json::to_vec(&config_map).unwrap().len();
    assert!(bytes < 512 * 1024, "{bytes}");
    assert_eq!(document(20_000).names_left_out, 15_000);
    let changes = document(20_003).changes_since(&found(&document(20_000))).unwrap();
    assert_eq!((changes.added, changes.removed), (3, 0));
}

#[test]
fn a_config_map_that_is_not_the_connector_s_is_left_alone() {
    let mut stored = document(&list(&["Account"], &[]), ORGANIZATION)
        .config_map(&owner(), None)
        .unwrap();
    let mut another = owner();
    another.uid = "another".to_owned();
    assert_eq!(judge(&stored, &another), Err(DetailsFault::NotOwned));
    stored.immutable = Some(true);
    assert_eq!(judge(&stored, &owner()), Err(DetailsFault::NotOwned));
    assert_eq!(
        judge(&ConfigMap::default(), &owner()),
        Err(DetailsFault::NotOwned)
    );
}

#[test]
fn details_that_somebody_has_edited_are_written_anew_and_compared_with_nothing() {
    let mut stored = document(&list(&["Account"], &[]), ORGANIZATION)
        .config_map(&owner(), None)
        .unwrap();
    stored.metadata.uid = Some("u1".to_owned());
    stored.data = Some([(KEY.to_owned(), "{}".to_owned())].into());
    let found = judge(&stored, &owner()).unwrap();
    let now = document(&list(&["Account", "Lead"], &[]), ORGANIZATION);
    assert_eq!(now.changes_since(&found), None);
    let written = now.config_map(&owner(), Some(&found)).unwrap();
    assert_eq!(written.metadata.uid.as_deref(), Some("u1"));
}
