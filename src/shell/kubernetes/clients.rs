//! By which clients is the API server reached, and how long may it take?

use std::time::Duration;

use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::rt::TokioExecutor;
use kube::client::retry::RetryPolicy;
use kube::client::{ClientBuilder, ConfigExt as _};
use kube::{Client, Config};
use tower::retry::RetryLayer;
use tower::timeout::TimeoutLayer;
use tower::{BoxError, ServiceBuilder};

/// The most that the API server may take for an answer, or for the next part of one.
const ANSWER_LIMIT: Duration = Duration::from_secs(25);

/// Bytes that a connection for long answers reads ahead. Without a bound the buffer grows with an answer, to 400 KiB, and
/// stays as long as the connection.
const READ_AHEAD: usize = 32 * 1024;

/// Ways to Kubernetes.
#[derive(Clone)]
pub struct Clients {
    /// Retries what the API server asks to retry, and gives up what isn't answered.
    pub usual: Client,
    /// Never retries, and gives up what isn't answered; the redeem protocol has shorter limits of its own.
    pub once: Client,
    /// As the usual one, for answers whose length somebody else decides on.
    pub long_answers: Client,
    /// For watches, which may be silent for as long as nothing changes once their answer has begun.
    pub watching: Client,
}

impl Clients {
    /// Clients that reach the API server as `config` says.
    pub fn new(config: &Config) -> kube::Result<Self> {
        Self::with_limit(config, ANSWER_LIMIT)
    }

    /// The same, with another limit for an answer.
    pub fn with_limit(config: &Config, limit: Duration) -> kube::Result<Self> {
        let mut limited = config.clone();
        limited.connect_timeout = Some(limit);
        limited.read_timeout = Some(limit);
        // The time that a connection has been idle doesn't count.
        limited.reset_reader_on_write = true;
        let mut once = limited.clone();
        once.default_retry = false;
        let beginning = TimeoutLayer::new(limit);
        Ok(Self {
            long_answers: for_long_answers(&limited)?,
            usual: Client::try_from(limited)?,
            once: Client::try_from(once)?,
            watching: ClientBuilder::try_from(config.clone())?
                .with_layer(&beginning)
                .build(),
        })
    }
}

/// What kube builds for `config`, with a bound on what a connection reads ahead. kube has no setting for it. A proxy is left
/// out, since without kube's feature for proxies the usual client refuses such a configuration.
fn for_long_answers(config: &Config) -> kube::Result<Client> {
    let mut connector = TimeoutConnector::new(config.rustls_https_connector()?);
    connector.set_connect_timeout(config.connect_timeout);
    connector.set_read_timeout(config.read_timeout);
    connector.set_reset_reader_on_write(config.reset_reader_on_write);
    let http = HttpClient::builder(TokioExecutor::new())
        .http1_max_buf_size(READ_AHEAD)
        .build(connector);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .layer(RetryLayer::new(RetryPolicy::server_retry()))
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(http);
    Ok(ClientBuilder::new(service, config.default_namespace.clone()).build())
}
