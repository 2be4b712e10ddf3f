//! Are the alerts of the chart sound, tested, and explained?

use std::collections::BTreeSet;

use serde_json::Value;

use crate::known::unknown;
use crate::tools::{path, promtool, read};

const RULES: &str = "charts/salesforce-connector-operator/files/alerts.yaml";
const TESTS: &str = "tests/ops/alerts-test.yaml";
const RUNBOOKS: &str = "https://salesforce-connector.dev/docs/runbooks#";

fn yaml(file: &str) -> Value {
    serde_yaml::from_str(&read(file)).unwrap()
}

fn alerts() -> Vec<Value> {
    let groups = yaml(RULES)["groups"].as_array().unwrap().clone();
    groups
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap().clone())
        .collect()
}

fn name(alert: &Value) -> String {
    alert["alert"].as_str().unwrap().to_owned()
}

#[test]
fn promtool_finds_nothing_to_complain_of() {
    let rules = path(RULES);
    let args = [
        "check",
        "rules",
        "--lint=all",
        "--lint-fatal",
        rules.to_str().unwrap(),
    ];
    promtool(&args).unwrap_or_else(|complaint| panic!("{complaint}"));
}

#[test]
fn each_alert_fires_where_it_should_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let tests = folder.path().join("alerts-test.yaml");
    let text = read(TESTS).replace("RULES", path(RULES).to_str().unwrap());
    std::fs::write(&tests, text).unwrap();
    promtool(&["test", "rules", tests.to_str().unwrap()]).unwrap_or_else(|failed| panic!("{failed}"));
}

#[test]
fn each_alert_is_seen_to_fire_and_not_to_fire() {
    let tests = yaml(TESTS);
    let cases = tests["tests"].as_array().unwrap().iter();
    let cases = cases.flat_map(|test| test["alert_rule_test"].as_array().unwrap());
    let (firing, quiet): (Vec<_>, Vec<_>) = cases.partition(|case| case["exp_alerts"].is_array());
    let names = |cases: Vec<&Value>| -> BTreeSet<String> {
        let names = cases
            .into_iter()
            .map(|case| case["alertname"].as_str().unwrap().to_owned());
        names.collect()
    };
    let all: BTreeSet<_> = alerts().iter().map(name).collect();
    assert_eq!((names(firing), names(quiet)), (all.clone(), all));
}

#[test]
fn each_alert_says_how_bad_it_is_what_to_do_and_where_more_is_written() {
    let page = read("docs/runbooks.md");
    let headings = page.lines().filter_map(|line| line.strip_prefix("### "));
    let explained: BTreeSet<_> = headings.map(str::to_owned).collect();
    let named: BTreeSet<_> = alerts().iter().map(name).collect();
    assert_eq!(explained, named, "docs/runbooks.md");
    for alert in alerts() {
        let (name, annotations) = (name(&alert), &alert["annotations"]);
        let severity = alert["labels"]["severity"].as_str().unwrap();
        assert!(["warning", "critical"].contains(&severity), "{name}");
        assert!(alert["for"].is_string(), "{name} fires at once");
        let summary = annotations["summary"].as_str().unwrap();
        let sentences = summary.trim_end_matches('.').split(". ").count();
        assert!(
            summary.ends_with('.') && sentences == 2,
            "{name}: what is wrong, and what to do: {summary}"
        );
        let runbook = annotations["runbook_url"].as_str().unwrap();
        assert_eq!(runbook, format!("{RUNBOOKS}{}", name.to_lowercase()));
    }
}

#[test]
fn each_alert_is_about_metrics_that_there_are() {
    let expressions: Vec<_> = alerts()
        .iter()
        .map(|alert| alert["expr"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(unknown(&expressions), Vec::<String>::new());
}
