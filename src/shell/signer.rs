//! Which client reaches the signers? One that trusts what the file of their CA certificates says now, and goes to allowed addresses
//! only.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

pub use transit_client::SignerTrust;
use transit_client::{Signature, SignerBuildError, SignerFailure, TransitClient};

use crate::clock::Clock;
use crate::core::model::connector::RemoteKey;
use crate::error_chain::chain;

/// How often the file is read. A changed volume takes about as long to reach a pod.
const PERIOD: Duration = Duration::from_mins(1);
const USER_AGENT: &str = concat!("salesforce-connector-operator/", env!("CARGO_PKG_VERSION"));

/// The client in use. Clones share it.
#[derive(Debug, Clone)]
pub struct Signers(Arc<RwLock<TransitClient>>);

impl Signers {
    pub fn new(trust: &SignerTrust) -> Result<Self, SignerBuildError> {
        let client = TransitClient::new(trust, USER_AGENT)?;
        Ok(Self(Arc::new(RwLock::new(client))))
    }

    /// With the CA certificates of the file, whenever it changes.
    pub(crate) fn following(
        file: Option<PathBuf>,
        trust: SignerTrust,
        clock: &Clock,
    ) -> Result<Self, SignerBuildError> {
        let signers = Self::new(&trust)?;
        if let Some(file) = file {
            tokio::spawn(signers.clone().follow(file, trust, clock.clone()));
        }
        Ok(signers)
    }

    pub(crate) async fn sign(&self, remote: &RemoteKey, text: &[u8]) -> Result<Signature, SignerFailure> {
        let client = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        client.sign(&remote.key, &remote.token, text).await
    }

    /// Reads the file again and again. What can't be used changes nothing, and is told once.
    async fn follow(self, file: PathBuf, mut trust: SignerTrust, clock: Clock) {
        loop {
            tokio::time::sleep(clock.sleep_for(PERIOD)).await;
            // One that is away may be about to come back, as another.
            let Ok(pem) = std::fs::read(&file) else { continue };
            let found = SignerTrust::Only(pem);
            if found == trust {
                continue;
            }
            trust = found;
            match TransitClient::new(&trust, USER_AGENT) {
                Ok(client) => {
                    *self.0.write().unwrap_or_else(PoisonError::into_inner) = client;
                    tracing::info!(file = %file.display(), "The CA certificates of signers have changed, and are in use");
                }
                Err(error) => {
                    tracing::warn!(file = %file.display(), error = chain(&error),
                        "The CA certificates of signers have changed and can't be used. Correct the file. Until then the former ones stay in use");
                }
            }
        }
    }
}
