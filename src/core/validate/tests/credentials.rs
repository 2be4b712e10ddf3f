//! Which credentials does a connector have while the app's are rotated?

use super::*;

/// An app by these fields, whose previous credentials are those.
fn rotated(app: Value, previous: Value) -> SalesforceConnectorSpec {
    let mut app = app;
    app["previousCredentials"] = previous;
    spec(json!({ "app": app }))
}

fn secret(name: &str) -> Value {
    json!({ "name": name, "key": "secret" })
}

#[test]
fn the_previous_credentials_are_those_of_the_token_from_before_the_rotation() {
    let before = json!({ "clientId": "old", "clientSecretRef": secret("old") });
    let token = connector(&spec(json!({ "app": before }))).inputs_digest.clone();
    let key_and_secret = rotated(
        json!({ "clientId": "new", "clientSecretRef": secret("new") }),
        before,
    );
    let secret_only = rotated(
        json!({ "clientId": "old", "clientSecretRef": secret("new") }),
        json!({ "clientSecretRef": secret("old") }),
    );
    for spec in [key_and_secret, secret_only] {
        let connector = connector(&spec);
        let previous = connector.with_previous_credentials().unwrap();
        let client_secret = previous.app.client_secret.as_ref().map(ClientSecret::expose);
        assert_eq!(
            (previous.app.client_id.as_str(), client_secret),
            ("old", Some("old/secret"))
        );
        assert_eq!(
            [&token, &connector.inputs_digest, &Digest::from_text("other")]
                .map(|it| connector.credentials_of(it)),
            [Some(Credentials::Previous), Some(Credentials::Current), None]
        );
    }
}

#[test]
fn previous_credentials_are_an_input_of_attempts_alone() {
    let app = || json!({ "clientId": "new", "clientSecretRef": secret("new") });
    let with = |previous: &str| connector(&rotated(app(), json!({ "clientSecretRef": secret(previous) })));
    let without = connector(&spec(json!({ "app": app() })));
    let (one, other) = (with("old"), with("older"));
    assert_eq!(one.inputs_digest, without.inputs_digest);
    assert!(one.attempt_digest != other.attempt_digest && one.attempt_digest != without.attempt_digest);
    // Two references to one value are one pair of credentials.
    assert!(with("new").previous_credentials.is_none());
}

#[test]
fn previous_credentials_that_are_missing_or_too_long_leave_the_connector_valid() {
    let app = json!({ "clientId": "new", "clientSecretRef": secret("new") });
    let spec = rotated(
        app,
        json!({ "clientIdRef": secret("id"), "clientSecretRef": secret("old") }),
    );
    let of = |name: &str, input: Input| {
        let mut inputs = inputs(&spec);
        let reference = references(&spec).into_iter().find(|it| it.name == name).unwrap();
        inputs.insert(reference, input);
        let found = validate("crm", "uid", &spec, &inputs, &HostAllowList::default(), &key());
        let previous = found.unwrap().0.previous_credentials.unwrap();
        previous.unwrap_err()
    };
    let field = |field: &str, what: &str| format!("spec.app.previousCredentials.{field}: {what}");
    for (found, reason, subject) in [
        (
            of("old", Input::SecretMissing),
            OwnReason::InputSecretMissing,
            field("clientSecretRef", "Secret \"old\""),
        ),
        (
            of("id", Input::TooLong(513)),
            OwnReason::InputTooLong,
            field("clientIdRef", "513 bytes, at most 512 are allowed"),
        ),
        (
            of("old", Input::TooLong(1025)),
            OwnReason::InputTooLong,
            field("clientSecretRef", "1025 bytes, at most 1024 are allowed"),
        ),
    ] {
        assert_eq!(found, Rejection::new(reason, subject));
    }
}

#[test]
fn a_stored_grant_has_no_previous_credentials() {
    let app = json!({ "clientId": "new", "clientSecretRef": secret("new"), "previousCredentials": { "clientId": "old", "clientSecretRef": secret("old") } });
    let grant = spec(json!({ "app": app, "auth": { "authorizationCode": {} } }));
    assert!(connector(&grant).previous_credentials.is_none());
}
