//! What did the operator log? Every line of every test in this process, at the most talkative level.

use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::{errors, looks};

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Begins to collect; any number of calls do no harm. With `SFC_TEST_LOG` set, lines go to standard error as well.
pub(crate) fn collect() {
    static STARTED: OnceLock<()> = OnceLock::new();
    STARTED.get_or_init(|| {
        let filter = EnvFilter::new("trace,salesforce_sim=off,h2=info,rustls=info,tokio=info,mio=info");
        tracing_subscriber::registry()
            .with(filter)
            .with(tracing_subscriber::fmt::layer().json().with_writer(|| Sink))
            .with(looks::Watcher)
            .with(errors::Collector)
            .init();
        errors::note_panics();
    });
}

/// How much was logged up to now, in bytes.
pub(crate) fn length() -> usize {
    LINES.lock().unwrap_or_else(PoisonError::into_inner).len()
}

/// What was logged from `start` on, by all tests of this process.
pub(crate) fn since(start: usize) -> String {
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(lines.get(start..).unwrap_or_default()).into_owned()
}

/// Requests that would change something in `namespace`, as the Kubernetes client logged them since `start`: the API server
/// itself takes no notice of a write that changes nothing.
pub(crate) fn writes(start: usize, namespace: &str) -> Vec<String> {
    let in_namespace = format!("/namespaces/{namespace}/");
    let writing = ["POST", "PUT", "PATCH", "DELETE"].map(|method| format!("\"http.method\":\"{method}\""));
    let lines = since(start);
    let lines = lines
        .lines()
        .filter(|line| line.contains("\"message\":\"requesting\"") && line.contains(&in_namespace));
    lines
        .filter(|line| writing.iter().any(|method| line.contains(method)))
        .map(str::to_owned)
        .collect()
}

struct Sink;

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if std::env::var_os("SFC_TEST_LOG").is_some() {
            io::stderr().write_all(bytes)?;
        }
        LINES
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
