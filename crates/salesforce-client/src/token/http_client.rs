//! Our transport as oauth2's HTTP client. It sees what oauth2 throws away: status, headers, and a body that could
//! not be parsed.

use std::fmt;
use std::pin::Pin;
use std::sync::Mutex;

use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};

use super::send::send;
use crate::failure::Failure;
use crate::grant::GrantKind;
use crate::received::Received;
use crate::refusal::Refusal;
use crate::scrub::Scrubber;
use crate::transport::Transport;

/// Sends the one request of one grant.
pub(super) struct OAuthHttpClient<'a> {
    transport: &'a Transport,
    grant: GrantKind,
    scrubber: &'a Scrubber,
    received: Mutex<Option<Received>>,
}

/// A failure on its way through oauth2.
#[derive(Debug)]
pub(super) struct HttpClientError(pub(super) Box<Failure>);

impl fmt::Display for HttpClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for HttpClientError {}

impl From<Failure> for HttpClientError {
    fn from(failure: Failure) -> Self {
        Self(Box::new(failure))
    }
}

impl<'a> OAuthHttpClient<'a> {
    pub(super) fn new(transport: &'a Transport, grant: GrantKind, scrubber: &'a Scrubber) -> Self {
        Self {
            transport,
            grant,
            scrubber,
            received: Mutex::new(None),
        }
    }

    /// The successful answer that was handed to oauth2.
    pub(super) fn into_received(self) -> Option<Received> {
        self.received
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Failure> {
        let request = reqwest::Request::try_from(request)
            .map_err(|_| Failure::not_sent(Refusal::RequestNotBuilt, "failed to build the token request"))?;
        let received = send(self.transport, request, self.grant, self.scrubber).await?;
        let mut response = HttpResponse::new(received.body.to_vec());
        *response.headers_mut() = received.headers.clone();
        *self
            .received
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(received);
        Ok(response)
    }
}

impl<'c> AsyncHttpClient<'c> for OAuthHttpClient<'_> {
    type Error = HttpClientError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpClientError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move { Ok(self.send(request).await?) })
    }
}
