//! What does the status show of an inventory? Less than 1 KiB, whatever the org holds.

use std::fmt::Write as _;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use salesforce_client::{OrgLimit, Organization};

use crate::api::names;
use crate::api::spec::InventorySpec;
use crate::api::status::{
    FailedPartStatus, InventoryResult, InventoryStatus, LimitStatus, OrgType, RecordCountStatus,
};
use crate::core::conclude::merge::truncate;
use crate::core::inventory::due::{is_due, of_this_org, skipped};
use crate::core::inventory::findings::{DetailsFault, DetailsOutcome, InventoryReport, ObjectChanges};
use crate::core::model::observed::Observed;
use crate::core::model::outcome::Outcome;
use crate::core::schedule::time::whole_seconds;

/// The most bytes of it, as JSON.
const MOST_BYTES: usize = 1024;
/// The most entries of each list.
const MOST_ENTRIES: usize = 5;
/// The most bytes of the message.
const MESSAGE: usize = 400;

/// What the status shows after a pass.
pub fn inventory_status(observed: &Observed, outcome: &Outcome, now: Timestamp) -> Option<InventoryStatus> {
    let Some(connector) = observed.connector() else {
        return observed.status.inventory.clone();
    };
    let spec = connector.inventory.as_ref()?;
    if let Some(report) = &outcome.inventory {
        let organization = observed
            .held
            .as_ref()
            .map(|held| held.identity.organization_id.clone());
        return Some(of_run(report, spec, organization, &observed.owner.name, now));
    }
    let before = of_this_org(observed);
    let why = skipped(observed, outcome).filter(|_| is_due(observed, now));
    match (why, before) {
        (Some(why), before) => Some(InventoryStatus {
            result: InventoryResult::Skipped,
            message: why.to_owned(),
            ..before.cloned().unwrap_or_else(nothing)
        }),
        (None, before) => before.cloned(),
    }
}

/// What an event says of the objects that came and went, if any did.
pub fn change_note(outcome: &Outcome) -> Option<String> {
    let changes = outcome.inventory.as_ref()?.changes?;
    said(changes)
}

/// The limits that have reached the threshold since the run before, for an event.
pub fn limits_note(before: Option<&InventoryStatus>, after: &InventoryStatus) -> Option<String> {
    let known = |limit: &&LimitStatus| {
        before.is_some_and(|before| before.limits.iter().any(|earlier| earlier.name == limit.name))
    };
    let new = after.limits.iter().filter(|limit| !known(limit));
    let notes: Vec<String> = new
        .map(|limit| format!("{}: {} of {}", limit.name, limit.used, limit.max))
        .collect();
    (!notes.is_empty()).then(|| notes.join(", "))
}

/// Before the first run.
pub(super) fn nothing() -> InventoryStatus {
    InventoryStatus {
        result: InventoryResult::Skipped,
        message: String::new(),
        last_run_time: None,
        organization_id: None,
        org_type: None,
        trial_expiration_time: None,
        api_versions: None,
        objects: None,
        custom_objects: None,
        record_counts: Vec::new(),
        limits: Vec::new(),
        failed_parts: Vec::new(),
        config_map_name: None,
    }
}

fn of_run(
    report: &InventoryReport,
    spec: &InventorySpec,
    organization_id: Option<String>,
    connector: &str,
    now: Timestamp,
) -> InventoryStatus {
    let found = &report.findings;
    let organization = found.organization.as_ref();
    let trial_ends = organization.and_then(|organization| organization.trial_expiration_date);
    let failed = found.failed.iter().map(|(name, reason)| FailedPartStatus {
        name: *name,
        reason: reason.as_str().to_owned(),
    });
    let records = found
        .record_counts
        .iter()
        .map(|(name, records)| RecordCountStatus {
            name: name.clone(),
            records: signed(*records),
        });
    fitted(InventoryStatus {
        result: if found.failed.is_empty() {
            InventoryResult::Complete
        } else {
            InventoryResult::Partial
        },
        message: truncate(&message(report), MESSAGE).to_owned(),
        last_run_time: Some(Time(whole_seconds(now))),
        organization_id,
        org_type: organization.map(org_type),
        trial_expiration_time: trial_ends.map(|ends| Time(whole_seconds(ends))),
        api_versions: found
            .versions
            .map(|(oldest, newest)| format!("{oldest} to {newest}")),
        objects: found.objects.as_ref().map(|objects| i64::from(objects.total)),
        custom_objects: found.objects.as_ref().map(|objects| i64::from(objects.custom)),
        record_counts: records.take(MOST_ENTRIES).collect(),
        limits: nearly_used(report, spec),
        failed_parts: failed.collect(),
        config_map_name: (report.details == DetailsOutcome::Stored)
            .then(|| names::inventory_config_map_name(connector)),
    })
}

