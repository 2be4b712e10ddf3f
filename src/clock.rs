//! What time is it? The one place that reads the wall clock; tests let it run faster.

use std::time::Duration;

use jiff::Timestamp;

use crate::decide::schedule::signed;

/// The clock of the process.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Timestamp,
    started: std::time::Instant,
    speed: u32,
}

impl Clock {
    /// Real time.
    #[must_use]
    pub fn real() -> Self {
        Self::faster(1)
    }

    /// Time that runs `speed` times as fast from now on: an outage of 40 minutes then takes a test under a minute.
    #[must_use]
    pub fn faster(speed: u32) -> Self {
        Self {
            start: Timestamp::now(),
            started: std::time::Instant::now(),
            speed: speed.max(1),
        }
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match self.speed {
            1 => Timestamp::now(),
            speed => self.start + signed(self.started.elapsed() * speed),
        }
    }

    /// How long to sleep for `duration` to pass on this clock.
    #[must_use]
    pub fn sleep_for(&self, duration: Duration) -> Duration {
        duration / self.speed
    }
}
