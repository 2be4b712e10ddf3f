//! What may a test change that nobody else may? Nothing in a release: it is built without the feature `test-switches`.

#[cfg(feature = "test-switches")]
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::clock::Clock;
use crate::failpoints::Failpoints;
use crate::settings::TOKEN_REQUEST_LIMIT;

/// Switches for tests.
#[derive(Debug, Args)]
pub struct TestSwitches {
    /// Speed of the clock as a multiple of real time. For tests only.
    #[cfg(feature = "test-switches")]
    #[arg(long, env = "SFC_CLOCK_SPEED", default_value_t = 1, hide = true)]
    clock_speed: u32,

    /// Seconds by which the clock of the machine is ahead, or behind if negative. For tests only.
    #[cfg(feature = "test-switches")]
    #[arg(
        long,
        env = "SFC_CLOCK_AHEAD_SECONDS",
        default_value_t = 0,
        hide = true,
        allow_negative_numbers = true
    )]
    clock_ahead_seconds: i64,

    /// Timeout of one refresh request in seconds. For tests only.
    #[cfg(feature = "test-switches")]
    #[arg(long, env = "SFC_TOKEN_REQUEST_LIMIT_SECONDS", default_value_t = TOKEN_REQUEST_LIMIT.as_secs(), hide = true,
        value_parser = clap::value_parser!(u64).range(1..=redeem::HTTP_LIMIT_MAX.as_secs()))]
    token_request_limit_seconds: u64,

    /// Directory in which tests name the failpoints to stop at. For tests only.
    #[cfg(feature = "test-switches")]
    #[arg(long, env = "SFC_FAILPOINTS_IN", hide = true)]
    failpoints_in: Option<PathBuf>,
}

#[cfg(feature = "test-switches")]
impl TestSwitches {
    /// The clock to use.
    pub(crate) fn clock(&self) -> Clock {
        let ahead = jiff::SignedDuration::from_secs(self.clock_ahead_seconds);
        Clock::faster(self.clock_speed).ahead_by(ahead)
    }

    /// Timeout of one refresh request.
    pub(crate) fn token_request_limit(&self) -> Duration {
        Duration::from_secs(self.token_request_limit_seconds)
    }

    /// Where to stop.
    pub(crate) fn failpoints(&self) -> Failpoints {
        Failpoints::in_folder(self.failpoints_in.clone())
    }
}

#[cfg(not(feature = "test-switches"))]
#[expect(
    clippy::unused_self,
    reason = "a release is asked what the tests' build is asked"
)]
impl TestSwitches {
    /// Real time.
    pub(crate) fn clock(&self) -> Clock {
        Clock::real()
    }

    /// [`TOKEN_REQUEST_LIMIT`].
    pub(crate) fn token_request_limit(&self) -> Duration {
        TOKEN_REQUEST_LIMIT
    }

    /// None.
    pub(crate) fn failpoints(&self) -> Failpoints {
        Failpoints::default()
    }
}
