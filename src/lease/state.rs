//! Does this process lead, and for how long still? A handle that any part of it can ask.

use std::time::Duration;

use futures::{Stream, stream};
use tokio::sync::watch;
use tokio::time::Instant;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Leader,
    Follower,
}

/// Whether this process leads. Cheap to clone.
///
/// Answers by the clock: a process that was suspended, or whose calls hang, follows from its renew deadline on,
/// whether or not anything in it ran meanwhile. The clock is `CLOCK_MONOTONIC`, which stands still while a virtual
/// machine is suspended.
#[derive(Debug, Clone)]
pub struct LeaseState {
    source: Leadership,
    seen: Role,
}

#[derive(Debug, Clone)]
enum Leadership {
    Sole,
    Elected(watch::Receiver<Option<Until>>),
}

/// Until when this process leads, and until when nobody else does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Until {
    pub(super) renew_by: Instant,
    pub(super) ends: Instant,
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
            source: Leadership::Elected(until),
            seen: Role::Follower,
        }
    }

    pub fn role(&self) -> Role {
        match (&self.source, self.until()) {
            (Leadership::Sole, _) => Role::Leader,
            (Leadership::Elected(_), Some(until)) if Instant::now() < until.renew_by => Role::Leader,
            (Leadership::Elected(_), _) => Role::Follower,
        }
    }

    pub fn leads(&self) -> bool {
        self.role() == Role::Leader
    }

    /// How long nobody else can be leader, even if the lease is never renewed again. Zero for a follower.
    pub fn lease_left(&self) -> Duration {
        match (&self.source, self.role(), self.until()) {
            (Leadership::Sole, _, _) => Duration::MAX,
            (Leadership::Elected(_), Role::Leader, Some(until)) => {
                until.ends.saturating_duration_since(Instant::now())
            }
            (Leadership::Elected(_), _, _) => Duration::ZERO,
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
            let Leadership::Elected(receiver) = &mut self.source else {
                return std::future::pending().await;
            };
            let deadline = receiver.borrow_and_update().map(|until| until.renew_by);
            match (deadline, role) {
                (Some(deadline), Role::Leader) => {
                    tokio::select! {
                        _ = receiver.changed() => {}
                        () = tokio::time::sleep_until(deadline) => {}
                    }
                }
                (_, Role::Leader | Role::Follower) => {
                    if receiver.changed().await.is_err() {
                        return std::future::pending().await; // The election is over.
                    }
                }
            }
        }
    }

    /// Yields each time that this process becomes leader after now.
    pub fn terms(&self) -> impl Stream<Item = ()> + Send + use<> {
        let mut handle = self.clone();
        handle.seen = handle.role();
        stream::unfold(handle, |mut handle| async move {
            while handle.changed().await != Role::Leader {}
            Some(((), handle))
        })
    }

    fn until(&self) -> Option<Until> {
        match &self.source {
            Leadership::Sole => None,
            Leadership::Elected(until) => *until.borrow(),
        }
    }
}
