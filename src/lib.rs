//! Kubernetes operator that obtains, renews and verifies Salesforce OAuth tokens.
//!
//! ```text
//! main, cli, telemetry, settings, clock   what the process was asked to do, and its surroundings
//! operator                                how the process lives: starts its parts, ends them in order
//! lease                                   which replica works
//! server, metrics                         what others may ask it
//!
//! api                                     the contract: resource, reasons, names, CRD
//! core                                    PURE: one pass over a connector, from what was observed to the status
//! shell                                   carries out what a pass asks for, by what it talks to
//! shell::grant_session                    carries out what the redeem protocol (crates/redeem) asks for
//! error_chain                             an error with its sources, in one line
//! failpoints                              where a test stops the process; a release has none
//! ```
//!
//! Beside it: `crates/salesforce-client` talks to Salesforce and knows no Kubernetes, `crates/redeem` spends single-use
//! refresh tokens and does no I/O, `crates/salesforce-sim` is the Salesforce of the tests and knows neither,
//! `crates/testbed` is their Kubernetes. Read on in [`core::pass`], then [`shell::perform`], then [`api::spec`].
#![allow(
    missing_docs,
    reason = "only the binary and the tests use this library: a comment that repeats a name helps nobody; `api` is the contract"
)]

pub mod api;
pub mod cli;
pub mod clock;
pub mod core;
pub mod error_chain;
pub mod failpoints;
pub mod lease;
pub mod metrics;
pub mod operator;
pub mod server;
pub mod settings;
pub mod shell;
pub mod telemetry;
