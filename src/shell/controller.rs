//! How does a connector get from what is declared to what is so? The reconcile, top to bottom, and what wakes it.
//!
//! ```text
//! observe  async  reads Kubernetes                         -> Observed
//! pass     pure   what was observed, and the time          -> one effect after another
//! perform  async  Salesforce, Secrets, status: one effect  -> its reply
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::{FutureExt, StreamExt};
use kube::ResourceExt as _;
use kube::runtime::controller::Action;
use kube::runtime::reflector::{self, Store};
use kube::runtime::{Controller, watcher};
use tracing::Instrument as _;

use crate::api::SalesforceConnector;
use crate::core::pass::{Pass, PassEffect, PassEnd};
use crate::core::schedule::fair_queue::Share;
use crate::core::schedule::urgency::urgency_of;
use crate::core::validate::login_host_name;
use crate::error_chain::chain;
use crate::settings::SecretWatch;
use crate::shell::context::{Context, namespace};
use crate::shell::error::Error;
use crate::shell::perform::Performer;
use crate::shell::turns::{Object, Turn, Turns};
use crate::shell::watch::object::Guarded;
use crate::shell::watch::scope::WatchScope;
use crate::shell::watch::watches as wake;
use crate::shell::{garbage_collector, observe, report, sharing};

/// A pass that takes longer than this hangs: each call inside has its own, shorter limit.
const PASS_LIMIT: Duration = Duration::from_mins(5);
/// A pass that takes longer than this mostly waits for Salesforce, and lends its place.
const LENDS_ITS_PLACE_AFTER: Duration = Duration::from_secs(1);
/// Who waits for its turn, or for a login of its user to end, is woken then; should that be missed, it asks again after this.
const ASK_AGAIN: Duration = Duration::from_mins(1);

/// Runs the controller until `stop` resolves and all reconciles in progress have ended.
pub async fn run(context: Arc<Context>, stop: impl Future<Output = ()> + Send + Sync + 'static) {
    let stop = stop.shared();
    let scopes = WatchScope::of(&context.settings);
    let watches = scopes
        .iter()
        .map(|scope| run_scope(context.clone(), scope, stop.clone()));
    let connectors = futures::future::join_all(watches);
    let copies = sharing::controller::run(&context, stop.clone());
    tokio::select! {
        _ = futures::future::join(connectors, copies) => {}
        () = garbage_collector::run(&context) => {}
    }
}

/// One watch with its own store: two watches that fill one store would each drop the other's objects when they restart.
async fn run_scope(
    context: Arc<Context>,
    scope: &WatchScope,
    stop: impl Future<Output = ()> + Clone + Send + Sync + 'static,
) {
    let (reader, writer) = reflector::store();
    context.connectors.add(reader.clone());
    let stopped_early = stopped_before_listed(stop.clone(), reader.clone());
    let controller = Controller::for_stream(wake::connectors(&context, scope, writer), reader.clone())
        // Without a limit of its own: its queue is in no order. Ours is.
        .reconcile_on(wake::gained(&context.ownership, &reader, |connector| {
            connector.namespace()
        }))
        .reconcile_on(context.turns.wakes_of(scope))
        .graceful_shutdown_on(stop);
    let copies = context.copies.clone();
    let controller = match context.settings.secret_watch {
        SecretWatch::ByName => controller,
        SecretWatch::Watch => controller.watches_stream(wake::secrets(&context, scope), move |secret| {
            copies.secret_changed(&secret);
            wake::mentioning(&reader, &secret)
        }),
    };
    let turns = context.turns.clone();
    let running = controller
        .run(reconcile_in_turn, on_error, context)
        .for_each(|result| {
            log_watch_errors(&turns, &result);
            std::future::ready(())
        });
    tokio::select! {
        () = running => {}
        () = stopped_early => {}
    }
}

/// Resolves if `stop` comes before the first list: the controller would then wait for a list that nobody reads any more,
/// for ever. Nothing is in progress at that time.
async fn stopped_before_listed(stop: impl Future<Output = ()>, connectors: Store<Guarded>) {
    stop.await;
    if connectors.wait_until_ready().now_or_never().is_some() {
        std::future::pending::<()>().await;
    }
}

/// Errors of a reconcile are logged where they are handled, in [`on_error`].
fn log_watch_errors(
    turns: &Turns,
    result: &Result<(Object, Action), kube::runtime::controller::Error<Error, watcher::Error>>,
) {
    match result {
        Ok(_) | Err(kube::runtime::controller::Error::ReconcilerFailed(..)) => {}
        Err(kube::runtime::controller::Error::ObjectNotFound(object)) => {
            tracing::debug!(object.name = %object.name, "The connector no longer exists");
            turns.forget(&Object::new(&object.name).within(object.namespace.as_deref().unwrap_or_default()));
        }
        Err(error) => tracing::warn!(error = %chain(error), "Watch failed, retrying"),
    }
}

