//! Which shard is a namespace in, and which replica should own which shard? By hashes alone, so that all replicas agree.
//!
//! Replicas of different versions run beside each other during an upgrade. What is computed here must therefore never change.
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::unused_async)]

use std::collections::BTreeSet;
use std::fmt;

use ring::digest::{SHA256, digest};

use crate::api::names;

/// The most shards that there may be. Each has a Lease, which its owner renews all the time.
pub const MOST_SHARDS: u8 = 64;

/// Into how many shards the namespaces are divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardCount(u8);

/// One shard: some of the namespaces, with all connectors in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard(u8);

impl Shard {
    /// The shard that every count has. What concerns the whole installation is done by its owner.
    pub const FIRST: Self = Self(0);

    pub(super) fn index(self) -> usize {
        self.0.into()
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl ShardCount {
    /// All namespaces are in one shard.
    pub const ONE: Self = Self(1);

    /// At least one shard, and at most [`MOST_SHARDS`].
    pub fn new(count: u8) -> Self {
        Self(count.clamp(1, MOST_SHARDS))
    }

    pub fn get(self) -> u8 {
        self.0
    }

    /// All shards, in order.
    pub fn all(self) -> impl Iterator<Item = Shard> {
        (0..self.0).map(Shard)
    }

    /// The shard of a namespace: the first 8 bytes of the SHA-256 of its name, as a big-endian number, modulo the count.
    pub fn shard_of(self, namespace: &str) -> Shard {
        let rest = number(namespace) % u64::from(self.0);
        Shard(u8::try_from(rest).unwrap_or_default())
    }

    /// The part of something that belongs to so many of the shards, rounded up; nothing where it is none.
    pub fn part_of(self, whole: u32, shards: usize) -> Option<u32> {
        let part = u64::from(whole) * shards as u64;
        (shards > 0).then(|| u32::try_from(part.div_ceil(self.0.into())).unwrap_or(whole))
    }

    /// Name of the Lease of a shard. It says the count, so that replicas with different counts dispute no Lease.
    pub fn lease_of(self, shard: Shard) -> String {
        match self.0 {
            1 => names::LEASE.to_owned(),
            count => format!("{}-shard-{shard}-of-{count}", names::LEASE),
        }
    }

    /// Name of the Lease on which replicas show that they are there; none is needed for one shard.
    pub fn roster(self) -> Option<String> {
        (self != Self::ONE).then(|| format!("{}-replicas-of-{}", names::LEASE, self.0))
    }

    /// Which replica should own each shard, in the order of the shards. The loads differ by one at most, and few shards change
    /// hands when a replica comes or goes.
    ///
    /// Each replica has a score for each shard, the hash of both names. The best score is served first, as long as its shard has no
    /// owner and its replica has not had its part.
    pub fn owners<'a>(self, replicas: &BTreeSet<&'a str>) -> Vec<Option<&'a str>> {
        let mut owners = vec![None; self.0.into()];
        if replicas.is_empty() {
            return owners;
        }
        let mut scores: Vec<_> = replicas
            .iter()
            .enumerate()
            .flat_map(|(index, &replica)| {
                self.all().map(move |shard| {
                    let score = number(&format!("{replica}/{shard}"));
                    (std::cmp::Reverse(score), index, replica, shard)
                })
            })
            .collect();
        scores.sort_unstable();
        let mut loads = vec![0; replicas.len()];
        let (part, mut larger) = (owners.len() / replicas.len(), owners.len() % replicas.len());
        for (_, index, replica, shard) in scores {
            let (Some(owner), Some(load)) = (owners.get_mut(shard.index()), loads.get_mut(index)) else {
                continue;
            };
            let one_more = *load == part && larger > 0;
            if owner.is_none() && (*load < part || one_more) {
                *owner = Some(replica);
                *load += 1;
                larger -= usize::from(one_more);
            }
        }
        owners
    }
}

/// The first 8 bytes of the SHA-256 of a text.
pub(super) fn number(text: &str) -> u64 {
    let hash = digest(&SHA256, text.as_bytes());
    let first = hash.as_ref().first_chunk().copied();
    u64::from_be_bytes(first.unwrap_or_default())
}

#[cfg(test)]
mod tests;
