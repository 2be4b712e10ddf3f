//! What would the API server refuse? Its schema and CEL rules, in the order and in the words of the API server.
//!
//! The schema is walked here and not by a library for JSON schema: the API server prunes, fills in defaults, and knows sets,
//! and a user should read the same words from both. `tests/api` compares them with a real API server.

use kube_cel::{CompiledSchema, ErrorKind, ValidationError, Validator, apply_defaults, compile_schema};
use salesforce_connector_operator::api::crd;
use serde_json::{Map, Value, json};

use crate::lint::objection::Objection;

const API_VERSION: &str = "salesforce-connector.dev/v1alpha1";
/// Names at least this similar are suggested for a field that nobody knows.
const SIMILAR: f64 = 0.85;

/// The CRD, ready to be checked against.
pub struct Contract {
    schema: Value,
    rules: CompiledSchema,
    validator: Validator,
}

impl Contract {
    pub fn new() -> Self {
        let crd = serde_json::to_value(crd::crd()).unwrap_or_default();
        let schema = crd
            .pointer("/spec/versions/0/schema/openAPIV3Schema")
            .cloned()
            .unwrap_or_default();
        Self {
            rules: compile_schema(&schema),
            schema,
            validator: Validator::new(),
        }
    }

    /// The object as it would be stored, and what is wrong with it.
    pub fn check(&self, object: &Value) -> (Value, Vec<Objection>) {
        let mut object = object.clone();
        let mut found = metadata(&mut object);
        prune(&self.schema, &mut object, "", &mut found);
        // Defaults of a parent that is itself a default need a second pass.
        let object = apply_defaults(&self.schema, &apply_defaults(&self.schema, &object));
        let mut blocking = false;
        structure(&self.schema, &object, "", &mut found, &mut blocking);
        duplicates(&self.schema, &object, "", &mut found);
        if !blocking && let Err(errors) = self.validator.validate_compiled(&self.rules, &object, None) {
            found.extend(errors.into_vec().into_iter().map(of_rule));
        }
        (object, found)
    }
}

impl Default for Contract {
    fn default() -> Self {
        Self::new()
    }
}

/// What a rule says. One that can't be evaluated counts as broken, as with the API server.
fn of_rule(error: ValidationError) -> Objection {
    let kind = match error.reason.as_deref() {
        _ if error.kind != ErrorKind::ValidationFailure => "Internal error",
        Some("FieldValueRequired") => "Required value",
        Some("FieldValueForbidden") => "Forbidden",
        Some("FieldValueDuplicate") => "Duplicate value",
        _ => "Invalid value",
    };
    Objection::new(error.field_path, format!("{kind}: {}", error.message))
}

/// The version, and a name that the API server takes. A status does not count when an object is created.
fn metadata(object: &mut Value) -> Vec<Objection> {
    let mut found = Vec::new();
    let Some(members) = object.as_object_mut() else {
        return vec![Objection::new("", "this is no object")];
    };
    members.remove("status");
    if members.get("apiVersion").and_then(Value::as_str) != Some(API_VERSION) {
        found.push(Objection::new(
            "apiVersion",
            format!("Unsupported value: use {API_VERSION}"),
        ));
    }
    let metadata = members.entry("metadata").or_insert_with(|| json!({}));
    let Some(metadata) = metadata.as_object_mut() else {
        return vec![Objection::new(
            "metadata",
            "Invalid value: metadata must be an object with a name",
        )];
    };
    if let (None, Some(prefix)) = (
        metadata.get("name"),
        metadata.get("generateName").and_then(Value::as_str),
    ) {
        let name = format!("{prefix}xxxxx");
        metadata.insert("name".to_owned(), name.into());
    }
    match metadata.get("name").and_then(Value::as_str) {
        None => found.push(Objection::new("metadata.name", "Required value: name or generateName is required")),
        Some(name) if !is_object_name(name) => found.push(Objection::new(
            "metadata.name",
            "Invalid value: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and \
             must start and end with an alphanumeric character",
        )),
        Some(_) => {}
    }
    found
}

fn is_object_name(name: &str) -> bool {
    let label = |label: &str| {
        let inner = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        !label.is_empty() && !label.starts_with('-') && !label.ends_with('-') && label.chars().all(inner)
    };
    name.len() <= 253 && name.split('.').all(label)
}

fn join(field: &str, name: &str) -> String {
    if field.is_empty() {
        name.to_owned()
    } else {
        format!("{field}.{name}")
    }
}

/// The parts of a value that a schema describes, each with its schema and path.
fn parts<'a>(schema: &'a Value, value: &'a Value, field: &str) -> Vec<(&'a Value, &'a Value, String)> {
    let described = |name: &str| {
        let property = schema
            .get("properties")
            .and_then(|properties| properties.get(name));
        property.or_else(|| schema.get("additionalProperties"))
    };
    match value {
        Value::Object(members) => members
            .iter()
            .filter_map(|(name, member)| Some((described(name)?, member, join(field, name))))
            .collect(),
        Value::Array(items) => {
            let schema = schema.get("items");
            let numbered = items.iter().enumerate();
            numbered
                .filter_map(|(index, item)| Some((schema?, item, format!("{field}[{index}]"))))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// Removes what the schema does not know, with a word about it as `kubectl apply` has it, and nulls, without a word.
fn prune(schema: &Value, value: &mut Value, field: &str, found: &mut Vec<Objection>) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
                members.retain(|name, _| {
                    let known = properties.contains_key(name) || is_of_kubernetes(field, name);
                    if !known {
                        found.push(Objection::new(join(field, name), unknown(name, properties)));
                    }
                    known
                });
            }
            for (name, member) in members {
                let property = schema
                    .get("properties")
                    .and_then(|properties| properties.get(name));
                if let Some(schema) = property.or_else(|| schema.get("additionalProperties")) {
                    prune(schema, member, &join(field, name), found);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                if let Some(schema) = schema.get("items") {
                    prune(schema, item, &format!("{field}[{index}]"), found);
                }
            }
        }
        _ => {}
    }
}

