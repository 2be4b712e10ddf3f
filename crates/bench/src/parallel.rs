//! How is much asked of the API server at once?

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use kube::Client;

use crate::Failed;

/// Clients that load is made with, each with a connection of its own.
pub(crate) const CLIENTS: usize = 16;

/// Does `work` for each number, on all clients at once; returns how long it took.
pub(crate) async fn for_each<F>(
    clients: &[Client],
    numbers: Range<usize>,
    work: impl Fn(Client, usize) -> F,
) -> Result<Duration, Failed>
where
    F: Future<Output = Result<(), kube::Error>>,
{
    let started = Instant::now();
    let next = AtomicUsize::new(numbers.start);
    let lanes = clients.iter().map(async |client| {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= numbers.end {
                return Ok::<_, kube::Error>(());
            }
            work(client.clone(), number).await?;
        }
    });
    try_join_all(lanes).await?;
    Ok(started.elapsed())
}
