//! What is remembered of rotations: the credentials that they brought, and a rotation that is under way.

use std::fmt;

use jiff::Timestamp;
use redeem::{ConnectorRef, ResourceVersion};
use salesforce_client::{App, RecordId};

/// What is remembered of a connector's rotations, in a Secret of the operator.
#[derive(Clone, PartialEq, Eq)]
pub struct RotationState {
    pub connector: ConnectorRef,
    /// The external client app that it is about.
    pub app_id: RecordId,
    /// What the last rotation brought.
    pub current: Option<RotatedCredentials>,
    /// Consumer keys that were current before, the latest last: whoever brings one of them brings nothing new.
    pub superseded: Vec<String>,
    /// A rotation that is under way.
    pub open: Option<OpenRotation>,
}

/// Credentials that a rotation has brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotatedCredentials {
    pub app: App,
    /// When they were rotated in.
    pub time: Timestamp,
}

/// How far a rotation has come: what may have been sent since.
#[derive(Clone, PartialEq, Eq)]
pub enum OpenRotation {
    /// New credentials may have been staged, where none were before.
    Staging { since: Timestamp },
    /// These credentials were staged, and may have been rotated in.
    Rotating { since: Timestamp, staged: App },
}

/// What was found of a connector's rotations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum RotationSeen {
    #[default]
    Absent,
    Found(Box<RotationState>, ResourceVersion),
    /// Somebody has damaged it, or a later version of the operator wrote it.
    Unreadable(StateFault),
}

/// Why what is remembered can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StateFault {
    #[error("the record of rotations is damaged")]
    Damaged,
    #[error("another version of the operator wrote the record of rotations")]
    OtherVersion,
}

/// Most consumer keys that are remembered as superseded. A year of rotations brings at most a dozen.
const MOST_SUPERSEDED: usize = 32;

impl RotationState {
    /// Nothing was rotated yet.
    pub fn new(connector: ConnectorRef, app_id: RecordId) -> Self {
        Self {
            connector,
            app_id,
            current: None,
            superseded: Vec::new(),
            open: None,
        }
    }

    /// Credentials that may have been rotated in.
    pub fn announced(&self) -> Option<&App> {
        match &self.open {
            Some(OpenRotation::Rotating { staged, .. }) => Some(staged),
            Some(OpenRotation::Staging { .. }) | None => None,
        }
    }

    /// This state with a rotation under way, or none.
    #[must_use]
    pub fn with_open(&self, open: Option<OpenRotation>) -> Self {
        Self { open, ..self.clone() }
    }

    /// The state once these credentials are in use in the place of a consumer key.
    #[must_use]
    pub fn rotated(&self, app: App, former: &str, time: Timestamp) -> Self {
        let mut superseded = self.superseded.clone();
        let before = self.current.as_ref().map(|current| &*current.app.client_id);
        for key in before.into_iter().chain([former]) {
            if !superseded.iter().any(|known| known == key) {
                superseded.push(key.to_owned());
            }
        }
        superseded.retain(|key| *key != app.client_id);
        let surplus = superseded.len().saturating_sub(MOST_SUPERSEDED);
        superseded.drain(..surplus);
        Self {
            current: Some(RotatedCredentials { app, time }),
            superseded,
            open: None,
            ..self.clone()
        }
    }
}

impl RotationSeen {
    pub fn state(&self) -> Option<&RotationState> {
        match self {
            Self::Found(state, _) => Some(state),
            Self::Absent | Self::Unreadable(_) => None,
        }
    }
}

/// Without consumer keys: they may have come through a reference.
impl fmt::Debug for RotationState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RotationState")
            .field("connector", &self.connector)
            .field("app_id", &self.app_id)
            .field("current", &self.current)
            .field("superseded", &self.superseded.len())
            .field("open", &self.open)
            .finish()
    }
}

impl fmt::Debug for OpenRotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Staging { since } => write!(f, "Staging({since})"),
            Self::Rotating { since, .. } => write!(f, "Rotating({since})"),
        }
    }
}
