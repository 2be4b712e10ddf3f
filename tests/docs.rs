//! Do the pages under docs/ say what the code does? The generated ones are compared with the code.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends where its fixture is wrong"
)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use salesforce_connector_operator::api::crd;
use salesforce_connector_operator::api::reasons::{Actor, RETEST, Reason};
use salesforce_connector_operator::api::status::SalesforceConnectorStatus;
use salesforce_connector_operator::metrics::Metrics;
use serde_json::{Value, json};

#[path = "support/generated.rs"]
mod generated;

const HEAD: &str = "<!-- Generated from the code by `make generate`; do not edit. -->\n";

#[test]
fn the_page_of_reasons_says_what_the_code_says() {
    generated::assert_generated("docs/reasons.md", &reasons_page());
}

fn reasons_page() -> String {
    let mut page = format!(
        "{HEAD}
# Reasons

Every reason that stands in a condition, an event or a metric: what it means, who acts, what they do, and when the
operator tries again by itself. A reason never changes its meaning; the message beside it has the particulars.

To have it tried now, whatever the table says:

```sh
kubectl annotate sfc NAME salesforce-connector.dev/renew-requested-at=$(date +%s) --overwrite
```

*Tried again* speaks of logins, and of the test of a new token, before which it doesn't reach its Secret. {RETEST}
"
    );
    let sections = [
        (
            "The connector, its Secrets and its token",
            "These are the operator's own.",
        ),
        (
            "Refresh token grants",
            "These concern `authorizationCode`, where a grant can't be had again without a person.",
        ),
        (
            "Refusals by Salesforce, and trouble on the way",
            "These come from Salesforce's answers; its own words are in the message.",
        ),
    ];
    for (section, (title, text)) in sections.iter().enumerate() {
        let _ = write!(page, "\n## {title}\n\n{text}\n");
        let mut reasons: Vec<Reason> = Reason::all()
            .filter(|reason| section_of(*reason) == section)
            .collect();
        reasons.sort_by_key(|reason| reason.as_str());
        for reason in reasons {
            let _ = write!(
                page,
                "\n### {}\n\n{}\n\n- Who acts: {}\n- What to do: {}\n- Tried again: {}\n",
                reason.as_str(),
                reason.meaning(),
                actor(reason.actor()),
                reason.remedy(),
                reason.retry(),
            );
        }
    }
    page
}

fn section_of(reason: Reason) -> usize {
    match reason {
        Reason::Own(_) => 0,
        Reason::Grant(_) => 1,
        Reason::Salesforce(_) => 2,
    }
}

fn actor(actor: Actor) -> &'static str {
    match actor {
        Actor::Developer => "whoever wrote the connector and its Secrets",
        Actor::SalesforceAdministrator => "an administrator of the Salesforce org",
        Actor::ClusterAdministrator => "an administrator of the cluster",
        Actor::Nobody => "nobody",
        Actor::Maintainers => "the maintainers of this project",
    }
}

#[test]
fn every_reason_has_a_name_of_its_own_that_kubernetes_accepts() {
    let names: Vec<&str> = Reason::all().map(Reason::as_str).collect();
    let unique: BTreeSet<&str> = names.iter().copied().collect();
    let doubled: Vec<_> = unique
        .iter()
        .filter(|name| names.iter().filter(|other| other == name).count() > 1)
        .collect();
    assert!(doubled.is_empty(), "{doubled:?} mean more than one thing");
    for reason in Reason::all() {
        let name = reason.as_str();
        let camel_case = name.starts_with(|first: char| first.is_ascii_uppercase())
            && name.chars().all(|letter| letter.is_ascii_alphanumeric())
            && name.len() <= 64;
        assert!(camel_case, "{name} is no reason of a condition");
        assert_eq!(Reason::parse(name), Some(reason));
    }
    assert!(names.len() > 100, "only {} reasons", names.len());
}

#[test]
fn every_reason_is_explained_in_whole_sentences_without_anything_that_html_would_swallow() {
    for reason in Reason::all() {
        let (name, meaning, remedy) = (reason.as_str(), reason.meaning(), reason.remedy());
        assert!(meaning.ends_with('.'), "{name}: {meaning}");
        assert!(
            remedy.ends_with('.') || remedy.contains("kubectl "),
            "{name}: {remedy}"
        );
        for text in [meaning, remedy, reason.retry()] {
            assert!(!text.contains(['<', '{', '|', '\n']), "{name}: {text}");
            assert!(!text.contains("  "), "{name}: {text}");
        }
    }
}

#[test]
fn the_page_of_fields_lists_the_crd() {
    generated::assert_generated("docs/api.md", &fields_page());
}

fn fields_page() -> String {
    let crd = serde_json::to_value(crd::crd()).unwrap();
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"];
    let mut page = format!(
        "{HEAD}
# SalesforceConnector

Every field of `salesforce-connector.dev/v1alpha1`, as `kubectl explain sfc.spec` and `kubectl explain sfc.status` print
it. Fields marked with * are required where their parent is there. What may be combined with what is checked by the API
server, which answers with a sentence; [examples](../examples) show whole connectors.
"
    );
    for part in ["spec", "status"] {
        let _ = write!(
            page,
            "\n## {part}\n\n| field | type | default | meaning |\n| --- | --- | --- | --- |\n"
        );
        fields(&schema[part], part, &mut page);
    }
    page
}

