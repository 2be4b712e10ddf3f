//! Sends one request and reads one answer: allowed hosts only, no redirects, no retries, capped bodies, time limits.

mod body;
mod errors;
mod resolver;

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Certificate, Method, Request, Response, Url, redirect, retry};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::host::{Host, HostAllowList, InstanceUrl};
use crate::observer::Observer;
use crate::received::{Answerer, Received, redirect_host, server_date, unreadable};
use crate::refusal::Refusal;
use crate::scrub::Scrubber;
use crate::secrets::AccessToken;
use crate::settings::{ClientSettings, Proxies, TransportSecurity};
use body::{BodyError, Taker};

/// The most that is read of an OAuth answer, in bytes. Real ones have about 2 KiB.
pub(crate) const OAUTH_CAP: usize = 64 * 1024;
/// The most that is read of the answer about a user or an org, in bytes. Real ones have about 4 KiB.
pub(crate) const RECORD_CAP: usize = 64 * 1024;
/// The most that is read of a list of API versions, in bytes. Real ones have up to 30 KiB.
pub(crate) const LIST_CAP: usize = 256 * 1024;
/// The most that is read of a list of objects, in bytes, none of which are kept. That of a large org has about 5 MiB.
pub(crate) const OBJECTS_CAP: usize = 32 * 1024 * 1024;

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// An extra CA bundle holds no certificate, or one that can't be read.
    #[error("failed to read certificates from extra CA bundle number {0}; expected PEM")]
    ExtraCa(usize),
    /// The HTTP client could not be set up, for example because the system has no CA certificates.
    #[error("failed to set up the HTTP client")]
    HttpClient(#[source] reqwest::Error),
}

/// Installs ring as the process's rustls provider, unless there is one already.
pub fn install_crypto_provider() {
    // An error says that there is one, which is what we want.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

pub(crate) struct Transport {
    usual: HttpClients,
    /// For hosts that are reached at another address: a proxy would look for them at their own.
    direct: HttpClients,
    allow_list: HostAllowList,
    settings: Arc<ClientSettings>,
    observer: Option<Arc<dyn Observer>>,
}

#[derive(Clone)]
struct HttpClients {
    fresh: reqwest::Client,
    pooled: reqwest::Client,
}

impl HttpClients {
    fn new(settings: &ClientSettings, proxies: Proxies) -> Result<Self, BuildError> {
        // HTTP/1.1 alone: HTTP/2 would share one connection between these requests.
        let fresh = builder(settings, proxies)?.pool_max_idle_per_host(0).http1_only();
        let pooled = builder(settings, proxies)?.pool_idle_timeout(Duration::from_secs(30));
        Ok(Self {
            fresh: fresh.build().map_err(BuildError::HttpClient)?,
            pooled: pooled.build().map_err(BuildError::HttpClient)?,
        })
    }
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

/// A request that gave no whole answer.
pub(crate) struct Interrupted {
    pub(crate) failure: Failure,
    /// What had arrived of a success. It may hold tokens.
    pub(crate) partial: Zeroizing<Vec<u8>>,
}

impl From<Failure> for Interrupted {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            partial: Zeroizing::default(),
        }
    }
}

impl From<Interrupted> for Failure {
    fn from(interrupted: Interrupted) -> Self {
        interrupted.failure
    }
}

impl Transport {
    pub(crate) fn new(settings: ClientSettings) -> Result<Self, BuildError> {
        // Building a reqwest client without a provider panics.
        install_crypto_provider();
        let usual = HttpClients::new(&settings, settings.proxies)?;
        let direct = if settings.connect_to.is_empty() {
            usual.clone()
        } else {
            HttpClients::new(&settings, Proxies::Never)?
        };
        Ok(Self {
            usual,
            direct,
            allow_list: settings.allow_list.clone(),
            settings: Arc::new(settings),
            observer: None,
        })
    }

    pub(crate) fn allowing(&self, allow_list: HostAllowList) -> Self {
        Self {
            usual: self.usual.clone(),
            direct: self.direct.clone(),
            allow_list,
            settings: self.settings.clone(),
            observer: self.observer.clone(),
        }
    }

    pub(crate) fn observed_by(&self, observer: Arc<dyn Observer>) -> Self {
        Self {
            observer: Some(observer),
            ..self.allowing(self.allow_list.clone())
        }
    }

    pub(crate) const fn observer(&self) -> Option<&Arc<dyn Observer>> {
        self.observer.as_ref()
    }

    /// Anybody may run a further host: its clock tells nothing about ours.
    fn observe_date(&self, answerer: Answerer, headers: &HeaderMap) {
        if let (Some(observer), Answerer::Salesforce) = (&self.observer, answerer)
            && let Some(date) = server_date(headers)
        {
            observer.server_date(date);
        }
    }

    /// Whether a host is reached at another address, and so without a proxy.
    fn is_direct(&self, name: &str) -> bool {
        self.settings
            .connect_to
            .iter()
            .any(|rule| rule.pattern.matches_name(name))
    }