fn is_of_kubernetes(field: &str, name: &str) -> bool {
    field.is_empty() && ["apiVersion", "kind", "metadata"].contains(&name)
}

fn unknown(name: &str, properties: &Map<String, Value>) -> String {
    let close = properties
        .keys()
        .map(|known| (strsim::jaro_winkler(known, name), known));
    let close = close
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let hint = close.map_or_else(String::new, |(_, known)| format!(". Did you mean {known}?"));
    format!("unknown field{hint}")
}

/// Types, lengths, counts, enumerations and what is required. Rules run unless something `blocking` is found.
fn structure(schema: &Value, value: &Value, field: &str, found: &mut Vec<Objection>, blocking: &mut bool) {
    let kind = schema.get("type").and_then(Value::as_str).unwrap_or_default();
    let actual = type_of(value);
    if !kind.is_empty() && kind != actual && (kind, actual) != ("number", "integer") {
        *blocking = true;
        let text = format!("Invalid value: {field} in body must be of type {kind}: \"{actual}\"");
        return found.push(Objection::new(field, text));
    }
    let beyond = [
        too_long(schema, value),
        too_many(schema, value),
        unsupported(schema, value),
    ];
    *blocking |= beyond.iter().any(Option::is_some);
    let objections = beyond
        .into_iter()
        .flatten()
        .chain(too_short(schema, value, field));
    found.extend(objections.map(|text| Objection::new(field, text)));
    let required = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    for name in required
        .filter_map(Value::as_str)
        .filter(|name| value.get(name).is_none())
    {
        *blocking = true;
        found.push(Objection::new(join(field, name), "Required value"));
    }
    for (schema, part, field) in parts(schema, value, field) {
        structure(schema, part, &field, found, blocking);
    }
}

fn limit(schema: &Value, name: &str) -> Option<usize> {
    schema
        .get(name)
        .and_then(Value::as_u64)
        .and_then(|limit| usize::try_from(limit).ok())
}

fn too_long(schema: &Value, value: &Value) -> Option<String> {
    let most = limit(schema, "maxLength")
        .filter(|most| value.as_str().is_some_and(|text| text.chars().count() > *most))?;
    Some(format!("Too long: may not be more than {most} bytes"))
}

fn too_short(schema: &Value, value: &Value, field: &str) -> Option<String> {
    let least = limit(schema, "minLength")
        .filter(|least| value.as_str().is_some_and(|text| text.chars().count() < *least))?;
    Some(format!(
        "Invalid value: {field} in body should be at least {least} chars long"
    ))
}

fn too_many(schema: &Value, value: &Value) -> Option<String> {
    let items = value
        .as_array()
        .map(Vec::len)
        .or_else(|| value.as_object().map(Map::len))?;
    let most = limit(schema, "maxItems")
        .or_else(|| limit(schema, "maxProperties"))
        .filter(|most| items > *most)?;
    Some(format!("Too many: {items}: must have at most {most} items"))
}

fn unsupported(schema: &Value, value: &Value) -> Option<String> {
    let values = schema
        .get("enum")?
        .as_array()
        .filter(|values| !values.contains(value))?;
    let values: Vec<String> = values.iter().map(Value::to_string).collect();
    Some(format!(
        "Unsupported value: {value}: supported values: {}",
        values.join(", ")
    ))
}

/// Lists that are sets have each item once, and those that are maps each key.
fn duplicates(schema: &Value, value: &Value, field: &str, found: &mut Vec<Objection>) {
    let items = value.as_array().map_or(&[][..], Vec::as_slice);
    let keys: Vec<Value> = items.iter().filter_map(|item| key_of(schema, item)).collect();
    for (index, key) in keys.iter().enumerate() {
        if keys.iter().take(index).any(|before| before == key) {
            found.push(Objection::new(
                format!("{field}[{index}]"),
                format!("Duplicate value: {key}"),
            ));
        }
    }
    for (schema, part, field) in parts(schema, value, field) {
        duplicates(schema, part, &field, found);
    }
}

/// By what an item of a list is told from others, if the list is a set or a map.
fn key_of(schema: &Value, item: &Value) -> Option<Value> {
    match schema.get("x-kubernetes-list-type")?.as_str()? {
        "set" => Some(item.clone()),
        "map" => {
            let names = schema.get("x-kubernetes-list-map-keys")?.as_array()?;
            let names = names.iter().filter_map(Value::as_str);
            let key = names.filter_map(|name| Some((name.to_owned(), item.get(name)?.clone())));
            Some(Value::Object(key.collect()))
        }
        _ => None,
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
