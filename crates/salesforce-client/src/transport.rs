//! Sends one request and reads one answer: allowed hosts only, no redirects, no retries, capped bodies, time limits.

mod errors;
mod resolver;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use reqwest::{Certificate, Request, Response, redirect, retry};
use zeroize::Zeroizing;

use crate::classify::judge;
use crate::failure::{Failure, Sent};
use crate::grant::GrantKind;
use crate::host::{Host, InstanceUrl};
use crate::refusal::Refusal;
use crate::scrub::Scrubber;
use crate::secrets::AccessToken;
use crate::settings::{ClientSettings, Proxies, TransportSecurity};
use crate::token::salvage_refresh_token;

/// The longest `Retry-After` that is believed: a day, Salesforce's longest period of account (its API allocation). A
/// mistaken or hostile number must not silence anybody for years.
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(24);
/// The most that is read of an OAuth answer, in bytes. Real ones have about 2 KiB.
pub(crate) const OAUTH_CAP: usize = 64 * 1024;
/// The most that is read of a REST answer, in bytes. Describe global of a large org has a few MiB.
pub(crate) const REST_CAP: usize = 8 * 1024 * 1024;

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// An extra CA bundle holds no certificate, or one that can't be read.
    #[error("failed to read certificates from extra CA bundle number {0}; expected PEM")]
    ExtraCa(usize),
    /// The HTTP client could not be set up, for example for want of the system's CA certificates.
    #[error("failed to set up the HTTP client")]
    HttpClient(#[source] reqwest::Error),
}

