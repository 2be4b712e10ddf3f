//! What is to be done, and what has come of it? Pure: values and a clock in, values out; the linter keeps it so.
//!
//! [`decide()`] looks at what was observed and answers with a [`Decision`]; [`conclude()`] looks at what came of it and
//! answers with a status, events and the time of the next look. Conditions are output only: no decision reads them.
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::unused_async)]

pub mod conclude;
pub mod conditions;
pub mod digest;
pub mod expiry;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod grant;
pub mod held;
pub mod identity;
pub mod incoming;
pub mod inputs;
pub mod keep_alive;
pub mod ladder;
pub mod mint;
pub mod moved;
pub mod observed;
#[cfg(test)]
mod properties;
pub mod schedule;
pub mod secret;
pub mod siblings;
pub mod target;
pub mod test_due;
pub mod validate;
pub mod want;

use jiff::Timestamp;

pub use conclude::{Conclusion, Outcome, conclude};
pub use mint::{MintReason, decide};
pub use observed::Observed;

use crate::api::Reason;

/// What to do in this reconcile. It leaves the shell no choice to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Something stands in the way that a person must change; nothing is sent.
    Reject(Rejection),
    /// Nothing is sent; the Secret is kept in step where a token is held.
    Wait(WaitReason),
    /// The token that is held is good; keep the Secret in step, and test the connection where a test is due.
    Keep {
        /// Why a test is due, if it is.
        test: Option<TestReason>,
    },
    /// Obtain a token.
    Mint {
        /// Why.
        why: MintReason,
    },
}

/// Why nothing is sent although a token is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitReason {
    /// `spec.suspend`.
    Suspended,
    /// The last attempt failed; the next one is at this time.
    BackOff(Timestamp),
    /// The last attempt failed in a way that only another input, or a request, can change.
    InputMustChange,
}

/// Why the connection is to be tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestReason {
    /// It never was, or not with this spec.
    First,
    /// The token must be verified before it may reach the consumer.
    Verification,
    /// The interval has passed.
    Interval,
    /// Somebody asked by annotation.
    Requested,
}

/// What stands in the way, in words: the reason says what it means and what to do, the subject says what it is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rejection {
    /// Which reason.
    pub reason: Reason,
    /// The field, object or value concerned; never a value that came through a reference.
    pub subject: String,
}

impl Rejection {
    /// A rejection for `reason` about `subject`.
    pub fn new(reason: impl Into<Reason>, subject: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            subject: subject.into(),
        }
    }

    /// The sentence for status: what is wrong, with what, and what to do.
    #[must_use]
    pub fn message(&self) -> String {
        explain(self.reason, &self.subject)
    }
}

/// What happened, the particulars if there are any, and what to do: the one shape of every message about trouble.
#[must_use]
pub fn explain(reason: Reason, particulars: &str) -> String {
    let (meaning, remedy) = (reason.meaning(), reason.remedy());
    if particulars.is_empty() {
        format!("{meaning} {remedy}")
    } else {
        format!("{} ({particulars}). {remedy}", meaning.trim_end_matches('.'))
    }
}

/// Times in status are cut to whole seconds: Kubernetes writes seconds, and a value must equal itself read back.
#[must_use]
pub fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}
