//! What time is it in the simulated Salesforce?

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Simulated time: real time plus an offset, or standing still.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    offset: SignedDuration,
    frozen_at: Option<Timestamp>,
}

impl Clock {
    pub fn now(&self) -> Timestamp {
        self.frozen_at
            .unwrap_or_else(|| saturating(Timestamp::now(), self.offset))
    }

    pub fn advance(&mut self, by: Duration) {
        let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
        match &mut self.frozen_at {
            Some(at) => *at = saturating(*at, by),
            None => self.offset = self.offset.saturating_add(by),
        }
    }

    /// Stops time where it is; only [`Clock::advance`] moves it from then on.
    pub fn freeze(&mut self) {
        self.frozen_at = Some(self.now());
    }

    /// Lets time pass again, from where it stood.
    pub fn thaw(&mut self) {
        if let Some(at) = self.frozen_at.take() {
            self.offset = at.duration_since(Timestamp::now());
        }
    }
}

pub(crate) fn saturating(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(if by.is_negative() {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

/// `at` plus a duration; the end of time where that cannot be expressed.
pub(crate) fn later(at: Timestamp, by: Duration) -> Timestamp {
    saturating(at, SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX))
}
