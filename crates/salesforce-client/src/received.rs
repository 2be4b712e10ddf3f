//! What does an answer say: is it a success, and if not, what was refused and may Salesforce have acted?

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, LOCATION, RETRY_AFTER};
use zeroize::Zeroizing;

use crate::classify::judge;
use crate::failure::{Failure, Sent};
use crate::grant::GrantKind;
use crate::host::Host;
use crate::refusal::Refusal;
use crate::scrub::Scrubber;

/// The longest `Retry-After` that is believed: a day, Salesforce's longest period of account (its API allocation). A
/// mistaken or hostile number must not silence anybody for years.
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(24);

/// Who answers. The words of a host that is not Salesforce's are shown to nobody: an author of connectors could read by them what
/// that host tells the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answerer {
    Salesforce,
    /// A host that the administrator has allowed.
    FurtherHost,
}

/// A whole answer. Its body may hold tokens: no `Debug`.
pub(crate) struct Received {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Zeroizing<Vec<u8>>,
    /// Where it redirects to, if credentials may be sent there: a host of Salesforce's, or one that is allowed.
    pub(crate) redirect: Option<Host>,
    pub(crate) answerer: Answerer,
}

impl Received {
    fn content_type(&self) -> Option<&str> {
        self.header(&CONTENT_TYPE)
    }

    pub(crate) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The answer if its status is a success. `grant` is what was presented at the token endpoint; `None` is for every
    /// other call.
    pub(crate) fn success(self, grant: Option<GrantKind>, scrubber: &Scrubber) -> Result<Self, Failure> {
        if (200..300).contains(&self.status) {
            Ok(self)
        } else {
            Err(self.refusal(grant, scrubber))
        }
    }

    /// What this answer means as a refusal.
    fn refusal(&self, grant: Option<GrantKind>, scrubber: &Scrubber) -> Failure {
        let classification = judge(grant, self.status, self.content_type(), &self.body);
        // Whoever sends a request on to another host has not worked on it.
        let not_worked_on = self.redirect.is_some() || turned_away(self.status);
        let said = match (&self.redirect, self.answerer) {
            (Some(host), _) => format!("HTTP {} to {host}", self.status),
            (None, Answerer::Salesforce) => classification.said,
            (None, Answerer::FurtherHost) => match classification.code {
                Some(code) => format!("HTTP {}: {code}", self.status),
                None => format!("HTTP {}", self.status),
            },
        };
        Failure {
            refusal: classification.refusal,
            sent: match grant {
                // Something between us and Salesforce may have put its own answer in the place of a success.
                Some(_) if !classification.oauth && !not_worked_on => Sent::Unknown,
                Some(_) | None => sent(self.status, classification.refusal),
            },
            http_status: Some(self.status),
            retry_after: retry_after(&self.headers),
            server_date: server_date(&self.headers),
            detail: scrubber.clean(&said),
            salvaged_refresh_token: None,
        }
    }

    /// A success that could not be understood, for this reason.
    pub(crate) fn not_understood(&self, why: &str, scrubber: &Scrubber) -> Failure {
        let refusal = match judge(None, self.status, self.content_type(), &self.body).refusal {
            page @ (Refusal::UnexpectedPage | Refusal::MaintenancePage) => page,
            _ => Refusal::UnreadableAnswer,
        };
        let failure = Failure::unknown(refusal, scrubber.clean(why));
        unreadable(&self.headers, self.status, failure)
    }
}

/// A success whose body can't be had: Salesforce has acted.
pub(crate) fn unreadable(headers: &HeaderMap, status: u16, failure: Failure) -> Failure {
    Failure {
        http_status: Some(status),
        server_date: server_date(headers),
        sent: Sent::Unknown,
        ..failure
    }
}

/// Which host a redirect leads to. An address without a host stays at the one that was asked.
pub(crate) fn redirect_host(asked: &Url, status: u16, headers: &HeaderMap) -> Option<Host> {
    if !(300..400).contains(&status) {
        return None;
    }
    let target = asked.join(headers.get(LOCATION)?.to_str().ok()?).ok()?;
    let port = target.port().map(|port| format!(":{port}"));
    let host = format!("{}{}", target.host_str()?, port.unwrap_or_default());
    host.parse().ok()
}

/// Whether a status alone says that the request went no further: 420 is Salesforce Edge without a route to the org, and
/// 429 turns a request away before it is worked on.
fn turned_away(status: u16) -> bool {
    matches!(status, 420 | 429)
}

/// Whether Salesforce may have acted although it refused. A server may fail after it has acted.
fn sent(status: u16, refusal: Refusal) -> Sent {
    let server_failed = matches!(
        refusal,
        Refusal::SalesforceUnknownError
            | Refusal::SalesforceServerError
            | Refusal::SalesforceUnavailable
            | Refusal::SalesforceDown
            | Refusal::SlowDown
    );
    if server_failed || status == 408 || !(300..500).contains(&status) {
        Sent::Unknown
    } else {
        Sent::Answered
    }
}

pub(crate) fn server_date(headers: &HeaderMap) -> Option<Timestamp> {
    http_date(headers.get(DATE)?.to_str().ok()?)
}

fn http_date(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

/// `Retry-After` in seconds or as a date; a date counts from the answer's own `Date`, so no clock of ours matters
/// where there is one.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let asked = if is_number(text) {
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        let until = http_date(text)?;
        let from = server_date(headers).unwrap_or_else(Timestamp::now);
        Duration::try_from(until.duration_since(from)).unwrap_or(Duration::ZERO)
    };
    Some(asked.min(LONGEST_RETRY_AFTER))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests;
