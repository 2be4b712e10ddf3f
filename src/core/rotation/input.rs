//! May the Secret that a connector names take the credentials of a rotation, and what is it then?

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use salesforce_client::App;

use crate::api::names;
use crate::api::reasons::OwnReason;
use crate::core::model::connector::InputPlace;
use crate::core::model::rejection::Rejection;

/// Why the Secret could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputFault {
    /// It has changed since it was read.
    Outdated,
    /// The API server does not let us, in its words.
    Refused(String),
}

/// The Secret with these credentials, if it consents to take them from this connector. All else of it stays.
pub fn with_credentials(
    found: Option<Secret>,
    connector: &str,
    place: &InputPlace,
    app: &App,
) -> Result<Secret, Rejection> {
    let name = &place.secret;
    let reject = |reason: OwnReason| Rejection::new(reason, format!("Secret \"{name}\""));
    let mut secret = found.ok_or_else(|| reject(OwnReason::InputSecretMissing))?;
    let consents = secret
        .annotations()
        .get(names::ROTATED_BY)
        .is_some_and(|named| named.split(',').any(|named| named.trim() == connector));
    if !consents {
        return Err(reject(OwnReason::InputSecretNotConsenting));
    }
    if secret.immutable == Some(true) {
        return Err(reject(OwnReason::InputSecretImmutable));
    }
    let secret_value = app.client_secret.as_ref().map_or("", |secret| secret.expose());
    let data = secret.data.get_or_insert_default();
    for (key, value) in [
        (&place.client_id_key, app.client_id.as_str()),
        (&place.client_secret_key, secret_value),
    ] {
        data.insert(key.clone(), ByteString(value.as_bytes().to_vec()));
    }
    Ok(secret)
}
