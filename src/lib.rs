//! Kubernetes operator that obtains, renews and verifies Salesforce OAuth tokens.

pub mod api;
pub mod budget;
pub mod cli;
pub mod clock;
pub mod controller;
pub mod decide;
pub mod digest_key;
pub mod lease;
pub mod metrics;
pub mod operator;
pub mod server;
pub mod settings;
pub mod telemetry;
