//! What goes wrong on command?

use std::time::Duration;

use hyper::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Endpoint;
use crate::clock::http_date;
use crate::http::Reply;
use crate::refusal::{oauth_reply, rest_reply};

/// A fault, where it strikes and how often. Without conditions it strikes every request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    pub fault: Fault,
    /// Only these endpoints; all when empty.
    #[serde(default)]
    pub endpoints: Vec<Endpoint>,
    #[serde(default)]
    pub host: Option<String>,
    /// Only this consumer key, where the request names one or bears a token of it.
    #[serde(default)]
    pub client_id: Option<String>,
    #[serde(default)]
    pub grant_type: Option<String>,
    /// Let so many matching requests pass first.
    #[serde(default)]
    pub skip: u32,
    /// Strike so many times; until cleared when absent.
    #[serde(default)]
    pub times: Option<u32>,
}

impl FaultRule {
    /// Strikes every request until cleared.
    pub fn always(fault: Fault) -> Self {
        Self {
            fault,
            endpoints: Vec::new(),
            host: None,
            client_id: None,
            grant_type: None,
            skip: 0,
            times: None,
        }
    }

    /// Strikes the next request.
    pub fn once(fault: Fault) -> Self {
        Self::always(fault).times(1)
    }

    /// Only on this endpoint (and those named before).
    #[must_use]
    pub fn on(mut self, endpoint: Endpoint) -> Self {
        self.endpoints.push(endpoint);
        self
    }

    /// Only on these endpoints (and those named before).
    #[must_use]
    pub fn on_all(mut self, endpoints: &[Endpoint]) -> Self {
        self.endpoints.extend_from_slice(endpoints);
        self
    }

    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Lets so many matching requests pass first.
    #[must_use]
    pub fn after(mut self, requests: u32) -> Self {
        self.skip = requests;
        self
    }

    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        self.host = Some(host.to_owned());
        self
    }

    #[must_use]
    pub fn client(mut self, client_id: &str) -> Self {
        self.client_id = Some(client_id.to_owned());
        self
    }

    #[must_use]
    pub fn grant_type(mut self, grant_type: &str) -> Self {
        self.grant_type = Some(grant_type.to_owned());
        self
    }

    pub(crate) fn matches(&self, seen: &Seen<'_>) -> bool {
        let fits = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        (self.endpoints.is_empty() || self.endpoints.contains(&seen.endpoint))
            && fits(&self.host, Some(seen.host))
            && fits(&self.client_id, seen.client_id)
            && fits(&self.grant_type, seen.grant_type)
    }
}

pub(crate) struct Seen<'a> {
    pub(crate) endpoint: Endpoint,
    pub(crate) host: &'a str,
    pub(crate) client_id: Option<&'a str>,
    pub(crate) grant_type: Option<&'a str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Any answer in place of the proper one; nothing is done.
    Answer {
        status: u16,
        #[serde(default = "html")]
        content_type: String,
        #[serde(default)]
        body: String,
        #[serde(default)]
        headers: Vec<(String, String)>,
    },
    /// `{"error", "error_description"}`: forces any row of docs/salesforce.md#token-endpoint-errors
    OauthRefusal {
        /// HTTP status; 400 in the catalogue unless stated.
        #[serde(default = "bad_request")]
        status: u16,
        error: String,
        /// Value of `error_description`; left out when empty.
        #[serde(default)]
        error_description: String,
    },
    /// `[{"message", "errorCode"}]`: forces any row of docs/salesforce.md#rest-errors
    RestRefusal {
        status: u16,
        error_code: String,
        message: String,
    },
    /// The maintenance page: 503 in HTML. docs/salesforce.md#maintenance
    Maintenance,
    /// Salesforce Edge cannot reach the instance: 502 in HTML. docs/salesforce.md#maintenance
    BadGateway,
    /// Salesforce Edge has no route for the host: 420. docs/salesforce.md#edge-no-route
    NoRoute,
    /// 429, with or without `Retry-After`: seen by some clients, promised by no document. docs/salesforce.md#throttling
    Throttled {
        #[serde(default)]
        retry_after: Option<RetryAfter>,
    },
    /// The proper answer, so many milliseconds late.
    Delay { millis: u64 },
    /// The connection is closed; nothing is done.
    DropBeforeProcessing,
    /// The request takes effect, then the connection is closed: the reply is lost.
    ProcessThenDrop,
    /// The connection stays open without an answer; nothing is done.
    NeverAnswer,
    /// The request takes effect, then the connection stays open without an answer.
    ProcessThenNeverAnswer,
    /// 200 with something that is not JSON; nothing is done.
    Garbage,
    /// The request takes effect and its body is cut in the middle, with a matching `Content-Length`.
    TruncatedBody,
    /// 200 with a JSON string of so many bytes; nothing is done.
    Oversized { bytes: usize },
    /// 302 to another place; nothing is done.
    Redirect { location: String },
}

