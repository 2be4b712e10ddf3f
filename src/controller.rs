//! How does a connector get from what is declared to what is so? The reconcile, top to bottom, and what wakes it.
//!
//! ```text
//! observe  async  Kubernetes only              -> Observed
//! decide   pure   (Observed, now)              -> Decision
//! act      async  Salesforce, then the Secret  -> Outcome
//! conclude pure   (Observed, Outcome, now)     -> Conclusion
//! report   async  status, events               -> when to look again
//! ```

pub mod act;
pub mod context;
pub mod error;
pub mod grant;
pub mod guarded;
mod login;
pub mod observe;
pub(crate) mod own_secret;
mod passwords;
mod probe;
mod report;
mod secrets;
pub mod sweep;
mod wake;

use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use kube::runtime::Controller;
use kube::runtime::controller::{Action, Config};
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::watcher;

pub use context::Context;
pub use error::Error;
pub use guarded::Guarded;

use crate::decide::observed::Knowledge;
use crate::decide::{Decision, Observed, Outcome, conclude, decide, moved};
use crate::settings::SecretWatch;

use wake::Scope;

/// Two cores are saturated by about 16 workers; many more make the API server close watches. So many at once for each watch,
/// and for all watches together.
const WORKERS: u16 = 16;
/// A reconcile that takes longer than this hangs: each call inside has its own, shorter limit.
const RECONCILE_LIMIT: Duration = Duration::from_mins(5);

/// Runs the controller until `stop` resolves and all reconciles in progress have ended.
pub async fn run(context: Arc<Context>, stop: impl Future<Output = ()> + Send + Sync + 'static) {
    let stop = stop.shared();
    let scopes = Scope::of(&context.settings);
    let watches = scopes
        .iter()
        .map(|scope| run_scope(context.clone(), scope, stop.clone()));
    tokio::select! {
        _ = futures::future::join_all(watches) => {}
        () = sweep::run(&context) => {}
    }
}

/// One watch with its own store: two watches that fill one store would each drop the other's objects when they restart.
async fn run_scope(
    context: Arc<Context>,
    scope: &Scope,
    stop: impl Future<Output = ()> + Clone + Send + Sync + 'static,
) {
    let (reader, writer) = reflector::store();
    context.connectors.add(reader.clone());
    let stopped_early = stopped_before_listed(stop.clone(), reader.clone());
    let controller = Controller::for_stream(wake::connectors(&context, scope, writer), reader.clone())
        .with_config(Config::default().concurrency(WORKERS))
        .reconcile_all_on(context.lease.terms())
        .graceful_shutdown_on(stop);
    let controller = match context.settings.secret_watch {
        SecretWatch::ByName => controller,
        SecretWatch::Watch => controller.watches_stream(wake::secrets(&context, scope), move |secret| {
            wake::mentioning(&reader, &secret)
        }),
    };
    let running = controller
        .run(reconcile_within_limit, on_error, context)
        .for_each(log_watch_errors);
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
async fn log_watch_errors(
    result: Result<(ObjectRef<Guarded>, Action), kube::runtime::controller::Error<Error, watcher::Error>>,
) {
    match result {
        Ok(_) | Err(kube::runtime::controller::Error::ReconcilerFailed(..)) => {}
        Err(kube::runtime::controller::Error::ObjectNotFound(object)) => {
            tracing::debug!(object.name = %object.name, "The connector is gone");
        }
        Err(error) => tracing::warn!(error = %error::chain(&error), "Watching failed; it is tried again"),
    }
}

async fn reconcile_within_limit(object: Arc<Guarded>, context: Arc<Context>) -> Result<Action, Error> {
    // Never closed, so there is always a place in the end.
    let _place = context.places.acquire().await;
    match tokio::time::timeout(RECONCILE_LIMIT, reconcile(object, context.clone())).await {
        Ok(result) => result,
        Err(_) => Err(Error::TookTooLong),
    }
}

/// One look at one connector. `Err` means that Kubernetes failed us; what Salesforce refuses is in the status.
async fn reconcile(object: Arc<Guarded>, context: Arc<Context>) -> Result<Action, Error> {
    if !context.lease.leads() {
        return Ok(Action::await_change()); // warm caches are all a follower keeps; becoming leader wakes everything
    }
    let cached = match &object.0 {
        Ok(connector) => connector,
        Err(invalid) => return Ok(report::unparsable(&context, invalid)),
    };
    let Some(mut connector) = context.current(cached).await? else {
        return Ok(Action::await_change());
    };

    let mut observed = observe::observe(&context, &connector).await?; // Kubernetes
    if let Err(error) = grant::keep_wish(&context, &observed).await {
        // It is for after the connector; the token is for now.
        tracing::warn!(error = %error::chain(&error), "Could not note whether the grant is to be revoked in the end");
    }
    let mut decision = decide(&observed, context.clock.now()); // no client
    let mut outcome = act::act(&context, &observed, &decision).await?; // Salesforce, then the Secret
    if let Some(learned) = learned(&observed, &decision, &outcome) {
        observed.knowledge = learned;
        let again = decide(&observed, context.clock.now()); // no client
        if let Decision::Mint { .. } = again {
            outcome = act::act(&context, &observed, &again).await?.after(outcome); // once, now
            decision = again;
        }
    }
    if observed.grant.is_some() && outcome.minted.is_some() {
        // The redeem protocol has written its own part of the status.
        let Some(live) = context.live(&connector).await? else {
            return Ok(Action::await_change());
        };
        observed.status = live.status.clone().unwrap_or_default();
        connector.metadata.resource_version = live.metadata.resource_version;
    }
    let conclusion = conclude(&observed, &decision, &outcome, context.clock.now()); // no client
    report::report(&context, &connector, &decision, &outcome, conclusion).await // Kubernetes
}

/// What a test has shown about the token that is held, so that a new one is worth a try.
fn learned(observed: &Observed, decision: &Decision, outcome: &Outcome) -> Option<Knowledge> {
    if act::token_was_rejected(decision, outcome) {
        return Some(Knowledge::TokenRejected);
    }
    let gone = outcome
        .tested
        .as_ref()
        .is_some_and(|report| moved::instance_is_gone(observed, decision, report));
    gone.then_some(Knowledge::InstanceGone)
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
    let reference = ObjectRef::from_obj(&*object);
    if error.is_conflict() {
        tracing::debug!(object = %reference, "The object changed meanwhile; looking again");
    } else {
        let retry_after_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        tracing::warn!(object = %reference, error = %error::chain(error), retry_after_ms, "Reconcile failed");
    }
    Action::requeue(wait)
}
