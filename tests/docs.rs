//! Do the pages under docs/ say what the code does? The generated ones are compared with the code.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends where its fixture is wrong"
)]

use std::collections::BTreeSet;
use std::fmt::Write as _;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use salesforce_connector_operator::api::crd;
use salesforce_connector_operator::api::names::DOCS_URL;
use salesforce_connector_operator::api::reasons::Reason;
use salesforce_connector_operator::core::schedule::retry_text::{retest, retry};
use salesforce_connector_operator::lease::shard::MOST_SHARDS;
use salesforce_connector_operator::metrics::CONNECTOR_SERIES_LIMIT;
use serde_json::{Value, json};

#[path = "support/exposition.rs"]
mod exposition;
#[path = "support/generated.rs"]
mod generated;

use exposition::{Family, exposition, families};

const HEAD: &str = "<!-- Generated from the code by `make generate`; do not edit. -->\n";

#[test]
fn the_page_of_reasons_matches_the_code() {
    generated::assert_generated("docs/reasons.md", &reasons_page());
}

/// What one sees whose app lacks a step of docs/setup.md: the step, 0 for what comes before the first, and the reasons.
const SETUP: &[(u32, &[&str])] = &[
    (0, &["DomainNotSupported", "AppNotFound", "AudienceInvalid"]),
    (1, &["AppDistributionInvalid", "AppDisabled", "AppNotInstalled"]),
    (2, &["NoValidScopes", "LoginWithoutRefreshToken", "ScopeInvalid"]),
    (3, &["RedirectUriMismatch"]),
    (
        4,
        &[
            "ClientCredentialsFlowDisabled",
            "RunAsUserMissing",
            "GrantTypeNotSupported",
            "AssertionInvalid",
        ],
    ),
    (5, &["UserNotApproved", "UserNotAdminApproved"]),
    (
        6,
        &[
            "IpRestricted",
            "IpOrLoginHoursRestricted",
            "IpRestrictedByAppDeveloper",
        ],
    ),
    (7, &["RefreshTokenExpired"]),
    (
        8,
        &[
            "ApiDisabled",
            "ApiDisabledForUser",
            "UserInactive",
            "SessionLevelTooLow",
        ],
    ),
    (9, &["ClientIdInvalid", "ClientSecretInvalid"]),
];

#[test]
fn the_guide_to_the_setup_says_what_one_sees_without_a_step() {
    let (begin, end) = (
        "<!-- begin refusals, from the code by `make generate` -->\n",
        "<!-- end refusals -->",
    );
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/setup.md")).unwrap();
    let (before, rest) = page.split_once(begin).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let mut table =
        "| step | what you see | what it means | what to change |\n| --- | --- | --- | --- |\n".to_owned();
    for (step, reasons) in SETUP {
        for name in *reasons {
            let reason = Reason::parse(name).expect(name);
            let (meaning, remedy) = (reason.meaning(), reason.remedy());
            let step = if *step == 0 {
                "Host".to_owned()
            } else {
                step.to_string()
            };
            let _ = writeln!(table, "| {step} | `{name}` | {meaning} | {remedy} |");
        }
    }
    generated::assert_generated("docs/setup.md", &format!("{before}{begin}{table}{end}{after}"));
}

fn reasons_page() -> String {
    let mut page = format!(
        "{HEAD}
# Reasons

Every reason that can appear in a condition, an event or a metric: what it means, who must act, how to fix it, and when
the operator retries by itself. A reason never changes its meaning. The message next to it contains the details.

To request a renewal now:

```sh
kubectl annotate sfc NAME salesforce-connector.dev/renew-requested-at=$(date +%s) --overwrite
```

*Retry* applies to logins, and to the test of a new token before the operator publishes it. {}
",
        retest()
    );
    page.push_str(&index_of_reasons());
    let sections = [
        (
            "The connector, its Secrets and its token",
            "The operator itself reports these reasons.",
        ),
        (
            "Refresh token grants",
            "These reasons apply to `authorizationCode`, where only a user can provide a new grant.",
        ),
        (
            "Errors from Salesforce and the network",
            "These reasons come from Salesforce's responses, or from failed connections. The message quotes Salesforce.",
        ),
        (
            "Errors from the signer",
            "These reasons come from the signer in `spec.auth.jwtBearer.signer`, or from the way to it. Salesforce hears nothing of \
             them, and a token that is in use stays in use until it expires.",
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
                "\n### {}\n\n{}\n\n- Who must act: {}\n- Remedy: {}\n- Retry: {}\n",
                reason.as_str(),
                reason.meaning(),
                reason.actor().who(),
                reason.remedy(),
                retry(reason),
            );
        }
    }
    page
}

