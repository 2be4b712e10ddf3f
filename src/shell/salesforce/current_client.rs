//! Which client reaches Salesforce? One that trusts what the file of CA certificates says now: the file is read again.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use salesforce_client::{BuildError, Client, ClientSettings, Observer};

use crate::clock::Clock;
use crate::error_chain::chain;

/// How often the file is read. A changed volume takes about as long to reach a pod.
const PERIOD: Duration = Duration::from_mins(1);

/// The client in use. Clones share it.
#[derive(Debug, Clone)]
pub struct CurrentClient(Arc<RwLock<Client>>);

impl CurrentClient {
    pub fn new(client: Client) -> Self {
        Self(Arc::new(RwLock::new(client)))
    }

    /// With these settings, and with the CA certificates of the file, whenever it changes.
    pub(crate) fn following(
        file: Option<PathBuf>,
        settings: ClientSettings,
        observer: Arc<dyn Observer>,
        clock: &Clock,
    ) -> Result<Self, BuildError> {
        let parts = ClientParts { settings, observer };
        let current = Self::new(parts.client()?);
        if let Some(file) = file {
            tokio::spawn(parts.follow(file, current.clone(), clock.clone()));
        }
        Ok(current)
    }

    pub(crate) fn get(&self) -> Client {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// For calls that begin from now on.
    fn replace(&self, client: Client) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = client;
    }
}

/// What a client is made of.
struct ClientParts {
    settings: ClientSettings,
    observer: Arc<dyn Observer>,
}

impl ClientParts {
    fn client(&self) -> Result<Client, BuildError> {
        Ok(Client::new(self.settings.clone())?.observed_by(self.observer.clone()))
    }

    /// Reads the file again and again. What can't be used changes nothing, and is told once.
    async fn follow(mut self, file: PathBuf, current: CurrentClient, clock: Clock) {
        loop {
            tokio::time::sleep(clock.sleep_for(PERIOD)).await;
            // One that is away may be about to come back, as another.
            let Ok(pem) = std::fs::read(&file) else { continue };
            let found = vec![pem];
            if found == self.settings.extra_ca_pem {
                continue;
            }
            self.settings.extra_ca_pem = found;
            match self.client() {
                Ok(client) => {
                    current.replace(client);
                    tracing::info!(file = %file.display(), "The CA certificates have changed, and are in use");
                }
                Err(error) => {
                    tracing::warn!(file = %file.display(), error = chain(&error),
                        "The CA certificates have changed and can't be used. Correct the file. Until then the former ones stay in use");
                }
            }
        }
    }
}
