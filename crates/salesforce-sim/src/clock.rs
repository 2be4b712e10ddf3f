//! What time is it in the simulated Salesforce?

use std::time::{Duration, Instant};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Simulated time: real time plus an offset, or standing still, or running faster.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    offset: SignedDuration,
    frozen_at: Option<Timestamp>,
    /// Since when it runs so many times as fast as real time.
    faster: Option<(Instant, u32)>,
}

impl Clock {
    pub fn now(&self) -> Timestamp {
        self.frozen_at.unwrap_or_else(|| {
            let gained = self.faster.map_or(Duration::ZERO, |(since, speed)| {
                since.elapsed() * speed.saturating_sub(1)
            });
            later(saturating(Timestamp::now(), self.offset), gained)
        })
    }

    /// Lets time pass so many times as fast from now on. It is not to be frozen any more.
    pub fn run_faster(&mut self, speed: u32) {
        self.faster = Some((Instant::now(), speed));
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

const HTTP_DATE: &str = "%a, %d %b %Y %H:%M:%S GMT";

/// As in the headers `Date`, `Last-Modified` and `Retry-After`.
pub(crate) fn http_date(at: Timestamp) -> String {
    at.strftime(HTTP_DATE).to_string()
}

pub(crate) fn parse_http_date(text: &str) -> Option<Timestamp> {
    let date = DateTime::strptime(HTTP_DATE, text).ok()?;
    Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
}