/// Every reason in alphabetical order, as a link to its section.
fn index_of_reasons() -> String {
    let names: BTreeSet<&str> = Reason::all().map(Reason::as_str).collect();
    let links = names
        .iter()
        .map(|name| format!("[{name}](#{})", name.to_lowercase()));
    format!("\n## Index\n\n{}\n", links.collect::<Vec<_>>().join(",\n"))
}

fn section_of(reason: Reason) -> usize {
    match reason {
        Reason::Own(_) => 0,
        Reason::Grant(_) => 1,
        Reason::Salesforce(_) => 2,
        Reason::Signer(_) => 3,
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
fn every_reason_is_explained_in_whole_sentences_without_markup() {
    for reason in Reason::all() {
        let (name, meaning, remedy) = (reason.as_str(), reason.meaning(), reason.remedy());
        assert!(meaning.ends_with('.'), "{name}: {meaning}");
        assert!(
            remedy.ends_with('.') || remedy.contains("kubectl "),
            "{name}: {remedy}"
        );
        for text in [meaning, remedy, retry(reason).as_str()] {
            assert!(!text.contains(['<', '{', '|', '\n']), "{name}: {text}");
            assert!(!text.contains("  "), "{name}: {text}");
        }
    }
}

#[test]
fn every_address_in_the_crd_is_that_of_a_page_under_docs() {
    let crd: String = crd::all().iter().map(crd::yaml).collect();
    let pages: BTreeSet<&str> = crd
        .split("https://salesforce-connector.dev")
        .skip(1)
        .filter_map(|rest| rest.split(['`', ' ', '\n']).next())
        .collect();
    assert!(pages.contains("/docs/reasons"), "{pages:?}");
    for page in pages {
        let address = format!("https://salesforce-connector.dev{page}");
        let path = address.strip_prefix(DOCS_URL).unwrap_or(&address);
        let file = format!("{}/docs{path}.md", env!("CARGO_MANIFEST_DIR"));
        assert!(std::path::Path::new(&file).exists(), "{address}");
    }
}

#[test]
fn the_page_of_fields_lists_the_crd() {
    generated::assert_generated("docs/api.md", &fields_page());
}

fn fields_page() -> String {
    let mut page = format!(
        "{HEAD}
# SalesforceConnector

Every field of `salesforce-connector.dev/v1alpha1`, as `kubectl explain sfc.spec` and `kubectl explain sfc.status` print
it. Fields marked with * are required if their parent is set. The API server rejects invalid combinations with a message
that names the field; [examples](../examples/README.md) show complete connectors.
"
    );
    parts(&crd::crd(), "##", &mut page);
    page.push_str("\n## SalesforceTokenCopy\n\nAccepts the token of a connector in another namespace: see [sharing.md](sharing.md).\n");
    parts(&crd::copies_crd(), "###", &mut page);
    page
}

fn parts(crd: &CustomResourceDefinition, heading: &str, page: &mut String) {
    let kind = &crd.spec.names.kind;
    let crd = serde_json::to_value(crd).unwrap();
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"];
    for part in ["spec", "status"] {
        let of = if heading == "##" {
            String::new()
        } else {
            format!(" of {kind}")
        };
        let _ = write!(
            page,
            "\n{heading} {part}{of}\n\n| field | type | default | meaning |\n| --- | --- | --- | --- |\n"
        );
        fields(&schema[part], part, page);
    }
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

The metrics that `/metrics` serves in the OpenMetrics format. Labels are closed lists, apart from `namespace` and `name`, which
identify a connector. No label ever contains a secret. *Series* says how many there can be at most, of one process.

Series per connector exist while the operator works on it: not for a suspended one, and not after it was deleted. With more than
{CONNECTOR_SERIES_LIMIT} connectors (`metrics.connectorSeriesLimit` of the chart) there are none, and metrics about all connectors together
remain. A replica serves metrics about the connectors that it works on: without shards, only the leader does.

Prometheus sets a label `namespace` of its own on what it scrapes. Configure `honor_labels: true`, as the chart does, or the
namespace of a connector becomes `exported_namespace`. The chart has alerts and a dashboard for these metrics:
[runbooks.md](runbooks.md).

| metric | type | labels | series | meaning |
| --- | --- | --- | --- | --- |
"
    );
    for family in families(&exposition()) {
        let labels: Vec<String> = family.labels.iter().map(|label| format!("`{label}`")).collect();
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {} | {} |",
            family.name,
            family.kind,
            labels.join(", "),
            most_series(&family),
            family.help
        );
    }
    page.push_str(
        "\n`result` of requests and tests is `Succeeded`, or a reason of [reasons.md](reasons.md).\n",
    );
    page
}

