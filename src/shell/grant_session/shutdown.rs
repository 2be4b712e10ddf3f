//! The redeems that were begun and are not recorded: what this process has to finish before it may end, or hand a shard over.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::watch;

use crate::lease::shard::Shard;

/// How far this process is from being able to end, or to hand a shard over. One value, so that no redeem begins beside the order
/// to stop.
#[derive(Debug, Default)]
struct Progress {
    redeems: BTreeMap<Shard, usize>,
    draining: BTreeSet<Shard>,
    stopping: bool,
}

impl Progress {
    fn count(&self, shard: Shard) -> usize {
        self.redeems.get(&shard).copied().unwrap_or_default()
    }
}

/// Counts the redeems of this process.
#[derive(Debug, Default, Clone)]
pub(crate) struct Redeems(watch::Sender<Progress>);

/// A redeem from its intent until what came of it is recorded, panics included.
#[derive(Debug)]
pub(crate) struct Redeeming(Redeems, Shard);

/// Lets no redeem in a shard begin, until it is dropped.
struct Draining<'a>(&'a Redeems, Shard);

impl Redeems {
    /// `None` when the process is stopping, or the shard is being handed over.
    pub(crate) fn begin(&self, shard: Shard) -> Option<Redeeming> {
        let begun = self.0.send_if_modified(|progress| {
            let begins = !progress.stopping && !progress.draining.contains(&shard);
            if begins {
                *progress.redeems.entry(shard).or_default() += 1;
            }
            begins
        });
        begun.then(|| Redeeming(self.clone(), shard))
    }

    /// Lets none begin from here on, and waits for those that have.
    pub(crate) async fn stop(&self) {
        self.0.send_modify(|progress| progress.stopping = true);
        self.until(|progress| progress.redeems.values().all(|count| *count == 0))
            .await;
    }

    /// The same for those of one shard, until it resolves or is dropped.
    pub(crate) async fn drain(&self, shard: Shard) {
        self.0.send_modify(|progress| {
            progress.draining.insert(shard);
        });
        let _draining = Draining(self, shard);
        self.until(|progress| progress.count(shard) == 0).await;
    }

    /// Resolves when the process is stopping.
    pub(crate) async fn stopping(&self) {
        self.until(|progress| progress.stopping).await;
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.0.borrow().stopping
    }

    async fn until(&self, fits: impl FnMut(&Progress) -> bool) {
        // The sender lives in `self`, so waiting can't fail.
        let _ = self.0.subscribe().wait_for(fits).await;
    }
}

impl Drop for Redeeming {
    fn drop(&mut self) {
        self.0.0.send_modify(|progress| {
            if let Some(count) = progress.redeems.get_mut(&self.1) {
                *count -= 1;
            }
        });
    }
}

impl Drop for Draining<'_> {
    fn drop(&mut self) {
        self.0.0.send_modify(|progress| {
            progress.draining.remove(&self.1);
        });
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;
    use crate::lease::shard::ShardCount;

    #[test]
    fn stopping_waits_for_redeems_that_were_begun_and_lets_none_begin() {
        let redeems = Redeems::default();
        let begun = redeems.begin(Shard::FIRST).unwrap();
        assert_eq!(redeems.stopping().now_or_never(), None);
        let mut stop = Box::pin(redeems.stop());
        assert_eq!(stop.as_mut().now_or_never(), None, "while a redeem is open");
        assert!(redeems.is_stopping() && redeems.begin(Shard::FIRST).is_none());
        assert_eq!(redeems.stopping().now_or_never(), Some(()));
        drop(begun);
        assert_eq!(stop.now_or_never(), Some(()));
    }

    #[test]
    fn a_shard_is_drained_of_its_own_redeems_alone_and_may_come_back() {
        let redeems = Redeems::default();
        let mut shards = ShardCount::new(2).all();
        let (first, second) = (shards.next().unwrap(), shards.next().unwrap());
        let (begun, other) = (redeems.begin(first).unwrap(), redeems.begin(second).unwrap());
        let mut drain = Box::pin(redeems.drain(first));
        assert_eq!(drain.as_mut().now_or_never(), None, "while a redeem is open");
        assert!(redeems.begin(first).is_none() && redeems.begin(second).is_some());
        drop(begun);
        assert_eq!(drain.as_mut().now_or_never(), Some(()));
        assert!(redeems.begin(first).is_some(), "its lease was released");

        let mut called_off = Box::pin(redeems.drain(second));
        assert_eq!(called_off.as_mut().now_or_never(), None);
        assert!(redeems.begin(second).is_none());
        drop(called_off);
        assert!(redeems.begin(second).is_some() && !redeems.is_stopping());
        drop(other);
    }
}
