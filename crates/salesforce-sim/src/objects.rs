//! What objects are there, which fields have they, and what does one record say?

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use crate::http::Reply;
use crate::org::Org;
use crate::query;
use crate::refusal;
use crate::user::User;

/// Everything below `/services/data/vXX.X/sobjects`.
pub(crate) fn answer(version: &str, path: &str, org: &Org, user: &User) -> Reply {
    let parts: Vec<&str> = path.split('/').collect();
    match *parts.as_slice() {
        [_, object, "describe"] => describe(version, object, org, user),
        [_, object, id] => record(version, object, id, org, user),
        _ => refusal::NOT_FOUND.reply(),
    }
}

/// An object with its fields, as far as a query knows them.
fn describe(version: &str, object: &str, org: &Org, user: &User) -> Reply {
    let all = global(version, org, user);
    let is_it = |known: &&Value| {
        let name = known.get("name").and_then(Value::as_str);
        name.is_some_and(|name| name.eq_ignore_ascii_case(object))
    };
    let known = all.get("sobjects").and_then(Value::as_array);
    let Some(mut found) = known.into_iter().flatten().find(is_it).cloned() else {
        return refusal::NOT_FOUND.reply();
    };
    let columns = query::record(object, org, user).map(|(_, columns)| columns);
    let fields = columns.unwrap_or_default().into_iter().map(|(name, value)| {
        json!({ "name": name, "label": name, "type": query::type_of(name, &value), "nillable": value.is_null() })
    });
    if let Some(found) = found.as_object_mut() {
        found.insert("fields".to_owned(), fields.collect());
    }
    Reply::json(StatusCode::OK, &found)
}

/// One record with all its fields.
fn record(version: &str, object: &str, id: &str, org: &Org, user: &User) -> Reply {
    let found = query::record(object, org, user);
    let is_its = |columns: &query::Columns| columns.iter().any(|(name, value)| *name == "Id" && value == id);
    let Some((name, columns)) = found.filter(|(_, columns)| is_its(columns)) else {
        return refusal::NOT_FOUND.reply();
    };
    let mut row: Map<String, Value> = columns
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    let url = format!("/services/data/v{version}/sobjects/{name}/{id}");
    row.insert("attributes".to_owned(), json!({ "type": name, "url": url }));
    Reply::json(StatusCode::OK, &Value::Object(row))
}

const STANDARD_OBJECTS: [(&str, &str); 8] = [
    ("Account", "001"),
    ("Contact", "003"),
    ("User", "005"),
    ("Opportunity", "006"),
    ("Lead", "00Q"),
    ("Organization", "00D"),
    ("Case", "500"),
    ("Task", "00T"),
];

/// Describe global: only what the user may see. docs/salesforce.md#describe-global
pub(crate) fn global(version: &str, org: &Org, user: &User) -> Value {
    let standard = STANDARD_OBJECTS
        .iter()
        .filter(|(name, _)| *name != "Organization" || user.reads_organization)
        .map(|(name, prefix)| sobject(version, name, Some(prefix)));
    let custom = org.custom_objects.iter().map(|name| sobject(version, name, None));
    json!({ "encoding": "UTF-8", "maxBatchSize": 200, "sobjects": standard.chain(custom).collect::<Vec<_>>() })
}

fn sobject(version: &str, name: &str, prefix: Option<&str>) -> Value {
    let label = name.trim_end_matches("__c").replace('_', " ");
    json!({
        "name": name, "label": label, "labelPlural": format!("{label}s"), "custom": prefix.is_none(),
        "queryable": true, "createable": true, "updateable": true, "deletable": true,
        "keyPrefix": prefix.unwrap_or("a00"),
        "urls": { "sobject": format!("/services/data/v{version}/sobjects/{name}") },
    })
}
