//! Waiting for a state of the world, with a deadline, and telling what was seen when it does not come.

use std::future::Future;
use std::panic::Location;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

/// Between two looks. Short against what a test takes, long against one request to the API server.
const POLL: Duration = Duration::from_millis(25);

/// Looks again and again until `look` succeeds, and returns what it found. Its errors say what it saw instead.
///
/// Looks at states, never at events: what happened before the call counts. Panics at the deadline with the
/// caller's line, `what` was waited for, and the last state seen, even while a look still hangs.
///
/// ```
/// # use std::time::Duration;
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let mut seen = 0;
/// let found = testbed::eventually(Duration::from_secs(5), "three looks", async || {
///     seen += 1;
///     if seen == 3 { Ok(seen) } else { Err(format!("{seen} looks")) }
/// });
/// assert_eq!(found.await, 3);
/// # });
/// ```
#[track_caller]
pub fn eventually<T, L>(deadline: Duration, what: &str, mut look: L) -> impl Future<Output = T>
where
    L: AsyncFnMut() -> Result<T, String>,
{
    let caller = Location::caller();
    async move {
        let end = Instant::now() + deadline;
        let mut last = "nothing yet".to_owned();
        loop {
            match timeout_at(end, look()).await {
                Ok(Ok(found)) => return found,
                Ok(Err(state)) => last = state,
                Err(elapsed) => panic!(
                    "{caller}: waited {deadline:?} for {what} ({elapsed} during a look); last seen: {last}"
                ),
            }
            assert!(
                Instant::now() < end,
                "{caller}: waited {deadline:?} for {what}; last seen: {last}"
            );
            sleep(POLL).await;
        }
    }
}
