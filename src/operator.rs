//! How does the process live? It starts its parts in order, runs until it is told to stop, and ends them in order.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _};
use kube::{Config, ResourceExt as _};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{RunArgs, SettingsError};
use crate::core::rights::needed;
use crate::lease::shard::{Shard, ShardCount};
use crate::lease::{Electors, LeaseSettings, identity};
use crate::metrics::{Metrics, Totals};
use crate::server::{Readiness, Shown};
use crate::shell::callback;
use crate::shell::context::{Context, Parts};
use crate::shell::controller;
use crate::shell::kubernetes::clients::Clients;
use crate::shell::kubernetes::digest_key;
use crate::shell::observe::resync_period;
use crate::shell::rights;
use crate::shell::salesforce::current_client::CurrentClient;
use crate::shell::salesforce::observer::SalesforceObserver;
use crate::shell::signer::Signers;
use crate::shell::watch::object::Guarded;
use crate::{server, telemetry};

#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("invalid setting")]
    Settings(#[from] SettingsError),
    #[error("invalid setting")]
    Log(#[from] telemetry::InvalidFilter),
    #[error("failed to start")]
    Start(#[source] std::io::Error),
    #[error(
        "failed to load the Kubernetes client configuration; set KUBECONFIG, or run in a pod with a service account"
    )]
    Kubernetes(#[source] kube::Error),
    #[error("failed to set up the Salesforce client")]
    Salesforce(#[source] salesforce_client::BuildError),
    #[error("failed to set up the client of signers; check --signer-ca-file")]
    Signers(#[source] transit_client::SignerBuildError),
    #[error("failed to listen on {address}; choose another address with --{flag}")]
    Listen {
        address: SocketAddr,
        flag: &'static str,
        source: std::io::Error,
    },
    #[error("failed to create the operator's digest key")]
    DigestKey(#[source] digest_key::NoRandomNumbers),
}

/// Threads: the work is waiting, and two are enough for thousands of connectors.
const WORKER_THREADS: usize = 2;
/// After the signal, how long reconciles may go on when no refresh token is being redeemed. With the release of the lease
/// it has to fit into the second within which the lease is handed over.
const FINISH: Duration = Duration::from_millis(300);
/// How long an answer to a probe may hold up the end of the process.
const LAST_ANSWER: Duration = Duration::from_secs(1);
const API_SERVER: &str = "API server";
const CONNECTORS: &str = "list of connectors";

pub fn run(args: &RunArgs) -> Result<(), RunError> {
    telemetry::start(args.log_format, &args.log)?;
    forbid_core_dumps();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .enable_all()
        .build()
        .map_err(RunError::Start)?;
    let result = runtime.block_on(operate(args));
    // A look-up of a name may hang in a thread of its own; nothing waits for it any more.
    runtime.shutdown_background();
    result
}

/// A core dump would hold every token.
#[cfg(target_os = "linux")]
fn forbid_core_dumps() {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(error = %error, "Failed to forbid core dumps");
    }
}

#[cfg(not(target_os = "linux"))]
fn forbid_core_dumps() {}

async fn operate(args: &RunArgs) -> Result<(), RunError> {
    salesforce_client::install_crypto_provider();
    let stop = stop_signal().map_err(RunError::Start)?.shared();
    let settings = args.client_settings()?;
    let lease = args.lease_settings()?;
    let (metrics, clock) = (
        Arc::new(Metrics::with_connector_series(args.connector_series_limit)),
        args.test_switches.clock(),
    );
    let observer = Arc::new(SalesforceObserver::new(metrics.clone(), clock.clone()));
    let salesforce = CurrentClient::following(args.ca_file.clone(), settings, observer, &clock)
        .map_err(RunError::Salesforce)?;
    let signers = Signers::following(args.signer_ca_file.clone(), args.signer_trust()?, &clock)
        .map_err(RunError::Signers)?;
    let config = Config::infer().await.map_err(kube::Error::InferConfig);
    let config = config.map_err(RunError::Kubernetes)?;
    let clients = Clients::new(&config).map_err(RunError::Kubernetes)?;
    let readiness = Readiness::waiting_for(&[API_SERVER, CONNECTORS]);
    // Probes are answered to the very end: a result may have to be stored after the signal.
    let (ended, end) = tokio::sync::oneshot::channel::<()>();
    let end = end.map(|_| ()).shared();
    let reviewer = args.authenticate_metrics.then(|| clients.usual.clone());
    let shown = Shown::new(metrics.clone(), reviewer);
    let server = tokio::spawn(serve(args, readiness.clone(), shown, end.clone()).await?);

    // Before anything that needs a right, and waits for as long as it is missing.
    let needed = needed(&args.settings(), args.authenticate_metrics);
    tokio::spawn(rights::watch(
        clients.usual.clone(),
        needed,
        clock.clone(),
        metrics.clone(),
    ));
    let key = tokio::select! {
        key = digest_key::read_or_create(&clients.usual, &args.namespace) => key.map_err(RunError::DigestKey)?,
        () = stop.clone() => {
            tracing::info!("Stopped");
            return Ok(());
        }
    };
    readiness.done(API_SERVER);
    let settings = args.settings();
    let electors = stand(args, config, lease, settings.shards)?;
    let context = Context::new(Parts {
        clients,
        ownership: electors.ownership(),
        salesforce,
        signers,
        settings,
        digest_key: key,
        clock,
        metrics,
    });
    serve_callback_page(args, &context, end).await?;
    work(context, electors, readiness, stop).await;
    drop(ended);
    let _ = tokio::time::timeout(LAST_ANSWER, server).await;
    tracing::info!("Stopped");
    Ok(())
}

/// Binds both listeners, and yields what serves them until `end` resolves.
async fn serve(
    args: &RunArgs,
    readiness: Readiness,
    shown: Shown,
    end: impl Future<Output = ()> + Clone + Send + 'static,
) -> Result<impl Future<Output = ()> + Send + 'static, RunError> {
    let probes = listen(args.listen, "listen").await?;
    let metrics = listen(args.metrics_listen, "metrics-listen").await?;
    let addresses = [&probes, &metrics].map(TcpListener::local_addr);
    let [listen, metrics_listen] = addresses.map(|address| address.map_err(RunError::Start));
    tracing::info!(version = env!("CARGO_PKG_VERSION"), listen = %listen?, metrics = %metrics_listen?, "Started");
    Ok(async move {
        tokio::join!(
            server::probes(probes, readiness, end.clone()),
            server::metrics(metrics, shown, end)
        );
    })
}

/// Serves the callback page until `end` resolves, where there is one.
async fn serve_callback_page(
    args: &RunArgs,
    context: &Arc<Context>,
    end: impl Future<Output = ()> + Send + 'static,
) -> Result<(), RunError> {
    let Some(url) = args.callback_url.clone() else {
        return Ok(());
    };
    let listener = listen(args.callback_listen, "callback-listen").await?;
    let address = listener.local_addr().map_err(RunError::Start)?;
    tracing::info!(listen = %address, url = %url, callback = url.redirect_uri(), "Serving the callback page");
    tokio::spawn(server::pages(
        listener,
        callback::router(context.clone(), url),
        end,
    ));
    Ok(())
}

async fn listen(address: SocketAddr, flag: &'static str) -> Result<TcpListener, RunError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|source| RunError::Listen {
        address,
        flag,
        source,
    })
}

