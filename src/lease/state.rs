//! Does this process lead, and for how long still? A handle that any part of it can ask.

use std::time::Duration;

use futures::{Stream, StreamExt as _, stream};
use tokio::sync::watch;

use crate::clock::boot_time;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Leader,
    Follower,
}

/// Whether this process leads. Cheap to clone.
///
/// Answers by the clock: a process that was suspended, or whose calls hang, follows from its renew deadline on,
/// whether or not anything in it ran meanwhile. The clock goes on while a virtual machine is suspended.
#[derive(Debug, Clone)]
pub struct LeaseState {
    source: Leadership,
    seen: Role,
}

#[derive(Debug, Clone)]
enum Leadership {
    Sole,
    Elected {
        until: watch::Receiver<Option<Until>>,
        /// Reading of the clock that the term is counted on.
        clock: fn() -> Duration,
    },
}

/// Until when this process leads, and until when nobody else does, by [`boot_time`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Until {
    pub(super) renew_by: Duration,
    pub(super) ends: Duration,
}

impl LeaseState {
    /// A process that stands for no election and always leads, as in tests.
    pub fn sole() -> Self {
        Self {
            source: Leadership::Sole,
            seen: Role::Leader,
        }
    }

    /// A process that never leads.
    #[cfg(feature = "test-switches")]
    pub fn never() -> Self {
        let (_, nobody) = watch::channel(None);
        Self::elected(nobody)
    }

    pub(super) fn elected(until: watch::Receiver<Option<Until>>) -> Self {
        Self {
            source: Leadership::Elected {
                until,
                clock: boot_time,
            },
            seen: Role::Follower,
        }
    }

    pub fn role(&self) -> Role {
        match &self.source {
            Leadership::Sole => Role::Leader,
            Leadership::Elected { until, clock } => match *until.borrow() {
                Some(until) if clock() < until.renew_by => Role::Leader,
                Some(_) | None => Role::Follower,
            },
        }
    }

    pub fn leads(&self) -> bool {
        self.role() == Role::Leader
    }

    /// How long nobody else can be leader, even if the lease is never renewed again. Zero for a follower.
    pub fn lease_left(&self) -> Duration {
        match &self.source {
            Leadership::Sole => Duration::MAX,
            Leadership::Elected { until, clock } => {
                let (now, until) = (clock(), *until.borrow());
                let leading = until.filter(|until| now < until.renew_by);
                leading.map_or(Duration::ZERO, |until| until.ends.saturating_sub(now))
            }
        }
    }

    /// Waits until the role is another than this handle last told by this method (at first: than
    /// [`Role::Follower`], unless it is sole), and tells it.
    pub async fn changed(&mut self) -> Role {
        loop {
            let role = self.role();
            if role != self.seen {
                self.seen = role;
                return role;
            }
            let Leadership::Elected { until, clock } = &mut self.source else {
                return std::future::pending().await;
            };
            let deadline = until.borrow_and_update().map(|until| until.renew_by);
            match (deadline, role) {
                (Some(deadline), Role::Leader) => {
                    tokio::select! {
                        _ = until.changed() => {}
                        () = tokio::time::sleep(deadline.saturating_sub(clock())) => {}
                    }
                }
                (_, Role::Leader | Role::Follower) => {
                    if until.changed().await.is_err() {
                        return std::future::pending().await; // The election is over.
                    }
                }
            }
        }
    }

    /// Yields the role each time that it changes after now.
    pub fn roles(&self) -> impl Stream<Item = Role> + Send + use<> {
        let mut handle = self.clone();
        handle.seen = handle.role();
        stream::unfold(handle, |mut handle| async move {
            Some((handle.changed().await, handle))
        })
    }

    /// Yields each time that this process becomes leader after now.
    pub fn terms(&self) -> impl Stream<Item = ()> + Send + use<> {
        self.roles()
            .filter(|role| std::future::ready(*role == Role::Leader))
            .map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// A machine's clock, which goes on while nothing runs.
    static CLOCK: AtomicU64 = AtomicU64::new(100);

    fn clock() -> Duration {
        Duration::from_secs(CLOCK.load(Ordering::Relaxed))
    }

    #[test]
    fn a_leader_whose_machine_was_suspended_past_its_deadline_follows_as_soon_as_it_runs_again() {
        let until = Until {
            renew_by: Duration::from_secs(120),
            ends: Duration::from_secs(140),
        };
        let (_elector, until) = watch::channel(Some(until));
        let state = LeaseState {
            source: Leadership::Elected { until, clock },
            seen: Role::Follower,
        };
        assert_eq!(
            (state.role(), state.lease_left()),
            (Role::Leader, Duration::from_secs(40))
        );
        CLOCK.store(120, Ordering::Relaxed);
        assert_eq!(
            (state.role(), state.lease_left()),
            (Role::Follower, Duration::ZERO)
        );
    }
}
