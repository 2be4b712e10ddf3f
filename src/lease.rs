//! Which replica works? The holder of a Lease (`coordination.k8s.io/v1`) in the operator's namespace; with shards, the holder of the
//! Lease of a namespace's shard works there.
//!
//! ```text
//! decide     pure   (record seen, local clock)  -> claim it, or wait
//! candidate  pure   answers in, next step out: reads, writes, rests, steps down, hands over
//! elector    async  carries the steps out at the API server
//! state             what the rest of the process may ask of one lease: does it lead, and for how long still
//!
//! shard      pure   a namespace -> its shard; the replicas -> who should own which shard
//! roster     pure   the notes of all replicas, local clock -> which of them are there
//! attendance async  shows that this replica is there, and tells which shards it should own
//! electors          stands for the leases of these shards, and hands the others over
//! ownership         what the rest of the process may ask: which namespaces are its own
//! ```
//!
//! Every write carries the resourceVersion that was read, so of any number of candidates one succeeds. Whether another
//! holder is gone is judged by one's own monotonic clock, from when its record was last seen to change; what other
//! clocks say is written for people and never read. A leader that can't renew stops leading at its renew deadline,
//! which lies before anyone else may take over, also when every call hangs.
//!
//! Leading fences nothing: a process may be suspended between asking and acting. What must not happen twice has a
//! compare-and-swap of its own.

mod attendance;
pub mod candidate;
pub mod decide;
mod elector;
mod electors;
mod ownership;
mod record;
pub mod roster;
pub mod shard;
mod state;

use std::time::Duration;

pub use elector::identity;
pub use electors::Electors;
pub use ownership::Ownership;
pub use state::{LeaseState, Role};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseSettings {
    duration: Duration,
    renew_deadline: Duration,
    retry: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLeaseSettings {
    #[error(
        "--lease-renew-deadline-seconds ({deadline:?}) must be less than --lease-duration-seconds ({duration:?}): \
         a leader must stop before another replica takes over"
    )]
    DeadlineNotBeforeEnd { deadline: Duration, duration: Duration },
    #[error(
        "--lease-retry-seconds ({retry:?}) must be at most half of --lease-renew-deadline-seconds ({deadline:?}): \
         one failed request must not lose the lease"
    )]
    RetryTooLong { retry: Duration, deadline: Duration },
    #[error("--lease-retry-seconds must be more than 0")]
    NoRetry,
}

impl LeaseSettings {
    /// `duration`: how long others wait for a holder that is silent. `renew_deadline`: how long a leader goes on
    /// leading without a renewal. `retry`: time between two tries, and between two renewals.
    pub fn new(
        duration: Duration,
        renew_deadline: Duration,
        retry: Duration,
    ) -> Result<Self, InvalidLeaseSettings> {
        if retry.is_zero() {
            return Err(InvalidLeaseSettings::NoRetry);
        }
        if renew_deadline >= duration {
            return Err(InvalidLeaseSettings::DeadlineNotBeforeEnd {
                deadline: renew_deadline,
                duration,
            });
        }
        if retry.saturating_mul(2) > renew_deadline {
            return Err(InvalidLeaseSettings::RetryTooLong {
                retry,
                deadline: renew_deadline,
            });
        }
        Ok(Self {
            duration,
            renew_deadline,
            retry,
        })
    }

    /// The longest that one call may take: a leader has time for two before its deadline.
    fn call_limit(&self) -> Duration {
        self.renew_deadline / 2
    }

    /// How often a replica looks at a lease that another should hold. It has seen for a while how old the record is when it
    /// should take over.
    fn look_aside(&self) -> Duration {
        self.renew_deadline / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_could_make_two_leaders_or_lose_the_lease_for_nothing_are_refused() {
        let new = |duration, deadline, retry| {
            let ms = Duration::from_millis;
            LeaseSettings::new(ms(duration), ms(deadline), ms(retry)).map_err(|error| error.to_string())
        };
        assert!(new(15_000, 10_000, 2_000).is_ok());
        assert!(new(2_000, 1_500, 200).is_ok());
        assert_eq!(
            new(10_000, 10_000, 2_000).unwrap_err(),
            "--lease-renew-deadline-seconds (10s) must be less than --lease-duration-seconds (10s): a leader must \
             stop before another replica takes over"
        );
        assert_eq!(
            new(15_000, 10_000, 6_000).unwrap_err(),
            "--lease-retry-seconds (6s) must be at most half of --lease-renew-deadline-seconds (10s): one failed \
             request must not lose the lease"
        );
        assert_eq!(
            new(15_000, 10_000, 0).unwrap_err(),
            "--lease-retry-seconds must be more than 0"
        );
    }
}
