//! How does a process stand for several leases? For those of the shards that it should own, with one elector for each.

use futures::FutureExt as _;
use futures::future::join_all;
use kube::Config;
use tokio::sync::watch;

use crate::lease::attendance::Attendance;
use crate::lease::elector::{Elector, connect};
use crate::lease::shard::{Shard, ShardCount};
use crate::lease::{LeaseSettings, Ownership};

/// Stands for election in all shards, as long as the process lives.
#[derive(Debug)]
pub struct Electors {
    shards: ShardCount,
    each: Vec<Elector>,
    /// None where there is one shard: every replica wants it.
    attendance: Option<Attendance>,
}

impl Electors {
    /// A candidate called `me` for the leases of all shards in `namespace`.
    pub fn new(
        config: Config,
        namespace: &str,
        me: &str,
        settings: LeaseSettings,
        shards: ShardCount,
    ) -> Result<Self, kube::Error> {
        let client = connect(config, settings)?;
        let elector = |shard| Elector::of(client.clone(), namespace, shards.lease_of(shard), me, settings);
        let attendance = |name| Attendance::of(client.clone(), namespace, name, me, settings, shards);
        Ok(Self {
            shards,
            each: shards.all().map(elector).collect(),
            attendance: shards.roster().map(attendance),
        })
    }

    /// What the rest of the process may ask.
    pub fn ownership(&self) -> Ownership {
        Ownership::of(self.shards, self.each.iter().map(Elector::state).collect())
    }

    /// Stands for election until `stop` resolves. Then it leads no more, keeps the leases that it holds until `drained` resolves, and
    /// releases them. One of several shards is stood for from when `ready` resolves. It is handed over to the replica that should
    /// own it as soon as what `drain` returns for it resolves.
    pub async fn run<D: Future<Output = ()>>(
        self,
        ready: impl Future<Output = ()>,
        drain: impl Fn(Shard) -> D,
        stop: impl Future<Output = ()>,
        drained: impl Future<Output = ()>,
    ) {
        let (stop, drained, drain) = (stop.shared(), drained.shared(), &drain);
        let (always, wanted) = watch::channel(true);
        let elections = self.shards.all().zip(self.each).map(|(shard, elector)| {
            let attendance = self.attendance.as_ref();
            let wanted = attendance.map_or_else(|| wanted.clone(), |attendance| attendance.wanted(shard));
            elector.run(wanted, move || drain(shard), stop.clone(), drained.clone())
        });
        let elections = join_all(elections.collect::<Vec<_>>());
        match self.attendance {
            Some(attendance) => {
                futures::join!(elections, attendance.run(ready, stop));
            }
            None => drop(elections.await),
        }
        drop(always);
    }
}

#[cfg(test)]
mod tests;
