//! A call that did not give what was asked for: why, and whether Salesforce may have acted on it.

use std::time::Duration;

use jiff::Timestamp;

use crate::refusal::Refusal;
use crate::secrets::RefreshToken;

/// How far a failed request got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sent {
    /// It failed before the request left (DNS, connect, TLS, building it): Salesforce knows nothing of it.
    NotSent,
    /// Salesforce may have acted: time-out, reset, 5xx, an answer that can't be read.
    Unknown,
    /// Salesforce, or something before it, refused the request.
    Answered,
}

/// A call that failed. Contains no secret but [`Failure::salvaged_refresh_token`], which prints redacted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{refusal}: {detail}")]
pub struct Failure {
    /// Why.
    pub refusal: Refusal,
    /// Whether Salesforce may have acted.
    pub sent: Sent,
    /// The HTTP status, if there was an answer.
    pub http_status: Option<u16>,
    /// How long to wait, if the answer said so (`Retry-After`, in seconds or as a date); at
    /// most 24 hours.
    pub retry_after: Option<Duration>,
    /// The answer's `Date` header: the other side's clock.
    pub server_date: Option<Timestamp>,
    /// Salesforce's own words, or those of the transport: at most 200 characters, no control characters, and
    /// nothing of what we sent that is secret, or that identifies app or user.
    pub detail: String,
    /// A refresh token found in a successful answer that could not be understood otherwise. It may be the only
    /// valid one left: store it before anything else.
    pub salvaged_refresh_token: Option<RefreshToken>,
}

impl Failure {
    /// A failure of our own side: nothing was sent.
    pub(crate) fn not_sent(refusal: Refusal, detail: impl Into<String>) -> Self {
        Self {
            refusal,
            sent: Sent::NotSent,
            http_status: None,
            retry_after: None,
            server_date: None,
            detail: detail.into(),
            salvaged_refresh_token: None,
        }
    }

    /// A request that left, and whose outcome is not known.
    pub(crate) fn unknown(refusal: Refusal, detail: impl Into<String>) -> Self {
        Self {
            sent: Sent::Unknown,
            ..Self::not_sent(refusal, detail)
        }
    }
}
