//! What wakes a look at a copy of a token, and what comes after it?

use std::sync::Arc;

use futures::{FutureExt as _, StreamExt as _};
use kube::ResourceExt as _;
use kube::runtime::controller::{Action, Config};
use kube::runtime::reflector::{self, Store};
use kube::runtime::{Controller, watcher};
use tracing::Instrument as _;

use crate::error_chain::chain;
use crate::shell::context::Context;
use crate::shell::error::Error;
use crate::shell::sharing::copies;
use crate::shell::watch::copies::{CopyObject, GuardedCopy};
use crate::shell::watch::scope::WatchScope;
use crate::shell::watch::watches as wake;

/// Looks at a time, of one watch.
const AT_ONCE: u16 = 4;
/// How long a look waits for the first list of connectors: until then, each seems to be missing.
const LISTING: std::time::Duration = std::time::Duration::from_secs(1);

/// Looks at copies until `stop` resolves and all looks in progress have ended.
pub(crate) async fn run(
    context: &Arc<Context>,
    stop: impl Future<Output = ()> + Clone + Send + Sync + 'static,
) {
    if !context.settings.sharing {
        return;
    }
    let scopes = WatchScope::of(&context.settings);
    let watches = scopes
        .iter()
        .map(|scope| run_scope(context.clone(), scope, stop.clone()));
    let _ = futures::future::join_all(watches).await;
}

async fn run_scope(
    context: Arc<Context>,
    scope: &WatchScope,
    stop: impl Future<Output = ()> + Clone + Send + Sync + 'static,
) {
    let (reader, writer) = reflector::store();
    let woken = context.copies.add(scope, reader.clone());
    let stopped_early = stopped_before_listed(stop.clone(), reader.clone());
    let gained = wake::gained(&context.ownership, &reader, giver);
    let running = Controller::for_stream(wake::copies(&context, scope, writer), reader)
        .with_config(Config::default().concurrency(AT_ONCE))
        .reconcile_on(gained)
        .reconcile_on(woken)
        .graceful_shutdown_on(stop)
        .run(look, on_error, context.clone())
        .for_each(|result| {
            log_watch_errors(&context, &result);
            std::future::ready(())
        });
    tokio::select! {
        () = running => {}
        () = stopped_early => {}
    }
}

/// As with connectors: the controller would wait for ever for a list that nobody reads any more.
async fn stopped_before_listed(stop: impl Future<Output = ()>, copies: Store<GuardedCopy>) {
    stop.await;
    if copies.wait_until_ready().now_or_never().is_some() {
        std::future::pending::<()>().await;
    }
}

/// Errors of a look are logged in [`on_error`].
fn log_watch_errors(
    context: &Context,
    result: &Result<(CopyObject, Action), kube::runtime::controller::Error<Error, watcher::Error>>,
) {
    match result {
        Ok((copy, _)) => context.copies.forget_errors(copy),
        Err(kube::runtime::controller::Error::ReconcilerFailed(..)) => {}
        Err(kube::runtime::controller::Error::ObjectNotFound(copy)) => {
            tracing::debug!(object.name = %copy.name, "The SalesforceTokenCopy no longer exists");
            let copy = CopyObject::new(&copy.name).within(copy.namespace.as_deref().unwrap_or_default());
            context.copies.forget_errors(&copy);
        }
        Err(error) => tracing::warn!(error = %chain(error), "Watch failed, retrying"),
    }
}

/// The namespace of the connector that a copy names. Who owns that looks after the copy: the connector's passes do, too.
fn giver(copy: &GuardedCopy) -> Option<String> {
    match &copy.0 {
        Ok(copy) => Some(copy.spec.from.namespace.clone()),
        Err(_) => copy.namespace(),
    }
}

async fn look(object: Arc<GuardedCopy>, context: Arc<Context>) -> Result<Action, Error> {
    if !context.ownership.owns(&giver(&object).unwrap_or_default()) {
        return Ok(Action::await_change());
    }
    if context.wait_until_listed().now_or_never().is_none() {
        return Ok(Action::requeue(LISTING));
    }
    let reference = CopyObject::from_obj(&*object);
    match &object.0 {
        Ok(copy) => {
            let span = tracing::info_span!("copy", copy = %reference);
            copies::look(&context, copy).instrument(span).await
        }
        Err(invalid) => {
            tracing::error!(object = %reference, error = %invalid.error,
                "Failed to parse the SalesforceTokenCopy; compare it with the CRD of this version");
            Ok(Action::await_change())
        }
    }
}

/// What a failed look leads to: it is logged once, here, and tried again.
#[expect(clippy::needless_pass_by_value, reason = "the form that the controller calls")]
fn on_error(object: Arc<GuardedCopy>, error: &Error, context: Arc<Context>) -> Action {
    context.metrics.reconcile_errors(error.operation());
    let reference = CopyObject::from_obj(&*object);
    let wait = error.retry_after(context.copies.count_error(reference.clone()));
    if error.is_conflict() {
        tracing::debug!(object = %reference, "The copy changed meanwhile, retrying");
    } else {
        let retry_after_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        tracing::warn!(object = %reference, error = %chain(error), retry_after_ms, "Failed to look after a copy of a token");
    }
    Action::requeue(wait)
}