fn fields(schema: &Value, path: &str, page: &mut String) {
    let required = |name: &str| {
        schema["required"]
            .as_array()
            .is_some_and(|names| names.contains(&json!(name)))
    };
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let star = if required(name) { "\\*" } else { "" };
        let default = match &field["default"] {
            Value::Null => String::new(),
            value => format!("`{value}`"),
        };
        let meaning = field["description"].as_str().unwrap_or_default();
        let meaning = meaning
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .replace('|', "\\|");
        let path = format!("{path}.{name}");
        let _ = writeln!(
            page,
            "| `{path}`{star} | {} | {default} | {meaning} |",
            kind(field)
        );
        fields(field, &path, page);
        fields(&field["items"], &format!("{path}[]"), page);
    }
}

fn kind(field: &Value) -> String {
    if let Some(values) = field["enum"].as_array() {
        let values: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
        return values.join(", ");
    }
    let name = field["type"].as_str().unwrap_or_default();
    match (name, field.get("additionalProperties")) {
        ("array", _) => format!("list of {}", kind(&field["items"])),
        ("object", Some(values)) => format!("map to {}", kind(values)),
        ("string", _) if field["format"] == "date-time" => "time".to_owned(),
        _ => name.to_owned(),
    }
}

#[test]
fn the_page_of_metrics_lists_the_registry() {
    generated::assert_generated("docs/metrics.md", &metrics_page());
}

fn metrics_page() -> String {
    let mut page = format!(
        "{HEAD}
# Metrics

What `/metrics` serves, in the OpenMetrics format. Names of methods and results are closed lists; `namespace` and `name`
are those of a connector, whose series go when it goes. No label ever holds a secret.

| metric | type | labels | meaning |
| --- | --- | --- | --- |
"
    );
    for family in families(&exposition()) {
        let Family {
            name,
            kind,
            labels,
            help,
        } = family;
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        let _ = writeln!(page, "| `{name}` | {kind} | {} | {help} |", labels.join(", "));
    }
    page.push_str("\n`result` is `Succeeded`, or a reason of [reasons.md](reasons.md).\n");
    page
}

/// What the registry prints once everything in it has been seen at least once.
fn exposition() -> String {
    let metrics = Metrics::new();
    metrics.token_request("clientCredentials", "Succeeded");
    metrics.connection_test("Succeeded", Duration::from_secs(1));
    metrics.reconcile_errors("ReadSecret");
    metrics.population(1, Duration::from_mins(1));
    metrics.leader(true);
    let time = "2026-11-22T10:00:00Z";
    let status: SalesforceConnectorStatus = serde_json::from_value(json!({
        "token": {
            "issueTime": time, "expirationTime": time, "renewalTime": time, "expirySource": "Assumed",
        },
        "actionRequiredTime": time,
        "connectionTest": {
            "result": "Succeeded", "message": "", "lastTestTime": time,
            "apiUsage": { "used": 1, "allowed": 2 },
        },
    }))
    .unwrap();
    metrics.connector("namespace", "name", Some(&status));
    metrics.claimed_elsewhere("namespace", "name", true);
    metrics.encode()
}

struct Family {
    name: String,
    kind: String,
    labels: BTreeSet<String>,
    help: String,
}

/// Reads the text format: `# HELP`, `# TYPE`, then samples.
fn families(text: &str) -> Vec<Family> {
    let mut families: Vec<Family> = Vec::new();
    for line in text.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            families.push(Family {
                name: name.to_owned(),
                kind: String::new(),
                labels: BTreeSet::new(),
                help: help.to_owned(),
            });
        } else if let Some((_, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            let family = families.last_mut().expect("a type follows a help text");
            kind.clone_into(&mut family.kind);
            if kind == "counter" {
                family.name.push_str("_total");
            }
        } else if let Some(family) = families.last_mut().filter(|_| !line.starts_with('#')) {
            let inside = line.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
            let labels = inside.map_or("", |(labels, _)| labels).split(',');
            let names = labels
                .filter_map(|label| label.split_once('='))
                .map(|(name, _)| name.to_owned());
            family.labels.extend(names.filter(|name| name != "le"));
        }
    }
    families
}

#[test]
fn every_metric_has_a_sentence_and_was_seen() {
    let families = families(&exposition());
    for family in &families {
        assert!(family.help.ends_with('.'), "{}: {}", family.name, family.help);
        assert!(!family.kind.is_empty(), "{}", family.name);
    }
    let source = include_str!("../src/metrics.rs");
    let registered =
        source.matches("registry.register(").count() + source.matches("registry.register_with_unit(").count();
    assert_eq!(
        families.len(),
        registered,
        "a metric is registered that this test doesn't touch"
    );
}