/// Installs ring as the process's rustls provider, unless there is one already.
pub fn install_crypto_provider() {
    // An error says that there is one, which is what we want.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

pub(crate) struct Transport {
    fresh: reqwest::Client,
    pooled: reqwest::Client,
    settings: ClientSettings,
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// Which connection a request goes over.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Connection {
    /// A new one. For what may be spent by being sent: a request never goes onto a connection that is half
    /// dead, so a reset always comes after sending and is never a reason to send again.
    Fresh,
    /// One that is kept alive, because a TLS handshake costs more than all the rest.
    Pooled,
}

impl Connection {
    /// The connection of a token request. What can be presented again loses nothing when a connection breaks; a refresh
    /// token or a code may be spent by it, and a password is not to be tried more often than was asked for.
    pub(crate) fn of(grant: GrantKind) -> Self {
        match grant {
            GrantKind::ClientCredentials | GrantKind::JwtBearer => Self::Pooled,
            GrantKind::RefreshToken | GrantKind::Password | GrantKind::AuthorizationCode => Self::Fresh,
        }
    }
}

/// A whole answer. Its body may hold tokens: no `Debug`.
pub(crate) struct Received {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Zeroizing<Vec<u8>>,
    pub(crate) latency: Duration,
}

impl Transport {
    pub(crate) fn new(settings: ClientSettings) -> Result<Self, BuildError> {
        // Building a reqwest client without a provider panics.
        install_crypto_provider();
        // HTTP/1.1 alone: HTTP/2 would share one connection between these requests.
        let fresh = builder(&settings)?.pool_max_idle_per_host(0).http1_only();
        let pooled = builder(&settings)?.pool_idle_timeout(Duration::from_secs(30));
        Ok(Self {
            fresh: fresh.build().map_err(BuildError::HttpClient)?,
            pooled: pooled.build().map_err(BuildError::HttpClient)?,
            settings,
        })
    }

    pub(crate) fn base_of(&self, host: &Host) -> InstanceUrl {
        match self.settings.transport {
            TransportSecurity::Https => InstanceUrl::https(host.clone()),
            TransportSecurity::PlainHttpForTests => InstanceUrl::plain_http(host.clone()),
        }
    }

    pub(crate) fn check_host(&self, host: &Host) -> Result<(), Failure> {
        let allowed = self.settings.allow_list.check(host);
        allowed.map_err(|error| Failure::not_sent(Refusal::HostNotAllowed, error.to_string()))
    }

    pub(crate) fn check_instance(&self, instance: &InstanceUrl) -> Result<(), Failure> {
        let refuse = |detail: String| Err(Failure::not_sent(Refusal::InstanceUrlNotAllowed, detail));
        if instance.is_plain_http() && self.settings.transport == TransportSecurity::Https {
            return refuse(format!("{instance} is not https"));
        }
        self.settings
            .allow_list
            .check(instance.host())
            .or_else(|error| refuse(error.to_string()))
    }

    /// The request of a form POST to an allowed host.
    pub(crate) fn form(&self, host: &Host, path: &str, form: &[(&str, &str)]) -> Result<Request, Failure> {
        self.check_host(host)?;
        let request = self
            .fresh
            .post(format!("{}{path}", self.base_of(host)))
            .form(form);
        request
            .header(ACCEPT, "application/json")
            .build()
            .map_err(not_built)
    }

    /// The request of a GET at an allowed instance.
    pub(crate) fn get(
        &self,
        instance: &InstanceUrl,
        path: &str,
        token: Option<&AccessToken>,
    ) -> Result<Request, Failure> {
        self.check_instance(instance)?;
        let request = self
            .pooled
            .get(format!("{instance}{path}"))
            .header(ACCEPT, "application/json");
        let mut request = request.build().map_err(not_built)?;
        if let Some(token) = token {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose())).map_err(|_| {
                Failure::not_sent(
                    Refusal::RequestNotBuilt,
                    "the access token can't stand in a header",
                )
            })?;
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        Ok(request)
    }

    /// Sends a request once, and returns the answer if its status is a success.
    pub(crate) async fn send(
        &self,
        connection: Connection,
        request: Request,
        cap: usize,
        grant: Option<GrantKind>,
        scrubber: &Scrubber,
    ) -> Result<Received, Failure> {
        let client = match connection {
            Connection::Fresh => &self.fresh,
            Connection::Pooled => &self.pooled,
        };
        let start = Instant::now();
        let response = client
            .execute(request)
            .await
            .map_err(|error| errors::failure(&error, scrubber))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = match read(response, cap).await {
            Ok(body) => body,
            // What has arrived of a refusal is enough to judge it by.
            Err((_, partial)) if !status.is_success() => partial,
            Err((why, partial)) => {
                let failure = match why {
                    BodyError::TooLarge => too_large(cap),
                    BodyError::Broken(error) => errors::failure(&error, scrubber),
                };
                let salvaged_refresh_token = grant.and_then(|_| salvage_refresh_token(&partial));
                return Err(unreadable(
                    &headers,
                    status.as_u16(),
                    Failure {
                        salvaged_refresh_token,
                        ..failure
                    },
                ));
            }
        };
        let received = Received {
            status: status.as_u16(),
            headers,
            body,
            latency: start.elapsed(),
        };
        if status.is_success() {
            Ok(received)
        } else {
            Err(received.refusal(grant, scrubber))
        }
    }
}

fn builder(settings: &ClientSettings) -> Result<reqwest::ClientBuilder, BuildError> {
    let mut certificates = Vec::new();
    for (place, pem) in settings.extra_ca_pem.iter().enumerate() {
        let bundle = Certificate::from_pem_bundle(pem).unwrap_or_default();
        if bundle.is_empty() {
            return Err(BuildError::ExtraCa(place + 1));
        }
        certificates.extend(bundle);
    }
    let mut builder = reqwest::Client::builder()
        .user_agent(&settings.user_agent)
        .connect_timeout(settings.connect_timeout)
        .timeout(settings.request_timeout)
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .tls_certs_merge(certificates)
        .https_only(settings.transport == TransportSecurity::Https)
        .dns_resolver(Arc::new(resolver::Resolver::new(settings.connect_to.clone())));
    if settings.proxies == Proxies::Never || !settings.connect_to.is_empty() {
        builder = builder.no_proxy();
    }
    Ok(builder)
}

