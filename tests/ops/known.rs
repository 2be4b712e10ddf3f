//! Which metrics and labels are there, and does an expression name others?

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::Deserialize;

use crate::exposition::{exposition, families};
use crate::tools::{over_list, over_text};

/// Labels that Prometheus adds where it finds a target by the Prometheus Operator.
const OF_TARGETS: [&str; 4] = ["job", "instance", "namespace", "pod"];

/// The labels of each metric, by the name under which Prometheus stores it.
static KNOWN: LazyLock<BTreeMap<String, BTreeSet<String>>> = LazyLock::new(|| {
    let text = exposition();
    let samples: BTreeSet<String> = over_text(&["openmetrics"], &text).unwrap();
    let families = families(&text);
    let labels_of = |sample: &str| {
        let of_histogram = ["_bucket", "_count", "_sum"]
            .into_iter()
            .find_map(|suffix| sample.strip_suffix(suffix));
        let mut found = families
            .iter()
            .filter(|family| family.name == sample || Some(family.name.as_str()) == of_histogram);
        let mut labels = found.next().unwrap_or_else(|| panic!("{sample}")).labels.clone();
        labels.extend(OF_TARGETS.map(str::to_owned));
        labels.extend(sample.ends_with("_bucket").then(|| "le".to_owned()));
        labels
    };
    samples
        .into_iter()
        .map(|sample| (sample.clone(), labels_of(&sample)))
        .collect()
});

#[derive(Deserialize)]
struct Expression {
    selectors: Vec<Selector>,
    labels: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Selector {
    metric: String,
    labels: BTreeSet<String>,
}

/// What these expressions name that there is not.
pub(crate) fn unknown(expressions: &[String]) -> Vec<String> {
    let parsed: Vec<Expression> = over_list(&["promql"], expressions).unwrap();
    assert_eq!(parsed.len(), expressions.len());
    let each = parsed.iter().zip(expressions);
    each.flat_map(|(parsed, text)| {
        unknown_of(parsed)
            .into_iter()
            .map(move |name| format!("{name} in {text}"))
    })
    .collect()
}

fn unknown_of(expression: &Expression) -> Vec<String> {
    let (mut unknown, mut all) = (Vec::new(), BTreeSet::new());
    for Selector { metric, labels } in &expression.selectors {
        match KNOWN.get(metric) {
            Some(known) => {
                unknown.extend(labels.difference(known).cloned());
                all.extend(known);
            }
            None => unknown.push(metric.clone()),
        }
    }
    let grouped = expression.labels.iter().filter(|label| !all.contains(label));
    unknown.extend(grouped.cloned());
    unknown
}

#[test]
fn prometheus_accepts_what_the_operator_shows() {
    let wanted = exposition().lines().filter(|line| !line.starts_with('#')).count();
    let samples: Vec<String> = over_text(&["openmetrics"], &exposition()).unwrap();
    assert_eq!(samples.len(), wanted, "{samples:?}");
    let text = exposition();
    for (broken, why) in [
        (text.replace("# EOF\n", ""), "no end"),
        (
            text.replace("_leader 1", "_leader one"),
            "a value that is no number",
        ),
        (
            text.replace("{endpoint=\"Token\"", "{endpoint=Token"),
            "a label without quotation marks",
        ),
    ] {
        assert_ne!(broken, text, "{why}");
        assert!(
            over_text::<Vec<String>>(&["openmetrics"], &broken).is_err(),
            "{why}"
        );
    }
}

#[test]
fn what_an_expression_names_that_there_is_not_is_found() {
    let expressions = [
        "sum by (endpoint, color) (rate(salesforce_connector_token_requests_total{kind=\"x\", job=\"sfc\"}[5m]))",
        "histogram_quantile(0.5, sum by (le) (rate(salesforce_connector_reconcile_duration_seconds_bucket[5m])))",
        "salesforce_connector_readiness == 0",
    ]
    .map(str::to_owned);
    let found: BTreeSet<_> = unknown(&expressions)
        .into_iter()
        .map(|found| found.split(' ').next().unwrap().to_owned())
        .collect();
    let wanted = ["color", "endpoint", "kind", "salesforce_connector_readiness"].map(str::to_owned);
    assert_eq!(found, BTreeSet::from(wanted));
}
