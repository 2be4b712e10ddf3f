//! What was the process asked to do? Flags and environment, parsed once into values.
#![expect(clippy::doc_markdown, reason = "--help prints these docs as plain text")]
#![allow(rustdoc::bare_urls, reason = "--help prints these docs as plain text")]

mod test_switches;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::RangedI64ValueParser;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, value_parser};
use salesforce_client::{ClientSettings, ConnectTo};
use transit_client::SignerTrust;

use crate::api::names::DOCS_URL;
use crate::core::callback::url::CallbackUrl;
use crate::lease::shard::{MOST_SHARDS, ShardCount};
use crate::lease::{InvalidLeaseSettings, LeaseSettings};
use crate::metrics::CONNECTOR_SERIES_LIMIT;
use crate::settings::allowed_hosts::{AllowedHost, AllowedHosts};
use crate::settings::allowed_signers::{AllowedSigner, AllowedSigners};
use crate::settings::{SecretWatch, Settings};

pub use test_switches::TestSwitches;

/// Kubernetes operator that obtains, renews and verifies Salesforce OAuth tokens.
#[derive(Debug, Parser)]
#[command(name = "salesforce-connector-operator", version, about, max_term_width = 110,
    after_help = format!("Documentation: {DOCS_URL}"))]
pub struct Cli {
    /// Command to run.
    #[command(subcommand)]
    pub command: Command,
}

/// Command to run.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the operator.
    Run(Box<RunArgs>),
    /// Print the CRDs as YAML.
    Crd,
}

