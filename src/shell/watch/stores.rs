//! Which connectors are known?

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use kube::runtime::reflector::Store;
use tokio::sync::watch;

use crate::core::schedule::resync::Population;
use crate::shell::watch::object::Guarded;

/// The stores of connectors, one for each watch, known once the watches have begun.
#[derive(Default)]
pub struct Connectors {
    stores: Mutex<Vec<Store<Guarded>>>,
    /// How many stores hold all that there was when their watch began. Not [`Store::wait_until_ready`]: it wakes
    /// only the one who asked last, and the controller asks, too.
    listed: watch::Sender<usize>,
    /// As counted last: how many there are in each namespace.
    counts: Mutex<HashMap<String, u32>>,
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

    /// Takes a new count, one namespace for each connector.
    pub(crate) fn count(&self, namespaces: impl Iterator<Item = String>) {
        let mut counts = HashMap::new();
        for namespace in namespaces {
            *counts.entry(namespace).or_default() += 1;
        }
        *self.counts_mut() = counts;
    }

    /// How many connectors there are, as far as this namespace is concerned.
    pub(crate) fn population(&self, namespace: &str) -> Population {
        let counts = self.counts_mut();
        Population {
            in_namespace: counts.get(namespace).copied().unwrap_or_default(),
            in_all: counts.values().sum(),
            namespaces: u32::try_from(counts.len()).unwrap_or(u32::MAX),
        }
    }

    /// The namespace that has the most connectors.
    pub(crate) fn largest_namespace(&self) -> String {
        let counts = self.counts_mut();
        let largest = counts.iter().max_by_key(|(_, count)| **count);
        largest
            .map(|(namespace, _)| namespace.clone())
            .unwrap_or_default()
    }

    fn counts_mut(&self) -> std::sync::MutexGuard<'_, HashMap<String, u32>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn stores(&self) -> Vec<Store<Guarded>> {
        self.stores_mut().clone()
    }

    fn stores_mut(&self) -> std::sync::MutexGuard<'_, Vec<Store<Guarded>>> {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
