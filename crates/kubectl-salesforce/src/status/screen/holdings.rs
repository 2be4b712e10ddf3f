//! What does the org hold, in a few lines?

use jiff::Timestamp;
use salesforce_connector_operator::api::status::{InventoryResult, InventoryStatus};

use crate::show::Paint;
use crate::words::ago;

/// The result with its time, what is there, what could not be read, and where the rest is.
pub(super) fn holdings(inventory: &InventoryStatus, now: Timestamp, paint: Paint) -> String {
    let result = format!("{:?}", inventory.result);
    let result = match inventory.result {
        InventoryResult::Complete => paint.good(&result),
        InventoryResult::Partial | InventoryResult::Skipped => paint.doubtful(&result),
    };
    let read = inventory.last_run_time.as_ref();
    let read = read.map_or_else(String::new, |time| format!(", read {}", ago(time, now)));
    let mut lines = vec![format!("{result}{read}"), inventory.message.clone()];
    let kind = inventory.org_type.map(|kind| format!("{kind:?} org"));
    let versions = inventory.api_versions.as_ref();
    let versions = versions.map(|versions| format!("API versions {versions}"));
    let facts: Vec<String> = kind.into_iter().chain(versions).collect();
    lines.push(facts.join(", "));
    let records = inventory.record_counts.iter();
    let records: Vec<String> = records
        .map(|count| format!("{} {}", count.records, count.name))
        .collect();
    if !records.is_empty() {
        lines.push(format!("records: {}", records.join(", ")));
    }
    for limit in &inventory.limits {
        let line = format!("limit {}: {} of {}", limit.name, limit.used, limit.max);
        lines.push(paint.doubtful(&line));
    }
    for part in &inventory.failed_parts {
        lines.push(paint.doubtful(&format!("? {:?}: {}", part.name, part.reason)));
    }
    if let Some(name) = &inventory.config_map_name {
        lines.push(format!("details in ConfigMap {name}"));
    }
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}
