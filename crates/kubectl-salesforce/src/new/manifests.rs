//! Which objects does a form make? A connector, and the Secret with the values that must not be seen.

use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};

use crate::cli::{FormEnvironment, FormMethod};
use crate::new::form::{CLIENT_SECRET, Form, PASSWORD, PRIVATE_KEY, SECURITY_TOKEN};

pub fn connector(form: &Form, namespace: Option<&str>) -> Value {
    let mut app = json!({ "clientId": form.client_id });
    set(&mut app, "clientSecretRef", reference_to(form, CLIENT_SECRET));
    let mut spec = json!({});
    set(
        &mut spec,
        "displayName",
        form.display_name.clone().map(Value::from),
    );
    let sandbox = form.environment == FormEnvironment::Sandbox;
    set(&mut spec, "environment", sandbox.then(|| "Sandbox".into()));
    set(&mut spec, "host", form.host.clone().map(Value::from));
    set(&mut spec, "app", Some(app));
    set(&mut spec, "auth", Some(auth(form)));
    let expected = form.username.clone().filter(|_| {
        matches!(
            form.method,
            FormMethod::ClientCredentials | FormMethod::AuthorizationCode
        )
    });
    set(
        &mut spec,
        "expect",
        expected.map(|username| json!({ "username": username })),
    );
    json!({
        "apiVersion": "salesforce-connector.dev/v1alpha1",
        "kind": "SalesforceConnector",
        "metadata": metadata(&form.name, namespace),
        "spec": spec,
    })
}

fn auth(form: &Form) -> Value {
    let mut settings = json!({});
    let method = match form.method {
        FormMethod::ClientCredentials => "clientCredentials",
        FormMethod::AuthorizationCode => "authorizationCode",
        FormMethod::JwtBearer => {
            set(&mut settings, "username", form.username.clone().map(Value::from));
            set(&mut settings, "privateKeyRef", reference_to(form, PRIVATE_KEY));
            "jwtBearer"
        }
        FormMethod::Password => {
            set(&mut settings, "username", form.username.clone().map(Value::from));
            set(&mut settings, "passwordRef", reference_to(form, PASSWORD));
            set(
                &mut settings,
                "securityTokenRef",
                reference_to(form, SECURITY_TOKEN),
            );
            "password"
        }
    };
    json!({ method: settings })
}

/// The Secret, unless there is nothing to put into it.
pub fn secret(form: &Form, namespace: Option<&str>) -> Option<Value> {
    let values = form
        .secrets
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.expose_secret().into()));
    let values: Map<String, Value> = values.collect();
    (!values.is_empty()).then(|| {
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": metadata(&form.secret_name(), namespace),
            "stringData": values,
        })
    })
}

/// Name and keys of a Secret.
pub fn summary(secret: &Value) -> String {
    let keys = secret.get("stringData").and_then(Value::as_object);
    let keys: Vec<&str> = keys.into_iter().flat_map(Map::keys).map(String::as_str).collect();
    format!("{} ({})", reference(secret), keys.join(", "))
}

/// An object as kubectl names it.
pub fn reference(object: &Value) -> String {
    let text = |pointer| {
        object
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let kind = match text("/kind") {
        "Secret" => "secret",
        _ => "salesforceconnector.salesforce-connector.dev",
    };
    format!("{kind}/{}", text("/metadata/name"))
}

/// Where credentials are sent.
pub fn login_host(form: &Form) -> &str {
    form.host.as_deref().unwrap_or(match form.environment {
        FormEnvironment::Live => "login.salesforce.com",
        FormEnvironment::Sandbox => "test.salesforce.com",
    })
}

fn metadata(name: &str, namespace: Option<&str>) -> Value {
    let mut metadata = json!({ "name": name });
    set(&mut metadata, "namespace", namespace.map(Value::from));
    metadata
}

fn reference_to(form: &Form, key: &str) -> Option<Value> {
    form.has(key)
        .then(|| json!({ "name": form.secret_name(), "key": key }))
}

fn set(object: &mut Value, field: &str, value: Option<Value>) {
    if let (Some(members), Some(value)) = (object.as_object_mut(), value) {
        members.insert(field.to_owned(), value);
    }
}
