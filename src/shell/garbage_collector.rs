//! What is removed once its connector is gone? Stored grants, records of rotations, ledger entries and refused passwords, now and
//! then, by the leader; with shards, by the owner of the first one.
//!
//! Nothing is removed in doubt: it takes two looks a grace apart that both find the connector gone, and a look that fails,
//! is forbidden or can't tell says nothing. The grace is told by the wall clock, since it has to outlast the process; a
//! clock that jumps must not make it nothing, so the process must have run for a while with what it removes in view.
//! The one place that lists Secrets: the operator's own, by their label, and their metadata alone. A page is dropped before the
//! next one is read, so that many entries take no memory.

mod entries;
mod rotations;
mod states;
mod store;
mod views;

use std::collections::HashSet;
use std::time::Duration;

use kube::ResourceExt as _;

use crate::api::names;
use crate::error_chain::chain;
use crate::shell::context::Context;
use crate::shell::error::Error;
use entries::{collect_ledger, collect_password};
use rotations::collect_rotation;
use states::collect_state;
pub use states::judge;
use store::{Known, Pages, Stored};
use views::Views;

/// The longest time between two runs.
const PERIOD: Duration = Duration::from_mins(10);
/// The shortest: a grace of nothing must not spin.
const SHORTEST: Duration = Duration::from_secs(1);
/// Sweeps for as long as it is polled, while this is for this process to do.
pub(crate) async fn run(context: &Context) {
    let mut views = Views::default();
    loop {
        let period = (context.settings.state_retention / 2).clamp(SHORTEST, PERIOD);
        tokio::time::sleep(context.clock.sleep_for(period)).await;
        if !context.ownership.owns_the_rest() {
            continue;
        }
        if let Err(error) = collect(context, &mut views).await {
            context.metrics.reconcile_errors(error.operation());
            tracing::warn!(error = %chain(&error), "Garbage collection interrupted, retrying");
        }
    }
}

async fn collect(context: &Context, views: &mut Views) -> Result<(), Error> {
    let known = Known::of(context);
    let mut states = HashSet::new();
    let mut pages = Pages::of(names::STATE);
    while let Some(page) = pages.next(context).await? {
        for stored in &page {
            views.keep(stored);
            log(stored, collect_state(context, stored, &known, views).await);
            states.extend(
                stored
                    .name_any()
                    .strip_prefix(names::STATE_PREFIX)
                    .map(str::to_owned),
            );
        }
    }
    let mut pages = Pages::of(names::LEDGER);
    while let Some(page) = pages.next(context).await? {
        for stored in &page {
            views.keep(stored);
            log(
                stored,
                collect_ledger(context, stored, &known, &states, views).await,
            );
        }
    }
    let mut pages = Pages::of(names::REFUSED_PASSWORD);
    while let Some(page) = pages.next(context).await? {
        for stored in &page {
            views.keep(stored);
            log(stored, collect_password(context, stored, &known, views).await);
        }
    }
    let mut pages = Pages::of(names::ROTATION);
    while let Some(page) = pages.next(context).await? {
        for stored in &page {
            views.keep(stored);
            log(stored, collect_rotation(context, stored, &known, views).await);
        }
    }
    views.end_run();
    Ok(())
}

/// One Secret that can't be dealt with now must not stop the others.
fn log(stored: &Stored, result: Result<(), Error>) {
    let Err(error) = result else { return };
    let (name, error) = (stored.name_any(), chain(&error));
    tracing::info!(secret.name = %name, error = %error, "Garbage collection skipped a Secret until the next run");
}
