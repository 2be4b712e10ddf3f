//! Has a secret input changed? Keyed digests, which tell nothing without the operator's own key.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use redeem::LedgerKey;
use ring::hmac;
use serde::{Deserialize, Serialize};

/// The operator's own random key, kept in a Secret of its namespace.
#[derive(Clone)]
pub struct DigestKey {
    key: hmac::Key,
    ledger: LedgerKey,
}

impl DigestKey {
    /// A key from the id and the bytes in the operator's Secret.
    pub fn new(id: &str, bytes: &[u8]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, bytes);
        let ledger = LedgerKey::new(id, key.clone());
        Self { key, ledger }
    }

    /// The key for the ledger of bootstrap tokens.
    pub fn ledger(&self) -> &LedgerKey {
        &self.ledger
    }

    /// Digest of `parts`, each with its length before it, so that no two lists of parts look alike. `purpose` keeps the
    /// digests of different questions apart.
    pub fn digest<'a>(&self, purpose: &'a str, parts: impl IntoIterator<Item = &'a [u8]>) -> Digest {
        let mut context = hmac::Context::with_key(&self.key);
        for part in std::iter::once(purpose.as_bytes()).chain(parts) {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let tag = context.sign();
        let short = tag.as_ref().get(..DIGEST_BYTES).unwrap_or_default();
        Digest(URL_SAFE_NO_PAD.encode(short))
    }
}

/// 144 bits: no padding in base64, and far beyond accidental equality.
const DIGEST_BYTES: usize = 18;

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestKey([redacted])")
    }
}

/// A keyed digest as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    /// A digest read back from where it was written.
    pub fn from_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digest as part of an object's name: hexadecimal, since names have no upper case.
    pub fn object_name_part(&self) -> String {
        let bytes = URL_SAFE_NO_PAD.decode(&self.0).unwrap_or_default();
        bytes.iter().fold(String::new(), |mut text, byte| {
            use fmt::Write as _;
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_differ_by_key_purpose_and_division_into_parts() {
        let key = DigestKey::new("1", b"one");
        let digest = key.digest("p", [b"ab".as_slice(), b"c"]);
        assert_eq!(digest, key.digest("p", [b"ab".as_slice(), b"c"]));
        assert_ne!(digest, key.digest("p", [b"a".as_slice(), b"bc"]));
        assert_ne!(digest, key.digest("q", [b"ab".as_slice(), b"c"]));
        assert_ne!(
            digest,
            DigestKey::new("1", b"two").digest("p", [b"ab".as_slice(), b"c"])
        );
        assert_eq!(digest.as_str().len(), 24);
        assert_eq!(digest.object_name_part().len(), 36);
    }
}
