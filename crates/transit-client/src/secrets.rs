//! The token of a signer as a type: redacted `Debug`, no `Display`, no `Serialize`, wiped from memory on drop.

use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

/// A token that the signer issued: whoever has it may use the key.
#[derive(Clone)]
pub struct SignerToken(SecretString);

impl SignerToken {
    /// The value itself. Where this is called, the secret leaves its guard.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<SecretString> for SignerToken {
    fn from(value: SecretString) -> Self {
        Self(value)
    }
}

impl std::fmt::Debug for SignerToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SignerToken([REDACTED])")
    }
}

impl PartialEq for SignerToken {
    fn eq(&self, other: &Self) -> bool {
        self.expose().as_bytes().ct_eq(other.expose().as_bytes()).into()
    }
}

impl Eq for SignerToken {}
