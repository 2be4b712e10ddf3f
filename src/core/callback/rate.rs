//! How often may the callback page have the API server asked? So that whoever knows its address can't wear that out.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::core::schedule::time::since;

/// Requests at a stretch, and then so many a second: for all logins together, and for one.
const ALL: (f64, f64) = (60.0, 10.0);
const ONE: (f64, f64) = (20.0, 0.5);
/// Logins that are counted apart. Those that have rested for long are forgotten first.
const MOST: usize = 1024;

/// What is left to all, and to each.
#[derive(Debug, Default)]
pub struct PageRate {
    all: Option<Allowance>,
    each: HashMap<String, Allowance>,
}

#[derive(Debug, Clone, Copy)]
struct Allowance {
    left: f64,
    at: Timestamp,
}

impl PageRate {
    /// Takes one request for the login of a connector, by its uid. `false` if there is none left.
    pub fn take(&mut self, uid: &str, now: Timestamp) -> bool {
        if self.each.len() >= MOST {
            self.each.retain(|_, one| one.refilled(ONE, now) < ONE.0);
        }
        if self.each.len() >= MOST && !self.each.contains_key(uid) {
            return false;
        }
        let one = self
            .each
            .entry(uid.to_owned())
            .or_insert(Allowance::full(ONE, now));
        one.take(ONE, now) && self.all.get_or_insert(Allowance::full(ALL, now)).take(ALL, now)
    }
}

impl Allowance {
    const fn full((most, _): (f64, f64), at: Timestamp) -> Self {
        Self { left: most, at }
    }

    fn refilled(&self, (most, per_second): (f64, f64), now: Timestamp) -> f64 {
        let rested: Duration = since(self.at, now);
        (self.left + rested.as_secs_f64() * per_second).min(most)
    }

    fn take(&mut self, pace: (f64, f64), now: Timestamp) -> bool {
        let left = self.refilled(pace, now);
        *self = Self { left, at: now };
        let takes = left >= 1.0;
        if takes {
            self.left -= 1.0;
        }
        takes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::testing::fixtures::{after, now};

    #[test]
    fn requests_for_one_login_are_few_and_leave_something_to_others() {
        let mut rate = PageRate::default();
        let taken = (0..100).filter(|_| rate.take("crm", now())).count();
        assert_eq!(taken, 20);
        assert!(rate.take("erp", now()));
        assert!(!rate.take("crm", after(1)) && rate.take("crm", after(3)));
    }

    #[test]
    fn requests_for_all_logins_together_are_bounded_and_so_is_what_is_remembered() {
        let mut rate = PageRate::default();
        let taken = (0..5000).filter(|n| rate.take(&format!("{n}"), now())).count();
        assert_eq!(taken, 60);
        assert_eq!(rate.each.len(), MOST);
        assert!(rate.take("later", after(60)), "what has rested is forgotten");
    }
}
