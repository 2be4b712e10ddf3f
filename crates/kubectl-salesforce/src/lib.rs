//! A kubectl plugin for `SalesforceConnector`s: what a person asks for at a terminal, in the words of the operator.
//!
//! ```text
//! cli            what was asked: commands and flags; docs/kubectl-salesforce.md is generated from it
//! cluster        which cluster is asked, and what its refusals mean
//! waiting        waits until the operator has answered
//! show, words    how it looks: objects as JSON or YAML, colours, times
//! files          files that a person names
//!
//! status, request (test and refresh), login, suspend (and resume), explain, lint, new,
//! preview, move_grants, bundle, completion: the commands
//! ```
//!
//! A new command is a variant of [`cli::PluginCommand`] and a module with a function
//! `run`, which `main` calls.
#![allow(
    missing_docs,
    reason = "only the binary and the tests use this library: a comment that repeats a name helps nobody"
)]

pub mod bundle;
pub mod cli;
pub mod cluster;
pub mod command_error;
pub mod completion;
pub mod explain;
pub mod files;
pub mod lint;
pub mod login;
pub mod move_grants;
pub mod new;
pub mod preview;
pub mod request;
pub mod show;
pub mod status;
pub mod suspend;
pub mod waiting;
pub mod words;

#[cfg(test)]
#[path = "../../../tests/support/generated.rs"]
mod generated;
