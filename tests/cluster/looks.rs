//! When has the operator looked at a connector, and why? Told by the span in which the controller runs each reconcile.

use std::fmt::Debug;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use kube::runtime::reflector::ObjectRef;
use salesforce_connector_operator::shell::watch::object::Guarded;
use tracing::field::{Field, Visit};
use tracing::span::Attributes;
use tracing::{Event, Id, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

static LOOKS: Mutex<Vec<Look>> = Mutex::new(Vec::new());

/// One look from start to end. One that Kubernetes broke off is none.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    connector: String,
    began: Instant,
    /// What woke the reconcile, in the controller's words.
    pub(crate) cause: String,
}

/// Looks at a connector that began after `since` and have ended, of all operators of this process.
pub(crate) fn at(namespace: &str, name: &str, since: Instant) -> Vec<Look> {
    let connector = ObjectRef::<Guarded>::new(name).within(namespace).to_string();
    let looks = looks();
    let of_it = looks
        .iter()
        .filter(|look| look.connector == connector && look.began > since);
    of_it.cloned().collect()
}

fn looks() -> MutexGuard<'static, Vec<Look>> {
    LOOKS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Collects the looks.
pub(crate) struct Watcher;

/// What the controller calls the span of a reconcile.
const SPAN: &str = "reconciling object";
/// What `on_error` of the operator says within it.
const BROKEN_OFF: [&str; 2] = [
    "Reconcile failed",
    "The object changed during the reconcile, retrying",
];

#[derive(Default)]
struct Words {
    connector: String,
    cause: String,
    message: String,
}

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = format!("{value:?}");
        match field.name() {
            "object.ref" => self.connector = text,
            "object.reason" => self.cause = text,
            "message" => self.message = text,
            _ => {}
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Watcher {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if attributes.metadata().name() != SPAN {
            return;
        }
        let mut words = Words::default();
        attributes.record(&mut words);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(Look {
                connector: words.connector,
                began: Instant::now(),
                cause: words.cause,
            });
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut words = Words::default();
        event.record(&mut words);
        if !BROKEN_OFF.contains(&words.message.as_str()) {
            return;
        }
        for span in context.event_scope(event).into_iter().flatten() {
            span.extensions_mut().remove::<Look>();
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let span = context.span(&id);
        let look = span.and_then(|span| span.extensions_mut().remove::<Look>());
        looks().extend(look);
    }
}
