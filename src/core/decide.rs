//! Must a token be obtained, and may it be?
//!
//! Connectors that log in and connectors with a stored grant part here, once.

pub(crate) mod credentials;
mod grant;
pub mod instance_moved;
mod login;
mod permission;
pub(crate) mod remembered_failure;
pub mod requests;
pub mod test_due;
mod token_due;

use jiff::Timestamp;

use crate::core::model::decision::{Decision, Evidence};
use crate::core::model::observed::{Observed, Source};

/// What to do about what was observed, and about what a test of this pass has shown since.
pub fn decide(observed: &Observed, evidence: Evidence, now: Timestamp) -> Decision {
    match &observed.source {
        Source::Unusable(rejection) => Decision::Reject(rejection.clone()),
        Source::Login(source) => login::decide(observed, source, evidence, now),
        Source::Grant(source) => grant::decide(observed, source, evidence, now),
    }
}

#[cfg(test)]
mod tests;
