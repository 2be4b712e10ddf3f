//! What in the chart has its home elsewhere: the CRD, the table of values, the version, the label.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use salesforce_connector_operator::api::crd;
use salesforce_connector_operator::api::names;
use serde_json::Value;

use crate::files::{assert_generated, read, yaml};

const BEGIN: &str = "<!-- values: generated from values.yaml by `make generate` -->\n";
const END: &str = "<!-- end of values -->\n";

/// A CRD as a template: behind `crds.install`, kept on uninstall, and with nothing that Helm would take for its own.
fn crd_template(crd: &CustomResourceDefinition) -> String {
    let crd = crd::yaml(crd).replace("{{", "{{ \"{{\" }}");
    let metadata = "metadata:\n";
    assert_eq!(
        crd.matches(&format!("\n{metadata}")).count(),
        1,
        "one place for annotations and labels"
    );
    let kept = format!(
        "{metadata}  annotations:\n    helm.sh/resource-policy: keep\n  labels:\n    {{{{- include \"sfc.labels\" . | nindent 4 }}}}\n"
    );
    let crd = crd.replacen(metadata, &kept, 1);
    format!("{{{{- if .Values.crds.install }}}}\n{crd}{{{{- end }}}}\n")
}

#[test]
fn the_crd_in_the_chart_is_the_crd_of_the_types() {
    assert_generated("templates/crd.yaml", &crd_template(&crd::crd()));
    assert_generated("templates/crd-copies.yaml", &crd_template(&crd::copies_crd()));
}

#[test]
fn the_readme_lists_the_values_with_their_comments() {
    let readme = read("README.md");
    let (before, rest) = readme
        .split_once(BEGIN)
        .expect("README.md has a mark where the values begin");
    let (_, after) = rest
        .split_once(END)
        .expect("README.md has a mark where the values end");
    let rows = documented_values(&read("values.yaml"));
    let table = rows.iter().fold(
        "| Value | Default | Meaning |\n| --- | --- | --- |\n".to_owned(),
        |table, value| {
            format!(
                "{table}| `{}` | `{}` | {} |\n",
                value.path,
                value.default,
                value.meaning.replace('|', "\\|")
            )
        },
    );
    assert_generated("README.md", &format!("{before}{BEGIN}\n{table}\n{END}{after}"));
}

/// A line of values.yaml that sets something.
#[derive(Debug)]
struct DocumentedValue {
    path: String,
    default: String,
    meaning: String,
}

/// Reads values.yaml line by line, as a parser would drop the comments. Panics at a value without one.
fn documented_values(text: &str) -> Vec<DocumentedValue> {
    let mut parents: Vec<&str> = Vec::new();
    let mut comment = String::new();
    let mut values = Vec::new();
    for line in text.lines() {
        let content = line.trim_start();
        let depth = (line.len() - content.len()) / 2;
        if let Some(words) = content.strip_prefix("# ") {
            comment.push(' ');
            comment.push_str(words);
            continue;
        }
        let Some((key, default)) = content.split_once(':') else {
            assert!(
                content.is_empty(),
                "values.yaml: a line that is neither a comment nor `key: value`: {line:?}"
            );
            comment.clear(); // an empty line ends a comment that documents nothing below it
            continue;
        };
        parents.truncate(depth);
        parents.push(key);
        let (path, meaning) = (parents.join("."), std::mem::take(&mut comment).trim().to_owned());
        if !default.is_empty() {
            assert!(
                !meaning.is_empty(),
                "values.yaml: {path} has no comment that says what it is"
            );
            values.push(DocumentedValue {
                path,
                default: default.trim().to_owned(),
                meaning,
            });
        }
    }
    values
}

#[test]
fn the_schema_knows_the_values_and_no_others() {
    let schema: Value = serde_json::from_str(&read("values.schema.json")).unwrap();
    let values = yaml(&read("values.yaml"));
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let (mut of_schema, mut of_values) = (Vec::new(), Vec::new());
    keys_of_schema("", &schema, &mut of_schema);
    keys_of_values("", &values, &schema, &mut of_values);
    // Helm's own, and what Kubernetes allows in `resources` beyond our defaults.
    of_schema.retain(|key| key != "global" && key != "resources.claims");
    of_schema.sort();
    of_values.sort();
    assert_eq!(of_schema, of_values);
}

fn keys_of_schema(prefix: &str, schema: &Value, keys: &mut Vec<String>) {
    for (key, below) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{prefix}{key}");
        keys_of_schema(&format!("{path}."), below, keys);
        keys.push(path);
    }
}

/// Keys of the values, as deep as the schema names properties.
fn keys_of_values(prefix: &str, values: &Value, schema: &Value, keys: &mut Vec<String>) {
    if schema["properties"].is_null() {
        return;
    }
    for (key, below) in values.as_object().into_iter().flatten() {
        let path = format!("{prefix}{key}");
        keys_of_values(&format!("{path}."), below, &schema["properties"][key], keys);
        keys.push(path);
    }
}

#[test]
fn the_comment_of_a_value_names_every_choice_that_the_schema_allows() {
    let schema: Value = serde_json::from_str(&read("values.schema.json")).unwrap();
    let mut choices = 0;
    for value in documented_values(&read("values.yaml")) {
        let path = format!("/properties/{}", value.path.replace('.', "/properties/"));
        let allowed = schema.pointer(&path).and_then(|schema| schema["enum"].as_array());
        for choice in allowed.into_iter().flatten() {
            let choice = format!("`{}`", choice.as_str().unwrap());
            assert!(
                value.meaning.contains(&choice),
                "values.yaml: {} has no {choice}",
                value.path
            );
            choices += 1;
        }
    }
    assert!(choices >= 7, "{choices}");
}

#[test]
fn the_chart_has_the_version_of_the_operator() {
    let chart = yaml(&read("Chart.yaml"));
    assert_eq!(
        (chart["version"].as_str(), chart["appVersion"].as_str()),
        (Some(env!("CARGO_PKG_VERSION")), Some(env!("CARGO_PKG_VERSION")))
    );
}

#[test]
fn the_admission_policy_looks_at_the_label_that_the_operator_sets() {
    let policy = read("templates/admission-policy.yaml");
    let label = format!(
        "labels[?\"{}\"].orValue(\"\") == \"{}\"",
        names::MANAGED_BY,
        names::MANAGED_BY_VALUE
    );
    let uid = format!("annotations[?\"{}\"].hasValue()", names::CONNECTOR_UID);
    let own = [
        names::STATE_PREFIX,
        names::REFUSED_PASSWORD_PREFIX,
        names::LEDGER_PREFIX,
    ];
    assert!(own.iter().all(|prefix| prefix.starts_with("sfc-")));
    let names = format!(
        "startsWith(\"sfc-\")\n      || variables.touched.metadata.name == \"{}\"",
        names::DIGEST_KEY_SECRET
    );
    for lookup in [label, uid, names] {
        assert!(policy.contains(&lookup), "{lookup} is not in the policy");
    }
}
