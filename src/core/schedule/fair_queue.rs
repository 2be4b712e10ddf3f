//! Whose pass is next, so that no tenant and no login host keeps the others waiting? See docs/decisions/0028-fair-shares.md.

mod lanes;

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::Arc;

use crate::core::schedule::urgency::Urgency;
use lanes::Lanes;

/// Passes that work at once. Two cores are saturated by about 16; many more make the API server close watches.
pub const PLACES: usize = 16;
/// Passes beside them that have lent their place, as they mostly wait for Salesforce.
pub const LINGERING: usize = 48;
/// Passes of one namespace, of both kinds: it leaves four places to others whatever it does.
pub const FOR_NAMESPACE: usize = 12;
/// Passes at one login host, of both kinds: more than one namespace can take, and few enough for another host.
pub const FOR_HOST: usize = 24;

/// What a pass is counted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    pub namespace: Arc<str>,
    pub host: Arc<str>,
}

/// Passes in progress, and those that wait: namespaces take turns, and so do the login hosts of a namespace. Of those that wait
/// for the same, the awaited ones mostly go first, and else whoever came first.
#[derive(Debug)]
pub struct FairQueue<K> {
    /// In progress, or about to begin.
    running: HashMap<K, Running>,
    lingering: usize,
    namespaces: HashMap<Arc<str>, usize>,
    hosts: HashMap<Arc<str>, usize>,
    waiting: HashMap<K, Urgency>,
    /// May still hold those that wait no longer.
    turns: Ring<Ring<Lanes<K>>>,
}

#[derive(Debug)]
struct Running {
    share: Share,
    lingers: bool,
}

/// Queues that take turns.
#[derive(Debug)]
struct Ring<Q> {
    order: VecDeque<Arc<str>>,
    queues: HashMap<Arc<str>, Q>,
}

impl<Q> Default for Ring<Q> {
    fn default() -> Self {
        Self {
            order: VecDeque::new(),
            queues: HashMap::new(),
        }
    }
}

impl<K> Default for FairQueue<K> {
    fn default() -> Self {
        Self {
            running: HashMap::new(),
            lingering: 0,
            namespaces: HashMap::new(),
            hosts: HashMap::new(),
            waiting: HashMap::new(),
            turns: Ring::default(),
        }
    }
}

impl<K: Clone + Eq + Hash> FairQueue<K> {
    /// Whether the pass may begin now. If not, it waits, and a later call tells when its turn has come.
    pub fn ask(&mut self, key: &K, share: &Share, urgency: Urgency) -> bool {
        if self.running.contains_key(key) {
            return true;
        }
        let before = self.waiting.get(key).copied();
        if before.is_none() || (before, urgency) == (Some(Urgency::Routine), Urgency::Awaited) {
            self.waiting.insert(key.clone(), urgency);
            let lanes = self.turns.of(&share.namespace).of(&share.host);
            lanes.add(key.clone(), urgency);
        }
        let begun = self.begin_waiting();
        debug_assert!(begun.iter().all(|other| other == key), "nobody else's turn came");
        self.running.contains_key(key)
    }

    /// The pass is taking long: it goes on and lends its place, if not too many do. Returns whose turn has come.
    pub fn linger(&mut self, key: &K) -> Vec<K> {
        if let Some(running) = self.running.get_mut(key)
            && !running.lingers
            && self.lingering < LINGERING
        {
            running.lingers = true;
            self.lingering += 1;
        }
        self.begin_waiting()
    }

    /// The pass has ended, or is not wanted any more. Returns whose turn has come.
    pub fn leave(&mut self, key: &K) -> Vec<K> {
        self.waiting.remove(key);
        let Some(running) = self.running.remove(key) else {
            return Vec::new();
        };
        self.lingering -= usize::from(running.lingers);
        uncount(&mut self.namespaces, &running.share.namespace);
        uncount(&mut self.hosts, &running.share.host);
        self.begin_waiting()
    }

    /// How many passes wait, and how many are in progress.
    pub fn count(&self) -> (usize, usize) {
        (self.waiting.len(), self.running.len())
    }

    fn begin_waiting(&mut self) -> Vec<K> {
        let mut begun = Vec::new();
        while self.running.len() - self.lingering < PLACES {
            let Some((key, share)) = self.next() else { break };
            *self.namespaces.entry(share.namespace.clone()).or_default() += 1;
            *self.hosts.entry(share.host.clone()).or_default() += 1;
            let lingers = false;
            self.running.insert(key.clone(), Running { share, lingers });
            begun.push(key);
        }
        begun
    }

    fn next(&mut self) -> Option<(K, Share)> {
        let Self {
            namespaces,
            hosts,
            waiting,
            turns,
            ..
        } = self;
        turns
            .take(|namespace, of_hosts| {
                if !may(namespaces, namespace, FOR_NAMESPACE) {
                    return None;
                }
                of_hosts.take(|host, keys| {
                    if !may(hosts, host, FOR_HOST) {
                        return None;
                    }
                    std::iter::from_fn(|| keys.next()).find(|key| waiting.remove(key).is_some())
                })
            })
            .map(|(namespace, (host, key))| (key, Share { namespace, host }))
    }
}

impl<Q: Default + Queue> Ring<Q> {
    fn of(&mut self, name: &Arc<str>) -> &mut Q {
        if !self.queues.contains_key(name) {
            self.order.push_back(name.clone());
        }
        self.queues.entry(name.clone()).or_default()
    }

    /// What the first queue gives that gives anything; then it is the last.
    fn take<T>(&mut self, mut give: impl FnMut(&str, &mut Q) -> Option<T>) -> Option<(Arc<str>, T)> {
        let mut passed_over = 0;
        while let Some(name) = self.order.get(passed_over).cloned() {
            let given = self.queues.get_mut(&name).and_then(|queue| give(&name, queue));
            let empty = self.queues.get(&name).is_none_or(Queue::is_empty);
            if empty || given.is_some() {
                self.order.remove(passed_over);
            } else {
                passed_over += 1;
            }
            if empty {
                self.queues.remove(&name);
            } else if given.is_some() {
                self.order.push_back(name.clone());
            }
            if let Some(given) = given {
                return Some((name, given));
            }
        }
        None
    }
}

trait Queue {
    fn is_empty(&self) -> bool;
}

impl<K> Queue for Lanes<K> {
    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl<Q> Queue for Ring<Q> {
    fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }
}

fn may(counts: &HashMap<Arc<str>, usize>, name: &str, limit: usize) -> bool {
    counts.get(name).is_none_or(|count| *count < limit)
}

fn uncount(counts: &mut HashMap<Arc<str>, usize>, name: &Arc<str>) {
    if let Some(count) = counts.get_mut(name) {
        *count -= 1;
        if *count == 0 {
            counts.remove(name);
        }
    }
}

#[cfg(test)]
mod tests;
