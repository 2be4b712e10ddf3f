//! What time is it? The one place that reads the clocks of the machine; tests let time run faster.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::core::schedule::reference_clock::{ClockFinding, Reading, ReferenceClock};
use crate::core::schedule::time::{later, signed};

/// Reading of a monotonic clock that goes on while the machine sleeps, so that a window can't be slept through.
pub fn boot_time() -> Duration {
    let boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(boot.tv_sec).unwrap_or_default();
    let nanos = u32::try_from(boot.tv_nsec).unwrap_or_default();
    Duration::new(seconds, nanos)
}

/// The clock of the process; clones are one clock.
#[derive(Debug, Clone)]
pub struct Clock {
    start: Timestamp,
    started: std::time::Instant,
    booted: Duration,
    speed: u32,
    /// How wrong the machine's clock is made to be.
    ahead: SignedDuration,
    salesforces: Arc<Mutex<ReferenceClock>>,
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

    /// The same clock on a machine whose own is ahead by so much.
    #[cfg(feature = "test-switches")]
    #[must_use]
    pub fn ahead_by(self, ahead: SignedDuration) -> Self {
        Self {
            start: self.start + ahead,
            ahead,
            ..self
        }
    }

    fn at_speed(speed: u32) -> Self {
        Self {
            start: Timestamp::now(),
            started: std::time::Instant::now(),
            booted: boot_time(),
            speed,
            ahead: SignedDuration::ZERO,
            salesforces: Arc::default(),
        }
    }

    /// The machine's time, or Salesforce's where the two are known to differ.
    pub fn now(&self) -> Timestamp {
        match self.speed {
            1 => self.salesforces().time(self.machine()),
            speed => self.start + signed(self.started.elapsed() * speed),
        }
    }

    /// Takes what Salesforce's clock has just shown. Returns by how much the machine's is ahead of it, and what changes by that.
    pub fn compare(&self, salesforces: Timestamp) -> (SignedDuration, ClockFinding) {
        if self.speed != 1 {
            return (self.now().duration_since(salesforces), ClockFinding::Unchanged);
        }
        let machine = self.machine();
        let finding = self.salesforces().observe(salesforces, machine);
        (machine.time.duration_since(salesforces), finding)
    }

    fn machine(&self) -> Reading {
        let time = Timestamp::now().saturating_add(self.ahead);
        Reading {
            // It fails for calendar units alone, which a duration has not.
            time: time.unwrap_or(Timestamp::MAX),
            boot: boot_time(),
        }
    }

    fn salesforces(&self) -> std::sync::MutexGuard<'_, ReferenceClock> {
        self.salesforces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long this process has run, which no change of the wall clock touches; it goes on while the machine sleeps.
    pub fn running_for(&self) -> Duration {
        boot_time().saturating_sub(self.booted) * self.speed
    }

    /// A time that passes evenly, to whatever the clocks are set: for intervals within this process.
    pub fn steady(&self) -> Timestamp {
        later(self.start, self.running_for())
    }

    /// How long to sleep for `duration` to pass on this clock.
    pub fn sleep_for(&self, duration: Duration) -> Duration {
        duration / self.speed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn salesforces_clock_moves_the_time_and_not_the_steady_one() {
        let clock = Clock::real();
        let ahead = SignedDuration::from_hours(6);
        for _ in 0..2 {
            clock.compare(Timestamp::now() + ahead);
        }
        let hours = |time: Timestamp| time.duration_since(Timestamp::now()).as_secs_f64() / 3600.0;
        let (now, steady) = (hours(clock.now()), hours(clock.steady()));
        assert!(
            (5.0..7.0).contains(&now) && (-1.0..1.0).contains(&steady),
            "{now} {steady}"
        );
    }
}
