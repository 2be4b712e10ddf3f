//! What is remembered of a password that was sent without success, and for how long does it forbid sending it again?

use jiff::Timestamp;

/// What is remembered of a password that was sent without success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordMemory {
    Refused,
    /// Salesforce may have refused it: no answer came, or none that tells.
    Unclear {
        /// From when on it may be sent again.
        until: Timestamp,
    },
}

impl PasswordMemory {
    /// Whether the password must not be sent now.
    pub fn forbids(self, now: Timestamp) -> bool {
        match self {
            Self::Refused => true,
            Self::Unclear { until } => now < until,
        }
    }
}
