//! How is text signed by a key that never leaves its signer? By one request to the transit engine of HashiCorp Vault or OpenBao.
//!
//! The client asks for RS256: PKCS#1 v1.5 over SHA-256. It never retries and never follows a redirect, and shows no word of the
//! signer: whoever names a signer could read by them what it tells the operator.

mod address;
mod answer;
mod client;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod refusal;
mod secrets;
mod signature;

pub use address::{InvalidSignerAddress, SignerAddress};
pub use client::{SignerBuildError, SignerTrust, TransitClient, TransitKey};
pub use refusal::{SignerFailure, SignerRefusal};
pub use secrets::SignerToken;
pub use signature::Signature;
