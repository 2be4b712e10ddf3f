//! How many token requests may a login host still be sent? A token bucket a host.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::decide::schedule::since;

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
    #[must_use]
    pub fn new(per_hour: u32) -> Self {
        Self {
            per_hour: per_hour.max(1),
            buckets: Mutex::default(),
        }
    }

    /// Takes one request out of the host's budget, or says how long it takes until there is one.
    pub fn take(&self, host: &str, now: Timestamp) -> Result<(), Duration> {
        let full = f64::from(self.per_hour);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets
            .entry(host.to_owned())
            .or_insert(Bucket { left: full, at: now });
        bucket.left = (bucket.left + since(bucket.at, now).as_secs_f64() * full / 3600.0).min(full);
        bucket.at = now;
        if bucket.left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - bucket.left) * 3600.0 / full));
        }
        bucket.left -= 1.0;
        Ok(())
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
}