fn stand(
    args: &RunArgs,
    config: Config,
    settings: LeaseSettings,
    shards: ShardCount,
) -> Result<Electors, RunError> {
    let me = identity(args.hostname.as_deref());
    Electors::new(config, &args.namespace, &me, settings, shards).map_err(RunError::Kubernetes)
}

/// Watches from the start, and reconciles what it owns. Returns after `stop`, when the leases are released.
async fn work(
    context: Arc<Context>,
    electors: Electors,
    readiness: Readiness,
    stop: impl Future<Output = ()> + Clone + Send + Sync + 'static,
) {
    let helpers = [
        tokio::spawn(keep_house(context.clone(), readiness)),
        tokio::spawn(show_ownership(context.clone())),
    ];
    // After `stop` the leases are kept until this resolves.
    let (finished, drained) = tokio::sync::oneshot::channel::<()>();
    let mut election = tokio::spawn(elect(
        electors,
        context.clone(),
        stop.clone(),
        drained.map(|_| ()),
    ));
    let elected = tokio::select! {
        () = reconcile_until(context.clone(), stop) => {
            drop(finished);
            election.await
        }
        // It broke off, and nobody would ever lead again: the process ends, so that it is started anew.
        ended = &mut election => ended,
    };
    if let Err(error) = elected {
        tracing::error!(error = %error, "Leader election failed");
    }
    context.grants.idle().await;
    for helper in helpers {
        helper.abort();
    }
}

