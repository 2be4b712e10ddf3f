//! By which clients is the API server reached, and how long may it take?

use std::time::Duration;

use kube::{Client, Config};

/// The most that the API server may take for an answer, or for the next part of one.
const ANSWER_LIMIT: Duration = Duration::from_secs(25);

/// Ways to Kubernetes.
#[derive(Clone)]
pub struct Clients {
    /// Retries what the API server asks to retry, and gives up what isn't answered.
    pub usual: Client,
    /// Never retries, and gives up what isn't answered; the redeem protocol has shorter limits of its own.
    pub once: Client,
    /// For watches, which may be silent for as long as nothing changes.
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
        Ok(Self {
            usual: Client::try_from(limited)?,
            once: Client::try_from(once)?,
            watching: Client::try_from(config.clone())?,
        })
    }
}
