//! stub
use crate::failure::Failure;
use crate::host::{Host, InstanceUrl};
use crate::settings::ClientSettings;
/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// An extra CA bundle can't be read.
    #[error("failed to read an extra CA bundle as PEM certificates")]
    ExtraCa,
    /// The HTTP client could not be set up.
    #[error("failed to set up the HTTP client")]
    HttpClient(#[source] reqwest::Error),
}
#[derive(Debug)]
pub(crate) struct Transport {
    settings: ClientSettings,
}
impl Transport {
    #[expect(clippy::unnecessary_wraps, reason = "stub")]
    pub(crate) fn new(settings: ClientSettings) -> Result<Self, BuildError> {
        Ok(Self { settings })
    }
    pub(crate) fn base_of(&self, host: &Host) -> InstanceUrl {
        let _ = &self.settings;
        InstanceUrl::https(host.clone())
    }
    pub(crate) fn check_instance(&self, instance: &InstanceUrl) -> Result<(), Failure> {
        let _ = (&self.settings, instance);
        Ok(())
    }
}
/// Installs ring as the process's rustls provider, unless there is one.
pub fn install_crypto_provider() {
    // An error says that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
