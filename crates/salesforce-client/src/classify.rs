//! What an answer that is no success means: a pure function of grant, status, content type and body.
//!
//! `invalid_grant` covers the dead and the passing alike, so the description decides before the error code does,
//! and one text can mean different things for different grants. What no rule knows is `UnknownRefusal`, which is
//! never taken for a dead grant.

mod rules;

use serde::Deserialize;

use crate::grant::GrantKind;
use crate::refusal::Refusal;

/// A refusal, and the words it was read from. The words may echo what was sent: scrub them before use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Classification {
    pub(crate) refusal: Refusal,
    pub(crate) said: String,
    /// The error code, if it is one of OAuth's own.
    pub(crate) code: Option<&'static str>,
    /// Whether this is a refusal in OAuth's own form, known or not: not the words of a proxy, a gateway or a page.
    pub(crate) oauth: bool,
}

/// What an answer that is no success means. `grant` is what was presented at the token endpoint; `None` is for
/// every other call.
pub fn classify(
    grant: Option<GrantKind>,
    http_status: u16,
    content_type: Option<&str>,
    body: &[u8],
) -> Refusal {
    judge(grant, http_status, content_type, body).refusal
}

/// As [`classify`], with the answer's words.
pub(crate) fn judge(
    grant: Option<GrantKind>,
    status: u16,
    content_type: Option<&str>,
    body: &[u8],
) -> Classification {
    let kind = BodyKind::read(content_type, body);
    let known = if (300..400).contains(&status) {
        None
    } else {
        kind.known(grant)
    };
    let refusal = known.unwrap_or_else(|| by_status(grant, status, &kind));
    Classification {
        oauth: kind.is_oauth_refusal(status, known.is_some()),
        code: kind.code(),
        said: match refusal {
            Refusal::UnknownRefusal if kind.is_error_we_could_read() => {
                format!("HTTP {status}: {}", kind.words(status))
            }
            _ => kind.words(status),
        },
        refusal,
    }
}

/// A body, by what it is rather than by what it claims to be.
#[derive(Debug, PartialEq, Eq)]
enum BodyKind {
    Empty,
    /// `{"error": …, "error_description": …}` of the OAuth endpoints.
    Oauth(OauthErrorBody),
    /// `[{"errorCode": …, "message": …}]` of the REST API.
    Rest(Vec<RestErrorBody>),
    /// JSON of another shape.
    OtherJson,
    /// HTML, or XML.
    Page {
        title: Option<String>,
        maintenance: bool,
    },
    Text(String),
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct OauthErrorBody {
    error: String,
    #[serde(default)]
    error_description: String,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct RestErrorBody {
    #[serde(rename = "errorCode")]
    code: String,
    #[serde(default)]
    message: String,
}

/// Error codes of RFC 6749 and RFC 7009.
const CODES: [&str; 10] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "access_denied",
    "server_error",
    "temporarily_unavailable",
    "unsupported_token_type",
];

impl BodyKind {
    fn read(content_type: Option<&str>, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let text = text.trim_start_matches('\u{feff}').trim();
        let claims_page = content_type.is_some_and(|it| it.to_ascii_lowercase().contains("html"));
        match text.bytes().next() {
            None => Self::Empty,
            Some(b'[') => serde_json::from_str(text).map_or(Self::OtherJson, Self::Rest),
            Some(b'{') => serde_json::from_str(text).map_or(Self::OtherJson, Self::Oauth),
            Some(b'<') => Self::Page {
                title: title_of(text),
                maintenance: says_maintenance(text),
            },
            // A plain-text code is sent with an HTML type at times.
            Some(_) if claims_page && text.contains('<') => Self::Page {
                title: title_of(text),
                maintenance: says_maintenance(text),
            },
            Some(_) => Self::Text(text.to_owned()),
        }
    }

    fn known(&self, grant: Option<GrantKind>) -> Option<Refusal> {
        match self {
            Self::Oauth(said) => rules::oauth(grant, &said.error, &said.error_description),
            Self::Rest(said) => said.iter().find_map(|it| rules::rest(&it.code, &it.message)),
            Self::Text(said) => rules::plain_text(said),
            Self::Empty | Self::OtherJson | Self::Page { .. } => None,
        }
    }

