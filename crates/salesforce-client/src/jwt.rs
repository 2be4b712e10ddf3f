//! The JWT of a JWT bearer grant: RS256 over issuer, subject, audience and expiry.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::grant::Audience;
use crate::refusal::Refusal;
use crate::secrets::{PrivateKeyPem, SignedAssertion};

/// How far ahead `exp` lies. Salesforce's help speaks of 3 minutes; no upper bound is visibly enforced.
const LIFETIME: SignedDuration = SignedDuration::from_mins(3);

/// The claims of an assertion.
#[derive(Debug, Serialize)]
pub(crate) struct Claims<'a> {
    /// The consumer key of the app (`client_id`).
    pub(crate) iss: &'a str,
    /// The username of the user to act as.
    pub(crate) sub: &'a str,
    /// Who the assertion is meant for.
    pub(crate) aud: &'a str,
    /// Seconds since 1970.
    exp: i64,
}

impl<'a> Claims<'a> {
    pub(crate) fn new(iss: &'a str, sub: &'a str, aud: &'a str, now: Timestamp) -> Self {
        Self {
            iss,
            sub,
            aud,
            exp: now.as_second() + LIFETIME.as_secs(),
        }
    }
}

/// An assertion that lacks its signature: header and claims, as they are signed.
#[derive(Clone, PartialEq, Eq)]
pub struct UnsignedAssertion(String);

impl UnsignedAssertion {
    /// An assertion that is good for 3 minutes from `now`.
    pub fn new(client_id: &str, username: &str, audience: &Audience, now: Timestamp) -> Self {
        Self::of(&Claims::new(client_id, username, audience.as_str(), now))
    }

    fn of(claims: &Claims<'_>) -> Self {
        // Texts and a number: writing them can't fail.
        let claims = serde_json::to_vec(claims).unwrap_or_default();
        Self(format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(br#"{"alg":"RS256","typ":"JWT"}"#),
            URL_SAFE_NO_PAD.encode(claims)
        ))
    }

    /// What is to be signed: RSASSA-PKCS1-v1_5 with SHA-256.
    pub fn signing_input(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The assertion with its signature.
    pub fn signed(&self, signature: &[u8]) -> SignedAssertion {
        SignedAssertion::new(format!("{}.{}", self.0, URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// Nothing of the claims: they name app and user.
impl std::fmt::Debug for UnsignedAssertion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UnsignedAssertion")
    }
}

/// An assertion that is signed and ready to send.
pub(crate) fn sign(claims: &Claims<'_>, key: &PrivateKeyPem) -> Result<SignedAssertion, Failure> {
    let key = rsa_key(key)?;
    let unsigned = UnsignedAssertion::of(claims);
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        unsigned.signing_input(),
        &mut signature,
    )
    .map_err(|_| Failure::not_sent(Refusal::PrivateKeyInvalid, "failed to sign with the private key"))?;
    Ok(unsigned.signed(&signature))
}

impl PrivateKeyPem {
    /// Whether Salesforce's JWT bearer flow can use this key. Says what is wrong with it, and never a part of it.
    pub fn check(&self) -> Result<(), Failure> {
        rsa_key(self).map(drop)
    }
}

fn rsa_key(pem: &PrivateKeyPem) -> Result<RsaKeyPair, Failure> {
    let text = pem.expose();
    let refuse = |refusal, detail: &str| Failure::not_sent(refusal, detail);
    if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(refuse(
            Refusal::PrivateKeyEncrypted,
            "the private key is encrypted with a passphrase",
        ));
    }
    for (marker, detail) in NOT_RSA {
        if text.contains(marker) {
            return Err(refuse(Refusal::PrivateKeyNotRsa, detail));
        }
    }
    if text.contains("BEGIN OPENSSH PRIVATE KEY") {
        return Err(refuse(
            Refusal::PrivateKeyInvalid,
            "the private key is in OpenSSH's own format; convert the file with ssh-keygen -p -m PEM -f FILE; the certificate in Salesforce stays valid",
        ));
    }
    for (marker, detail) in NO_KEY {
        if text.contains(marker) && !text.contains("PRIVATE KEY-----") {
            return Err(refuse(Refusal::PrivateKeyInvalid, detail));
        }
    }
    let der = PrivateKeyDer::from_pem_slice(whole_lines(text).as_bytes())
        .map_err(|_| refuse(Refusal::PrivateKeyInvalid, no_block(text)))?;
    let parsed = match &der {
        PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
        PrivateKeyDer::Pkcs8(key) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
        _ => {
            return Err(refuse(
                Refusal::PrivateKeyNotRsa,
                "the private key is not an RSA key",
            ));
        }
    };
    parsed.map_err(|error| match error.to_string().as_str() {
        "WrongAlgorithm" => refuse(Refusal::PrivateKeyNotRsa, "the private key is not an RSA key"),
        "TooSmall" => refuse(Refusal::PrivateKeyInvalid, "the RSA key has fewer than 2048 bits"),
        "TooLarge" => refuse(Refusal::PrivateKeyInvalid, "the RSA key has more than 4096 bits"),
        _ => refuse(Refusal::PrivateKeyInvalid, "the private key is damaged"),
    })
}

/// The private key's PEM block with the line breaks that it should have. Forms and variables make them `\\n`, blanks or nothing, and
/// YAML indents them.
fn whole_lines(text: &str) -> Zeroizing<String> {
    let block = || {
        let (_, rest) = text
            .split_once("-----BEGIN ")
            .filter(|(_, rest)| rest.contains("PRIVATE KEY-----"))?;
        let (label, rest) = rest.split_once("-----")?;
        let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
        Some((label, body)).filter(|(label, body)| label.ends_with("PRIVATE KEY") && !body.contains(':'))
    };
    let Some((label, body)) = block() else {
        return Zeroizing::new(text.to_owned());
    };
    let body = Zeroizing::new(body.replace("\\r", "").replace("\\n", ""));
    let mut whole = Zeroizing::new(String::with_capacity(text.len() + 64));
    whole.extend(["-----BEGIN ", label, "-----\n"]);
    whole.extend(body.split_whitespace());
    whole.extend(["\n-----END ", label, "-----\n"]);
    whole
}

/// Why a text has no PEM block of a private key.
fn no_block(text: &str) -> &'static str {
    if text.starts_with("LS0tLS1CRUdJTi") {
        "the value is the base64 of a PEM block; decode it once"
    } else if text.starts_with("MII") {
        "the private key lacks its lines -----BEGIN PRIVATE KEY----- and -----END PRIVATE KEY-----"
    } else {
        "the private key is not a complete PEM block"
    }
}

const NOT_RSA: [(&str, &str); 2] = [
    ("BEGIN EC PRIVATE KEY", "the private key is an elliptic curve key"),
    ("BEGIN DSA PRIVATE KEY", "the private key is a DSA key"),
];

const NO_KEY: [(&str, &str); 2] = [
    ("BEGIN CERTIFICATE", "this is a certificate, not its private key"),
    ("PUBLIC KEY-----", "this is a public key, not its private key"),
];

/// The `exp` claim of a JWT-format access token, read without checking its signature: the token came to us over TLS
/// from the one who made it.
pub(crate) fn expiry_of(token: &str) -> Option<Timestamp> {
    #[derive(Deserialize)]
    struct Exp {
        exp: i64,
    }
    let mut parts = token.split('.');
    let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
    let claims = Zeroizing::new(URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?);
    let Exp { exp } = serde_json::from_slice(&claims).ok()?;
    Timestamp::from_second(exp).ok()
}

#[cfg(test)]
mod tests;
