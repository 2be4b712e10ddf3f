//! What has the simulator seen?

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use crate::Endpoint;

/// One request and what became of it. Holds no credential: tokens are named by serial labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogEntry {
    /// Position in the log, from 1.
    pub number: u64,
    pub at: Timestamp,
    pub method: String,
    /// Host called, without the port.
    pub host: String,
    /// Path without the query.
    pub path: String,
    pub endpoint: Endpoint,
    pub grant_type: Option<String>,
    /// Consumer key: sent, or that of the bearer token.
    pub client_id: Option<String>,
    /// Username: sent, or that of the token concerned.
    pub username: Option<String>,
    pub refresh_token: Option<RefreshTokenLabel>,
    /// The presented refresh token had been spent before: the caller sent a single-use token twice.
    pub replay: bool,
    pub fault: Option<String>,
    pub outcome: Outcome,
}

/// Names a refresh token without showing it: the grant's number, and how often it had rotated when it was issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct RefreshTokenLabel {
    /// Number of the grant (the family of refresh tokens), from 1.
    pub grant: u64,
    /// Rotations before this token; 0 is the token of the approval.
    pub rotation: u64,
}

impl fmt::Display for RefreshTokenLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "grant-{}.{}", self.grant, self.rotation)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Pending,
    Answered {
        status: u16,
        error: Option<String>,
    },
    /// The connection was closed before anything was done.
    Dropped,
    /// The request took effect and then the connection was closed; the status is what the caller never saw.
    ReplyLost {
        status: u16,
        error: Option<String>,
    },
    /// The connection stays open without an answer; nothing was done.
    NeverAnswered,
}

impl LogEntry {
    pub fn succeeded(&self) -> bool {
        matches!(
            self.outcome,
            Outcome::Answered {
                status: 200..=399,
                ..
            }
        )
    }
}
