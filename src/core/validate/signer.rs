//! Who signs the assertions, and may the operator ask them to?

use std::collections::BTreeSet;

use salesforce_client::PrivateKeyPem;
use transit_client::{InvalidSignerAddress, SignerAddress, SignerToken, TransitKey};

use crate::api::SalesforceConnectorSpec;
use crate::api::reasons::OwnReason;
use crate::api::spec::{JwtBearerSpec, VaultTransitSpec};
use crate::core::model::connector::{JwtLogin, LoginMethod, Method, RemoteKey, SigningKey};
use crate::core::model::inputs::Inputs;
use crate::core::model::limits;
use crate::core::model::rejection::Rejection;

/// Whoever signs the assertions. The schema sees to it that there is one key.
pub(super) fn signing_key(jwt: &JwtBearerSpec, inputs: &Inputs) -> Result<SigningKey, Rejection> {
    if let Some(transit) = transit(jwt) {
        let token = inputs.get(SIGNER_TOKEN, &transit.token_ref, limits::SIGNER_TOKEN)?;
        return Ok(SigningKey::Remote(RemoteKey {
            key: TransitKey {
                address: address(transit)?,
                mount: transit.mount.clone(),
                name: transit.key_name.clone(),
                // The schema refuses what is below 1. No key has the version that stands for it here.
                version: transit
                    .key_version
                    .map(|version| u32::try_from(version).unwrap_or(u32::MAX)),
                namespace: transit.namespace.clone(),
            },
            token: SignerToken::from(token.clone()),
        }));
    }
    let field = "spec.auth.jwtBearer.privateKeyRef";
    let reference = jwt.private_key_ref.as_ref();
    let reference = reference.ok_or_else(|| Rejection::new(OwnReason::InputKeyMissing, field))?;
    let key = inputs.get(field, reference, limits::PRIVATE_KEY)?;
    Ok(SigningKey::Local(PrivateKeyPem::from(key.clone())))
}

const SIGNER_TOKEN: &str = "spec.auth.jwtBearer.signer.vaultTransit.tokenRef";

fn transit(jwt: &JwtBearerSpec) -> Option<&VaultTransitSpec> {
    jwt.signer.as_ref()?.vault_transit.as_ref()
}

fn address(transit: &VaultTransitSpec) -> Result<SignerAddress, Rejection> {
    transit.address.parse().map_err(|error: InvalidSignerAddress| {
        let subject = format!("spec.auth.jwtBearer.signer.vaultTransit.address: {error}");
        Rejection::new(OwnReason::SignerNotAllowed, subject)
    })
}

/// Refuses a signer that the administrator does not allow: the operator would send a token, and a request, to whatever address an
/// author names.
pub fn check_signer(
    spec: &SalesforceConnectorSpec,
    allowed: &BTreeSet<SignerAddress>,
) -> Result<(), Rejection> {
    let Some(transit) = spec.auth.jwt_bearer.as_ref().and_then(transit) else {
        return Ok(());
    };
    let address = address(transit)?;
    if allowed.contains(&address) {
        return Ok(());
    }
    let subject = format!("spec.auth.jwtBearer.signer.vaultTransit.address: {address}");
    Err(Rejection::new(OwnReason::SignerNotAllowed, subject))
}

/// The version of the key that is to sign, where it is declared.
pub(super) fn key_version(method: &Method) -> String {
    match method {
        Method::Login(LoginMethod::JwtBearer(JwtLogin {
            key: SigningKey::Remote(remote),
            ..
        })) => remote
            .key
            .version
            .map_or(String::new(), |version| version.to_string()),
        Method::Login(_) | Method::Grant(_) => String::new(),
    }
}

/// What determines who signs. Not the token: it may be replaced every hour, and the signature stays the same.
pub(super) fn parts<'a>(key: &'a TransitKey, version: &'a str) -> [&'a str; 6] {
    let namespace = key.namespace.as_deref().unwrap_or_default();
    let address = key.address.as_str();
    ["vaultTransit", address, namespace, &key.mount, &key.name, version]
}