/// The two forms of `Retry-After`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    Seconds(u64),
    /// A date, so many seconds from the simulated now.
    DateIn(u64),
}

/// What the server does with a request under a fault.
pub(crate) enum Course {
    Answer(Reply),
    /// Works on the request, then does this.
    Process(Ending),
    Drop,
    Hang,
}

/// What the server does with the proper answer.
#[derive(Clone, Copy)]
pub(crate) enum Ending {
    Send,
    SendAfter(Duration),
    Truncate,
    Drop,
    Hang,
}

impl Fault {
    /// A short name without contents, for the log.
    pub(crate) fn name(&self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|value| match value {
                serde_json::Value::String(name) => Some(name),
                serde_json::Value::Object(map) => map.keys().next().cloned(),
                _ => None,
            })
            .unwrap_or_default()
    }

    pub(crate) fn course(&self, now: Timestamp) -> Course {
        match self {
            Self::Answer {
                status,
                content_type,
                body,
                headers,
            } => Course::Answer(answer(*status, content_type, body, headers)),
            Self::OauthRefusal {
                status,
                error,
                error_description,
            } => Course::Answer(oauth_reply(*status, error, error_description)),
            Self::RestRefusal {
                status,
                error_code,
                message,
            } => Course::Answer(rest_reply(*status, error_code, message)),
            Self::Maintenance => Course::Answer(Reply::html(
                StatusCode::SERVICE_UNAVAILABLE,
                "<html><head><title>We are down for maintenance.</title></head>\
                 <body><h1>Sorry for the inconvenience.</h1></body></html>",
            )),
            Self::BadGateway => Course::Answer(Reply::html(
                StatusCode::BAD_GATEWAY,
                "<html><head><title>502 Bad Gateway</title></head><body>sfdcedge</body></html>",
            )),
            Self::NoRoute => Course::Answer(answer(
                420,
                "text/html",
                "<html><body>No route</body></html>",
                &[],
            )),
            Self::Throttled { retry_after } => Course::Answer(throttled(*retry_after, now)),
            Self::Delay { millis } => Course::Process(Ending::SendAfter(Duration::from_millis(*millis))),
            Self::DropBeforeProcessing => Course::Drop,
            Self::ProcessThenDrop => Course::Process(Ending::Drop),
            Self::NeverAnswer => Course::Hang,
            Self::ProcessThenNeverAnswer => Course::Process(Ending::Hang),
            Self::Garbage => Course::Answer(answer(
                200,
                "application/json;charset=UTF-8",
                "\u{1f}\u{8b}not json {{{",
                &[],
            )),
            Self::TruncatedBody => Course::Process(Ending::Truncate),
            Self::Oversized { bytes } => {
                let body = format!("\"{}\"", "x".repeat(bytes.saturating_sub(2)));
                Course::Answer(answer(200, "application/json;charset=UTF-8", &body, &[]))
            }
            Self::Redirect { location } => Course::Answer(Reply::redirect(location)),
        }
    }
}

fn answer(status: u16, content_type: &str, body: &str, headers: &[(String, String)]) -> Reply {
    let mut reply = Reply::empty(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .with("content-type", content_type);
    reply.body = body.as_bytes().to_vec();
    reply.headers.extend_from_slice(headers);
    reply
}

fn throttled(retry_after: Option<RetryAfter>, now: Timestamp) -> Reply {
    let reply = answer(429, "text/plain", "Too Many Requests", &[]);
    match retry_after {
        None => reply,
        Some(RetryAfter::Seconds(seconds)) => reply.with("retry-after", &seconds.to_string()),
        Some(RetryAfter::DateIn(seconds)) => {
            let at = crate::clock::later(now, Duration::from_secs(seconds));
            reply.with("retry-after", &http_date(at))
        }
    }
}

fn html() -> String {
    "text/html;charset=UTF-8".to_owned()
}

fn bad_request() -> u16 {
    400
}
