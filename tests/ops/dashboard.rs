//! Does every panel of the dashboard show something that there is?

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::exposition::{exposition, families};
use crate::known::unknown;
use crate::tools::{over_list, read};

fn dashboard() -> Value {
    serde_json::from_str(&read("charts/salesforce-connector-operator/files/dashboard.json")).unwrap()
}

/// Panels that show something.
fn panels() -> Vec<Value> {
    let panels = dashboard()["panels"].as_array().unwrap().clone();
    panels
        .into_iter()
        .filter(|panel| panel["type"] != "row")
        .collect()
}

/// With values in the place of Grafana's variables of time.
fn expressions() -> Vec<String> {
    let panels = panels();
    let targets = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().unwrap());
    targets
        .map(|target| target["expr"].as_str().unwrap().replace("$__rate_interval", "5m"))
        .collect()
}

#[test]
fn every_expression_is_about_metrics_and_labels_that_there_are() {
    assert!(expressions().len() > 20);
    assert_eq!(unknown(&expressions()), Vec::<String>::new());
}

#[test]
fn every_metric_is_on_the_dashboard_unless_it_is_named_here() {
    let elsewhere = BTreeSet::from([
        "salesforce_connector_build_info",                 // the variable `job`
        "salesforce_connector_callback_requests_total",    // the callback page is off by default
        "salesforce_connector_claimed_elsewhere",          // an alert
        "salesforce_connector_credential_rotations_total", // few installations rotate credentials; the status tells
        "salesforce_connector_leader",                     // the same as `shard_owner`, in one number
        "salesforce_connector_missing_rights",             // an alert
        "salesforce_connector_rollout_restarts_total", // few installations restart workloads; the status tells
        "salesforce_connector_token_copies",           // few installations share tokens; the status tells
        "salesforce_connector_signatures_total",       // few installations have a signer; the status tells
    ]);
    let shown = expressions().join("\n");
    let families = families(&exposition());
    let missing: BTreeSet<_> = families
        .iter()
        .map(|family| family.name.as_str())
        .filter(|name| !shown.contains(&format!("{name}{{")) && !shown.contains(&format!("{name}_")))
        .collect();
    assert_eq!(missing, elsewhere);
}

/// Prometheus' own engine finds a value for each expression where a replica shows all that it can show.
#[test]
fn every_panel_has_a_value_where_an_operator_shows_all_its_metrics() {
    const STEP: u64 = 60;
    let folder = TempDir::new().unwrap();
    let scrapes = folder.path().join("scrapes");
    let mut file = File::create(&scrapes).unwrap();
    for minute in 0..10 {
        let scrape = json!({ "time": 1_795_000_000_000_u64 + minute * STEP * 1_000, "pod": "a", "text": exposition() });
        writeln!(file, "{scrape}").unwrap();
    }
    let questions: Vec<_> = expressions()
        .iter()
        .map(|expression| json!({ "expression": expression.replace("$job", ".+"), "step": STEP }))
        .collect();
    let answers: Vec<Vec<Value>> = over_list(&["evaluate", scrapes.to_str().unwrap()], &questions).unwrap();
    let without: Vec<_> = expressions()
        .into_iter()
        .zip(&answers)
        .filter(|(_, lines)| lines.is_empty())
        .map(|(expression, _)| expression)
        .collect();
    // In the exposition, everything is Ready.
    assert_eq!(without, ["salesforce_connector_ready{job=~\"$job\"} == 0"]);
}

#[test]
fn every_panel_has_a_place_of_its_own_and_says_what_it_shows() {
    let dashboard = dashboard();
    let all = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<_> = all.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), all.len(), "ids");
    let mut taken = BTreeSet::new();
    for panel in all {
        let place = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        assert!(place("x") + place("w") <= 24, "{}", panel["title"]);
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(taken.insert((x, y)), "{} overlaps another panel", panel["title"]);
            }
        }
    }
    let source = json!({ "type": "prometheus", "uid": "${datasource}" });
    for panel in panels() {
        assert!(
            panel["description"].as_str().unwrap().ends_with('.'),
            "{}",
            panel["title"]
        );
        assert_eq!(panel["datasource"], source, "{}", panel["title"]);
        for target in panel["targets"].as_array().unwrap() {
            assert_eq!(target["datasource"], source, "{}", panel["title"]);
            assert!(
                target["expr"].as_str().unwrap().contains("job=~\"$job\""),
                "{}",
                panel["title"]
            );
        }
    }
}
