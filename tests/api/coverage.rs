//! Has every rule of the schema a case? What the CRD says of `spec` is compared with the cases that run against the real
//! API server: each of its rules must be seen to refuse, and something must be seen to be accepted where it looks.

use std::collections::BTreeSet;

use salesforce_connector_operator::api::crd;
use serde_json::Value;

use super::{limits, rules};

/// A rule of the schema.
#[derive(Debug)]
struct Rule {
    /// Where it looks, as a path of members; `[]` stands for each item, `{}` for each value.
    place: Vec<String>,
    /// How a complaint about it begins, with the whole of what does not depend on the value.
    complaint: String,
}

/// All rules at and below a place.
fn rules_of(schema: &Value, place: &[String], found: &mut Vec<Rule>) {
    let field = place.join(".").replace(".[]", "[]");
    let mut rule = |place: &[String], complaint: String| {
        found.push(Rule {
            place: place.to_vec(),
            complaint,
        });
    };
    for (keyword, value) in schema.as_object().unwrap() {
        match (keyword.as_str(), value.as_u64()) {
            ("maxLength", Some(most)) => rule(
                place,
                format!("{field}: Too long: may not be more than {most} bytes"),
            ),
            ("minLength", Some(least)) => rule(
                place,
                format!("{field}: Invalid value: {field} in body should be at least {least} chars long"),
            ),
            ("maxItems" | "maxProperties", Some(most)) => {
                rule(
                    place,
                    format!("{field}: Too many: {}: must have at most {most} items", most + 1),
                );
            }
            ("enum", None) => rule(place, format!("{field}: Unsupported value: ")),
            ("x-kubernetes-list-type", None) => rule(place, format!("{field}[]: Duplicate value: ")),
            ("required", None) => {
                for member in value.as_array().unwrap() {
                    let below = [place, &[member.as_str().unwrap().to_owned()]].concat();
                    let field = below.join(".").replace(".[]", "[]");
                    rule(&below, format!("{field}: Required value"));
                }
            }
            ("x-kubernetes-validations", None) => {
                for validation in value.as_array().unwrap() {
                    rule(place, complaint_of(validation, &field));
                }
            }
            // What is below comes afterwards; the rest describes.
            ("default", Some(_))
            | (
                "properties"
                | "items"
                | "additionalProperties"
                | "type"
                | "title"
                | "description"
                | "default"
                | "format"
                | "x-kubernetes-list-map-keys",
                None,
            ) => {}
            (other, _) => panic!("{field} has {other}: is that a rule? Then it needs cases"),
        }
    }
    for (member, below) in schema["properties"].as_object().into_iter().flatten() {
        rules_of(below, &[place, std::slice::from_ref(member)].concat(), found);
    }
    for (keyword, step) in [("items", "[]"), ("additionalProperties", "{}")] {
        if schema[keyword].is_object() {
            rules_of(&schema[keyword], &[place, &[step.to_owned()]].concat(), found);
        }
    }
}

fn complaint_of(validation: &Value, field: &str) -> String {
    let field = format!("{field}{}", validation["fieldPath"].as_str().unwrap_or_default());
    let kind = match validation["reason"].as_str() {
        None => "Invalid value",
        Some("FieldValueRequired") => "Required value",
        Some("FieldValueForbidden") => "Forbidden",
        Some(other) => panic!("another reason: {other}"),
    };
    format!("{field}: {kind}: {}", validation["message"].as_str().unwrap())
}

/// The rules of a whole object. The status is the operator's to write.
fn all_rules() -> Vec<Rule> {
    let crd = serde_json::to_value(crd::crd()).unwrap();
    let schema = crd.pointer("/spec/versions/0/schema/openAPIV3Schema").unwrap();
    let mut found = Vec::new();
    rules_of(&schema["properties"]["spec"], &["spec".to_owned()], &mut found);
    let mut whole = schema.clone();
    whole["properties"].take();
    whole.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    rules_of(&whole, &[], &mut found);
    found
}

/// A complaint with the items of lists and the values of maps as the rules have them.
fn generalized(complaint: &str) -> String {
    let mut text = complaint.replace("<nil>: ", ": ");
    for map in ["spec.secret.labels", "spec.secret.annotations"] {
        text = text.replace(&format!("{map}.k: "), &format!("{map}.{{}}: "));
    }
    let mut general = String::new();
    for part in text.split_inclusive('[') {
        let digits = part
            .find(']')
            .filter(|end| part[..*end].bytes().all(|byte| byte.is_ascii_digit()));
        general.push_str(digits.map_or(part, |end| &part[end..]));
    }
    general
}

/// Whether an object has something at the place.
fn reaches(object: &Value, place: &[String]) -> bool {
    match place.split_first() {
        None => !object.is_null(),
        Some((step, rest)) => match (step.as_str(), object) {
            ("[]", Value::Array(items)) => items.iter().any(|item| reaches(item, rest)),
            ("{}", Value::Object(members)) => members.values().any(|member| reaches(member, rest)),
            (member, _) => reaches(&object[member], rest),
        },
    }
}

#[test]
fn every_rule_of_the_schema_has_a_case_that_it_refuses_and_one_that_it_accepts() {
    let cases = [rules::all(), limits::all()].into_iter().flatten();
    let (mut complaints, mut accepted) = (BTreeSet::from([rules::secret::TYPE_STAYS.to_owned()]), Vec::new());
    for case in cases {
        if !case.refused.is_empty() {
            complaints.extend(case.complaint.lines().map(generalized));
        }
        accepted.extend(case.accepted);
    }
    let rules = all_rules();
    let without: Vec<_> = rules
        .iter()
        .filter_map(|rule| {
            let refuses = complaints
                .iter()
                .any(|complaint| complaint.starts_with(&rule.complaint));
            let accepts = accepted.iter().any(|object| reaches(object, &rule.place));
            (!refuses || !accepts)
                .then(|| format!("refused: {refuses}, accepted: {accepts}, {}", rule.complaint))
        })
        .collect();
    assert!(rules.len() > 150, "{} rules", rules.len());
    assert!(without.is_empty(), "rules without cases:\n{}", without.join("\n"));
}
