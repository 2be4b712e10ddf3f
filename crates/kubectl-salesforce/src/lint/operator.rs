//! What would the operator refuse that the API server accepts? Its own checks, with the Secrets of the same files as inputs.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use salesforce_client::HostAllowList;
use salesforce_connector_operator::api::SalesforceConnector;
use salesforce_connector_operator::core::model::connector::{JwtLogin, LoginMethod, Method, SigningKey};
use salesforce_connector_operator::core::model::digest::DigestKey;
use salesforce_connector_operator::core::model::inputs::{Input, Inputs, references};
use salesforce_connector_operator::core::model::rejection::{Rejection, explain};
use salesforce_connector_operator::core::validate::signer::check_signer;
use salesforce_connector_operator::core::validate::{check_namespace, validate};
use secrecy::SecretString;
use serde_json::Value;
use transit_client::SignerAddress;

use crate::lint::objection::Objection;

/// Stands for a value that is not in the files.
const ELSEWHERE: &str = "elsewhere";

/// The data of the Secrets that stand in the same files, by namespace and name.
#[derive(Default)]
pub struct Secrets(BTreeMap<(String, String), BTreeMap<String, Vec<u8>>>);

impl Secrets {
    pub fn of<'a>(objects: impl Iterator<Item = &'a Value>) -> Self {
        let secrets = objects.filter(|object| object.get("kind").and_then(Value::as_str) == Some("Secret"));
        Self(secrets.map(|secret| (identity(secret), data(secret))).collect())
    }
}

fn identity(object: &Value) -> (String, String) {
    let text = |pointer| {
        object
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    (text("/metadata/namespace"), text("/metadata/name"))
}

/// As the API server stores it: `stringData` goes over `data`.
fn data(secret: &Value) -> BTreeMap<String, Vec<u8>> {
    let members = |name: &str| {
        let members = secret.get(name).and_then(Value::as_object).into_iter().flatten();
        members.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
    };
    let encoded = members("data").filter_map(|(key, value)| Some((key, STANDARD.decode(value).ok()?)));
    encoded
        .chain(members("stringData").map(|(key, value)| (key, value.into_bytes())))
        .collect()
}

/// What the operator would say of a connector that the API server accepts.
pub fn check(
    object: &Value,
    secrets: &Secrets,
    allow_list: &HostAllowList,
    allowed_signers: &BTreeSet<SignerAddress>,
    own: &str,
) -> Vec<Objection> {
    let connector: SalesforceConnector = match serde_json::from_value(object.clone()) {
        Ok(connector) => connector,
        Err(error) => {
            return vec![Objection::new(
                "spec",
                format!("the operator can't read this: {error}"),
            )];
        }
    };
    let (namespace, name) = identity(object);
    let inputs = inputs(&connector, &namespace, secrets);
    let key = DigestKey::new("k1", b"lint");
    let placed = check_namespace(&namespace, own).err();
    let signer = check_signer(&connector.spec, allowed_signers).err();
    let of_spec = || match validate(&name, "uid", &connector.spec, &inputs, allow_list, &key) {
        Err(rejection) => Some(rejection),
        Ok((_, Method::Grant(settings))) => settings.fault,
        Ok((
            _,
            Method::Login(LoginMethod::JwtBearer(JwtLogin {
                key: SigningKey::Local(private_key),
                ..
            })),
        )) if private_key.expose() != ELSEWHERE => {
            let failure = private_key.check().err();
            let field = "spec.auth.jwtBearer.privateKeyRef";
            failure.map(|failure| Rejection::new(failure.refusal, format!("{field}: {}", failure.detail)))
        }
        Ok((_, Method::Login(_))) => None,
    };
    placed
        .into_iter()
        .chain(signer.or_else(of_spec))
        .map(|rejection| objection(&rejection))
        .collect()
}

/// The subject of a rejection begins with the field that it is about, as a rule.
fn objection(rejection: &Rejection) -> Objection {
    let subject = rejection.subject.as_str();
    let (field, particulars) = match subject.split_once(": ") {
        Some((field, particulars)) if field.starts_with("spec.") && !field.contains(' ') => {
            (field, particulars)
        }
        _ => ("spec", subject),
    };
    let text = format!(
        "{}: {}",
        rejection.reason.as_str(),
        explain(rejection.reason, particulars)
    );
    Objection::new(field, text)
}

/// A Secret that is not in the files is taken to be as it should be.
fn inputs(connector: &SalesforceConnector, namespace: &str, secrets: &Secrets) -> Inputs {
    let code = connector.spec.auth.authorization_code.as_ref();
    let bootstrap = code.and_then(|code| code.bootstrap.as_ref());
    let auth_url = bootstrap.and_then(|bootstrap| bootstrap.sfdx_auth_url_ref.as_ref());
    let mut inputs = Inputs::default();
    for reference in references(&connector.spec) {
        let input = match secrets.0.get(&(namespace.to_owned(), reference.name.clone())) {
            Some(data) => Input::read(data.get(&reference.key).map(Vec::as_slice)),
            None if auth_url == Some(reference) => Input::SecretMissing,
            None => Input::Found(SecretString::from(ELSEWHERE)),
        };
        inputs.insert(reference, input);
    }
    inputs
}
