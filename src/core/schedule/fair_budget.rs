//! May a namespace send one more request to a host, and if not, when? See docs/decisions/0028-fair-shares.md.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::core::schedule::time::{later, since};

/// A connector that has not come by so long after its turn has given it up.
const KEPT_FOR: Duration = Duration::from_mins(5);
/// Of a request, for what arithmetic loses.
const NEARLY: f64 = 1e-6;
/// So many hosts are looked through for those that may be forgotten, at least.
const HOSTS_AT_FIRST: usize = 64;

/// Requests to hosts: for each an hour's worth at a stretch, which refills evenly. A namespace may take more while it has taken
/// less than is left, so that there is always something left for one that has taken nothing.
#[derive(Debug)]
pub struct FairBudget {
    per_hour: f64,
    hosts: HashMap<Box<str>, HostBudget>,
    look_through_at: usize,
}

/// Who sends a request.
#[derive(Debug, Clone, Copy)]
pub struct Payer<'a> {
    pub namespace: &'a str,
    /// Of the connector.
    pub uid: &'a str,
}

#[derive(Debug)]
struct HostBudget {
    at: Timestamp,
    namespaces: HashMap<Arc<str>, Account>,
}

/// What a namespace has taken and not got back yet, and which of its connectors wait: first come, first served.
#[derive(Debug, Default)]
struct Account {
    taken: f64,
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    uid: Box<str>,
    due: Timestamp,
}

impl FairBudget {
    /// A budget of so many requests an hour for each host.
    pub fn new(per_hour: u32) -> Self {
        Self {
            per_hour: per_hour.max(1).into(),
            hosts: HashMap::new(),
            look_through_at: HOSTS_AT_FIRST,
        }
    }

    /// Allows so many requests an hour from now on. What was taken before counts.
    pub fn set_per_hour(&mut self, per_hour: u32) {
        self.per_hour = per_hour.max(1).into();
    }

    /// Takes one request for the connector, or says how long it takes until its turn comes, which is kept for it.
    pub fn take(&mut self, host: &str, payer: Payer<'_>, now: Timestamp) -> Result<(), Duration> {
        let per_hour = self.per_hour;
        let host = self.host(host, now);
        let Err(wait) = host.wait(per_hour, payer) else {
            let account = host.namespaces.entry(payer.namespace.into()).or_default();
            account.waiting.retain(|waiting| *waiting.uid != *payer.uid);
            account.taken += 1.0;
            return Ok(());
        };
        let account = host.namespaces.entry(payer.namespace.into()).or_default();
        let due = later(now, wait);
        match account
            .waiting
            .iter_mut()
            .find(|waiting| *waiting.uid == *payer.uid)
        {
            Some(waiting) => waiting.due = due,
            None => account.waiting.push_back(Waiting {
                uid: payer.uid.into(),
                due,
            }),
        }
        Err(wait)
    }

    /// How long it takes until the namespace may take a request, if that is not now. Nothing is kept for it.
    pub fn wait(&mut self, host: &str, payer: Payer<'_>, now: Timestamp) -> Option<Duration> {
        let per_hour = self.per_hour;
        self.host(host, now).wait(per_hour, payer).err()
    }

    /// Compares what was sent with what was taken before: the difference is taken or given back now. Never more than a full budget.
    pub fn charge_or_refund(&mut self, host: &str, namespace: &str, taken: u32, sent: u32, now: Timestamp) {
        let most = self.per_hour;
        let host = self.host(host, now);
        let account = host.namespaces.entry(namespace.into()).or_default();
        account.taken = (account.taken - f64::from(taken) + f64::from(sent)).clamp(0.0, most);
    }

    /// The host's budget by now. Those that are full are forgotten now and then.
    fn host(&mut self, name: &str, now: Timestamp) -> &mut HostBudget {
        let per_hour = self.per_hour;
        if self.hosts.len() >= self.look_through_at {
            self.hosts.retain(|_, host| {
                host.refill(per_hour, now);
                !host.namespaces.is_empty()
            });
            self.look_through_at = (2 * self.hosts.len()).max(HOSTS_AT_FIRST);
        }
        let host = self.hosts.entry(name.into()).or_insert_with(|| HostBudget {
            at: now,
            namespaces: HashMap::new(),
        });
        host.refill(per_hour, now);
        host
    }
}

impl HostBudget {
    /// What comes back is divided evenly among those that have taken something.
    fn refill(&mut self, per_hour: f64, now: Timestamp) {
        let mut back = since(self.at, now).as_secs_f64() * per_hour / 3600.0;
        self.at = self.at.max(now);
        while back > 0.0 && self.debtors() > 0 {
            let each = back / count(self.debtors());
            for account in self.namespaces.values_mut().filter(|account| account.taken > 0.0) {
                let part = each.min(account.taken);
                account.taken = if account.taken - part < NEARLY {
                    0.0
                } else {
                    account.taken - part
                };
                back -= part;
            }
            back = if back < NEARLY { 0.0 } else { back };
        }
        self.namespaces.retain(|_, account| {
            account
                .waiting
                .retain(|waiting| since(waiting.due, now) < KEPT_FOR);
            account.taken > 0.0 || !account.waiting.is_empty()
        });
    }

    fn debtors(&self) -> usize {
        self.namespaces
            .values()
            .filter(|account| account.taken > 0.0)
            .count()
    }

    /// Nothing, if the connector may take a request now, those of its namespace that came before it included.
    fn wait(&self, per_hour: f64, payer: Payer<'_>) -> Result<(), Duration> {
        let left = per_hour - self.namespaces.values().map(|account| account.taken).sum::<f64>();
        let account = self.namespaces.get(payer.namespace);
        let ahead = account.map_or(0, |account| {
            let own = account
                .waiting
                .iter()
                .position(|waiting| *waiting.uid == *payer.uid);
            own.unwrap_or(account.waiting.len())
        });
        let (ahead, taken) = (count(ahead), account.map_or(0.0, |account| account.taken));
        let lacking = (taken + ahead + 1.0) - (left - ahead);
        if lacking <= NEARLY {
            return Ok(());
        }
        Err(self.closes(lacking, ahead, (payer.namespace, taken), per_hour))
    }

    /// When what is lacking has come back, for a namespace that has taken so much.
    fn closes(&self, lacking: f64, ahead: f64, (namespace, taken): (&str, f64), per_hour: f64) -> Duration {
        let own = if taken > 0.0 {
            1.0 / count(self.debtors())
        } else {
            0.0
        };
        let others = self
            .namespaces
            .iter()
            .filter(|(name, account)| ***name != *namespace && !account.waiting.is_empty());
        // Meanwhile the others that wait take as many.
        let seconds = (lacking + ahead * count(others.count())) * 3600.0 / (per_hour * (1.0 + own));
        Duration::from_secs_f64(seconds)
    }
}

fn count(number: usize) -> f64 {
    u32::try_from(number).unwrap_or(u32::MAX).into()
}

#[cfg(test)]
mod tests;
