//! What time is it? The one place that reads the clocks of the machine; tests let time run faster.

use std::time::Duration;

use jiff::Timestamp;

use crate::core::schedule::time::signed;

/// Reading of a monotonic clock that goes on while the machine sleeps, so that a window can't be slept through.
pub fn boot_time() -> Duration {
    let boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(boot.tv_sec).unwrap_or_default();
    let nanos = u32::try_from(boot.tv_nsec).unwrap_or_default();
    Duration::new(seconds, nanos)
}

#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Timestamp,
    started: std::time::Instant,
    booted: Duration,
    speed: u32,
}

impl Clock {
    pub fn real() -> Self {
        Self::at_speed(1)
    }

    /// Time that runs `speed` times as fast from now on: an outage of 40 minutes then takes a test under a minute.
    #[cfg(feature = "test-switches")]
    pub fn faster(speed: u32) -> Self {
        Self::at_speed(speed.max(1))
    }

    fn at_speed(speed: u32) -> Self {
        Self {
            start: Timestamp::now(),
            started: std::time::Instant::now(),
            booted: boot_time(),
            speed,
        }
    }

    pub fn now(&self) -> Timestamp {
        match self.speed {
            1 => Timestamp::now(),
            speed => self.start + signed(self.started.elapsed() * speed),
        }
    }

    /// How long this process has run, which no change of the wall clock touches; it goes on while the machine sleeps.
    pub fn running_for(&self) -> Duration {
        boot_time().saturating_sub(self.booted) * self.speed
    }

    /// How long to sleep for `duration` to pass on this clock.
    pub fn sleep_for(&self, duration: Duration) -> Duration {
        duration / self.speed
    }
}
