//! Which credentials of the app does a login send while there are those from before a rotation, and what is learned of them?

use std::sync::Arc;

use jiff::Timestamp;
use salesforce_client::Failure;

use crate::api::Reason;
use crate::api::reasons::OwnReason;
use crate::core::decide::credentials::first_credentials;
use crate::core::model::connector::{Connector, Credentials};
use crate::core::model::decision::MintReason;
use crate::core::model::held_token::HeldToken;
use crate::core::model::observed::Observed;
use crate::core::model::outcome::Problem;
use crate::core::model::rejection::{Rejection, explain};

/// What a login comes to: the token, or why there is none.
pub(super) type LoginEnd = Result<HeldToken, Problem>;

/// A login that is over.
pub(super) struct LoginOutcome {
    pub(super) end: LoginEnd,
    /// Why Salesforce refuses the app's current credentials, where it does and there are previous ones.
    pub(super) credentials_refused: Option<Problem>,
}

/// The credentials of a login.
pub(super) struct LoginCredentials {
    /// Those that are sent; nothing where there are no others.
    sent: Option<Credentials>,
    /// The connector with the other ones, which are sent if Salesforce refuses these.
    others: Option<Arc<Connector>>,
    /// Why there are no other ones, where the spec names some.
    unusable: Option<Rejection>,
    /// The refusal of the current ones, and of the previous ones.
    current_refused: Option<String>,
    previous_refused: Option<String>,
}

impl LoginCredentials {
    /// The credentials of a login, and the connector with those that are sent first.
    pub(super) fn begin(
        observed: &Observed,
        connector: &Arc<Connector>,
        why: MintReason,
        now: Timestamp,
    ) -> (Self, Arc<Connector>) {
        let with = |sent, others| Self {
            sent,
            others,
            unusable: None,
            current_refused: None,
            previous_refused: None,
        };
        let current = connector.clone();
        let Some(previous) = connector.with_previous_credentials().map(Arc::new) else {
            let unusable = connector.previous_credentials.clone().and_then(Result::err);
            let sent = unusable.is_some().then_some(Credentials::Current);
            return (
                Self {
                    unusable,
                    ..with(sent, None)
                },
                current,
            );
        };
        // The held token is good, and a login by the previous credentials would replace it for nothing.
        if why == MintReason::CredentialsTrial {
            return (with(Some(Credentials::Current), None), current);
        }
        match first_credentials(observed, connector, why, now) {
            first @ Credentials::Current => (with(Some(first), Some(previous)), current),
            first @ Credentials::Previous => (with(Some(first), Some(current)), previous),
        }
    }

    /// Takes a failed token request. Returns the connector with the other credentials where the same is to be sent with these.
    pub(super) fn failed(&mut self, failure: &Failure) -> Option<Arc<Connector>> {
        let sent = self.sent.filter(|_| failure.refusal.is_of_client())?;
        let refused = Some(format!("{}: {}", failure.refusal, failure.detail));
        self.sent = Some(match sent {
            Credentials::Current => {
                self.current_refused = refused;
                Credentials::Previous
            }
            Credentials::Previous => {
                self.previous_refused = refused;
                Credentials::Current
            }
        });
        self.others.take()
    }

    /// What the login comes to.
    pub(super) fn ended(&self, end: LoginEnd) -> LoginOutcome {
        match (end, &self.current_refused, &self.previous_refused) {
            (end, Some(_), None) if let Some(unusable) = &self.unusable => LoginOutcome {
                end: end.map_err(|problem| with_unusable(&problem, unusable)),
                credentials_refused: None,
            },
            (Err(_), Some(current), Some(previous)) => LoginOutcome {
                end: Err(problem(
                    OwnReason::AppCredentialsRefused,
                    &format!("current: {current}; previous: {previous}"),
                )),
                credentials_refused: None,
            },
            (end, current, _) => LoginOutcome {
                end,
                credentials_refused: current
                    .as_ref()
                    .map(|refused| problem(OwnReason::PreviousCredentialsInUse, refused)),
            },
        }
    }
}

fn with_unusable(problem: &Problem, unusable: &Rejection) -> Problem {
    Problem {
        message: format!(
            "{} The app's previous credentials can't be used: {}",
            problem.message,
            unusable.message()
        ),
        ..problem.clone()
    }
}

fn problem(reason: OwnReason, particulars: &str) -> Problem {
    let reason = Reason::from(reason);
    Problem {
        reason,
        message: explain(reason, particulars),
        retry_after: None,
    }
}