/// Settings of `run`. Set each with a flag or an environment variable.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct RunArgs {
    /// Namespace of the operator, which contains its Secrets and its Leases.
    #[arg(long, env = "SFC_NAMESPACE", default_value = "salesforce-connector-system")]
    pub namespace: String,

    /// Comma-separated namespaces to watch. Default: all namespaces.
    #[arg(long, env = "SFC_WATCH_NAMESPACES", value_delimiter = ',')]
    pub watch_namespaces: Vec<String>,

    /// Number of shards to divide the namespaces into, which replicas share. All replicas must have the same number. With 1, one
    /// replica works and the others stand by.
    #[arg(long, env = "SFC_SHARDS", default_value_t = 1, value_parser = value_parser!(u8).range(1..=i64::from(MOST_SHARDS)))]
    pub shards: u8,

    /// How the operator notices changed Secrets. ByName reads the Secrets that connectors refer to at every resync, and
    /// needs no watch permission on Secrets. Watch notices changes immediately and needs it.
    #[arg(long, env = "SFC_SECRET_WATCH", value_enum, default_value = "ByName")]
    pub secret_watch: SecretWatch,

    /// Restart the workloads in spec.rolloutRestartTargets of connectors after a new token. It needs the right to get and
    /// patch Deployments, StatefulSets and DaemonSets.
    #[arg(long, env = "SFC_ROLLOUT_RESTARTS", action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false")]
    pub rollout_restarts: bool,

    /// Rotate the credentials of external client apps where spec.app.rotation of a connector asks for it, and write them to the Secret
    /// that the connector names if that Secret consents.
    #[arg(long, env = "SFC_CREDENTIAL_ROTATION", action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false")]
    pub credential_rotation: bool,

    /// Copy tokens to other namespaces, where spec.sharing of a connector offers them and a SalesforceTokenCopy accepts them. It
    /// needs the right to watch SalesforceTokenCopies, and to write their status.
    #[arg(long, env = "SFC_SHARING", action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false")]
    pub sharing: bool,

    /// Listen address of the probes /livez and /readyz.
    #[arg(long, env = "SFC_LISTEN", default_value = "0.0.0.0:8080")]
    pub listen: SocketAddr,

    /// Listen address of /metrics.
    #[arg(long, env = "SFC_METRICS_LISTEN", default_value = "0.0.0.0:9090")]
    pub metrics_listen: SocketAddr,

    /// Serve /metrics only to clients whose bearer token the API server accepts (TokenReview) and that may get the path
    /// /metrics (SubjectAccessReview).
    #[arg(long, env = "SFC_AUTHENTICATE_METRICS", action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false")]
    pub authenticate_metrics: bool,

    /// Serve series per connector while there are at most so many connectors; 0 serves none. Metrics about all connectors
    /// together are always served.
    #[arg(long, env = "SFC_CONNECTOR_SERIES_LIMIT", default_value_t = CONNECTOR_SERIES_LIMIT)]
    pub connector_series_limit: usize,

    /// Serve the callback page of logins to browsers, which reach it at this URL, such as
    /// https://salesforce-login.example.com. It needs a host name of its own. Apps need the callback URL URL/callback.
    /// Default: no callback page.
    #[arg(long, env = "SFC_CALLBACK_URL")]
    pub callback_url: Option<CallbackUrl>,

    /// Listen address of the callback page. It speaks HTTP, for a proxy in front of it that ends HTTPS.
    #[arg(long, env = "SFC_CALLBACK_LISTEN", default_value = "0.0.0.0:8081")]
    pub callback_listen: SocketAddr,

    /// Log format.
    #[arg(long, env = "SFC_LOG_FORMAT", value_enum, default_value = "json")]
    pub log_format: LogFormat,

    /// Log filter, such as info or salesforce_connector_operator=debug.
    #[arg(long, env = "SFC_LOG", default_value = "info")]
    pub log: String,

    /// Comma-separated namespace=host pairs, such as sales=sf.example.com: further hosts that connectors of that namespace
    /// may send credentials to; *=host stands for all namespaces. Salesforce's own hosts are always allowed.
    #[arg(long, env = "SFC_ALLOW_HOST", value_delimiter = ',')]
    pub allow_host: Vec<AllowedHost>,

    /// Comma-separated namespace=address pairs, such as sales=https://vault.example.com:8200: signers (Vault or OpenBao) that
    /// connectors of that namespace may name in spec.auth.jwtBearer.signer; *=address stands for all namespaces. Default: none.
    #[arg(long, env = "SFC_ALLOW_SIGNER", value_delimiter = ',')]
    pub allow_signer: Vec<AllowedSigner>,

    /// File with the CA certificates (PEM) to trust for connections to signers, in place of the system's. It is read again
    /// every minute. Default: the system's CA certificates.
    #[arg(long, env = "SFC_SIGNER_CA_FILE")]
    pub signer_ca_file: Option<PathBuf>,

    /// Comma-separated pattern=address:port pairs: connect to this address for hosts that match the pattern. The operator
    /// still verifies the certificate for the host name. For tests and private gateways.
    #[arg(long, env = "SFC_CONNECT_TO", value_delimiter = ',')]
    pub connect_to: Vec<ConnectTo>,

    /// File with additional CA certificates (PEM) to trust for connections to Salesforce. It is read again every minute.
    #[arg(long, env = "SFC_CA_FILE")]
    pub ca_file: Option<PathBuf>,

    /// Token requests allowed per login host: burst size and hourly refill; and as many connection tests per instance.
    /// One namespace can use half of a burst. Salesforce allows a user 3,600 logins per hour.
    #[arg(long, env = "SFC_TOKEN_REQUESTS_PER_HOUR", default_value_t = 3600)]
    pub token_requests_per_hour: u32,

    /// Comma-separated UIDs of installations (status.installationUid) whose connectors this one takes over. They must not run
    /// any more. An installation whose namespace is known to be gone needs no entry.
    #[arg(long, env = "SFC_TAKE_OVER_CLAIMS_OF", value_delimiter = ',')]
    pub take_over_claims_of: Vec<String>,

    /// Retention of the stored grant of a deleted connector, in hours.
    #[arg(long, env = "SFC_STATE_RETENTION_HOURS", default_value_t = 24)]
    pub state_retention_hours: u64,

    /// Lease duration in seconds: how long followers wait before taking over. A token request (30 s) must fit into it.
    #[arg(long, env = "SFC_LEASE_DURATION_SECONDS", default_value_t = 40, value_parser = lease_seconds())]
    pub lease_duration_seconds: u32,

    /// Renew deadline in seconds: a leader that has not renewed its lease for this long stops leading. Must be less than
    /// the lease duration.
    #[arg(long, env = "SFC_LEASE_RENEW_DEADLINE_SECONDS", default_value_t = 20, value_parser = lease_seconds())]
    pub lease_renew_deadline_seconds: u32,

    /// Retry period in seconds between attempts to renew or acquire the lease. At most half of the renew deadline.
    #[arg(long, env = "SFC_LEASE_RETRY_SECONDS", default_value_t = 2, value_parser = lease_seconds())]
    pub lease_retry_seconds: u32,

    /// Name of the pod, which becomes the holder of the lease.
    #[arg(long, env = "HOSTNAME", hide = true)]
    pub hostname: Option<String>,

    /// Switches for tests; releases have none.
    #[command(flatten)]
    pub test_switches: TestSwitches,
}

fn lease_seconds() -> RangedI64ValueParser<u32> {
    value_parser!(u32).range(1..=3600)
}

/// Log format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// Human-readable text.
    Human,
}

/// A setting that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// `--ca-file`.
    #[error("failed to read --ca-file {}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// `--signer-ca-file`.
    #[error("failed to read --signer-ca-file {}", path.display())]
    SignerCaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The times of leader election.
    #[error("invalid leader election settings")]
    Lease(#[source] InvalidLeaseSettings),
    /// With such a lease no refresh token would ever be presented.
    #[error(
        "--lease-duration-seconds ({duration:?}) must be at least {least:?}: a token request of up to {limit:?} and \
         twice --lease-retry-seconds must fit into it"
    )]
    LeaseTooShort {
        /// The lease duration.
        duration: Duration,
        /// The shortest one that would do.
        least: Duration,
        /// Bound of a token request.
        limit: Duration,
    },
}

