//! What has become of a workload in a pass?

use jiff::Timestamp;

use crate::api::Reason;
use crate::api::reasons::OwnReason;
use crate::api::spec::RolloutTarget;

/// What was found out about a workload in a pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolloutReport {
    pub target: RolloutTarget,
    /// Issue time of the token that its pods have.
    pub token: Timestamp,
    pub end: RolloutEnd,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RolloutEnd {
    /// There is nothing to do.
    UpToDate,
    /// Now, or by a process that could not report it.
    Restarted,
    /// For this reason it can't be restarted, with the particulars.
    Failed(OwnReason, String),
}

impl RolloutEnd {
    /// Label in metrics; nothing where nothing was done.
    pub fn result(&self) -> Option<&'static str> {
        match self {
            Self::UpToDate | Self::Failed(OwnReason::RolloutRestartsDisabled, _) => None,
            Self::Restarted => Some("Restarted"),
            Self::Failed(reason, _) => Some(Reason::from(*reason).as_str()),
        }
    }
}
