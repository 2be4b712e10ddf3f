//! What does the outcome of a pass add to that of a delivery?

use crate::core::model::decision::MintReason;
use crate::core::model::observed::Observed;
use crate::core::model::outcome::{GrantOutcome, Minted, Outcome, SecretOutcome};

/// What is added to the outcome of a delivery.
pub(super) enum Addition {
    /// Nothing: no token was to be obtained.
    None,
    /// A login brought the token. What was not verified is forgotten, and the token of before is held on.
    LoggedIn(MintReason),
    /// A login brought none.
    Failed(Minted),
    /// A session of the redeem protocol.
    Grant(Option<Minted>, Option<Box<GrantOutcome>>),
}

impl Addition {
    pub(super) fn add_to(self, outcome: Outcome, observed: &Observed) -> Outcome {
        match self {
            Self::None => outcome,
            Self::LoggedIn(why) => forget_unverified(
                Outcome {
                    minted: Some(Minted::Obtained { why }),
                    ..outcome
                },
                observed,
            ),
            Self::Failed(minted) => Outcome {
                minted: Some(minted),
                ..outcome
            },
            Self::Grant(minted, grant) => Outcome {
                minted,
                grant: grant.map(|grant| *grant),
                ..outcome
            },
        }
    }
}

/// A new token that was withheld is forgotten: the connector goes on with the token that it had, if it had one, and the next
/// pass finds just that.
fn forget_unverified(outcome: Outcome, observed: &Observed) -> Outcome {
    if outcome.secret != SecretOutcome::Withheld {
        return outcome;
    }
    let verified = observed
        .held
        .as_ref()
        .is_none_or(|held| observed.identity_verified(held));
    Outcome {
        held: observed.held.clone(),
        forgot_new_token: true,
        secret: if verified {
            SecretOutcome::Untouched
        } else {
            SecretOutcome::Withheld
        },
        ..outcome
    }
}

impl Outcome {
    /// This outcome, which came after `earlier` in the same pass: a test that ran only then still counts.
    #[must_use]
    pub(super) fn after(mut self, earlier: Self) -> Self {
        self.tested = self.tested.or(earlier.tested);
        self.grant = self.grant.or(earlier.grant);
        self
    }
}