    fn answerer(&self, url: &Url) -> Answerer {
        let host: Option<Host> = url.host_str().and_then(|name| name.parse().ok());
        let salesforces = host.is_some_and(|host| host.is_salesforces());
        // Tests speak to Salesforce at a loopback address.
        if salesforces || self.settings.transport == TransportSecurity::PlainHttpForTests {
            Answerer::Salesforce
        } else {
            Answerer::FurtherHost
        }
    }

    pub(crate) fn base_of(&self, host: &Host) -> InstanceUrl {
        match self.settings.transport {
            TransportSecurity::Https => InstanceUrl::https(host.clone()),
            TransportSecurity::PlainHttpForTests => InstanceUrl::plain_http(host.clone()),
        }
    }

    pub(crate) fn check_host(&self, host: &Host) -> Result<(), Failure> {
        let allowed = self.allow_list.check(host);
        allowed.map_err(|error| Failure::not_sent(Refusal::HostNotAllowed, error.to_string()))
    }

    pub(crate) fn check_instance(&self, instance: &InstanceUrl) -> Result<(), Failure> {
        let refuse = |detail: String| Err(Failure::not_sent(Refusal::InstanceUrlNotAllowed, detail));
        if instance.is_plain_http() && self.settings.transport == TransportSecurity::Https {
            return refuse(format!("{instance} is not https"));
        }
        self.allow_list
            .check(instance.host())
            .or_else(|error| refuse(error.to_string()))
    }

    /// The request of a form POST to an allowed host.
    pub(crate) fn form(&self, host: &Host, path: &str, form: &[(&str, &str)]) -> Result<Request, Failure> {
        self.check_host(host)?;
        let request = self
            .usual
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
        self.rest(Method::GET, instance, (path, None), token)
    }

    /// A request at an allowed instance, with a body in JSON where there is one.
    pub(crate) fn rest(
        &self,
        method: Method,
        instance: &InstanceUrl,
        (path, body): (&str, Option<&'static str>),
        token: Option<&AccessToken>,
    ) -> Result<Request, Failure> {
        self.check_instance(instance)?;
        let mut request = self
            .usual
            .pooled
            .request(method, format!("{instance}{path}"))
            .header(ACCEPT, "application/json");
        if let Some(json) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(json);
        }
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

    /// Sends a request once, and reads at most `cap` bytes of the answer.
    pub(crate) async fn send(
        &self,
        connection: Connection,
        request: Request,
        cap: usize,
        scrubber: &Scrubber,
    ) -> Result<Received, Interrupted> {
        self.exchange(connection, request, cap, scrubber, None).await
    }

    /// The same for a GET whose success is too large to keep: `taker` gets it piece by piece.
    pub(crate) async fn stream(
        &self,
        request: Request,
        cap: usize,
        scrubber: &Scrubber,
        taker: Taker<'_>,
    ) -> Result<Received, Interrupted> {
        self.exchange(Connection::Pooled, request, cap, scrubber, Some(taker))
            .await
    }

    async fn exchange(
        &self,
        connection: Connection,
        request: Request,
        cap: usize,
        scrubber: &Scrubber,
        taker: Option<Taker<'_>>,
    ) -> Result<Received, Interrupted> {
        let url = request.url().clone();
        let clients = if self.is_direct(url.host_str().unwrap_or_default()) {
            &self.direct
        } else {
            &self.usual
        };
        let client = match connection {
            Connection::Fresh => &clients.fresh,
            Connection::Pooled => &clients.pooled,
        };
        let answerer = self.answerer(&url);
        let response = execute(client, request)
            .await
            .map_err(|error| errors::failure(&error, answerer, scrubber))?;
        let (status, headers) = (response.status(), response.headers().clone());
        self.observe_date(answerer, &headers);
        let body = match body::read(response, cap, taker.filter(|_| status.is_success())).await {
            Ok(body) => body,
            // What has arrived of a refusal is enough to judge it by.
            Err((_, partial)) if !status.is_success() => partial,
            Err((why, partial)) => {
                let failure = match why {
                    BodyError::TooLarge => too_large(cap),
                    BodyError::Broken(error) => errors::failure(&error, answerer, scrubber),
                };
                let failure = unreadable(&headers, status.as_u16(), failure);
                return Err(Interrupted { failure, partial });
            }
        };
        let redirect = redirect_host(&url, status.as_u16(), &headers);
        Ok(Received {
            status: status.as_u16(),
            headers,
            body,
            redirect: redirect.filter(|host| self.allow_list.check(host).is_ok()),
            answerer,
        })
    }
}

async fn execute(client: &reqwest::Client, request: Request) -> reqwest::Result<Response> {
    #[cfg(feature = "fuzzing")]
    if let Some(answer) = crate::fuzzing::take() {
        return Ok(answer);
    }
    client.execute(request).await
}

fn builder(settings: &ClientSettings, proxies: Proxies) -> Result<reqwest::ClientBuilder, BuildError> {
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
    if proxies == Proxies::Never {
        builder = builder.no_proxy();
    }
    Ok(builder)
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

#[cfg(test)]
mod tests;
