//! When is the next time? Back-off, renewal, test interval; with jitter that a restart doesn't change.

use std::time::Duration;

use jiff::Timestamp;

use crate::api::Reason;
use crate::api::reasons::{Class, OwnReason};
use crate::api::status::FailuresStatus;
use crate::core::schedule::jitter::jittered;
use crate::core::schedule::resync::RESYNC_SHORTEST;
use crate::core::schedule::time::{is_ahead, later, since, whole_seconds};

/// First wait after a passing failure; doubled each time.
pub(crate) const BACK_OFF_FIRST: Duration = Duration::from_secs(10);
/// Longest wait after a passing failure: 40 minutes of outage then cost about ten calls a connector.
pub(crate) const BACK_OFF_LONGEST: Duration = Duration::from_mins(10);
/// Settings in Salesforce take 2 to 10 minutes to spread (docs/salesforce.md#propagation): so long an uncertain refusal is
/// tried at the short interval.
pub const UNCERTAIN_FOR: Duration = Duration::from_mins(15);
pub(crate) const UNCERTAIN_EVERY: Duration = Duration::from_mins(2);
/// Terminal refusals that may be mended in Salesforce without any input changing.
pub(crate) const MENDED_EVERY: Duration = Duration::from_hours(1);

/// First wait after a failed test of a token in use.
pub(crate) const RETEST_FIRST: Duration = Duration::from_mins(2);

/// First wait after a workload could not be restarted.
pub(crate) const RESTART_AGAIN_FIRST: Duration = Duration::from_mins(1);
/// Longest wait after a workload could not be restarted. After a new token it is tried at once.
pub(crate) const RESTART_AGAIN_LONGEST: Duration = Duration::from_mins(10);

/// First wait after a copy of a token could not be written.
pub(crate) const COPY_AGAIN_FIRST: Duration = Duration::from_mins(1);
/// Longest wait after a copy of a token could not be written. After a new token it is tried at once.
pub(crate) const COPY_AGAIN_LONGEST: Duration = Duration::from_mins(10);

/// First wait after a password with an unknown outcome.
pub(crate) const UNCLEAR_PASSWORD_FIRST: Duration = Duration::from_hours(1);
/// Longest wait after a password with an unknown outcome.
pub(crate) const UNCLEAR_PASSWORD_LONGEST: Duration = Duration::from_hours(24);

/// What may only be late is looked for this often: with GitOps an input often arrives a moment later, and the Secret of a
/// connector that was deleted and made anew is collected a moment later. Looking costs one read.
pub(crate) const LATE: Duration = Duration::from_secs(15);
/// How soon it is looked for at first.
pub(crate) const LATE_FIRST: Duration = Duration::from_secs(2);
/// How long it is looked for more often than by the resync.
pub(crate) const LATE_FOR: Duration = Duration::from_mins(15);

/// When to look again for what has been missing for so long: soon at first, and after a while with the resync only.
#[must_use]
pub fn late_wait(missing_for: Duration) -> Option<Duration> {
    (missing_for < LATE_FOR).then(|| missing_for.clamp(LATE_FIRST, LATE))
}

/// A Secret that could not be written is tried again after this time at the latest.
pub(crate) const WRITE_AGAIN_LATEST: Duration = Duration::from_mins(5);

/// When to try again after failure number `count` (1 is the first), or never without a change.
pub fn next_attempt(
    class: Class,
    count: i32,
    first: Timestamp,
    now: Timestamp,
    retry_after: Option<Duration>,
    uid: &str,
) -> Option<Timestamp> {
    let wait = match class {
        Class::InputMustChange => return None,
        Class::FixInSalesforce | Class::Bug => MENDED_EVERY,
        Class::Uncertain | Class::RenewToken => {
            if since(first, now) < UNCERTAIN_FOR {
                UNCERTAIN_EVERY
            } else {
                MENDED_EVERY
            }
        }
        Class::Transient => back_off(count),
    };
    let wait = jittered(wait, uid, count).max(retry_after.unwrap_or_default());
    Some(whole_seconds(later(now, wait)))
}

/// Whether the next attempt after this failure may be made. Not without a change, where there is none to be made.
pub fn attempt_is_due(failures: &FailuresStatus, now: Timestamp) -> bool {
    let last = failures.last_failure_time.0;
    let next = failures.next_attempt_time.as_ref();
    next.is_some_and(|next| next.0 <= now || is_ahead(last, now))
}

/// Whether a token could not be delivered. Another login does not help; the Secret is tried by a dry run.
#[must_use]
pub fn is_write_failure(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::Own(OwnReason::SecretWriteRefused | OwnReason::SecretWriteFailed)
    )
}