/// How many series a metric can have.
fn most_series(family: &Family) -> String {
    let reasons = Reason::all().count() + 1;
    let of_reconciles = family.name == "salesforce_connector_reconcile_duration_seconds";
    // And `ParseConnector`.
    let operations = include_str!("../src/shell/error.rs").matches(" => \"").count() + 1;
    let notices = include_str!("../src/core/callback/notice.rs")
        .split("fn name")
        .nth(1);
    let notices = notices.and_then(|text| text.split("\n    }\n").next());
    let known = [
        ("namespace", 1),
        ("name", 1),
        ("version", 1),
        ("method", 4),
        ("result", if of_reconciles { 3 } else { reasons }),
        ("reason", reasons),
        ("ready", 3),
        ("endpoint", 6),
        ("outcome", 4),
        ("operation", operations),
        ("purpose", 3),
        ("shard", MOST_SHARDS.into()),
        ("page", 4 + notices.unwrap().matches(" => \"").count()),
    ];
    let values_of = |label: &String| {
        let found = known.iter().find(|(name, _)| name == label);
        found.expect("a label whose values are counted here").1
    };
    let buckets = if family.kind == "histogram" {
        family.buckets + 2
    } else {
        1
    };
    let most = family.labels.iter().map(values_of).product::<usize>() * buckets;
    if family.labels.contains("namespace") {
        format!("{most} per connector")
    } else {
        most.to_string()
    }
}

#[test]
fn every_metric_has_a_sentence_and_was_seen() {
    let families = families(&exposition());
    for family in &families {
        assert!(family.help.ends_with('.'), "{}: {}", family.name, family.help);
        assert!(!family.kind.is_empty(), "{}", family.name);
    }
    let source = [
        include_str!("../src/metrics.rs"),
        include_str!("../src/metrics/connectors.rs"),
    ]
    .concat();
    let registered =
        source.matches("registry.register(").count() + source.matches("registry.register_with_unit(").count();
    assert_eq!(
        families.len(),
        registered,
        "a metric is registered that this test doesn't touch"
    );
}

#[test]
fn the_page_of_recipes_shows_the_files_in_examples() {
    let page = include_str!("../docs/recipes.md");
    let mut shown = BTreeSet::new();
    let mut wanted = String::new();
    let mut sections = page.split("](../examples/recipes/");
    wanted.push_str(sections.next().unwrap());
    for section in sections {
        let (file, rest) = section.split_once(")\n\n```yaml\n").unwrap();
        let after = rest.split_once("\n```\n").unwrap().1;
        let text = std::fs::read_to_string(format!("{RECIPES}/{file}")).unwrap();
        let _ = write!(
            wanted,
            "](../examples/recipes/{file})\n\n```yaml\n{text}```\n{after}"
        );
        shown.insert(file.to_owned());
    }
    generated::assert_generated("docs/recipes.md", &wanted);
    let files = std::fs::read_dir(RECIPES).unwrap();
    let files: BTreeSet<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(shown, files);
}

const RECIPES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/recipes");

/// See <https://prometheus.io/docs/practices/naming/>.
#[test]
fn every_metric_is_named_as_prometheus_recommends() {
    for Family { name, kind, help, .. } in families(&exposition()) {
        let suffix = name.rsplit('_').next().unwrap();
        assert!(name.starts_with("salesforce_connector_"), "{name}");
        assert_eq!(kind == "counter", suffix == "total", "{name} is a {kind}");
        assert_eq!(kind == "info", suffix == "info", "{name} is a {kind}");
        assert!(
            kind != "histogram" || suffix == "seconds",
            "{name} has no base unit"
        );
        assert!(
            !["milliseconds", "minutes", "percent", "count"].contains(&suffix),
            "{name}"
        );
        assert_eq!(
            help.contains("as Unix time"),
            name.ends_with("_timestamp_seconds"),
            "{name}: {help}"
        );
        assert_eq!(
            help.contains("share of"),
            name.ends_with("_ratio"),
            "{name}: {help}"
        );
    }
}
