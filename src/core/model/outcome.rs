//! What was done in a pass, and what came of it?

use std::time::Duration;

use jiff::Timestamp;

use crate::core::grant::keep_alive::Outlook;
use crate::core::inventory::findings::InventoryReport;
use crate::core::model::decision::MintReason;
use crate::core::model::held_token::HeldToken;
use crate::core::model::rejection::Rejection;
use crate::core::pass::connection_test::TestReport;
use crate::core::rollout::report::RolloutReport;
use crate::core::rotation::report::RotationReport;
use crate::core::sharing::report::SharingReport;

pub use crate::core::model::problem::Problem;

#[derive(Debug, Clone)]
pub struct Outcome {
    pub held: Option<HeldToken>,
    /// What came of obtaining a token, if that was tried.
    pub minted: Option<Minted>,
    pub tested: Option<TestReport>,
    pub secret: SecretOutcome,
    /// A new token was not verified, and so it was forgotten.
    pub forgot_new_token: bool,
    /// The stored grant afterwards, where the redeem protocol was at work.
    pub grant: Option<GrantOutcome>,
    /// Why Salesforce refuses the app's current credentials, where it does and the previous ones are at hand.
    pub credentials_refused: Option<Problem>,
    /// What came of a login that a person asked for.
    pub login: Option<Result<(), Problem>>,
    /// What the org holds, where that was read.
    pub inventory: Option<Box<InventoryReport>>,
    /// The workloads that were looked at.
    pub rollouts: Vec<RolloutReport>,
    /// What was done about the app's credentials, where something was.
    pub rotation: Option<RotationReport>,
    /// The copies of the token, where they were looked at.
    pub sharing: Option<SharingReport>,
}

/// What the status tells of a stored grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantOutcome {
    /// The serial to copy to the status.
    pub serial: i64,
    /// Digest of the bootstrap token that was imported last.
    pub imported: Option<redeem::TokenDigest>,
    pub outlook: Option<Outlook>,
    /// When Salesforce ends it however often it is used.
    pub end: Option<Timestamp>,
    /// Whether it can be renewed as it stands.
    pub works: bool,
    /// What is wrong with the candidate grant beside it, while it works.
    pub candidate: Option<Problem>,
}

impl Outcome {
    /// Nothing was done; this token is held.
    pub fn untouched(held: Option<HeldToken>) -> Self {
        Self {
            held,
            minted: None,
            tested: None,
            secret: SecretOutcome::Untouched,
            forgot_new_token: false,
            grant: None,
            credentials_refused: None,
            login: None,
            inventory: None,
            rollouts: Vec::new(),
            rotation: None,
            sharing: None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Minted {
    Obtained {
        why: MintReason,
    },
    /// Not now: something else must happen first, by itself.
    Waiting {
        length: Duration,
    },
    Failed {
        why: MintReason,
        problem: Problem,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretOutcome {
    InStep,
    /// There was nothing to write, or nothing was to be written now.
    Untouched,
    /// The token was not verified, so it was not written.
    Withheld,
    /// It could not be written, and a person must act.
    Refused(Rejection),
}