/// When a Secret that could not be written is tried again: with the resync, and no later than every 5 minutes.
#[must_use]
pub fn next_write(resync: Duration, now: Timestamp, uid: &str) -> Timestamp {
    let wait = resync.clamp(RESYNC_SHORTEST, WRITE_AGAIN_LATEST);
    whole_seconds(later(now, jittered(wait, uid, 0)))
}

/// How long after a failed test of a token in use it is repeated, where tests have failed for so long; never later than a
/// test that succeeded would be. A transient failure is left alone for as long again as it has lasted. People
/// fix anything else: it is tested often for a quarter of an hour, then hourly.
pub fn retest_wait(class: Class, failing_for: Duration, interval: Duration) -> Duration {
    let wait = match class {
        Class::Transient => failing_for.max(RETEST_FIRST),
        Class::Uncertain
        | Class::RenewToken
        | Class::FixInSalesforce
        | Class::Bug
        | Class::InputMustChange => {
            if failing_for < UNCERTAIN_FOR {
                RETEST_FIRST
            } else {
                MENDED_EVERY
            }
        }
    };
    wait.min(interval)
}

/// How long after a workload could not be restarted it is tried again, where that has failed for so long.
#[must_use]
pub fn restart_again_wait(failing_for: Duration) -> Duration {
    failing_for.clamp(RESTART_AGAIN_FIRST, RESTART_AGAIN_LONGEST)
}

/// How long after a copy of a token could not be written it is tried again, where that has failed for so long.
#[must_use]
pub fn copy_again_wait(failing_for: Duration) -> Duration {
    failing_for.clamp(COPY_AGAIN_FIRST, COPY_AGAIN_LONGEST)
}

/// How long a password is not sent whose answer was lost: twice as long as the last time, where that was the last failure.
/// Salesforce locks a user after as few as three wrong ones, and forgets them at a right one only.
pub fn unclear_password_wait(failures: Option<&FailuresStatus>) -> Duration {
    let unclear = Reason::from(OwnReason::PasswordOutcomeUnknown).as_str();
    let before = failures.filter(|failures| failures.reason == unclear);
    let waited = before.and_then(|failures| {
        Some((
            failures.last_failure_time.0,
            failures.next_attempt_time.as_ref()?.0,
        ))
    });
    let twice = waited.map(|(last, next)| since(last, next).saturating_mul(2));
    twice
        .unwrap_or_default()
        .clamp(UNCLEAR_PASSWORD_FIRST, UNCLEAR_PASSWORD_LONGEST)
}

