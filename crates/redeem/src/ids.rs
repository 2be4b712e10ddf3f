//! What names things: connectors, clusters, installations, grants, attempts, tokens, versions of an object?

use std::fmt;
use std::sync::Arc;

use ring::hmac;
use serde::{Deserialize, Serialize};

use crate::token::RefreshToken;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps the text.
            pub fn new(text: impl AsRef<str>) -> Self {
                Self(Arc::from(text.as_ref()))
            }

            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// One try at redeeming a grant. Random, made by the caller, never used for two tries.
    AttemptId
}
name! {
    /// One grant, from its login or import until another replaces it; stays the same while its tokens rotate. Random.
    GrantId
}
name! {
    /// The uid of the namespace `kube-system`, which names a cluster.
    ClusterUid
}
name! {
    /// The uid of the namespace that an installation of the operator lives in.
    InstallationUid
}
name! {
    /// `metadata.resourceVersion` of an object, as the API server gave it.
    ResourceVersion
}

impl InstallationUid {
    /// An installation that managed a connector, and whose claim somebody has removed.
    #[must_use]
    pub fn unknown() -> Self {
        Self::new("unknown")
    }
}

/// Counts the writes of a connector's state Secret. Copies of it lie in the connector's status and in the consumer's
/// Secret, so that an old state that comes back is known for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Serial(pub u64);

/// More writes than a state can have in a thousand years.
const MOST_WRITES: u64 = 1 << 40;

impl Serial {
    /// A copy that was read back from where anybody may have edited it. One that no state can have reached is none: it would
    /// make every state that there is an old one.
    #[must_use]
    pub fn of_copy(copy: u64) -> Option<Self> {
        (copy <= MOST_WRITES).then_some(Self(copy))
    }

    /// The one after this.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The operator's own key for digests of tokens, with a random id. The id is no part of the key and tells nothing of it.
#[derive(Clone)]
pub struct LedgerKey {
    id: Arc<str>,
    key: hmac::Key,
}

impl LedgerKey {
    /// A key under its id, which has no hyphen.
    pub fn new(id: impl AsRef<str>, key: hmac::Key) -> Self {
        Self {
            id: Arc::from(id.as_ref()),
            key,
        }
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl fmt::Debug for LedgerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LedgerKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// What is digested begins with its kind. Other digests under the same key begin with a length, and so with a zero.
const BOOTSTRAP_TOKEN: &[u8] = b"bootstrap-token:";
const AUTHORIZATION_CODE: &[u8] = b"authorization-code:";

/// HMAC-SHA256 of a token under the operator's own key, in hex, behind the id of that key. Without the key it tells nothing of
/// the token.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenDigest(Arc<str>);

impl TokenDigest {
    /// Digest of a bootstrap token.
    #[must_use]
    pub fn of(key: &LedgerKey, token: &RefreshToken) -> Self {
        Self::digest(key, BOOTSTRAP_TOKEN, token.expose_secret())
    }

    /// Digest of the authorization code of a login. No refresh token has the same.
    #[must_use]
    pub fn of_code(key: &LedgerKey, code: &str) -> Self {
        Self::digest(key, AUTHORIZATION_CODE, code)
    }

    fn digest(LedgerKey { id, key }: &LedgerKey, kind: &[u8], value: &str) -> Self {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut context = hmac::Context::with_key(key);
        context.update(kind);
        context.update(value.as_bytes());
        let tag = context.sign();
        let digit = |nibble: u8| char::from(*HEX.get(usize::from(nibble)).unwrap_or(&b'0'));
        let hex: String = tag
            .as_ref()
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
            .collect();
        Self(Arc::from(format!("{id}-{hex}")))
    }

    /// Id of the key that it was made with.
    #[must_use]
    pub fn key_id(&self) -> &str {
        self.0.split_once('-').map_or("", |(id, _)| id)
    }

    /// The digest as text: the id of its key, a hyphen, and hex.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An app at a login host: whom Salesforce grants a refresh token to. Anywhere else, and for any other app, it calls the
/// token expired, whatever it is (docs/salesforce.md#dead-refresh-token).
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OAuthClient {
    /// The login host.
    pub host: Arc<str>,
    /// The app's client id.
    pub client_id: Arc<str>,
}

/// The client id may have come from a Secret.
impl fmt::Debug for OAuthClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuthClient")
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

/// Which connector a state belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectorRef {
    /// `metadata.uid`; the one that counts.
    pub uid: Arc<str>,
    /// `metadata.namespace`, so that garbage collection knows where to look.
    pub namespace: Arc<str>,
    /// `metadata.name`, so that garbage collection knows what to look for.
    pub name: Arc<str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_a_serial_that_no_state_can_have_reached_is_none() {
        assert_eq!(Serial::of_copy(3), Some(Serial(3)));
        for copy in [u64::MAX, i64::MAX.unsigned_abs(), MOST_WRITES + 1] {
            assert_eq!(Serial::of_copy(copy), None, "{copy}");
        }
    }
}