/// Stands for election. A replica that has not listed the connectors yet takes no shard from another.
async fn elect(
    electors: Electors,
    context: Arc<Context>,
    stop: impl Future<Output = ()>,
    drained: impl Future<Output = ()>,
) {
    let drain = |shard: Shard| {
        let context = context.clone();
        async move { context.grants.drain(shard).await }
    };
    electors
        .run(context.wait_until_listed(), drain, stop, drained)
        .await;
}

/// Reconciles until `stop`, and then until no refresh token is being redeemed. Other reconciles that hang by then are left
/// as if the process had died: all that they write can be concluded anew by the next leader, who should not wait for them.
async fn reconcile_until(
    context: Arc<Context>,
    stop: impl Future<Output = ()> + Clone + Send + Sync + 'static,
) {
    let overdue = async {
        stop.clone().await;
        // From here on no redeem begins.
        context.ownership.lost().await;
        context.grants.idle().await;
        tokio::time::sleep(FINISH).await;
    };
    tokio::select! {
        () = controller::run(context.clone(), stop.clone()) => {}
        () = overdue => tracing::info!("Abandoned a reconcile that did not finish in time; the next leader continues it"),
    }
    context.grants.idle().await;
}

/// Shows what this process owns, and gives it that share of the budgets.
async fn show_ownership(context: Arc<Context>) {
    let (shards, mut changes) = (context.ownership.shards(), context.ownership.changes());
    while let Some(owned) = changes.next().await {
        context.metrics.ownership(shards.all(), &owned);
        context.share_budgets(owned.len());
    }
}

/// What is done now and then: the population is measured, and connectors that are gone are forgotten.
async fn keep_house(context: Arc<Context>, readiness: Readiness) {
    const EVERY: Duration = Duration::from_secs(5);
    context.wait_until_listed().await;
    readiness.done(CONNECTORS);
    let mut known = HashSet::new();
    loop {
        known = measure(&context, &known);
        tokio::time::sleep(EVERY).await;
    }
}

/// Measures the population, forgets those `before` who are gone, and returns namespaces and names of all.
fn measure(context: &Context, before: &HashSet<(String, String)>) -> HashSet<(String, String)> {
    let (metrics, ownership) = (&context.metrics, &context.ownership);
    let stores = context.connectors.stores();
    let all: Vec<_> = stores
        .iter()
        .flat_map(kube::runtime::reflector::Store::state)
        .collect();
    let alive = all.iter().filter_map(|connector| connector.uid()).collect();
    context.forget_except(&alive);
    let of = |connector: &Guarded| (connector.namespace().unwrap_or_default(), connector.name_any());
    let known: HashSet<_> = all.iter().map(|connector| of(connector)).collect();
    let (own, others): (Vec<_>, Vec<_>) = all.iter().partition(|connector| ownership.owns(&of(connector).0));
    for (namespace, name) in before.difference(&known) {
        metrics.forget(namespace, name);
    }
    if own.is_empty() {
        metrics.stand_by();
    } else {
        // A reconcile may have ended since others own its connector.
        for (namespace, name) in others.into_iter().map(|connector| of(connector)) {
            metrics.forget(&namespace, &name);
        }
    }
    if !ownership.owned().is_empty() {
        let connectors = own.iter().filter_map(|connector| connector.0.as_ref().ok());
        let statuses =
            connectors.filter_map(|connector| Some((connector.status.as_ref()?, connector.spec.suspend)));
        metrics.totals(&Totals::of(statuses));
    }
    let (waiting, running) = context.turns.count();
    metrics.queue(waiting, running);
    let namespaces = own.iter().map(|connector| of(connector).0);
    context.connectors.count(namespaces);
    let longest = resync_period(context, &context.connectors.largest_namespace());
    metrics.population(known.len(), longest);
    known
}

fn stop_signal() -> std::io::Result<impl Future<Output = ()> + Send + Sync + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (sender, receiver) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("Shutdown signal received, draining");
        let _ = sender.send(());
    });
    Ok(receiver.map(|_| ()))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{DumpableBehavior, dumpable_behavior};

    #[test]
    fn the_process_leaves_no_core_dump() {
        super::forbid_core_dumps();
        assert_eq!(dumpable_behavior(), Ok(DumpableBehavior::NotDumpable));
    }
}
