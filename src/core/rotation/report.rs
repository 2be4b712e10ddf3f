//! What has become of a rotation in a pass?

use jiff::Timestamp;

use crate::core::model::problem::Problem;

/// What was done about the app's credentials in a pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotationReport {
    pub end: RotationEnd,
    /// When the credentials were last rotated, as far as is known now.
    pub last: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RotationEnd {
    /// New credentials are in use in Salesforce, and stored.
    Rotated,
    /// The Secret of this name has the stored credentials.
    Written(String),
    Failed(Problem),
    /// Somebody else was faster: the next pass looks again.
    Outrun,
}

impl RotationEnd {
    /// Label in metrics; nothing where nothing was done.
    pub fn result(&self) -> Option<&'static str> {
        match self {
            Self::Rotated => Some("Rotated"),
            Self::Failed(problem) => Some(problem.reason.as_str()),
            Self::Written(_) | Self::Outrun => None,
        }
    }
}
