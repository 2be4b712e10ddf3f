//! Which connectors are known?

use std::sync::{Mutex, PoisonError};

use kube::runtime::reflector::Store;
use tokio::sync::watch;

use crate::shell::watch::object::Guarded;

/// The stores of connectors, one for each watch, known once the watches have begun.
#[derive(Default)]
pub struct Connectors {
    stores: Mutex<Vec<Store<Guarded>>>,
    /// How many stores hold all that there was when their watch began. Not [`Store::wait_until_ready`]: it wakes
    /// only the one who asked last, and the controller asks, too.
    listed: watch::Sender<usize>,
}

impl Connectors {
    pub fn add(&self, store: Store<Guarded>) {
        self.stores_mut().push(store);
    }

    /// Where it is noted, once for each store, that it holds all that there was when its watch began.
    pub(crate) fn listed(&self) -> watch::Sender<usize> {
        self.listed.clone()
    }

    /// Waits until so many stores hold all that there was when their watches began. Any number may wait.
    pub async fn wait_until_listed(&self, stores: usize) {
        // We hold the sender, so it can't be gone.
        let _ = self.listed.subscribe().wait_for(|listed| *listed >= stores).await;
    }

    pub fn count(&self) -> usize {
        self.stores_mut().iter().map(Store::len).sum()
    }

    pub fn stores(&self) -> Vec<Store<Guarded>> {
        self.stores_mut().clone()
    }

    fn stores_mut(&self) -> std::sync::MutexGuard<'_, Vec<Store<Guarded>>> {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
