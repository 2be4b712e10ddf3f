//! Why can a simulator not start?

use std::net::SocketAddr;

/// Why a simulator cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("failed to listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The runtime or its thread.
    #[error("failed to start the simulator's thread")]
    Thread(#[from] std::io::Error),
    /// A certificate.
    #[error("failed to make a certificate")]
    Certificate(#[from] rcgen::Error),
    /// The TLS configuration.
    #[error("failed to set up TLS")]
    Tls(#[from] rustls::Error),
}
