//! What went wrong, in the words that were used: every field `error` of the operator and its libraries, the messages of
//! panics, and what the API server refused to a test. Of all tests in this process.

use std::fmt::Debug;
use std::panic;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Record};
use tracing::{Event, Id, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

static TEXT: Mutex<String> = Mutex::new(String::new());

fn text() -> MutexGuard<'static, String> {
    TEXT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes what was said.
pub(crate) fn note(said: &str) {
    let mut text = text();
    text.push_str(said);
    text.push('\n');
}

/// How much was said up to now, in bytes.
pub(crate) fn length() -> usize {
    text().len()
}

/// What was said from `start` on.
pub(crate) fn since(start: usize) -> String {
    text()[start..].to_owned()
}

/// Has panics noted, besides what else is done about them.
pub(crate) fn note_panics() {
    static HOOKED: Once = Once::new();
    HOOKED.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            note(&info.to_string());
            before(info);
        }));
    });
}

/// Collects the fields.
pub(crate) struct Collector;

struct Errors;

impl Visit for Errors {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "error" {
            note(&format!("{value:?}"));
        }
    }
}

impl<S: Subscriber> Layer<S> for Collector {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        event.record(&mut Errors);
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        attributes.record(&mut Errors);
    }

    fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
        values.record(&mut Errors);
    }
}
