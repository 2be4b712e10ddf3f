//! How many token requests may a login host still be sent? A token bucket a host.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::core::schedule::time::since;

/// Buckets by host. Each holds an hour's worth, so that a herd of connectors can log in at once after an installation,
/// and refills evenly.
#[derive(Debug)]
pub struct Budget {
    per_hour: u32,
    buckets: Mutex<HashMap<String, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Timestamp,
}

impl Budget {
    /// A budget of so many requests an hour for each host.
    pub fn new(per_hour: u32) -> Self {
        Self {
            per_hour: per_hour.max(1),
            buckets: Mutex::default(),
        }
    }

    /// Takes one request out of the host's budget, or says how long it takes until there is one.
    pub fn take(&self, host: &str, now: Timestamp) -> Result<(), Duration> {
        let full = f64::from(self.per_hour);
        self.with(host, now, |left| {
            if *left < 1.0 {
                return Err(Duration::from_secs_f64((1.0 - *left) * 3600.0 / full));
            }
            *left -= 1.0;
            Ok(())
        })
    }

    /// Compares what was sent with what was taken before: what was not sent is given back, what was sent beyond it is
    /// taken now, as far as there is anything.
    pub fn charge_or_refund(&self, host: &str, taken: u32, sent: u32, now: Timestamp) {
        let full = f64::from(self.per_hour);
        self.with(host, now, |left| {
            *left = (*left + f64::from(taken) - f64::from(sent)).clamp(0.0, full);
        });
    }

    /// Does something with what is left to the host by now.
    fn with<T>(&self, host: &str, now: Timestamp, act: impl FnOnce(&mut f64) -> T) -> T {
        let full = f64::from(self.per_hour);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets
            .entry(host.to_owned())
            .or_insert(Bucket { left: full, at: now });
        bucket.left = (bucket.left + since(bucket.at, now).as_secs_f64() * full / 3600.0).min(full);
        bucket.at = now;
        act(&mut bucket.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_sent_an_hours_worth_at_once_and_then_at_an_even_rate() {
        let budget = Budget::new(60);
        let at = |second| Timestamp::from_second(second).unwrap();
        let granted = (0..100).filter(|_| budget.take("a", at(0)).is_ok()).count();
        assert_eq!(granted, 60);
        assert_eq!(budget.take("a", at(0)), Err(Duration::from_mins(1)));
        assert_eq!(budget.take("b", at(0)), Ok(()));
        assert_eq!(budget.take("a", at(60)), Ok(()));
        assert!(budget.take("a", at(60)).is_err());
    }

    #[test]
    fn what_was_not_sent_is_given_back_and_what_was_sent_beyond_it_is_taken() {
        let budget = Budget::new(3);
        let now = Timestamp::UNIX_EPOCH;
        let left = || {
            let mut all = 0;
            while budget.take("a", now).is_ok() {
                all += 1;
            }
            budget.charge_or_refund("a", all, 0, now);
            all
        };
        let mut seen = vec![left()];
        for (taken, sent) in [(0, 2), (1, 0), (1, 1), (0, 9), (9, 0)] {
            budget.charge_or_refund("a", taken, sent, now);
            seen.push(left());
        }
        assert_eq!(seen, [3, 1, 2, 2, 0, 3]);
    }
}
