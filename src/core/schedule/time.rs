//! How are points in time and waits combined, without overflow?

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Time from `earlier` to `later`; zero if the clock went backwards.
pub fn since(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or_default()
}

/// The moment `wait` after `at`. Saturates, as `+` of a timestamp would panic: a wait may be what somebody else asked for.
pub fn later(at: Timestamp, wait: Duration) -> Timestamp {
    // It fails for calendar units alone, which a duration has not.
    at.saturating_add(signed(wait)).unwrap_or(Timestamp::MAX)
}

/// For reckoning with timestamps; saturates far beyond every interval used here.
pub fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// By how much the clocks of two replicas may differ.
const CLOCKS_DIFFER: Duration = Duration::from_mins(2);

/// Whether something happened later than now, so that a clock was wrong: that of the replica that recorded it, or ours. Nothing
/// waits for such a time.
pub fn is_ahead(recorded: Timestamp, now: Timestamp) -> bool {
    since(now, recorded) > CLOCKS_DIFFER
}

/// Times in status are cut to whole seconds: Kubernetes writes seconds, and a value must equal itself read back.
pub fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}
