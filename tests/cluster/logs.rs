//! What did the operator log? Every line of every test in this process, at the most talkative level.

use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};

use tracing_subscriber::EnvFilter;

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Begins to collect; any number of calls do no harm. With `SFC_TEST_LOG` set, lines go to standard error as well.
pub(crate) fn collect() {
    static STARTED: OnceLock<()> = OnceLock::new();
    STARTED.get_or_init(|| {
        let filter = EnvFilter::new("trace,salesforce_sim=off,h2=info,rustls=info,tokio=info,mio=info");
        tracing_subscriber::fmt()
            .json()
            .with_env_filter(filter)
            .with_writer(|| Sink)
            .init();
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
