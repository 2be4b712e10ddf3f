//! What does the outcome of a pass add to that of a delivery?

use crate::api::reasons::Class;
use crate::core::model::decision::MintReason;
use crate::core::model::observed::Observed;
use crate::core::model::outcome::{Minted, Outcome, Problem, SecretOutcome};
use crate::core::model::rejection::Rejection;
use crate::core::pass::grant::SessionResult;

/// What is added to the outcome of a delivery.
pub(super) enum Addition {
    /// Nothing: no token was to be obtained.
    None,
    /// A login brought the token. What was not verified is forgotten, and the token of before is held on.
    LoggedIn(MintReason, Option<Problem>),
    /// No login was made, as its token could not be delivered.
    Undeliverable(MintReason, Rejection),
    /// A login brought none.
    Failed(Minted, Option<Problem>),
    /// Salesforce was asked about the app's current credentials alone, and refuses them.
    CredentialsRefused(Problem),
    /// A session of the redeem protocol.
    Grant(SessionResult),
}

impl Addition {
    pub(super) fn add_to(self, outcome: Outcome, observed: &Observed) -> Outcome {
        match self {
            Self::None => outcome,
            Self::LoggedIn(why, credentials_refused) => {
                let obtained = Outcome {
                    minted: Some(Minted::Obtained { why }),
                    credentials_refused,
                    ..outcome
                };
                let outcome = forget_unverified(obtained, observed);
                match outcome.secret.clone() {
                    SecretOutcome::Refused(rejection) if passes(&rejection) => {
                        undeliverable(outcome, why, rejection, observed)
                    }
                    _ => outcome,
                }
            }
            Self::Undeliverable(why, rejection) => undeliverable(outcome, why, rejection, observed),
            Self::Failed(minted, credentials_refused) => Outcome {
                minted: Some(minted),
                credentials_refused,
                ..outcome
            },
            Self::CredentialsRefused(problem) => Outcome {
                credentials_refused: Some(problem),
                ..outcome
            },
            Self::Grant(SessionResult { minted, grant, login }) => Outcome {
                minted,
                grant: grant.map(|grant| *grant),
                login,
                ..outcome
            },
        }
    }
}

/// Whether the API server could not write, rather than would not.
fn passes(rejection: &Rejection) -> bool {
    rejection.reason.class() == Class::Transient
}

/// The token of before is held on: the consumer has it, and it is good for as long as it lasts.
fn undeliverable(outcome: Outcome, why: MintReason, rejection: Rejection, observed: &Observed) -> Outcome {
    let held = observed.held.as_ref();
    let consumer_has_one = held.is_some_and(|held| observed.identity_verified(held));
    let secret = match outcome.secret {
        SecretOutcome::InStep => SecretOutcome::InStep,
        _ if consumer_has_one && passes(&rejection) => SecretOutcome::Untouched,
        _ => SecretOutcome::Refused(rejection.clone()),
    };
    Outcome {
        held: observed.held.clone(),
        minted: Some(Minted::Failed {
            why,
            problem: rejection.into(),
        }),
        secret,
        ..outcome
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
        self.login = self.login.or(earlier.login);
        self.credentials_refused = self.credentials_refused.or(earlier.credentials_refused);
        self
    }
}
