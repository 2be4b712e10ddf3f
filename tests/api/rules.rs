//! Each rule of the schema accepts what it should, and refuses the rest in words that help.

#[path = "rules/login.rs"]
mod login;
#[path = "rules/secret.rs"]
pub(super) mod secret;
#[path = "rules/settings.rs"]
mod settings;
#[path = "rules/signers.rs"]
mod signers;

use serde_json::{Value, json};

use super::{changed, cluster, connector, create, dry_run, with};

/// One rule: what it takes, what it refuses, and the words it does so with.
#[derive(Clone)]
pub(super) struct Case<C = &'static str> {
    pub(super) accepted: Vec<Value>,
    pub(super) refused: Vec<Value>,
    /// The whole complaint about `spec.…`, field first, without the value that it may quote; a line for each, if several.
    pub(super) complaint: C,
}

/// Every reference to a key of a Secret, as a JSON pointer.
pub(super) const REFERENCES: [&str; 11] = [
    "/spec/app/clientIdRef",
    "/spec/app/clientSecretRef",
    "/spec/app/previousCredentials/clientIdRef",
    "/spec/app/previousCredentials/clientSecretRef",
    "/spec/auth/jwtBearer/privateKeyRef",
    "/spec/auth/jwtBearer/signer/vaultTransit/tokenRef",
    "/spec/auth/authorizationCode/bootstrap/refreshTokenRef",
    "/spec/auth/authorizationCode/bootstrap/sfdxAuthUrlRef",
    "/spec/auth/password/usernameRef",
    "/spec/auth/password/passwordRef",
    "/spec/auth/password/securityTokenRef",
];

/// A connector with everything around the place that a JSON pointer names, and a good reference where it names one.
pub(super) fn containing(pointer: &str) -> Value {
    let reference = json!({ "name": "s", "key": "k" });
    if pointer.starts_with("/spec/app/clientIdRef") {
        return changed(
            with("/spec/app/clientId", Value::Null),
            "/spec/app/clientIdRef",
            reference,
        );
    }
    if pointer.starts_with("/spec/app/rotation") {
        return rotating(json!({ "appId": "0xIxx0000000001", "interval": "744h" }));
    }
    if pointer.starts_with("/spec/app/previousCredentials/clientIdRef") {
        return rotated(json!({ "clientIdRef": reference, "clientSecretRef": reference }));
    }
    if pointer.starts_with("/spec/app/previousCredentials") {
        return rotated(json!({ "clientId": "3MVG9Former", "clientSecretRef": reference }));
    }
    if pointer.starts_with("/spec/auth/jwtBearer/signer") {
        return by_signer();
    }
    if pointer.starts_with("/spec/auth/jwtBearer") {
        return jwt();
    }
    if pointer.starts_with("/spec/auth/password/usernameRef") {
        let without = changed(password(), "/spec/auth/password/username", Value::Null);
        return changed(without, "/spec/auth/password/usernameRef", reference);
    }
    if pointer.starts_with("/spec/auth/password") {
        return changed(password(), "/spec/auth/password/securityTokenRef", reference);
    }
    if let Some(below) = pointer.strip_prefix("/spec/auth/authorizationCode") {
        let bootstrap = below
            .strip_prefix("/bootstrap/")
            .and_then(|below| below.split('/').next());
        return code(bootstrap.map_or_else(|| json!({}), |name| json!({ "bootstrap": { name: reference } })));
    }
    connector()
}

/// A connector whose app is rotated by the operator.
fn rotating(rotation: impl Into<Value>) -> Value {
    let app = json!({
        "clientIdRef": { "name": "app", "key": "client-id" },
        "clientSecretRef": { "name": "app", "key": "client-secret" },
        "rotation": rotation.into(),
    });
    with("/spec/app", app)
}

fn rotated(previous: Value) -> Value {
    with("/spec/app/previousCredentials", previous)
}

fn jwt() -> Value {
    let auth = json!({ "jwtBearer": { "username": "u@acme.example", "privateKeyRef": { "name": "key", "key": "tls.key" } } });
    with("/spec/auth", auth)
}

fn by_signer() -> Value {
    let transit = json!({ "address": "https://vault.example.com:8200", "keyName": "crm",
        "tokenRef": { "name": "vault", "key": "token" } });
    let auth =
        json!({ "jwtBearer": { "username": "u@acme.example", "signer": { "vaultTransit": transit } } });
    with("/spec/auth", auth)
}

fn password() -> Value {
    let auth = json!({ "password": { "username": "u@acme.example", "passwordRef": { "name": "user", "key": "password" } } });
    with("/spec/auth", auth)
}

fn code(settings: impl Into<Value>) -> Value {
    with("/spec/auth", json!({ "authorizationCode": settings.into() }))
}

fn each(pointer: &str, values: impl IntoIterator<Item = Value>) -> Vec<Value> {
    values.into_iter().map(|value| with(pointer, value)).collect()
}

fn texts<const N: usize>(pointer: &str, values: [&str; N]) -> Vec<Value> {
    each(pointer, values.map(Value::from))
}

/// Runs all cases, and fails with everything that is not as it should be.
pub(super) async fn check<C: AsRef<str>>(prefix: &str, cases: Vec<Case<C>>) {
    let cluster = cluster().await;
    let namespace = cluster.namespace(prefix).await;
    let client = cluster.client().await;
    let mut wrong = Vec::new();
    for Case {
        accepted,
        refused,
        complaint,
    } in cases
    {
        for object in accepted {
            if let Err(complaints) = dry_run(&client, &namespace, &object).await {
                wrong.push(format!("should be accepted: {object}\n{}", complaints.join("\n")));
            }
        }
        for object in refused {
            let found = complaints(
                dry_run(&client, &namespace, &object)
                    .await
                    .err()
                    .unwrap_or_default(),
            );
            let complaint = complaint.as_ref();
            if found.join("\n") != complaint {
                wrong.push(format!(
                    "should be refused: {object}\nwanted: {complaint}\nfound:  {}",
                    found.join("\n        ")
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// The complaints without the values that they quote, and without the remark that there may be more.
pub(super) fn complaints(answer: Vec<String>) -> Vec<String> {
    let all = answer.into_iter();
    all.filter(|line| !line.contains("some validation rules were not checked"))
        .map(without_value)
        .collect()
}

/// `field: Invalid value: "x": why` without the value, which may be long.
fn without_value(line: String) -> String {
    let Some((field, rest)) = line.split_once(": Invalid value: ") else {
        return line;
    };
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
    let Some(Ok(_)) = values.next() else { return line };
    let why = rest.get(values.byte_offset()..).unwrap_or_default();
    format!("{field}: Invalid value{why}")
}

/// Every case of this folder.
pub(super) fn all() -> Vec<Case<String>> {
    let fixed = [
        login::login_method(),
        login::white_space(),
        login::authorization_code(),
        login::app_and_references(),
        login::host_and_environment(),
        settings::token_and_test(),
        secret::secret(),
        settings::inventory(),
        settings::rollout_targets(),
        settings::sharing(),
        settings::names(),
        signers::signers(),
    ];
    let fixed = fixed.into_iter().flatten().map(|case| Case {
        accepted: case.accepted,
        refused: case.refused,
        complaint: case.complaint.to_owned(),
    });
    fixed
        .chain(login::references())
        .chain(secret::keys_of_the_secret())
        .collect()
}