fn back_off(count: i32) -> Duration {
    let doublings = u32::try_from(count.saturating_sub(1)).unwrap_or(0).min(16);
    BACK_OFF_FIRST
        .saturating_mul(1 << doublings)
        .min(BACK_OFF_LONGEST)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use proptest::prelude::*;

    use super::*;
    use crate::core::schedule::jitter::shortened;

    const UID: &str = "2b6f6d6e-3f0c-4c2e-9f8e-0a4d3f1f2a11";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn only_a_changed_input_ends_the_wait_after_a_permanent_failure() {
        assert_eq!(
            next_attempt(Class::InputMustChange, 1, at(0), at(0), None, UID),
            None
        );
    }

    #[test]
    fn uncertain_refusals_are_retried_often_for_15_minutes_then_hourly() {
        let early = next_attempt(Class::Uncertain, 3, at(0), at(14 * 60), None, UID).unwrap();
        let late = next_attempt(Class::Uncertain, 9, at(0), at(16 * 60), None, UID).unwrap();
        assert!((120..=132).contains(&(early.as_second() - 14 * 60)), "{early}");
        assert!((3600..=3960).contains(&(late.as_second() - 16 * 60)), "{late}");
    }

    #[test]
    fn a_password_with_an_unknown_outcome_backs_off_from_an_hour_to_a_day() {
        let failed = |reason: OwnReason, next: Option<i64>| FailuresStatus {
            count: 1,
            first_failure_time: Time(at(0)),
            last_failure_time: Time(at(0)),
            next_attempt_time: next.map(|next| Time(at(next))),
            reason: Reason::from(reason).as_str().to_owned(),
            message: String::new(),
            inputs_digest: None,
        };
        let hours = |failures: Option<&FailuresStatus>| unclear_password_wait(failures).as_secs() / 3600;
        let unclear = OwnReason::PasswordOutcomeUnknown;
        assert_eq!(hours(None), 1);
        assert_eq!(hours(Some(&failed(unclear, Some(3600)))), 2);
        assert_eq!(hours(Some(&failed(unclear, Some(8 * 3600)))), 16);
        assert_eq!(hours(Some(&failed(unclear, Some(16 * 3600)))), 24);
        assert_eq!(
            hours(Some(&failed(unclear, Some(60)))),
            1,
            "another connector's wait was nearly over"
        );
        assert_eq!(
            hours(Some(&failed(OwnReason::CallBudgetSpent, Some(8 * 3600)))),
            1
        );
    }

    #[test]
    fn retry_after_is_honoured_where_it_is_longer() {
        let hour = Some(Duration::from_hours(1));
        assert_eq!(
            next_attempt(Class::Transient, 1, at(0), at(0), hour, UID),
            Some(at(3600))
        );
    }

    #[test]
    fn an_outage_of_forty_minutes_costs_at_most_twelve_attempts() {
        let (mut now, mut count) = (at(0), 0);
        while now < at(40 * 60) {
            count += 1;
            now = next_attempt(Class::Transient, count, at(0), now, None, UID).unwrap();
        }
        assert!(count <= 12, "{count} attempts");
    }

    #[test]
    fn a_failed_test_backs_off_or_repeats_often_for_15_minutes_then_hourly() {
        let day = Duration::from_hours(24);
        let minutes = |class, failing_for| {
            let wait = retest_wait(class, Duration::from_mins(failing_for), day);
            wait.as_secs() / 60
        };
        let lasting = [0, 1, 3, 14, 15, 200, 2_000];
        assert_eq!(
            lasting.map(|failing_for| minutes(Class::Transient, failing_for)),
            [2, 2, 3, 14, 15, 200, 1_440]
        );
        for class in [
            Class::Uncertain,
            Class::RenewToken,
            Class::FixInSalesforce,
            Class::Bug,
            Class::InputMustChange,
        ] {
            assert_eq!(
                lasting.map(|failing_for| minutes(class, failing_for)),
                [2, 2, 2, 2, 60, 60, 60]
            );
        }
        let often = Duration::from_mins(1);
        assert_eq!(retest_wait(Class::Transient, day, often), often);
        assert_eq!(retest_wait(Class::Uncertain, day, often), often);
    }

    #[test]
    fn what_is_missing_is_looked_for_soon_then_every_15_seconds_and_after_15_minutes_with_the_resync() {
        let waits = [0, 2, 5, 14, 60, 899, 900, 1_000_000].map(|s| late_wait(Duration::from_secs(s)));
        let seconds = waits.map(|wait| wait.map(|wait| wait.as_secs()));
        assert_eq!(
            seconds,
            [
                Some(2),
                Some(2),
                Some(5),
                Some(14),
                Some(15),
                Some(15),
                None,
                None
            ]
        );
    }

    proptest! {
        #[test]
        fn jitter_lengthens_or_shortens_by_at_most_a_tenth_and_never_changes(uid in ".{0,40}", salt in 0..100_i32, s in 0..100_000_u64) {
            let wait = Duration::from_secs(s);
            let short = shortened(wait, &uid, salt);
            prop_assert!(short <= wait && short >= wait.mul_f64(0.9), "{short:?}");
            let jittered_wait = jittered(wait, &uid, salt);
            prop_assert!(jittered_wait >= wait && jittered_wait <= wait.mul_f64(1.1));
            prop_assert_eq!(jittered_wait, jittered(wait, &uid, salt));
        }

        #[test]
        fn any_requested_wait_is_computed_without_overflow(seconds in any::<u64>(), nanos in 0..1_000_000_000_u32, now in any::<i32>()) {
            let (asked, now) = (Duration::new(seconds, nanos), at(now.into()));
            let second = now.as_second().saturating_add_unsigned(seconds).min(Timestamp::MAX.as_second());
            prop_assert_eq!(whole_seconds(later(now, asked)), at(second));
            let next = next_attempt(Class::Transient, 1, now, now, Some(asked), UID);
            prop_assert!(next >= Some(at(second)), "{next:?}");
            prop_assert!(jittered(asked, UID, 1) >= asked);
        }

        #[test]
        fn the_next_attempt_is_later_than_now(count in 1..1000_i32, now in 0..4_000_000_000_i64, age in 0..100_000_i64) {
            for class in [Class::FixInSalesforce, Class::Uncertain, Class::Transient, Class::RenewToken, Class::Bug] {
                let next = next_attempt(class, count, at(now.saturating_sub(age)), at(now), None, UID).unwrap();
                prop_assert!(next > at(now) && next <= at(now + 3960));
            }
        }
    }
}
