//! What does a SOQL query answer?
//!
//! docs/salesforce.md#organization-query; only `SELECT <fields> FROM <object>` with `WHERE` and `LIMIT` ignored.

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use crate::http::Reply;
use crate::org::{Org, OrgKind};
use crate::refusal::rest_reply;
use crate::user::User;

/// `columns`: what the columns are is asked for, and not what is in them; Salesforce's CLI does so.
pub(crate) fn answer(soql: &str, columns: bool, version: &str, org: &Org, user: &User) -> Reply {
    let Some((fields, object)) = parse(soql) else {
        return rest_reply(400, "MALFORMED_QUERY", &format!("unexpected token: {soql}"));
    };
    let Some((name, known)) = record(object, org, user) else {
        // Also where the user may not read the object. docs/salesforce.md#rest-errors
        let text = format!(
            "sObject type '{object}' is not supported. If you are attempting to use a custom object, be sure to \
             append the '__c' after the entity name."
        );
        return rest_reply(400, "INVALID_TYPE", &text);
    };
    if let ["COUNT()"] = *fields {
        // The records of others are not in the simulator. docs/salesforce.md#record-count
        let count = org.record_counts.get(name).copied().unwrap_or_default();
        return Reply::json(
            StatusCode::OK,
            &json!({ "totalSize": count, "done": true, "records": [] }),
        );
    }
    if columns {
        return Reply::json(StatusCode::OK, &metadata(&fields, name, &known));
    }
    let mut row = Map::new();
    let id = known
        .iter()
        .find(|(field, _)| *field == "Id")
        .and_then(|(_, id)| id.as_str())
        .unwrap_or_default();
    row.insert(
        "attributes".to_owned(),
        json!({ "type": name, "url": format!("/services/data/v{version}/sobjects/{name}/{id}") }),
    );
    for field in fields {
        let Some((field, value)) = known.iter().find(|(known, _)| known.eq_ignore_ascii_case(field)) else {
            let text = format!("No such column '{field}' on entity '{name}'.");
            return rest_reply(400, "INVALID_FIELD", &text);
        };
        row.insert((*field).to_owned(), value.clone());
    }
    Reply::json(
        StatusCode::OK,
        &json!({ "totalSize": 1, "done": true, "records": [row] }),
    )
}

fn parse(soql: &str) -> Option<(Vec<&str>, &str)> {
    let trimmed = soql.trim();
    trimmed
        .get(..7)
        .filter(|word| word.eq_ignore_ascii_case("select "))?;
    let below = trimmed.get(7..)?;
    let from = below.to_ascii_lowercase().find(" from ")?;
    let object = below.get(from + 6..)?.split_whitespace().next()?;
    let fields: Vec<&str> = below.get(..from)?.split(',').map(str::trim).collect();
    (!fields.iter().any(|field| field.is_empty())).then_some((fields, object))
}

/// The columns of a query.
fn metadata(fields: &[&str], entity: &str, known: &Columns) -> Value {
    let column = |field: &&str| {
        let (name, value) = known.iter().find(|(name, _)| name.eq_ignore_ascii_case(field))?;
        Some(json!({
            "aggregate": false, "apexType": "String", "booleanType": value.is_boolean(), "columnName": name, "custom": false,
            "displayName": name, "foreignKeyName": null, "insertable": false, "joinColumns": [], "numberType": value.is_number(),
            "textType": value.is_string(), "updatable": false,
        }))
    };
    json!({
        "columnMetadata": fields.iter().filter_map(column).collect::<Vec<_>>(),
        "entityName": entity, "groupBy": false, "idSelected": true, "keyPrefix": null,
    })
}

/// What kind of field it is, in a description.
pub(crate) fn type_of(name: &str, value: &Value) -> &'static str {
    match value {
        _ if name == "Id" => "id",
        Value::Bool(_) => "boolean",
        _ => "string",
    }
}

/// The fields of a record.
pub(crate) type Columns = Vec<(&'static str, Value)>;

/// The one record of an object that there is, if the user may read it.
pub(crate) fn record(object: &str, org: &Org, user: &User) -> Option<(&'static str, Columns)> {
    match object.to_ascii_lowercase().as_str() {
        "organization" if user.reads_organization => Some(("Organization", organization(org))),
        "user" => Some((
            "User",
            vec![
                ("Id", json!(user.id)),
                ("Username", json!(user.username)),
                ("Name", json!(user.name)),
                ("IsActive", json!(true)),
            ],
        )),
        "report" => Some(("Report", Vec::new())),
        "dashboard" => Some(("Dashboard", Vec::new())),
        "account" => Some((
            "Account",
            vec![
                ("Id", json!("001000000000001AAA")),
                ("Name", json!("Burlington Textiles")),
            ],
        )),
        _ => None,
    }
}

fn organization(org: &Org) -> Columns {
    // Scratch org = `IsSandbox` with a trial expiration date. docs/salesforce.md#organization-query
    let trial = match org.kind {
        OrgKind::Scratch => json!("2027-01-31T00:00:00.000+0000"),
        OrgKind::Production | OrgKind::Sandbox | OrgKind::Developer => Value::Null,
    };
    vec![
        ("Id", json!(org.id)),
        ("Name", json!(org.name)),
        ("OrganizationType", json!(org.kind.edition())),
        ("InstanceName", json!(org.instance)),
        ("IsSandbox", json!(org.kind.is_sandbox())),
        ("TrialExpirationDate", trial),
        ("NamespacePrefix", Value::Null),
        ("LanguageLocaleKey", json!("en_US")),
        ("TimeZoneSidKey", json!("Europe/Dublin")),
    ]
}
