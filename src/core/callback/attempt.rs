//! How far has a login by link come? Its Secret says so, and nothing else does.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use salesforce_client::{GrantKind, Refusal, classify};
use subtle::ConstantTimeEq as _;

use crate::api::names;

/// The fewest characters of a link's key, and of a `state`: 256 bits in base64.
const SHORTEST_KEY: usize = 43;
/// The most characters of an error code that are shown.
const ERROR_CODE: usize = 64;

/// Whether the callback page is to receive the answer of this login.
pub fn is_by_link(secret: &Secret) -> bool {
    value(secret, names::LOGIN_LINK_KEY).is_some()
}

/// Whether the answer has come, whatever it says.
pub fn is_answered(secret: &Secret) -> bool {
    let has = |key: &str| value(secret, key).is_some_and(|value| !value.is_empty());
    has(names::LOGIN_CODE) || has(names::LOGIN_ERROR)
}

/// Whether a browser has begun the login, so that its link is used.
pub fn is_begun(secret: &Secret) -> bool {
    value(secret, names::LOGIN_STATE).is_some()
}

/// Whether this is the key of the login's link. A key that could be guessed is none.
pub fn has_link_key(secret: &Secret, key: &str) -> bool {
    is_same(secret, names::LOGIN_LINK_KEY, key)
}

/// Whether this is the `state` that the browser was sent out with.
pub fn has_state(secret: &Secret, state: &str) -> bool {
    is_same(secret, names::LOGIN_STATE, state)
}

fn is_same(secret: &Secret, key: &str, presented: &str) -> bool {
    let expected = value(secret, key).filter(|value| value.len() >= SHORTEST_KEY);
    expected.is_some_and(|expected| bool::from(expected.ct_eq(presented.as_bytes())))
}

/// What Salesforce answered in place of a code, and the same in words.
pub fn refused_in(secret: &Secret) -> Option<(Refusal, String)> {
    let body = value(secret, names::LOGIN_ERROR)?;
    let refusal = classify(
        Some(GrantKind::AuthorizationCode),
        400,
        Some("application/json"),
        body,
    );
    let answer = serde_json::from_slice::<serde_json::Value>(body).ok();
    let code = answer.as_ref().and_then(|answer| answer.get("error")?.as_str());
    let code: String = code.unwrap_or_default().chars().take(ERROR_CODE).collect();
    let code = code.replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', " ");
    Some((refusal, format!("the login page answered \"{code}\"")))
}

/// The Secret with these values besides.
#[must_use]
pub fn with_values<const N: usize>(secret: &Secret, values: [(&str, &str); N]) -> Secret {
    let mut secret = secret.clone();
    secret.metadata.managed_fields = None;
    let values = values.map(|(key, value)| (key.to_owned(), ByteString(value.as_bytes().to_vec())));
    secret.data.get_or_insert_default().extend(values);
    secret
}

fn value<'a>(secret: &'a Secret, key: &str) -> Option<&'a [u8]> {
    let ByteString(bytes) = secret.data.as_ref()?.get(key)?;
    Some(bytes)
}
