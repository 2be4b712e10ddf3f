//! When a grant must be used to stay inside its idle limit.

use jiff::{SignedDuration, Timestamp};

/// When a grant that nobody needs is redeemed all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// From here on a redeem is due, suspended or not.
    pub due: Timestamp,
    /// When the grant lapses if it isn't redeemed: a person is needed from then on.
    pub lapses: Timestamp,
}

/// Plans the keep-alive: due after two thirds of the idle limit, less up to a tenth of it as given by `jitter`
/// (0 to 255, from the connector's uid), so that thousands of connectors don't come together and days are left to try.
#[must_use]
pub fn keep_alive(last_redeem: Timestamp, idle_limit: SignedDuration, jitter: u8) -> KeepAlive {
    let early = (idle_limit / 10) / 255 * i32::from(jitter);
    let due = last_redeem
        .saturating_add(idle_limit * 2 / 3 - early)
        .unwrap_or(last_redeem);
    let lapses = last_redeem.saturating_add(idle_limit).unwrap_or(Timestamp::MAX);
    KeepAlive { due, lapses }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keep_alive_is_due_well_inside_the_idle_limit() {
        let start: Timestamp = "2026-11-01T00:00:00Z".parse().unwrap();
        let idle = SignedDuration::from_hours(30 * 24);
        let expected = |due: &str| KeepAlive {
            due: due.parse().unwrap(),
            lapses: "2026-12-01T00:00:00Z".parse().unwrap(),
        };
        assert_eq!(keep_alive(start, idle, 0), expected("2026-11-21T00:00:00Z"));
        let latest = keep_alive(start, idle, 255);
        assert!(
            latest.due < expected("2026-11-18T00:00:01Z").due
                && latest.due >= expected("2026-11-17T23:59:00Z").due
        );
    }
}