/// Each entry once: two watches of one namespace would work on the same connectors at the same time.
fn distinct(namespaces: &[String]) -> Vec<String> {
    let named = namespaces
        .iter()
        .map(|name| name.trim())
        .filter(|name| !name.is_empty());
    named
        .map(str::to_owned)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

impl RunArgs {
    /// Settings of the controller.
    pub fn settings(&self) -> Settings {
        Settings {
            namespace: self.namespace.clone(),
            watch_namespaces: distinct(&self.watch_namespaces),
            shards: ShardCount::new(self.shards),
            secret_watch: self.secret_watch,
            rollout_restarts: self.rollout_restarts,
            credential_rotation: self.credential_rotation,
            sharing: self.sharing,
            allowed_hosts: AllowedHosts::new(&self.allow_host),
            allowed_signers: AllowedSigners::new(&self.allow_signer),
            token_requests_per_hour: self.token_requests_per_hour,
            take_over_claims_of: distinct(&self.take_over_claims_of),
            state_retention: Duration::from_secs(self.state_retention_hours.saturating_mul(3600)),
            token_request_limit: self.test_switches.token_request_limit(),
            failpoints: self.test_switches.failpoints(),
        }
    }

    /// Times of leader election.
    pub fn lease_settings(&self) -> Result<LeaseSettings, SettingsError> {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        let duration = seconds(self.lease_duration_seconds);
        let retry = seconds(self.lease_retry_seconds);
        let settings = LeaseSettings::new(duration, seconds(self.lease_renew_deadline_seconds), retry)
            .map_err(SettingsError::Lease)?;
        let limit = self.test_switches.token_request_limit();
        let least = limit + 2 * retry;
        if duration < least {
            return Err(SettingsError::LeaseTooShort {
                duration,
                least,
                limit,
            });
        }
        Ok(settings)
    }

    /// The client gives up a little before the redeem protocol does: only the client can save a refresh token from an answer
    /// that stops in the middle.
    fn request_timeout(&self) -> Duration {
        self.test_switches.token_request_limit().mul_f64(0.9)
    }

    /// Which CA certificates signers' certificates may be issued by.
    pub fn signer_trust(&self) -> Result<SignerTrust, SettingsError> {
        let Some(path) = &self.signer_ca_file else {
            let none = self.allow_signer.is_empty();
            return Ok(if none {
                SignerTrust::Nobody
            } else {
                SignerTrust::System
            });
        };
        let pem = std::fs::read(path).map_err(|source| SettingsError::SignerCaFile {
            path: path.clone(),
            source,
        })?;
        Ok(SignerTrust::Only(pem))
    }

    /// Settings of the Salesforce client.
    pub fn client_settings(&self) -> Result<ClientSettings, SettingsError> {
        let read = |path: &PathBuf| {
            std::fs::read(path).map_err(|source| SettingsError::CaFile {
                path: path.clone(),
                source,
            })
        };
        let extra_ca_pem = self.ca_file.iter().map(read).collect::<Result<_, _>>()?;
        Ok(ClientSettings {
            connect_to: self.connect_to.clone(),
            extra_ca_pem,
            request_timeout: self.request_timeout(),
            user_agent: concat!("salesforce-connector-operator/", env!("CARGO_PKG_VERSION")).to_owned(),
            ..ClientSettings::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Run {
        #[command(flatten)]
        args: RunArgs,
    }

    #[test]
    fn the_client_gives_a_token_request_up_before_the_redeem_protocol_does() {
        for seconds in ["1", "8", "30"] {
            let run = Run::parse_from(["run", "--token-request-limit-seconds", seconds]);
            let client = run.args.client_settings().unwrap().request_timeout;
            let limit = run.args.settings().token_request_limit;
            assert!(
                client < limit && client >= limit.mul_f64(0.8),
                "{client:?} of {limit:?}"
            );
        }
    }

    #[test]
    fn the_ca_certificates_of_signers_are_those_of_the_file_or_else_the_systems_where_there_is_a_signer() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "PEM").unwrap();
        let path = file.path().to_str().unwrap();
        let allowed = ["--allow-signer", "*=https://vault.example.com"];
        for (args, expected) in [
            (vec![], SignerTrust::Nobody),
            (allowed.to_vec(), SignerTrust::System),
            (
                [&allowed[..], &["--signer-ca-file", path]].concat(),
                SignerTrust::Only(b"PEM".to_vec()),
            ),
        ] {
            let run = Run::parse_from([&["run"], &args[..]].concat());
            assert_eq!(run.args.signer_trust().unwrap(), expected, "{args:?}");
        }
        let run = Run::parse_from(["run", "--signer-ca-file", "no-such.pem"]);
        let error = run.args.signer_trust().unwrap_err();
        assert_eq!(error.to_string(), "failed to read --signer-ca-file no-such.pem");
    }
}
