//! What do all connections share?

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::log::Outcome;
use crate::world::World;

pub(crate) struct Shared {
    world: Mutex<World>,
    /// Counts arrivals and endings of requests, to wake those who wait.
    pub(crate) changed: watch::Sender<u64>,
}

impl Shared {
    pub(crate) fn new(world: World) -> Self {
        Self {
            world: Mutex::new(world),
            changed: watch::Sender::new(0),
        }
    }

    /// The world; a panic in a test's closure does not make it unusable.
    pub(crate) fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn note_change(&self) {
        self.changed.send_modify(|changes| *changes += 1);
    }

    pub(crate) fn end(&self, number: u64, refreshing: Option<usize>, outcome: Outcome) {
        tracing::debug!(number, ?outcome, "Request ended");
        self.lock().depart(number, refreshing, outcome);
        self.note_change();
    }
}
