//! Which objects are read from and written to Kubernetes?

pub mod clients;
pub mod consumer_secret;
pub(crate) mod details;
pub mod digest_key;
pub(crate) mod found_secret;
pub(crate) mod own_secret;
pub(crate) mod workloads;
