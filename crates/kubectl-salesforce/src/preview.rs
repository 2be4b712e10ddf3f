//! Who must log in once connectors have been created again elsewhere, as by a backup tool, or a snapshot of etcd has been restored?
//! Told beforehand, from files or from the cluster. Nothing is changed, and no Secret is read.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use jiff::Timestamp;
use kube::api::ListParams;
use serde_json::Value;

use crate::cli::{AccessFlags, PreviewArgs};
use crate::cluster::{Cluster, refusal};
use crate::command_error::CommandError;
use crate::lint::document;
use crate::status::table::aligned;
use crate::words::visible;
use crate::{files, show};

/// How a connector gets its first token after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextLogin {
    Itself,
    /// Salesforce decides.
    PerhapsAPerson,
    APerson,
}

impl NextLogin {
    const fn words(self) -> &'static str {
        match self {
            Self::Itself => "by itself",
            Self::PerhapsAPerson => "perhaps a person",
            Self::APerson => "a person",
        }
    }
}

/// What becomes of a connector: if it is as it was at the time of a snapshot, or if it is created again with the Secrets that it
/// names, and without those of the operator.
pub fn forecast(connector: &Value, snapshot: Option<Timestamp>) -> (NextLogin, &'static str) {
    let has = |path| connector.pointer(path).is_some_and(|value| !value.is_null());
    if !has("/spec/auth/authorizationCode") {
        return (NextLogin::Itself, "Its login needs nobody.");
    }
    if let Some(snapshot) = snapshot {
        return at_snapshot(connector, snapshot);
    }
    match (
        has("/spec/auth/authorizationCode/bootstrap"),
        has("/spec/app/clientSecretRef"),
    ) {
        (false, _) => (
            NextLogin::APerson,
            "Its grant belongs to the uid that it has now, and stays behind.",
        ),
        (true, true) => (
            NextLogin::PerhapsAPerson,
            "Salesforce is asked whether the bootstrap token still works. It does not if the app rotates refresh tokens.",
        ),
        (true, false) => (
            NextLogin::APerson,
            "Remove spec.auth.authorizationCode.bootstrap before you restore it. Without a client secret the operator can't ask \
             whether the token is spent, and presenting a spent one ends the grant.",
        ),
    }
}

/// Each refresh brings an access token: its time is that of the last refresh.
fn at_snapshot(connector: &Value, snapshot: Timestamp) -> (NextLogin, &'static str) {
    let issued = connector
        .pointer("/status/token/issueTime")
        .and_then(Value::as_str);
    match issued.and_then(|time| time.parse::<Timestamp>().ok()) {
        Some(issued) if issued < snapshot => (
            NextLogin::Itself,
            "Its grant has not been refreshed since the snapshot.",
        ),
        Some(_) => (
            NextLogin::PerhapsAPerson,
            "Its grant has been refreshed since the snapshot. If the app rotates refresh tokens, the snapshot has a spent one.",
        ),
        None => (
            NextLogin::PerhapsAPerson,
            "It has no token, so nothing tells when its grant was refreshed.",
        ),
    }
}

pub async fn run(access: &AccessFlags, args: &PreviewArgs) -> Result<ExitCode, CommandError> {
    let connectors = if args.files.is_empty() {
        from_cluster(access, args).await?
    } else {
        from_files(&args.files)?
    };
    show::print(&drawn(&connectors, args.snapshot_time))?;
    let alone = connectors
        .iter()
        .all(|connector| forecast(connector, args.snapshot_time).0 == NextLogin::Itself);
    Ok(ExitCode::from(u8::from(!alone)))
}

async fn from_cluster(access: &AccessFlags, args: &PreviewArgs) -> Result<Vec<Value>, CommandError> {
    let cluster = Cluster::connect(access).await?;
    let (api, namespace) = if args.all_namespaces {
        (cluster.connectors_everywhere(), None)
    } else {
        (cluster.connectors(), Some(&*cluster.namespace))
    };
    let found = api.list(&ListParams::default()).await;
    let found = found.map_err(|error| refusal("list", "salesforceconnectors", namespace, error))?;
    let values = found.items.iter().map(serde_json::to_value);
    Ok(values.map(Result::unwrap_or_default).collect())
}

fn from_files(paths: &[PathBuf]) -> Result<Vec<Value>, CommandError> {
    let mut connectors = Vec::new();
    for path in paths {
        let (name, text) = files::read(path)?;
        let documents = document::documents(&name, &text).map_err(CommandError::File)?;
        let found = documents.into_iter().filter(document::Document::is_connector);
        connectors.extend(found.map(|document| document.value));
    }
    Ok(connectors)
}

const HEAD: [&str; 5] = ["NAMESPACE", "NAME", "LOGS IN", "SECRETS", "WHY"];

