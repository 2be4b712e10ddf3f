//! How long things may take: the send window, the limit of one HTTP call and the hold-off that follows from both.
//!
//! All of it is measured on one process's own monotonic clock that goes on during suspend (`CLOCK_BOOTTIME`); wall
//! time is never read by a rule.

use std::time::Duration;

use crate::state::Attempt;

/// A redeem is sent within this time of starting to write its intent, or not at all.
pub const SEND_WINDOW: Duration = Duration::from_secs(5);

/// Added to the hold-off for clock drift and scheduling.
pub const HOLD_OFF_MARGIN: Duration = Duration::from_secs(10);

/// A redeem whose outcome is unknown is shown within this time of the first sight of its attempt, Salesforce silent or not.
pub const SHOWN_WITHIN: Duration = Duration::from_secs(60);

/// What reading and writing around it may take of that time.
const SHOWING: Duration = Duration::from_secs(5);

/// Salesforce has this long to answer, also where the hold-off of a writer with longer limits leaves less of that time.
const QUESTION_MIN: Duration = Duration::from_secs(5);

/// The longest HTTP limit accepted: with it 5 s are left to ask Salesforce in before a redeem of unknown outcome is shown.
pub const HTTP_LIMIT_MAX: Duration = Duration::from_secs(35);

/// A moment as one process sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Now {
    /// Reading of a monotonic clock that goes on during suspend; only differences mean something.
    pub monotonic: Duration,
    /// How long this process may still count on its lease; zero for a follower. Saves work, fences nothing.
    pub lease_left: Duration,
}

/// Time limits of the calling shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimeLimits {
    http: Duration,
}

/// Why time limits were refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TimeLimitsError {
    /// The limit of one HTTP call is outside 1 s to [`HTTP_LIMIT_MAX`].
    #[error("the HTTP limit of a token request must lie between 1 s and {} s", HTTP_LIMIT_MAX.as_secs())]
    Http,
}

impl TimeLimits {
    /// `http` bounds one token request as a whole, from connecting to the last byte of the answer.
    pub fn new(http: Duration) -> Result<Self, TimeLimitsError> {
        if http < Duration::from_secs(1) || http > HTTP_LIMIT_MAX {
            return Err(TimeLimitsError::Http);
        }
        Ok(Self { http })
    }

    /// The bound of one token request as a whole.
    #[must_use]
    pub fn http(self) -> Duration {
        self.http
    }

    /// How long an attempt made under these limits is left alone by others, counted from their first sight of it: until
    /// then its owner may be about to send or be waiting for the answer.
    #[must_use]
    pub fn hold_off(self) -> Duration {
        SEND_WINDOW + self.http + HOLD_OFF_MARGIN
    }

    /// How long is waited where nobody knows under which limits a request may be under way: as long as any allow.
    #[must_use]
    pub fn longest_hold_off() -> Duration {
        SEND_WINDOW + HTTP_LIMIT_MAX + HOLD_OFF_MARGIN
    }

    /// [`Self::hold_off`] as an attempt carries it, in whole seconds, rounded up.
    #[must_use]
    pub fn hold_off_seconds(self) -> u32 {
        let hold_off = self.hold_off();
        let seconds = hold_off.as_secs() + u64::from(hold_off.subsec_nanos() > 0);
        u32::try_from(seconds).unwrap_or(u32::MAX)
    }

    /// How long an attempt of somebody else is left alone: as long as its writer demands, who counts on that, and no
    /// shorter than under these limits.
    #[must_use]
    pub fn hold_off_from(self, attempt: &Attempt) -> Duration {
        self.hold_off()
            .max(Duration::from_secs(attempt.hold_off_seconds.into()))
    }

    /// How long Salesforce's word on an attempt of somebody else is waited for after its hold-off, where nothing of that
    /// attempt is shown yet.
    #[must_use]
    pub fn first_question(self, attempt: &Attempt) -> Duration {
        SHOWN_WITHIN
            .saturating_sub(self.hold_off_from(attempt) + SHOWING)
            .max(QUESTION_MIN)
            .min(self.http)
    }
}

/// Whether an intent may still be followed by its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendWindow {
    /// Send now.
    Open,
    /// More than [`SEND_WINDOW`] has passed: close the attempt as not sent.
    Passed,
    /// The lease ends before the answer could be in: close the attempt as not sent.
    LeaseTooShort,
}

/// The check made immediately before sending. `intent_began` is when writing the intent was *begun*, so that nobody
/// can have seen the intent earlier.
#[must_use]
pub fn may_send(intent_began: Duration, now: Now, limits: TimeLimits) -> SendWindow {
    if now.monotonic.saturating_sub(intent_began) > SEND_WINDOW {
        SendWindow::Passed
    } else if now.lease_left < limits.http() {
        SendWindow::LeaseTooShort
    } else {
        SendWindow::Open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(monotonic: u64, lease_left: u64) -> Now {
        Now {
            monotonic: Duration::from_secs(monotonic),
            lease_left: Duration::from_secs(lease_left),
        }
    }

    fn attempt(limits: TimeLimits) -> Attempt {
        Attempt {
            id: crate::ids::AttemptId::new("a"),
            serial: crate::ids::Serial(1),
            phase: crate::state::AttemptPhase::Open,
            hold_off_seconds: limits.hold_off_seconds(),
            client: None,
            unknown: crate::unknown_fields::UnknownFields::default(),
        }
    }

    #[test]
    fn the_longer_hold_off_of_writer_and_reader_counts() {
        let [short, long] =
            [1500, 35_000].map(|millis| TimeLimits::new(Duration::from_millis(millis)).unwrap());
        assert_eq!(short.hold_off_seconds(), 17);
        assert_eq!(short.hold_off_from(&attempt(long)), Duration::from_secs(50));
        assert_eq!(long.hold_off_from(&attempt(short)), Duration::from_secs(50));
    }

    #[test]
    fn the_send_window_closes_after_five_seconds_or_with_a_short_lease() {
        let limits = TimeLimits::new(Duration::from_secs(30)).unwrap();
        let began = Duration::from_secs(100);
        assert_eq!(may_send(began, at(105, 30), limits), SendWindow::Open);
        assert_eq!(may_send(began, at(106, 30), limits), SendWindow::Passed);
        assert_eq!(may_send(began, at(101, 29), limits), SendWindow::LeaseTooShort);
    }

    #[test]
    fn an_unknown_outcome_shows_within_a_minute_under_every_accepted_limit() {
        for http in 1..=HTTP_LIMIT_MAX.as_secs() {
            let limits = TimeLimits::new(Duration::from_secs(http)).unwrap();
            let attempt = attempt(limits);
            let asked = limits.first_question(&attempt);
            assert!(
                limits.hold_off_from(&attempt) + asked + SHOWING <= SHOWN_WITHIN,
                "{http}"
            );
            assert!(asked >= Duration::from_secs(5).min(limits.http()), "{http}");
        }
        assert_eq!(
            TimeLimits::new(HTTP_LIMIT_MAX + Duration::from_secs(1)),
            Err(TimeLimitsError::Http)
        );
        assert_eq!(TimeLimits::new(Duration::ZERO), Err(TimeLimitsError::Http));
    }
}
