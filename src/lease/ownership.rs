//! Which namespaces are this process' own to work in, and for how long still? A handle that any part of it can ask.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt as _};

use crate::lease::shard::{Shard, ShardCount};
use crate::lease::{LeaseState, Role};

/// Which shards this process owns. Cheap to clone. As with [`LeaseState`], the clock answers.
#[derive(Debug, Clone)]
pub struct Ownership {
    shards: ShardCount,
    /// One for each shard, in their order.
    leases: Vec<LeaseState>,
}

impl Ownership {
    pub(super) fn of(shards: ShardCount, leases: Vec<LeaseState>) -> Self {
        Self { shards, leases }
    }

    /// Of all namespaces by one lease.
    pub fn undivided(lease: LeaseState) -> Self {
        Self::of(ShardCount::ONE, vec![lease])
    }

    /// The lease of the first shard, for tests of elections.
    #[cfg(feature = "test-switches")]
    pub fn first_lease(&self) -> LeaseState {
        self.leases.first().cloned().unwrap_or_else(LeaseState::never)
    }

    /// The shard of a namespace.
    pub fn shard_of(&self, namespace: &str) -> Shard {
        self.shards.shard_of(namespace)
    }

    /// How many shards there are.
    pub fn shards(&self) -> ShardCount {
        self.shards
    }

    /// Whether this process works in a namespace.
    pub fn owns(&self, namespace: &str) -> bool {
        self.of_namespace(namespace).is_some_and(LeaseState::leads)
    }

    /// Whether it does what concerns no one namespace.
    pub fn owns_the_rest(&self) -> bool {
        self.leases.first().is_some_and(LeaseState::leads)
    }

    /// How long nobody else can own the namespace, even if its lease is never renewed again. Zero if it is not this process' own.
    pub fn lease_left(&self, namespace: &str) -> Duration {
        self.of_namespace(namespace)
            .map_or(Duration::ZERO, LeaseState::lease_left)
    }

    /// The shards that this process owns.
    pub fn owned(&self) -> BTreeSet<Shard> {
        let all = self.shards.all().zip(&self.leases);
        all.filter(|(_, lease)| lease.leads())
            .map(|(shard, _)| shard)
            .collect()
    }

    /// Yields a shard each time that this process becomes its owner after now.
    pub fn gained(&self) -> BoxStream<'static, Shard> {
        let all = self.shards.all().zip(&self.leases);
        let gained = all.map(|(shard, lease)| lease.terms().map(move |()| shard).boxed());
        stream::select_all(gained).boxed()
    }

    /// Yields what this process owns, now and after each change.
    pub fn changes(&self) -> BoxStream<'static, BTreeSet<Shard>> {
        let changes = self.leases.iter().map(|lease| lease.roles().boxed());
        let changes: Vec<_> = changes.collect();
        let (first, ownership) = (stream::once(std::future::ready(Role::Follower)), self.clone());
        first
            .chain(stream::select_all(changes))
            .map(move |_| ownership.owned())
            .boxed()
    }

    /// Waits until this process owns nothing.
    pub async fn lost(&self) {
        for mut lease in self.leases.clone() {
            while lease.leads() {
                lease.changed().await;
            }
        }
    }

    fn of_namespace(&self, namespace: &str) -> Option<&LeaseState> {
        self.leases.get(self.shards.shard_of(namespace).index())
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use tokio::sync::watch;

    use super::*;
    use crate::clock::boot_time;
    use crate::lease::state::Until;

    fn term() -> Until {
        let renew_by = boot_time() + Duration::from_secs(100);
        let ends = renew_by + Duration::from_secs(100);
        Until { renew_by, ends }
    }

    #[tokio::test]
    async fn a_process_works_in_the_namespaces_of_the_shards_that_it_owns_and_hears_of_each_change() {
        let elections: Vec<_> = (0..4).map(|_| watch::Sender::new(None)).collect();
        let leases = elections
            .iter()
            .map(|until| LeaseState::elected(until.subscribe()));
        let four = ShardCount::new(4);
        let ownership = Ownership::of(four, leases.collect());
        let (mut changes, mut gained) = (ownership.changes(), ownership.gained());
        let shards = |numbers: &[usize]| -> BTreeSet<Shard> {
            numbers
                .iter()
                .filter_map(|number| four.all().nth(*number))
                .collect()
        };
        assert_eq!(changes.next().now_or_never(), Some(Some(shards(&[]))));
        assert_eq!(changes.next().now_or_never(), None);

        elections[1].send_replace(Some(term()));
        assert_eq!(changes.next().now_or_never(), Some(Some(shards(&[1]))));
        assert_eq!(gained.next().now_or_never(), Some(four.all().nth(1)));
        // As tests of shards have it: 1, 2 and 0.
        let own = ["sales", "service", "team-a"].map(|namespace| ownership.owns(namespace));
        assert_eq!(own, [true, false, false]);
        assert!(!ownership.owns_the_rest());
        assert!(ownership.lease_left("sales") > Duration::from_secs(150));
        assert_eq!(ownership.lease_left("service"), Duration::ZERO);

        elections[0].send_replace(Some(term()));
        elections[1].send_replace(None);
        assert_eq!(changes.next().now_or_never(), Some(Some(shards(&[0]))));
        assert_eq!(gained.next().now_or_never(), Some(four.all().next()));
        assert!(ownership.owns_the_rest() && ownership.owns("team-a") && !ownership.owns("sales"));
        assert_eq!(ownership.lost().now_or_never(), None);
        elections[0].send_replace(None);
        assert_eq!(ownership.lost().now_or_never(), Some(()));
        assert_eq!(gained.next().now_or_never(), None);
    }
}
