//! Who hears how each call to Salesforce ended, and what Salesforce's clock shows?

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::failure::{Failure, Sent};

/// Hears of each call, for metrics. It is called on the way and must not block.
pub trait Observer: Send + Sync {
    /// A call has ended.
    fn called(&self, endpoint: Endpoint, outcome: CallOutcome, duration: Duration);

    /// A host of Salesforce's has just answered, with this time in its `Date` header.
    fn server_date(&self, date: Timestamp);
}

/// What was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// The token endpoint.
    Token,
    /// Token introspection.
    Introspection,
    /// Token revocation.
    Revocation,
    /// The list of API versions.
    Versions,
    /// The identity of a user.
    Identity,
    /// The query on the organization.
    Organization,
    /// Describe global: the objects that the user sees.
    Objects,
    /// The counts of records.
    RecordCounts,
    /// The org's limits.
    Limits,
    /// The credentials of an external client app.
    AppCredentials,
}

impl Endpoint {
    /// The name of the variant, as a label of a metric.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "Token",
            Self::Introspection => "Introspection",
            Self::Revocation => "Revocation",
            Self::Versions => "Versions",
            Self::Identity => "Identity",
            Self::Organization => "Organization",
            Self::Objects => "Objects",
            Self::RecordCounts => "RecordCounts",
            Self::Limits => "Limits",
            Self::AppCredentials => "AppCredentials",
        }
    }
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallOutcome {
    /// With what was asked for.
    Succeeded,
    /// With a refusal.
    Refused,
    /// Without an answer that can be understood, or before one came.
    Unknown,
    /// Before the request left.
    NotSent,
}

impl CallOutcome {
    /// The name of the variant, as a label of a metric.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "Succeeded",
            Self::Refused => "Refused",
            Self::Unknown => "Unknown",
            Self::NotSent => "NotSent",
        }
    }

    const fn of(sent: Sent) -> Self {
        match sent {
            Sent::Answered => Self::Refused,
            Sent::Unknown => Self::Unknown,
            Sent::NotSent => Self::NotSent,
        }
    }
}

/// A call under way. One that nobody waits for any more ends as unknown.
struct CallUnderWay<'a> {
    observer: &'a dyn Observer,
    endpoint: Endpoint,
    started: Instant,
    outcome: CallOutcome,
}

impl Drop for CallUnderWay<'_> {
    fn drop(&mut self) {
        self.observer
            .called(self.endpoint, self.outcome, self.started.elapsed());
    }
}

/// Carries a call out, and says how it ended.
pub(crate) async fn observed<T>(
    observer: Option<&Arc<dyn Observer>>,
    endpoint: Endpoint,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let Some(observer) = observer else {
        return work.await;
    };
    let mut call = CallUnderWay {
        observer: observer.as_ref(),
        endpoint,
        started: Instant::now(),
        outcome: CallOutcome::Unknown,
    };
    let result = work.await;
    call.outcome = match &result {
        Ok(_) => CallOutcome::Succeeded,
        Err(failure) => CallOutcome::of(failure.sent),
    };
    result
}
