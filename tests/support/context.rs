//! How does a controller run in the process of a test? With the settings of an installation by default values.

use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use salesforce_client::ClientSettings;
use salesforce_connector_operator::clock::Clock;
use salesforce_connector_operator::failpoints::Failpoints;
use salesforce_connector_operator::lease::shard::ShardCount;
use salesforce_connector_operator::lease::{LeaseState, Ownership};
use salesforce_connector_operator::metrics::Metrics;
use salesforce_connector_operator::settings::allowed_hosts::AllowedHosts;
use salesforce_connector_operator::settings::allowed_signers::AllowedSigners;
use salesforce_connector_operator::settings::{SecretWatch, Settings, TOKEN_REQUEST_LIMIT};
use salesforce_connector_operator::shell::context::{Context, Parts};
use salesforce_connector_operator::shell::kubernetes::clients::Clients;
use salesforce_connector_operator::shell::kubernetes::digest_key;
use salesforce_connector_operator::shell::salesforce::current_client::CurrentClient;
use salesforce_connector_operator::shell::signer::{SignerTrust, Signers};

/// The default settings of an operator with this namespace of its own, that works in these namespaces.
pub(crate) fn settings(own: &str, watched: Vec<String>) -> Settings {
    Settings {
        namespace: own.to_owned(),
        watch_namespaces: watched,
        shards: ShardCount::ONE,
        secret_watch: SecretWatch::ByName,
        rollout_restarts: false,
        credential_rotation: false,
        sharing: false,
        allowed_hosts: AllowedHosts::default(),
        allowed_signers: AllowedSigners::default(),
        token_requests_per_hour: 3600,
        take_over_claims_of: Vec::new(),
        state_retention: Duration::from_hours(24),
        token_request_limit: TOKEN_REQUEST_LIMIT,
        failpoints: Failpoints::default(),
    }
}

/// What a controller works with; `client` serves all its purposes.
pub(crate) async fn build(
    client: Client,
    lease: LeaseState,
    salesforce: ClientSettings,
    clock: Clock,
    settings: Settings,
) -> Arc<Context> {
    Box::pin(build_trusting(
        client,
        lease,
        salesforce,
        clock,
        settings,
        &SignerTrust::Nobody,
    ))
    .await
}

/// The same, with signers whose certificates are issued by these CAs.
pub(crate) async fn build_trusting(
    client: Client,
    lease: LeaseState,
    salesforce: ClientSettings,
    clock: Clock,
    settings: Settings,
    trust: &SignerTrust,
) -> Arc<Context> {
    salesforce_client::install_crypto_provider();
    let digest_key = digest_key::read_or_create(&client, &settings.namespace)
        .await
        .unwrap();
    Context::new(Parts {
        clients: Clients {
            usual: client.clone(),
            once: client.clone(),
            long_answers: client.clone(),
            watching: client,
        },
        ownership: Ownership::undivided(lease),
        salesforce: CurrentClient::new(salesforce_client::Client::new(salesforce).unwrap()),
        signers: Signers::new(trust).unwrap(),
        settings,
        digest_key,
        clock,
        metrics: Arc::new(Metrics::new()),
    })
}
