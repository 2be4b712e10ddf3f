//! How is this process set up? Values, parsed once from flags and environment by `cli`.

use std::time::Duration;

use crate::failpoints::Failpoints;
use crate::lease::shard::ShardCount;

pub mod allowed_hosts;
pub mod allowed_signers;
mod entry;

use allowed_hosts::AllowedHosts;
use allowed_signers::AllowedSigners;

/// How changed Secrets are noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum SecretWatch {
    /// Read the Secrets that connectors refer to at every resync: needs no watch permission on Secrets.
    #[value(name = "ByName")]
    ByName,
    /// Watch the metadata of all Secrets: needs watch permission, which also permits reading every Secret.
    #[value(name = "Watch")]
    Watch,
}

#[derive(Debug, Clone)]
pub struct Settings {
    pub namespace: String,
    /// Namespaces to work in; empty means all.
    pub watch_namespaces: Vec<String>,
    /// Into how many shards they are divided, which replicas share.
    pub shards: ShardCount,
    pub secret_watch: SecretWatch,
    /// Whether workloads may be restarted.
    pub rollout_restarts: bool,
    /// Whether the credentials of apps may be rotated.
    pub credential_rotation: bool,
    /// Whether tokens may be copied to other namespaces.
    pub sharing: bool,
    /// Where credentials may be sent.
    pub allowed_hosts: AllowedHosts,
    /// Who may sign assertions.
    pub allowed_signers: AllowedSigners,
    /// Token requests that one login host is sent at a stretch, and an hour, and as many connection tests of an instance.
    pub token_requests_per_hour: u32,
    /// Installations, by the uid of their namespace, whose connectors this one takes over.
    pub take_over_claims_of: Vec<String>,
    /// How long a removed connector's state is kept.
    pub state_retention: Duration,
    /// Bound of one request that presents a refresh token, as a whole.
    pub token_request_limit: Duration,
    pub failpoints: Failpoints,
}

/// Bound of one request that presents a refresh token, as a whole: an answer that comes later is lost, and with it the
/// grant. It has to fit into what is left of a lease, which is why a lease lasts 40 s.
pub const TOKEN_REQUEST_LIMIT: Duration = Duration::from_secs(30);