/// How many passes this process has begun.
static PASSES: AtomicU64 = AtomicU64::new(1);

/// Begins a pass if it is the connector's turn. While it waits for that, nothing of it is kept but its place in the queue, and
/// later events change nothing: the pass takes the connector as it is then.
async fn reconcile_in_turn(object: Arc<Guarded>, context: Arc<Context>) -> Result<Action, Error> {
    let reference = Object::from_obj(&*object);
    if !context.ownership.owns(&object.namespace().unwrap_or_default()) {
        context.turns.forget(&reference);
        return Ok(Action::await_change()); // a warm cache is all that is kept of what others own; becoming its owner wakes it
    }
    let connector = match &object.0 {
        Ok(connector) => connector,
        Err(invalid) => {
            context.turns.forget(&reference);
            return Ok(report::unparsable(&context, invalid));
        }
    };
    let share = Share {
        namespace: namespace(connector).into(),
        host: login_host_name(&connector.spec).into(),
    };
    match context.turns.ask(reference, &share, urgency_of(connector)) {
        // Apart: thousands may be asking at once, each with the memory of a pass.
        Some(turn) => Box::pin(run_pass(turn, connector, &context)).await,
        None => Ok(Action::requeue(ASK_AGAIN)),
    }
}

async fn run_pass(
    turn: Turn,
    connector: &SalesforceConnector,
    context: &Arc<Context>,
) -> Result<Action, Error> {
    let started = Instant::now();
    // All lines of one pass carry its number, down to its calls to Salesforce.
    let span = tracing::info_span!(
        "pass",
        pass = PASSES.fetch_add(1, Ordering::Relaxed),
        connector = %format_args!("{}/{}", namespace(connector), connector.name_any()),
    );
    let pass = tokio::time::timeout(PASS_LIMIT, reconcile(connector, context).instrument(span));
    let mut pass = std::pin::pin!(pass);
    let brisk = tokio::time::timeout(LENDS_ITS_PLACE_AFTER, &mut pass).await;
    let ended = if let Ok(ended) = brisk {
        ended
    } else {
        turn.linger();
        pass.await
    };
    let ended = ended.unwrap_or(Err(Error::TookTooLong));
    context.metrics.reconcile(result_of(&ended), started.elapsed());
    ended
}

/// How a reconcile ended, as a label of a metric.
fn result_of(ended: &Result<Action, Error>) -> &'static str {
    match ended {
        Ok(_) => "Succeeded",
        Err(error) if error.is_conflict() => "Conflict",
        Err(_) => "Failed",
    }
}

/// One look at one connector. `Err` means that Kubernetes failed us; what Salesforce refuses is in the status.
async fn reconcile(cached: &SalesforceConnector, context: &Arc<Context>) -> Result<Action, Error> {
    let Some(connector) = observe::latest(context, cached).await? else {
        return Ok(Action::await_change());
    };
    let observed = observe::observe(context, &connector).await?;
    let mut performer = Performer::new(context, &connector, observed.owner.clone());
    let (mut pass, mut effect) = Pass::begin(observed, &context.digest_key, context.clock.now());
    loop {
        effect = match effect {
            PassEffect::Done(end) => return Ok(ended(context, &connector, *end).await),
            effect => {
                let reply = performer.perform(effect).await?;
                pass.on(reply, context.clock.now())?
            }
        };
    }
}

async fn ended(context: &Context, connector: &SalesforceConnector, end: PassEnd) -> Action {
    match end {
        PassEnd::Gone | PassEnd::Deposed => Action::await_change(),
        PassEnd::UserBusy => Action::requeue(ASK_AGAIN),
        PassEnd::Reported(report) => report::conclude(context, connector, &report).await,
    }
}

/// What a failed reconcile leads to: it is logged once, here, and tried again.
#[expect(clippy::needless_pass_by_value, reason = "the form that the controller calls")]
fn on_error(object: Arc<Guarded>, error: &Error, context: Arc<Context>) -> Action {
    context.metrics.reconcile_errors(error.operation());
    let before = object
        .0
        .as_ref()
        .map_or(0, |connector| context.count_error(connector));
    let wait = error.retry_after(before);
    let reference = Object::from_obj(&*object);
    if error.is_conflict() {
        tracing::debug!(object = %reference, "The object changed during the reconcile, retrying");
    } else {
        let retry_after_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        tracing::warn!(object = %reference, error = %chain(error), retry_after_ms, "Reconcile failed");
    }
    Action::requeue(wait)
}