enum BodyError {
    TooLarge,
    Broken(reqwest::Error),
}

/// Reads a body up to a cap. An error comes with what had arrived.
async fn read(
    mut response: Response,
    cap: usize,
) -> Result<Zeroizing<Vec<u8>>, (BodyError, Zeroizing<Vec<u8>>)> {
    let mut body = Zeroizing::new(Vec::new());
    loop {
        match response.chunk().await {
            Ok(None) => return Ok(body),
            Ok(Some(chunk)) if body.len() + chunk.len() > cap => return Err((BodyError::TooLarge, body)),
            Ok(Some(chunk)) => grow(&mut body, &chunk),
            Err(error) => return Err((BodyError::Broken(error), body)),
        }
    }
}

/// Appends, wiping the old buffer where the vector has to move.
fn grow(body: &mut Zeroizing<Vec<u8>>, chunk: &[u8]) {
    if body.capacity() - body.len() < chunk.len() {
        let mut larger = Zeroizing::new(Vec::with_capacity((body.len() + chunk.len()) * 2));
        larger.extend_from_slice(body);
        *body = larger;
    }
    body.extend_from_slice(chunk);
}

fn not_built(error: reqwest::Error) -> Failure {
    Failure::not_sent(Refusal::RequestNotBuilt, error.without_url().to_string())
}

fn too_large(cap: usize) -> Failure {
    Failure::unknown(
        Refusal::AnswerTooLarge,
        format!("the answer has more than {cap} bytes"),
    )
}

/// A success whose body can't be had: Salesforce has acted.
fn unreadable(headers: &HeaderMap, status: u16, failure: Failure) -> Failure {
    Failure {
        http_status: Some(status),
        server_date: server_date(headers),
        sent: Sent::Unknown,
        ..failure
    }
}

impl Received {
    fn content_type(&self) -> Option<&str> {
        self.header(&CONTENT_TYPE)
    }

    pub(crate) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// What this answer means as a refusal: a status that is no success, or a success that can't be understood.
    pub(crate) fn refusal(&self, grant: Option<GrantKind>, scrubber: &Scrubber) -> Failure {
        let classification = judge(grant, self.status, self.content_type(), &self.body);
        Failure {
            refusal: classification.refusal,
            sent: match grant {
                // Something between us and Salesforce may have put its own answer in the place of a success.
                Some(_) if !classification.understood && !turned_away(self.status) => Sent::Unknown,
                Some(_) | None => sent(self.status, classification.refusal),
            },
            http_status: Some(self.status),
            retry_after: retry_after(&self.headers),
            server_date: server_date(&self.headers),
            detail: scrubber.clean(&classification.said),
            salvaged_refresh_token: None,
        }
    }

    /// A success that could not be understood, for this reason.
    pub(crate) fn not_understood(&self, why: &str, scrubber: &Scrubber) -> Failure {
        let refusal = match judge(None, self.status, self.content_type(), &self.body).refusal {
            Refusal::UnexpectedPage => Refusal::UnexpectedPage,
            _ => Refusal::UnreadableAnswer,
        };
        let failure = Failure::unknown(refusal, scrubber.clean(why));
        unreadable(&self.headers, self.status, failure)
    }
}

/// Whether a status alone says that the request went no further: 420 is Salesforce Edge without a route to the org, and
/// 429 turns a request away before it is worked on.
fn turned_away(status: u16) -> bool {
    matches!(status, 420 | 429)
}

/// Whether Salesforce may have acted although it refused. Server trouble may come after the deed.
fn sent(status: u16, refusal: Refusal) -> Sent {
    let trouble = matches!(
        refusal,
        Refusal::SalesforceUnknownError
            | Refusal::SalesforceServerError
            | Refusal::SalesforceUnavailable
            | Refusal::SalesforceDown
    );
    if trouble || status == 408 || !(300..500).contains(&status) {
        Sent::Unknown
    } else {
        Sent::Answered
    }
}

fn server_date(headers: &HeaderMap) -> Option<Timestamp> {
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
