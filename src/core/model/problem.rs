//! Why did an attempt fail, in words?

use std::time::Duration;

use salesforce_client::Failure;
use transit_client::{SignerAddress, SignerFailure};

use crate::api::Reason;
use crate::core::model::rejection::{Rejection, explain};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub reason: Reason,
    pub message: String,
    /// How long the other side asks to wait.
    pub retry_after: Option<Duration>,
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        Self {
            reason: rejection.reason,
            message: rejection.message(),
            retry_after: None,
        }
    }
}

/// The sentence of a refusal, with Salesforce's own words.
impl From<&Failure> for Problem {
    fn from(failure: &Failure) -> Self {
        let reason = failure.refusal.into();
        Self {
            reason,
            message: explain(reason, &failure.detail),
            retry_after: failure.retry_after,
        }
    }
}

/// The sentence of a refusal by a signer, and which one.
impl Problem {
    pub fn of_signer(failure: &SignerFailure, address: &SignerAddress) -> Self {
        let reason = failure.refusal.into();
        Self {
            reason,
            message: explain(reason, &format!("{address}: {}", failure.detail)),
            retry_after: failure.retry_after,
        }
    }
}
