//! What can go wrong with a request to a signer, as one closed list.

use std::time::Duration;

macro_rules! signer_refusals {
    ($(#[doc = $meaning:literal] $name:ident;)+) => {
        /// Why a signer did not sign.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum SignerRefusal { $(#[doc = $meaning] $name,)+ }

        impl SignerRefusal {
            /// Every refusal, in the order of this file.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The name, for example `SignerSealed`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            /// What happened, in one sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning.trim_ascii(),)+ }
            }
        }
    };
}

signer_refusals! {
    /// The signer did not answer: there was no connection, or no answer in time.
    SignerUnreachable;
    /// The certificate of the signer is not trusted, or TLS failed otherwise.
    SignerTlsFailed;
    /// The signer is sealed, in a standby state, or not initialized.
    SignerSealed;
    /// The signer failed inside (HTTP 5xx).
    SignerFailed;
    /// The signer turned the request away as one too many (HTTP 429).
    SignerBusy;
    /// The signer does not permit the token to sign with this key, or does not know the token.
    SignerForbidden;
    /// The signer has no such key, mount or namespace.
    SignerKeyNotFound;
    /// The key does not have this version, or not for signing any more.
    SignerKeyVersionUnavailable;
    /// The key can't make RS256 signatures: Salesforce needs an RSA key of at least 2048 bits.
    SignerKeyUnsuitable;
    /// The answer of the signer is not a signature: it is too large, a redirect, or of another form.
    SignerAnswerInvalid;
    /// The signer refused the request for a reason that this version does not know.
    SignerRefused;
}

impl std::fmt::Display for SignerRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A request that brought no signature. Contains nothing that was sent, and no word of the signer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{refusal}: {detail}")]
pub struct SignerFailure {
    /// What was refused, or what went wrong on the way.
    pub refusal: SignerRefusal,
    /// Particulars in words of our own, such as the HTTP status.
    pub detail: String,
    /// How long the signer asks to wait (`Retry-After` in seconds), at most an hour.
    pub retry_after: Option<Duration>,
}

impl SignerFailure {
    pub(crate) fn new(refusal: SignerRefusal, detail: impl Into<String>) -> Self {
        Self {
            refusal,
            detail: detail.into(),
            retry_after: None,
        }
    }
}
