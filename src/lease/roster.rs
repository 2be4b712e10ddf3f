//! Which replicas are there? From the notes that each keeps writing on one Lease, and the local clock.
//!
//! A replica counts as long as its note changes. When it was last seen to change is told by one's own monotonic clock; the time in
//! a note is written for people, and to make it another one. Who has not looked for a while can't tell who is gone: it gives all of
//! them the time of a lease once more, or each outage of the API server would end with everything in the hands of whoever came first.
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::unused_async)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::api::names;
use crate::lease::LeaseSettings;
use crate::lease::shard::number;

/// The notes as one replica sees them.
#[derive(Debug)]
pub struct Roster {
    me: String,
    settings: LeaseSettings,
    notes: BTreeMap<String, Note>,
    looked: Option<Duration>,
}

#[derive(Debug)]
struct Note {
    text: String,
    /// When it was first seen like this, by the local monotonic clock.
    changed: Duration,
}

impl Roster {
    /// The roster as a replica called `me` sees it, at first empty.
    pub fn new(me: &str, settings: LeaseSettings) -> Self {
        Self {
            me: me.to_owned(),
            settings,
            notes: BTreeMap::new(),
            looked: None,
        }
    }

    /// Takes note of the Lease's annotations.
    pub fn see(&mut self, annotations: &BTreeMap<String, String>, now: Duration) {
        let blind = self
            .looked
            .replace(now)
            .is_none_or(|before| now.saturating_sub(before) > self.settings.renew_deadline);
        let mut before = std::mem::take(&mut self.notes);
        let notes = annotations
            .iter()
            .filter(|(key, text)| replica(text).is_some_and(|replica| key_of(replica) == **key));
        self.notes = notes
            .map(|(key, text)| {
                let same = before.remove(key).filter(|note| note.text == *text && !blind);
                let note = same.unwrap_or_else(|| Note {
                    text: text.clone(),
                    changed: now,
                });
                (key.clone(), note)
            })
            .collect();
    }

    /// The replicas that were there at the last look.
    pub fn replicas(&self) -> BTreeSet<&str> {
        let there = self.notes.values().filter(|note| !self.is_gone(note));
        there.filter_map(|note| replica(&note.text)).collect()
    }

    /// What to write on the Lease: one's own note, and nothing in the place of those of replicas that were gone at the last look.
    pub fn write(&self, wall: Timestamp) -> BTreeMap<String, Option<String>> {
        let gone = self.notes.iter().filter(|(_, note)| self.is_gone(note));
        let mut written: BTreeMap<_, _> = gone.map(|(key, _)| (key.clone(), None)).collect();
        let key = key_of(&self.me);
        let mut text = format!("{} {wall}", self.me);
        if self.notes.get(&key).is_some_and(|note| note.text == text) {
            text.push(AGAIN); // wall clocks may stand still
        }
        written.insert(key, Some(text));
        written
    }

    /// What to write on the Lease when this replica leaves.
    pub fn leave(&self) -> BTreeMap<String, Option<String>> {
        [(key_of(&self.me), None)].into()
    }

    fn is_gone(&self, note: &Note) -> bool {
        let unchanged = self.looked.map(|looked| looked.saturating_sub(note.changed));
        unchanged.is_some_and(|unchanged| unchanged >= self.settings.duration)
    }
}

/// Makes a note another one.
const AGAIN: char = '+';

/// The replica that a note is about.
fn replica(text: &str) -> Option<&str> {
    let (replica, _) = text.split_once(' ')?;
    Some(replica)
}

/// Annotation of a replica. It is no longer than a key may be, whatever the replica is called.
fn key_of(replica: &str) -> String {
    format!("{}{:016x}", names::REPLICA_PREFIX, number(replica))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn settings() -> LeaseSettings {
        LeaseSettings::new(seconds(40), seconds(20), seconds(2)).unwrap()
    }

    /// The Lease of a simulated API server.
    #[derive(Default)]
    struct Server(BTreeMap<String, String>);

    impl Server {
        fn merge(&mut self, written: BTreeMap<String, Option<String>>) {
            for (key, text) in written {
                match text {
                    Some(text) => self.0.insert(key, text),
                    None => self.0.remove(&key),
                };
            }
        }

        fn beat(&mut self, roster: &mut Roster, second: u64) {
            let wall = Timestamp::from_second(1_700_000_000).unwrap(); // stands still
            self.merge(roster.write(wall));
            roster.see(&self.0, seconds(second));
        }
    }

    fn replicas(roster: &Roster) -> Vec<&str> {
        roster.replicas().into_iter().collect()
    }

    #[test]
    fn a_replica_counts_while_its_note_changes_and_is_gone_after_the_time_of_a_lease() {
        let mut server = Server::default();
        let [mut a, mut b] = ["a", "b"].map(|name| Roster::new(name, settings()));
        assert_eq!(replicas(&a), [""; 0], "before it has shown that it is there");
        for second in (0..=60).step_by(2) {
            server.beat(&mut a, second);
            server.beat(&mut b, second);
        }
        assert_eq!(replicas(&a), ["a", "b"]);
        assert_eq!(replicas(&b), ["a", "b"]);
        for second in (62..=100).step_by(2) {
            server.beat(&mut a, second);
            assert_eq!(replicas(&a), ["a", "b"], "at {second}");
        }
        // The note of b changed at 60 as a saw it at 62.
        server.beat(&mut a, 102);
        assert_eq!((replicas(&a), server.0.len()), (vec!["a"], 2));
        server.beat(&mut a, 104);
        assert_eq!(server.0.len(), 1, "its note is removed");
        server.beat(&mut b, 105);
        server.beat(&mut a, 106);
        assert_eq!(replicas(&a), ["a", "b"], "it was there all the time");
    }

    #[test]
    fn a_replica_that_leaves_is_gone_at_once() {
        let mut server = Server::default();
        let [mut a, mut b] = ["a", "b"].map(|name| Roster::new(name, settings()));
        server.beat(&mut a, 0);
        server.beat(&mut b, 0);
        server.merge(a.leave());
        server.beat(&mut b, 2);
        assert_eq!(replicas(&b), ["b"]);
    }

    #[test]
    fn who_has_not_looked_for_a_while_cannot_tell_who_is_gone() {
        let mut server = Server::default();
        let [mut a, mut b] = ["a", "b"].map(|name| Roster::new(name, settings()));
        server.beat(&mut a, 0);
        server.beat(&mut b, 0);
        server.beat(&mut a, 2);
        // Nobody reaches the API server for two minutes.
        server.beat(&mut a, 122);
        assert_eq!(replicas(&a), ["a", "b"]);
        for second in (124..=162).step_by(2) {
            server.beat(&mut a, second);
        }
        assert_eq!(replicas(&a), ["a"]);
    }

    #[test]
    fn what_is_no_note_of_a_replica_counts_for_nothing_and_stays() {
        let mut server = Server::default();
        let mut a = Roster::new("a", settings());
        let foreign = [
            (key_of("b"), "b".to_owned()),
            (key_of("b") + "0", "b 2026-11-28T00:00:00Z".to_owned()),
            (key_of("c"), "d 2026-11-28T00:00:00Z".to_owned()),
            ("team".to_owned(), "b 2026-11-28T00:00:00Z".to_owned()),
        ];
        server.0.extend(foreign);
        for second in (0..=100).step_by(2) {
            server.beat(&mut a, second);
        }
        assert_eq!((replicas(&a), server.0.len()), (vec!["a"], 5));
    }
}