fn drawn(connectors: &[Value], snapshot: Option<Timestamp>) -> String {
    let mut rows = vec![HEAD.map(str::to_owned).to_vec()];
    rows.extend(connectors.iter().map(|connector| row(connector, snapshot)));
    let count = |wanted| {
        let logins = connectors.iter().map(|connector| forecast(connector, snapshot).0);
        logins.filter(|login| *login == wanted).count()
    };
    let mut text = aligned(&rows, |_, entry| entry.to_owned());
    let _ = writeln!(
        text,
        "\nBy themselves: {}. Perhaps by a person: {}. By a person: {}.",
        count(NextLogin::Itself),
        count(NextLogin::PerhapsAPerson),
        count(NextLogin::APerson),
    );
    text
}

fn row(connector: &Value, snapshot: Option<Timestamp>) -> Vec<String> {
    let of_metadata = |name: &str| {
        let value = connector
            .pointer(&format!("/metadata/{name}"))
            .and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    let (login, why) = forecast(connector, snapshot);
    let mut secrets = BTreeSet::new();
    named_secrets(connector.get("spec").unwrap_or(&Value::Null), &mut secrets);
    let entries = [
        of_metadata("namespace"),
        of_metadata("name"),
        login.words().to_owned(),
        secrets.into_iter().collect::<Vec<_>>().join(","),
        why.to_owned(),
    ];
    entries.map(|entry| visible(&entry).replace('\n', " ")).to_vec()
}

/// The Secrets that a spec refers to, by their names: they must come along.
fn named_secrets<'v>(value: &'v Value, names: &mut BTreeSet<&'v str>) {
    for (field, value) in value.as_object().into_iter().flatten() {
        if field.ends_with("Ref") {
            names.extend(value.get("name").and_then(Value::as_str));
        }
        named_secrets(value, names);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn connector(spec: &Value) -> Value {
        json!({ "metadata": { "name": "crm", "namespace": "sales" }, "spec": spec })
    }

    #[test]
    fn only_authorization_code_may_need_a_person() {
        let secret = json!({ "clientSecretRef": { "name": "app", "key": "client-secret" } });
        let bootstrap =
            json!({ "bootstrap": { "refreshTokenRef": { "name": "grant", "key": "refresh-token" } } });
        let cases = [
            (
                secret.clone(),
                json!({ "clientCredentials": {} }),
                NextLogin::Itself,
            ),
            (
                json!({}),
                json!({ "jwtBearer": { "username": "a" } }),
                NextLogin::Itself,
            ),
            (
                secret.clone(),
                json!({ "authorizationCode": {} }),
                NextLogin::APerson,
            ),
            (
                secret,
                json!({ "authorizationCode": bootstrap }),
                NextLogin::PerhapsAPerson,
            ),
            (
                json!({}),
                json!({ "authorizationCode": bootstrap }),
                NextLogin::APerson,
            ),
        ];
        for (app, auth, login) in cases {
            let object = connector(&json!({ "app": app, "auth": auth }));
            assert_eq!(forecast(&object, None).0, login, "{object}");
        }
    }

    #[test]
    fn of_a_snapshot_the_grants_that_were_refreshed_since_are_in_doubt() {
        let spec = json!({ "auth": { "authorizationCode": {} } });
        let snapshot: Timestamp = "2026-11-27T10:00:00Z".parse().expect("a time");
        for (issued, login) in [
            (json!("2026-11-27T09:59:59Z"), NextLogin::Itself),
            (json!("2026-11-27T10:00:00Z"), NextLogin::PerhapsAPerson),
            (Value::Null, NextLogin::PerhapsAPerson),
        ] {
            let object = json!({ "spec": spec, "status": { "token": { "issueTime": issued } } });
            assert_eq!(forecast(&object, Some(snapshot)).0, login, "{object}");
        }
        let object = connector(&json!({ "auth": { "clientCredentials": {} } }));
        assert_eq!(forecast(&object, Some(snapshot)).0, NextLogin::Itself);
    }

    #[test]
    fn who_must_log_in_and_which_secrets_must_come_along_is_drawn_and_forges_no_line() {
        let object = connector(&json!({
            "app": { "clientSecretRef": { "name": "app", "key": "client-secret" } },
            "auth": { "authorizationCode": {
                "bootstrap": { "refreshTokenRef": { "name": "grant\n", "key": "refresh-token" } } } },
        }));
        assert_eq!(
            drawn(&[object], None),
            "\
NAMESPACE  NAME  LOGS IN           SECRETS     WHY
sales      crm   perhaps a person  app,grant   Salesforce is asked whether the bootstrap token still works. It does not if \
             the app rotates refresh tokens.

By themselves: 0. Perhaps by a person: 1. By a person: 0.
"
        );
    }
}
