use serde_json::{Value, json};

use super::*;
use crate::metrics::Metrics;

fn status(ready: (&str, &str), more: Value) -> SalesforceConnectorStatus {
    let time = "2026-11-22T10:00:00Z";
    let condition = |kind: &str, truth: &str, reason: &str| json!({ "type": kind, "status": truth, "reason": reason, "message": "", "lastTransitionTime": time });
    let mut conditions = vec![condition("Ready", ready.0, ready.1)];
    if ready.0 == "False" {
        conditions.push(condition("Stalled", "True", ready.1));
    }
    let mut status = json!({ "conditions": conditions });
    if let (Value::Object(status), Value::Object(more)) = (&mut status, more) {
        status.extend(more);
    }
    serde_json::from_value(status).unwrap()
}

fn token(expires: &str) -> Value {
    json!({ "token": {
        "issueTime": "2026-11-22T10:00:00Z", "expirationTime": expires, "renewalTime": expires, "expirySource": "Assumed",
    } })
}

fn usage(used: u64, allowed: u64) -> Value {
    json!({ "connectionTest": {
        "result": "Succeeded", "message": "", "lastTestTime": "2026-11-22T10:00:00Z",
        "apiUsage": { "used": used, "allowed": allowed },
    } })
}

fn failing() -> Value {
    let time = "2026-11-22T10:00:00Z";
    let mut more = json!({ "failures": {
        "count": 1, "reason": "BadGateway", "message": "", "firstFailureTime": time, "lastFailureTime": time,
    } });
    more["actionRequiredTime"] = json!("2026-11-22T09:00:00Z");
    more
}

/// A connector that no pass has ended for, with copies of its token.
fn sharing(copies: u32, ready: u32) -> SalesforceConnectorStatus {
    serde_json::from_value(json!({ "sharing": { "copies": copies, "ready": ready } })).unwrap()
}

#[test]
fn totals_are_counted_by_known_reasons_with_the_earliest_times_and_the_highest_share() {
    let statuses = [
        status(("True", "TokenValid"), token("2026-11-22T12:00:00Z")),
        status(("True", "TokenValid"), token("2026-11-22T11:00:00Z")),
        // The token of what is not Ready does not count.
        status(("False", "TokenExpired"), token("2026-11-22T08:00:00Z")),
        status(("True", "TokenValid"), failing()),
        status(("Perhaps", "Invented"), usage(9, 10)),
        status(("Unknown", "Made-Up"), usage(1, 10)),
        sharing(2, 1),
        sharing(2, 2),
    ];
    let suspended = status(("False", "TokenExpired"), failing());
    let second = |time: &str| Some(time.parse::<jiff::Timestamp>().unwrap().as_second());
    let wanted = Totals {
        by_reason: HashMap::from([
            (("True", "TokenValid"), 3),
            (("False", "TokenExpired"), 2),
            (("Unknown", "Other"), 2),
            (("Unknown", "Pending"), 2),
        ]),
        stalled: 1,
        failing: 1,
        copies: [3, 1],
        earliest_expiration: second("2026-11-22T11:00:00Z"),
        earliest_action_required: second("2026-11-22T09:00:00Z"),
        highest_api_usage: Some(0.9),
    };
    let working = statuses.iter().map(|status| (status, false));
    assert_eq!(Totals::of(working.chain([(&suspended, true)])), wanted);
}

fn shows(metrics: &Metrics, part: &str) -> bool {
    metrics.encode().contains(part)
}

const CRM: &str = "{namespace=\"sales\",name=\"crm\"} 1";

#[test]
fn each_connector_has_series_up_to_the_limit_and_none_beyond_it() {
    let metrics = Metrics::with_connector_series(2);
    let status = status(("True", "TokenValid"), json!({}));
    let ready = || {
        metrics.connector("sales", "crm", Some(&status));
        metrics.claimed_elsewhere("sales", "crm", true);
        shows(&metrics, CRM)
    };
    assert!(ready());
    metrics.population(3, std::time::Duration::ZERO);
    assert!(!shows(&metrics, CRM), "{}", metrics.encode());
    assert!(!ready());
    metrics.population(2, std::time::Duration::ZERO);
    assert!(ready());
    let none = Metrics::with_connector_series(0);
    none.connector("sales", "crm", Some(&status));
    assert!(!shows(&none, CRM));
}

#[test]
fn who_does_not_lead_shows_nothing_about_connectors() {
    let metrics = Metrics::new();
    let statuses = [
        status(("True", "TokenValid"), token("2026-11-22T12:00:00Z")),
        status(("False", "TokenExpired"), failing()),
        status(("True", "TokenValid"), usage(9, 10)),
    ];
    let empty = metrics.encode();
    for status in &statuses {
        metrics.connector("sales", "crm", Some(status));
    }
    metrics.totals(&Totals::of(statuses.iter().map(|status| (status, false))));
    let part = "connectors_by_reason{ready=\"True\",reason=\"TokenValid\"} 2\n";
    assert!(shows(&metrics, part), "{}", metrics.encode());
    metrics.stand_by();
    assert_eq!(metrics.encode(), empty);
}
