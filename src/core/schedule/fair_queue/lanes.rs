//! Of those that wait for the same namespace and login host, who is next?

use std::collections::VecDeque;

use crate::core::schedule::urgency::Urgency;

/// Awaited passes in a row while routine ones wait: whoever edits connectors all the time does not keep their renewals waiting.
pub(super) const AWAITED_IN_A_ROW: u32 = 3;

/// Those that somebody waits for, and the others; whoever came first goes first.
#[derive(Debug)]
pub(super) struct Lanes<K> {
    awaited: VecDeque<K>,
    routine: VecDeque<K>,
    /// Awaited ones since the last routine one.
    in_a_row: u32,
}

impl<K> Default for Lanes<K> {
    fn default() -> Self {
        Self {
            awaited: VecDeque::new(),
            routine: VecDeque::new(),
            in_a_row: 0,
        }
    }
}

impl<K: Eq> Lanes<K> {
    /// Adds it as the last of its lane. Who was waiting as a routine one and is awaited now waits once.
    pub(super) fn add(&mut self, key: K, urgency: Urgency) {
        match urgency {
            Urgency::Awaited => {
                self.routine.retain(|other| *other != key);
                self.awaited.push_back(key);
            }
            Urgency::Routine => self.routine.push_back(key),
        }
    }
}

impl<K> Lanes<K> {
    pub(super) fn next(&mut self) -> Option<K> {
        let awaited_first = self.in_a_row < AWAITED_IN_A_ROW || self.routine.is_empty();
        if let Some(key) = awaited_first.then(|| self.awaited.pop_front()).flatten() {
            self.in_a_row = self.in_a_row.saturating_add(1);
            return Some(key);
        }
        self.in_a_row = 0;
        self.routine.pop_front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.awaited.is_empty() && self.routine.is_empty()
    }
}