/// A sandbox has no date of expiration, and a scratch org has one. docs/salesforce.md#organization-query
fn org_type(organization: &Organization) -> OrgType {
    match (organization.is_sandbox, organization.trial_expiration_date) {
        (true, Some(_)) => OrgType::Scratch,
        (true, None) => OrgType::Sandbox,
        (false, _) if organization.organization_type == "Developer Edition" => OrgType::Developer,
        (false, Some(_)) => OrgType::Trial,
        (false, None) => OrgType::Production,
    }
}

/// The limits at or above the threshold, the fullest first.
fn nearly_used(report: &InventoryReport, spec: &InventorySpec) -> Vec<LimitStatus> {
    let threshold = u64::try_from(spec.limit_warning_percent).unwrap_or_default();
    let percent = |limit: &OrgLimit| {
        let used = u128::from(limit.max.saturating_sub(limit.remaining));
        used * 100 / u128::from(limit.max.max(1))
    };
    let mut limits: Vec<_> = report.findings.limits.iter().collect();
    limits.retain(|(_, limit)| percent(limit) >= u128::from(threshold));
    limits.sort_by_key(|(_, limit)| std::cmp::Reverse(percent(limit)));
    let shown = limits.into_iter().take(MOST_ENTRIES);
    shown
        .map(|(name, limit)| LimitStatus {
            name: name.clone(),
            used: signed(limit.max.saturating_sub(limit.remaining)),
            max: signed(limit.max),
        })
        .collect()
}

fn message(report: &InventoryReport) -> String {
    let mut message = match &report.findings.objects {
        Some(objects) => format!(
            "The user of the token sees {} objects, {} of them custom.",
            objects.total, objects.custom
        ),
        None => "The objects could not be read.".to_owned(),
    };
    if let Some(changes) = report.changes.and_then(said) {
        let _ = write!(message, " {changes}.");
    }
    if !report.findings.failed.is_empty() {
        message.push_str(" Read failedParts for what is missing.");
    }
    if let DetailsOutcome::Refused(fault) = report.details {
        let _ = write!(message, " {}", explained(fault));
    }
    message
}

fn explained(fault: DetailsFault) -> &'static str {
    match fault {
        DetailsFault::Forbidden => {
            "The details are not stored: the API server does not let the operator read or write ConfigMaps here. \
             Set inventory.enabled of the operator's chart to true, or spec.inventory.details to None."
        }
        DetailsFault::NotOwned => {
            "The details are not stored: the ConfigMap NAME-inventory does not belong to this connector, or is immutable. \
             Delete it, or set spec.inventory.details to None."
        }
        DetailsFault::Failed => {
            "The details are not stored: the API server failed. The next run tries again."
        }
    }
}

/// `3 objects added, 1 removed since 2026-11-26T10:00:00Z`.
fn said(changes: ObjectChanges) -> Option<String> {
    let ObjectChanges {
        since,
        added,
        removed,
    } = changes;
    let objects = |count: usize| if count == 1 { "object" } else { "objects" };
    match (added, removed) {
        (0, 0) => None,
        (added, 0) => Some(format!("{added} {} added since {since}", objects(added))),
        (0, removed) => Some(format!("{removed} {} removed since {since}", objects(removed))),
        (added, removed) => Some(format!(
            "{added} {} added, {removed} removed since {since}",
            objects(added)
        )),
    }
}

/// Lists lose entries until the whole is small enough: the ConfigMap has them all.
fn fitted(mut status: InventoryStatus) -> InventoryStatus {
    let size = |status: &InventoryStatus| serde_json::to_vec(status).map_or(0, |json| json.len());
    while size(&status) >= MOST_BYTES {
        let shorter = status.record_counts.pop().is_some()
            || status.limits.pop().is_some()
            || status.failed_parts.pop().is_some();
        if !shorter {
            break;
        }
    }
    status
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
