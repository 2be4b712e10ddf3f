//! Which keys of which Secrets does a connector refer to, and what was found there?

use std::collections::BTreeMap;

use secrecy::SecretString;

use crate::api::SalesforceConnectorSpec;
use crate::api::reasons::OwnReason;
use crate::api::spec::SecretKeyRef;
use crate::core::model::limits;
use crate::core::model::rejection::Rejection;

/// What was found under one key of one Secret.
#[derive(Debug, Clone)]
pub enum Input {
    /// The value, without white space around it.
    Found(SecretString),
    /// The value has so many bytes, more than any input may have, and was left where it is.
    TooLong(usize),
    /// There is no such Secret.
    SecretMissing,
    /// The Secret has no such key, or nothing readable under it.
    KeyMissing,
}

/// What was found under the keys that a spec refers to.
#[derive(Debug, Clone, Default)]
pub struct Inputs(BTreeMap<(String, String), Input>);

impl Inputs {
    /// Records what was found.
    pub fn insert(&mut self, reference: &SecretKeyRef, input: Input) {
        self.0
            .insert((reference.name.clone(), reference.key.clone()), input);
    }

    /// The value of at most `limit` bytes that `field` of the spec refers to.
    pub fn get(
        &self,
        field: &str,
        reference: &SecretKeyRef,
        limit: usize,
    ) -> Result<&SecretString, Rejection> {
        let SecretKeyRef { name, key } = reference;
        match self.0.get(&(name.clone(), key.clone())) {
            Some(Input::Found(value)) => {
                limits::check_secret(field, value, limit)?;
                Ok(value)
            }
            Some(Input::TooLong(bytes)) => Err(limits::too_long(field, *bytes, limit)),
            Some(Input::KeyMissing) => Err(Rejection::new(
                OwnReason::InputKeyMissing,
                format!("{field}: Secret \"{name}\", key \"{key}\""),
            )),
            Some(Input::SecretMissing) | None => Err(Rejection::new(
                OwnReason::InputSecretMissing,
                format!("{field}: Secret \"{name}\""),
            )),
        }
    }
}

/// Every reference of a spec. Only these Secrets are ever read.
#[must_use]
pub fn references(spec: &SalesforceConnectorSpec) -> Vec<&SecretKeyRef> {
    let mut found: Vec<&SecretKeyRef> = Vec::new();
    found.extend(&spec.app.client_id_ref);
    found.extend(&spec.app.client_secret_ref);
    if let Some(jwt) = &spec.auth.jwt_bearer {
        found.push(&jwt.private_key_ref);
    }
    if let Some(bootstrap) = spec
        .auth
        .authorization_code
        .as_ref()
        .and_then(|code| code.bootstrap.as_ref())
    {
        found.extend(&bootstrap.refresh_token_ref);
        found.extend(&bootstrap.sfdx_auth_url_ref);
    }
    if let Some(password) = &spec.auth.password {
        found.extend(&password.username_ref);
        found.push(&password.password_ref);
        found.extend(&password.security_token_ref);
    }
    found
}
