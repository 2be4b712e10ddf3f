//! How are many connectors? One line each, and below them what needs a person.

use std::fmt::Write as _;

use jiff::Timestamp;
use kube::ResourceExt as _;
use kube::api::DynamicObject;
use salesforce_connector_operator::api::SalesforceConnector;

use crate::show::Paint;
use crate::status::screen::{condition, next_events, read, status, truth, who_must_act};
use crate::words::relative;

const HEAD: [&str; 7] = ["NAME", "READY", "REASON", "ORG", "USER", "EXPIRES", "NEXT"];

/// All connectors.
pub fn table(objects: &[DynamicObject], with_namespace: bool, now: Timestamp, paint: Paint) -> String {
    let mut rows = vec![HEAD.map(str::to_owned).to_vec()];
    let mut acts = String::new();
    for object in objects {
        let name = object.name_any();
        match read(object) {
            Ok(connector) => {
                rows.push(row(&connector, now));
                acts.push_str(&act(&connector, now, paint));
            }
            Err(error) => {
                rows.push(
                    [&name, "Unknown", "Unreadable", "", "", "", ""]
                        .map(str::to_owned)
                        .to_vec(),
                );
                let _ = writeln!(acts, "{name}: this version of the plugin can't read it: {error}");
            }
        }
    }
    if with_namespace {
        let namespaces = objects
            .iter()
            .map(|object| object.namespace().unwrap_or_default());
        let column = std::iter::once("NAMESPACE".to_owned()).chain(namespaces);
        rows.iter_mut()
            .zip(column)
            .for_each(|(row, namespace)| row.insert(0, namespace));
    }
    let ready =
        HEAD.iter().position(|head| *head == "READY").unwrap_or_default() + usize::from(with_namespace);
    let table = aligned(&rows, |column, text| {
        if column == ready {
            truth(text, paint)
        } else {
            text.to_owned()
        }
    });
    if acts.is_empty() {
        table
    } else {
        format!("{table}\n{acts}")
    }
}

fn row(connector: &SalesforceConnector, now: Timestamp) -> Vec<String> {
    let status = status(connector);
    let ready = condition(&status, "Ready");
    let identity = status.identity.clone().unwrap_or_default();
    let next = next_events(&status, now);
    vec![
        connector.name_any(),
        ready.map_or_else(|| "Unknown".to_owned(), |ready| ready.status.clone()),
        ready.map_or_else(String::new, |ready| ready.reason.clone()),
        identity
            .organization_name
            .or(identity.organization_id)
            .unwrap_or_default(),
        identity.username.or(identity.user_id).unwrap_or_default(),
        status
            .token
            .as_ref()
            .map_or_else(String::new, |token| relative(&token.expiration_time, now)),
        next.first().map_or_else(String::new, |(time, what)| {
            format!("{what} {}", relative(time, now))
        }),
    ]
}

/// What a person must do for a connector, if anything.
fn act(connector: &SalesforceConnector, now: Timestamp, paint: Paint) -> String {
    let status = status(connector);
    let Some(who) = who_must_act(&status, now, paint) else {
        return String::new();
    };
    let message = condition(&status, "Stalled").map_or("", |stalled| stalled.message.as_str());
    format!(
        "{}: {who}\n{}",
        connector.name_any(),
        if message.is_empty() {
            String::new()
        } else {
            format!("  {message}\n")
        }
    )
}

/// Columns as wide as their widest entry, two blanks apart; colours do not count.
pub(crate) fn aligned(rows: &[Vec<String>], paint: impl Fn(usize, &str) -> String) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let entry = |row: &[String], column: usize| row.get(column).cloned().unwrap_or_default();
    let width = |column| {
        rows.iter()
            .map(|row| entry(row, column).chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut table = String::new();
    for (number, row) in rows.iter().enumerate() {
        let mut line = String::new();
        for (column, width) in widths.iter().enumerate() {
            let text = entry(row, column);
            let blanks = " ".repeat(width - text.chars().count() + 2);
            let shown = if number == 0 { text } else { paint(column, &text) };
            let _ = write!(line, "{shown}{blanks}");
        }
        let _ = writeln!(table, "{}", line.trim_end());
    }
    table
}
