//! The client: one request for one signature.

use std::error::Error;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Certificate, Request, Response, redirect, retry};
use serde_json::json;
use zeroize::Zeroizing;

use crate::address::SignerAddress;
use crate::answer;
use crate::refusal::{SignerFailure, SignerRefusal};
use crate::secrets::SignerToken;
use crate::signature::Signature;

/// The most that is read of an answer, in bytes. Real ones have about 1 KiB.
const CAP: usize = 16 * 1024;
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// The JWT lives for 3 minutes from the moment that its text was made.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(1);

const TOKEN: HeaderName = HeaderName::from_static("x-vault-token");
const NAMESPACE: HeaderName = HeaderName::from_static("x-vault-namespace");
/// Agents and proxies of Vault can require it, so that no other program's request passes by mistake.
const REQUEST: HeaderName = HeaderName::from_static("x-vault-request");

/// A key of a transit engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransitKey {
    /// The server.
    pub address: SignerAddress,
    /// Path of the engine's mount.
    pub mount: String,
    /// Name of the key.
    pub name: String,
    /// Version to sign with; the latest one where there is none.
    pub version: Option<u32>,
    /// Namespace of the server that has the mount.
    pub namespace: Option<String>,
}

/// Which CA certificates a signer's certificate may be issued by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignerTrust {
    /// The system's.
    System,
    /// Those of this PEM bundle, and no others.
    Only(Vec<u8>),
    /// None: there is no signer. The system's certificates are neither needed nor kept in memory.
    Nobody,
}

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SignerBuildError {
    /// The bundle holds no certificate, or one that can't be read.
    #[error("failed to read certificates; expected PEM")]
    Certificates,
    /// The HTTP client could not be set up, for example because the system has no CA certificates.
    #[error("failed to set up the HTTP client of signers")]
    HttpClient(#[source] reqwest::Error),
}

/// A client of transit engines. Cheap to clone.
#[derive(Debug, Clone)]
pub struct TransitClient {
    http: reqwest::Client,
}

impl TransitClient {
    /// A client that trusts these certificates.
    pub fn new(trust: &SignerTrust, user_agent: &str) -> Result<Self, SignerBuildError> {
        Self::with_limit(trust, user_agent, REQUEST_LIMIT)
    }

    fn with_limit(
        trust: &SignerTrust,
        user_agent: &str,
        request_limit: Duration,
    ) -> Result<Self, SignerBuildError> {
        // An error says that there is a provider already; building a client without one panics.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .user_agent(user_agent)
            .connect_timeout(CONNECT_LIMIT)
            .timeout(request_limit)
            .pool_idle_timeout(Duration::from_secs(30))
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .https_only(true);
        match trust {
            SignerTrust::System => {}
            SignerTrust::Only(pem) => {
                let bundle = Certificate::from_pem_bundle(pem).unwrap_or_default();
                if bundle.is_empty() {
                    return Err(SignerBuildError::Certificates);
                }
                builder = builder.tls_certs_only(bundle);
            }
            SignerTrust::Nobody => builder = builder.tls_certs_only([]),
        }
        let http = builder.build().map_err(SignerBuildError::HttpClient)?;
        Ok(Self { http })
    }

    /// Has `text` signed. Sends one request, and nothing but the text and the token.
    pub async fn sign(
        &self,
        key: &TransitKey,
        token: &SignerToken,
        text: &[u8],
    ) -> Result<Signature, SignerFailure> {
        let request = self.request(key, token, text)?;
        let response = self
            .http
            .execute(request)
            .await
            .map_err(|error| on_the_way(&error))?;
        let status = response.status();
        let retry_after = retry_after(&response);
        let body = read(response).await;
        if status.is_success() {
            return answer::signature(&body?);
        }
        // What has arrived of a refusal is enough to judge it by.
        let said = body.unwrap_or_default();
        Err(SignerFailure {
            refusal: answer::refusal(status.as_u16(), &said),
            detail: format!("HTTP {}", status.as_u16()),
            retry_after,
        })
    }

    fn request(&self, key: &TransitKey, token: &SignerToken, text: &[u8]) -> Result<Request, SignerFailure> {
        let not_sent = |why: &str| SignerFailure::new(SignerRefusal::SignerRefused, why);
        let secret = |value: &str| {
            let mut value = HeaderValue::from_str(value).ok()?;
            value.set_sensitive(true);
            Some(value)
        };
        let mut body = json!({
            "input": STANDARD.encode(text),
            "signature_algorithm": "pkcs1v15",
        });
        if let (Some(version), Some(body)) = (key.version, body.as_object_mut()) {
            body.insert("key_version".to_owned(), version.into());
        }
        let url = format!("{}/v1/{}/sign/{}/sha2-256", key.address, key.mount, key.name);
        let token = secret(token.expose()).ok_or_else(|| {
            SignerFailure::new(
                SignerRefusal::SignerForbidden,
                "the token can't stand in a header",
            )
        })?;
        let mut request = self
            .http
            .post(url)
            .header(TOKEN, token)
            .header(REQUEST, "true")
            .json(&body);
        if let Some(namespace) = &key.namespace {
            let namespace = HeaderValue::from_str(namespace)
                .map_err(|_| not_sent("the namespace can't stand in a header"))?;
            request = request.header(NAMESPACE, namespace);
        }
        request.build().map_err(|_| not_sent("mount and key make no URL"))
    }
}

async fn read(mut response: Response) -> Result<Zeroizing<Vec<u8>>, SignerFailure> {
    let mut body = Zeroizing::new(Vec::with_capacity(CAP));
    while let Some(chunk) = response.chunk().await.map_err(|error| on_the_way(&error))? {
        if body.len() + chunk.len() > CAP {
            let why = format!("the answer has more than {CAP} bytes");
            return Err(SignerFailure::new(SignerRefusal::SignerAnswerInvalid, why));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What an error of the HTTP stack means. Its text may have words of the other side, such as those of a certificate.
fn on_the_way(error: &reqwest::Error) -> SignerFailure {
    let new = SignerFailure::new;
    if inner::<rustls::Error>(error) {
        new(SignerRefusal::SignerTlsFailed, "its certificate was not accepted")
    } else if error.is_timeout() {
        new(SignerRefusal::SignerUnreachable, "no answer in time")
    } else if error.is_connect() {
        new(SignerRefusal::SignerUnreachable, "no connection")
    } else {
        new(SignerRefusal::SignerUnreachable, "the connection broke")
    }
}

/// Whether an error has one of type `T` inside.
fn inner<T: Error + 'static>(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |it| cause(*it)).any(|it| it.downcast_ref::<T>().is_some())
}

/// The next error of a chain. `io::Error` skips the error it wraps when asked for its source.
fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref)
    {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

/// How long the signer asks to wait, where it says so in seconds.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response
        .headers()
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER))
}

#[cfg(test)]
mod tests;
