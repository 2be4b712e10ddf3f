//! What was done in a pass, and what came of it?

use std::time::Duration;

use jiff::Timestamp;

use crate::api::Reason;
use crate::core::grant::keep_alive::Outlook;
use crate::core::model::decision::MintReason;
use crate::core::model::held_token::Held;
use crate::core::model::rejection::Rejection;
use crate::core::pass::connection_test::TestReport;

/// What was done.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The token held afterwards.
    pub held: Option<Held>,
    /// What came of obtaining a token, if that was tried.
    pub minted: Option<Minted>,
    /// What a test found, if one ran.
    pub tested: Option<TestReport>,
    /// What became of the consumer's Secret.
    pub secret: SecretOutcome,
    /// The stored grant afterwards, where the redeem protocol was at work.
    pub grant: Option<GrantOutcome>,
}

/// What the status tells of a stored grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantOutcome {
    /// The serial to copy to the status.
    pub serial: i64,
    /// Digest of the brought token that was imported last.
    pub imported: Option<redeem::TokenDigest>,
    /// How long the grant is good for.
    pub outlook: Option<Outlook>,
    /// When Salesforce ends it however often it is used.
    pub end: Option<Timestamp>,
    /// Whether it can be renewed as it stands.
    pub works: bool,
    /// What is wrong with a grant that came in beside it, while it works.
    pub incoming: Option<Trouble>,
}

impl Outcome {
    /// Nothing was done; this token is held.
    #[must_use]
    pub fn untouched(held: Option<Held>) -> Self {
        Self {
            held,
            minted: None,
            tested: None,
            secret: SecretOutcome::Untouched,
            grant: None,
        }
    }
}

/// What came of obtaining a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Minted {
    /// A token.
    Obtained {
        /// Why it was wanted.
        why: MintReason,
    },
    /// Not now: something else must happen first, by itself.
    Waiting {
        /// How long.
        length: Duration,
    },
    /// None.
    Failed {
        /// Why it was wanted.
        why: MintReason,
        /// Why it was not obtained.
        trouble: Trouble,
    },
}

/// Why something was not obtained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Why.
    pub reason: Reason,
    /// In words, with the remedy.
    pub message: String,
    /// How long the other side asks to wait.
    pub retry_after: Option<Duration>,
}

impl From<Rejection> for Trouble {
    fn from(rejection: Rejection) -> Self {
        Self {
            reason: rejection.reason,
            message: rejection.message(),
            retry_after: None,
        }
    }
}

/// What became of the consumer's Secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretOutcome {
    /// It carries the held token.
    InStep,
    /// There was nothing to write, or nothing was to be written now.
    Untouched,
    /// The token was not verified, so it was not written.
    Withheld,
    /// It could not be written, and a person must act.
    Refused(Rejection),
}
