//! May this candidate claim the lease? From the record that was seen and the local clock.
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::unused_async)]

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;

use crate::lease::{LeaseSettings, record};

/// The record as it was last seen.
#[derive(Debug, Clone)]
pub struct Sight {
    pub lease: Lease,
    /// When it was first seen like this, by the local monotonic clock: later than it was written, never earlier.
    pub changed: Duration,
    pub presence: Presence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    There,
    /// It was, and somebody deleted it: its holder may not know yet.
    Deleted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Create,
    Replace,
    /// It is another's until then, as far as is known now.
    WaitUntil(Duration),
}

/// What `me` may do at `now`.
pub fn decide(sight: Option<&Sight>, me: &str, now: Duration, settings: &LeaseSettings) -> Action {
    let Some(sight) = sight else { return Action::Create };
    let expiry = sight
        .changed
        .saturating_add(record::promised(&sight.lease, settings));
    match (record::holder(&sight.lease), sight.presence) {
        (Some(holder), _) if holder != me && now < expiry => Action::WaitUntil(expiry),
        (_, Presence::There) => Action::Replace,
        (_, Presence::Deleted) => Action::Create,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn settings(duration: u64) -> LeaseSettings {
        LeaseSettings::new(seconds(duration), seconds(10), seconds(2)).unwrap()
    }

    /// A record of a holder that promised 15 s, first seen at 100 s. Its own times are far off, in either direction.
    fn seen(holder: &str, presence: Presence, renewed: i64) -> Sight {
        let renewed = Timestamp::from_second(renewed).unwrap();
        let mut lease = record::created("lease", None, holder, &settings(15), renewed);
        if holder.is_empty() {
            lease = record::released(&lease, renewed);
        }
        Sight {
            lease,
            changed: seconds(100),
            presence,
        }
    }

    #[test]
    fn a_lease_is_claimed_when_it_is_free_ones_own_or_was_not_seen_to_change_for_its_duration() {
        use Action::{Create, Replace, WaitUntil};
        use Presence::{Deleted, There};
        let wait = WaitUntil(seconds(115));
        let table = [
            ("another", There, 100, wait),
            ("another", There, 114, wait),
            ("another", There, 115, Replace),
            ("another", Deleted, 114, wait),
            ("another", Deleted, 115, Create),
            ("me", There, 100, Replace),
            ("me", There, 900, Replace),
            ("me", Deleted, 100, Create),
            ("", There, 100, Replace),
            ("", Deleted, 100, Create),
        ];
        for (holder, presence, now, action) in table {
            for renewed in [0, 253_402_207_200] {
                let sight = seen(holder, presence, renewed);
                let decided = decide(Some(&sight), "me", seconds(now), &settings(60));
                assert_eq!(
                    decided, action,
                    "{holder:?} {presence:?} at {now}, renewed {renewed}"
                );
            }
        }
        assert_eq!(decide(None, "me", seconds(100), &settings(15)), Create);
    }

    #[test]
    fn a_record_that_promises_nothing_gets_our_own_duration() {
        let mut sight = seen("another", Presence::There, 0);
        for promised in [None, Some(0), Some(-5)] {
            sight.lease.spec.as_mut().unwrap().lease_duration_seconds = promised;
            let decided = decide(Some(&sight), "me", seconds(115), &settings(60));
            assert_eq!(decided, Action::WaitUntil(seconds(160)));
        }
    }
}
