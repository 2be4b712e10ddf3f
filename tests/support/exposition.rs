//! Everything that `/metrics` can show, once, and how it is read.

use std::collections::BTreeSet;
use std::time::Duration;

use salesforce_connector_operator::api::status::SalesforceConnectorStatus;
use salesforce_connector_operator::lease::shard::ShardCount;
use salesforce_connector_operator::metrics::{Metrics, Totals};
use serde_json::json;

/// What the registry prints once everything in it has been seen at least once.
pub(crate) fn exposition() -> String {
    let (metrics, second) = (Metrics::new(), Duration::from_secs(1));
    metrics.token_request("clientCredentials", "Succeeded");
    metrics.signature("Succeeded");
    metrics.salesforce_request("Token", "Succeeded", second);
    metrics.clock_skew(0.5);
    metrics.connection_test("Succeeded", second);
    metrics.rollout_restart("Restarted");
    metrics.credential_rotation("Rotated");
    metrics.callback_request("Offer");
    metrics.reconcile("Succeeded", second);
    metrics.queue(0, 1);
    metrics.reconcile_errors("ReadSecret");
    metrics.population(1, Duration::from_mins(1));
    metrics.ownership(ShardCount::ONE.all(), &ShardCount::ONE.all().collect());
    metrics.missing_rights(0);
    metrics.stored_secrets("state", 1);
    let time = "2026-11-22T10:00:00Z";
    let status: SalesforceConnectorStatus = serde_json::from_value(json!({
        "conditions": [{
            "type": "Ready", "status": "True", "reason": "TokenValid", "message": "", "lastTransitionTime": time,
        }],
        "token": {
            "issueTime": time, "expirationTime": time, "renewalTime": time, "expirySource": "Assumed",
        },
        "actionRequiredTime": time,
        "connectionTest": {
            "result": "Succeeded", "message": "", "lastTestTime": time,
            "apiUsage": { "used": 1, "allowed": 2 },
        },
    }))
    .expect("a status");
    metrics.connector("namespace", "name", Some(&status));
    metrics.claimed_elsewhere("namespace", "name", true);
    metrics.totals(&Totals::of([(&status, false)]));
    metrics.encode()
}

/// A metric, as it is shown.
pub(crate) struct Family {
    /// As Prometheus stores it; the base name of a histogram.
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) labels: BTreeSet<String>,
    /// Of a histogram.
    pub(crate) buckets: usize,
    pub(crate) help: String,
}

/// Reads the text format: `# HELP`, `# TYPE`, then samples.
pub(crate) fn families(text: &str) -> Vec<Family> {
    let mut families: Vec<Family> = Vec::new();
    for line in text.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            families.push(Family {
                name: name.to_owned(),
                kind: String::new(),
                labels: BTreeSet::new(),
                buckets: 0,
                help: help.to_owned(),
            });
        } else if let Some((_, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            let family = families.last_mut().expect("a type follows a help text");
            kind.clone_into(&mut family.kind);
            match kind {
                "counter" => family.name.push_str("_total"),
                "info" => family.name.push_str("_info"),
                _ => {}
            }
        } else if let Some(family) = families.last_mut().filter(|_| !line.starts_with('#')) {
            let inside = line.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
            let labels = inside.map_or("", |(labels, _)| labels).split(',');
            let names: Vec<_> = labels
                .filter_map(|label| label.split_once('='))
                .map(|(name, _)| name)
                .collect();
            family.buckets += usize::from(names.contains(&"le"));
            family
                .labels
                .extend(names.into_iter().filter(|name| *name != "le").map(str::to_owned));
        }
    }
    families
}
