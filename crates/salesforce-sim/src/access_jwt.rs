//! What is in a JWT-format access token, and with which key is it signed?
//!
//! docs/salesforce.md#jwt-access-tokens,
//! <https://help.salesforce.com/apex/HTViewHelpDoc?id=xcloud.remoteaccess_access_tokens.htm>

use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};

use crate::app::App;
use crate::clock::later;
use crate::ids;
use crate::org::Org;
use crate::user::User;

const KEY_ID: &str = "salesforce-sim-1";

static KEY: LazyLock<Option<RsaKeyPair>> = LazyLock::new(|| {
    let pem = include_bytes!("../keys/token-signing-test-key.pk8.pem");
    let der = PrivatePkcs8KeyDer::from_pem_slice(pem).ok()?;
    RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).ok()
});

pub(crate) fn sign(
    org: &Org,
    user: &User,
    app: &App,
    scopes: &[String],
    now: Timestamp,
    life: Duration,
) -> String {
    let header = json!({ "tnk": format!("core/prod/{}", org.id), "ver": "1.0", "kid": KEY_ID, "typ": "JWT", "alg": "RS256" });
    let claims = json!({
        "scp": scopes.join(" "),
        "aud": [format!("https://{}", org.host), "https://api.salesforce.com"],
        "sub": format!("uid:{}", user.id),
        "nbf": now.as_second(),
        "mty": "oauth",
        "sfi": ids::random(64),
        "iss": format!("https://{}", org.host),
        "exp": later(now, life).as_second(),
        "iat": now.as_second(),
        "client_id": app.client_id,
        "jti": ids::random(22),
    });
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let signature = KEY.as_ref().and_then(|key| {
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            signed.as_bytes(),
            &mut signature,
        )
        .ok()?;
        Some(signature)
    });
    format!(
        "{signed}.{}",
        URL_SAFE_NO_PAD.encode(signature.unwrap_or_default())
    )
}

/// The document at `/id/keys`. docs/salesforce.md#id-keys
pub(crate) fn key_set() -> Value {
    let keys: Vec<Value> = KEY
        .as_ref()
        .map(|key| {
            let public: PublicKeyComponents<Vec<u8>> = key.public_key().into();
            json!({
                "kty": "RSA", "use": "sig", "alg": "RS256", "kid": KEY_ID,
                "n": URL_SAFE_NO_PAD.encode(public.n), "e": URL_SAFE_NO_PAD.encode(public.e),
            })
        })
        .into_iter()
        .collect();
    json!({ "keys": keys })
}