    fn words(&self, status: u16) -> String {
        match self {
            Self::Empty => format!("HTTP {status} with an empty body"),
            Self::OtherJson => format!("HTTP {status} with JSON of an unknown form"),
            Self::Page {
                title: Some(title), ..
            } => format!("HTTP {status} with a page titled: {title}"),
            Self::Page { title: None, .. } => format!("HTTP {status} with a page"),
            Self::Text(text) => text.clone(),
            Self::Oauth(said) if said.error_description.is_empty() => said.error.clone(),
            Self::Oauth(said) => format!("{}: {}", said.error, said.error_description),
            Self::Rest(said) => match said.first() {
                Some(first) if first.message.is_empty() => first.code.clone(),
                Some(first) => format!("{}: {}", first.code, first.message),
                None => format!("HTTP {status} with an empty list of errors"),
            },
        }
    }

    fn code(&self) -> Option<&'static str> {
        match self {
            Self::Oauth(said) => CODES.into_iter().find(|code| *code == said.error),
            Self::Empty | Self::Rest(_) | Self::OtherJson | Self::Page { .. } | Self::Text(_) => None,
        }
    }

    /// Words that no rule knows count only with the statuses of RFC 6749, and with a code that has its form: gateways answer
    /// `{"error": "Bad Request"}`.
    fn is_oauth_refusal(&self, status: u16, known: bool) -> bool {
        let is_code = |error: &str| {
            error
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
        };
        match self {
            Self::Oauth(said) => {
                known || matches!(status, 400 | 401) && !said.error.is_empty() && is_code(&said.error)
            }
            Self::Empty | Self::Rest(_) | Self::OtherJson | Self::Page { .. } | Self::Text(_) => false,
        }
    }

    fn is_error_we_could_read(&self) -> bool {
        match self {
            Self::Oauth(_) | Self::Rest(_) => true,
            Self::Empty | Self::OtherJson | Self::Page { .. } | Self::Text(_) => false,
        }
    }
}

/// The text of `<title>`, which is all of a page that is worth repeating.
fn title_of(page: &str) -> Option<String> {
    // ASCII lower case keeps every byte in its place.
    let lower = page.to_ascii_lowercase();
    let start = lower.find("<title>")? + "<title>".len();
    let end = start + lower.get(start..)?.find("</title>")?;
    let title = page.get(start..end)?.trim();
    (!title.is_empty()).then(|| title.to_owned())
}

/// Whether a page is the one of a maintenance, which comes with status 200 as well: EMP-Connector issue 84.
fn says_maintenance(page: &str) -> bool {
    let lower = page.to_ascii_lowercase();
    [
        "down for maintenance",
        "undergoing maintenance",
        "scheduled maintenance",
    ]
    .iter()
    .any(|words| lower.contains(words))
}

/// Where no rule knows the words, the status decides. Sources: salesforce.com's list of REST status codes, and
/// what clients have met (420 and HTML answers: jsforce, `http-api.ts`).
fn by_status(grant: Option<GrantKind>, status: u16, kind: &BodyKind) -> Refusal {
    let page = matches!(kind, BodyKind::Page { .. });
    let maintenance = matches!(
        kind,
        BodyKind::Page {
            maintenance: true,
            ..
        }
    );
    match status {
        200..=299 if maintenance => Refusal::MaintenancePage,
        200..=299 if page => Refusal::UnexpectedPage,
        200..=299 => Refusal::UnreadableAnswer,
        300..=399 => Refusal::RedirectRefused,
        401 if grant.is_none() => Refusal::Unauthorized,
        403 if !kind.is_error_we_could_read() => Refusal::ForbiddenByNetwork,
        404 if kind.is_error_we_could_read() || matches!(kind, BodyKind::Text(_)) => {
            Refusal::ResourceNotFound
        }
        404 => Refusal::UnexpectedPage,
        407 => Refusal::ProxyRefused,
        408 => Refusal::TimedOut,
        410 => Refusal::ApiVersionRetired,
        414 | 431 => Refusal::RequestTooLarge,
        420 => Refusal::HostNotRouted,
        429 => Refusal::TooManyRequests,
        502 => Refusal::BadGateway,
        503 if page => Refusal::MaintenancePage,
        503 => Refusal::SalesforceUnavailable,
        504 => Refusal::GatewayTimeout,
        500..=599 => Refusal::SalesforceServerError,
        _ if page => Refusal::UnexpectedPage,
        _ => Refusal::UnknownRefusal,
    }
}

#[cfg(test)]
mod tests;
