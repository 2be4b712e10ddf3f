//! What stands in the Lease? Reading and writing its fields.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};

use crate::lease::LeaseSettings;

/// Who holds it; `None` if it was released or never held.
pub(super) fn holder(lease: &Lease) -> Option<&str> {
    let spec = lease.spec.as_ref()?;
    spec.holder_identity
        .as_deref()
        .filter(|holder| !holder.is_empty())
}

/// How long its holder may be silent: as the holder itself wrote, since it counts on that.
pub(super) fn promised(lease: &Lease, settings: &LeaseSettings) -> Duration {
    let seconds = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds);
    match seconds.and_then(|seconds| u64::try_from(seconds).ok()) {
        Some(seconds) if seconds > 0 => Duration::from_secs(seconds),
        Some(_) | None => settings.duration,
    }
}

/// The record that says that `me` holds it, to be written over `old`.
pub(super) fn claimed(old: &Lease, me: &str, settings: &LeaseSettings, wall: Timestamp) -> Lease {
    let mut lease = old.clone();
    let spec = lease.spec.get_or_insert_default();
    if spec.holder_identity.as_deref() != Some(me) {
        spec.holder_identity = Some(me.to_owned());
        spec.acquire_time = Some(MicroTime(wall));
        spec.lease_transitions = Some(spec.lease_transitions.unwrap_or(0).saturating_add(1));
    }
    spec.lease_duration_seconds = Some(whole_seconds(settings.duration));
    spec.renew_time = Some(unlike(spec.renew_time.as_ref(), wall));
    lease
}

/// The first record, or one in place of `gone`, which somebody deleted.
pub(super) fn created(
    name: &str,
    gone: Option<&Lease>,
    me: &str,
    settings: &LeaseSettings,
    wall: Timestamp,
) -> Lease {
    let metadata = ObjectMeta {
        name: Some(name.to_owned()),
        ..ObjectMeta::default()
    };
    if let Some(gone) = gone {
        let old = Lease {
            metadata,
            spec: gone.spec.clone(),
        };
        return claimed(&old, me, settings, wall);
    }
    let spec = LeaseSpec {
        holder_identity: Some(me.to_owned()),
        acquire_time: Some(MicroTime(wall)),
        renew_time: Some(MicroTime(wall)),
        lease_duration_seconds: Some(whole_seconds(settings.duration)),
        lease_transitions: Some(0),
        ..LeaseSpec::default()
    };
    Lease {
        metadata,
        spec: Some(spec),
    }
}

/// The record that says that nobody holds it any more.
pub(super) fn released(old: &Lease, wall: Timestamp) -> Lease {
    let mut lease = old.clone();
    let spec = lease.spec.get_or_insert_default();
    spec.holder_identity = Some(String::new());
    spec.renew_time = Some(unlike(spec.renew_time.as_ref(), wall));
    lease
}

/// Whole seconds that are not less than `duration`: others must not take over too early.
fn whole_seconds(duration: Duration) -> i32 {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    i32::try_from(seconds).unwrap_or(i32::MAX)
}

/// A time that makes the write a change: a write that changes nothing leaves the resourceVersion as it was, and others
/// would not see the renewal. Wall clocks may stand still or go back.
fn unlike(old: Option<&MicroTime>, wall: Timestamp) -> MicroTime {
    match old {
        Some(MicroTime(old)) if old.as_microsecond() == wall.as_microsecond() => {
            MicroTime(wall + SignedDuration::from_micros(1))
        }
        Some(_) | None => MicroTime(wall),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(millis: u64) -> LeaseSettings {
        let duration = Duration::from_millis(millis);
        LeaseSettings::new(duration, duration / 2, duration / 10).unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn fields(lease: &Lease) -> (&str, i64, i64, i32, i32) {
        let spec = lease.spec.as_ref().unwrap();
        (
            spec.holder_identity.as_deref().unwrap(),
            spec.acquire_time.as_ref().unwrap().0.as_microsecond(),
            spec.renew_time.as_ref().unwrap().0.as_microsecond(),
            spec.lease_duration_seconds.unwrap(),
            spec.lease_transitions.unwrap(),
        )
    }

    #[test]
    fn a_transition_is_counted_when_the_holder_changes_and_only_then() {
        let short = settings(1_500);
        let first = created("lease", None, "a", &short, at(1));
        assert_eq!(fields(&first), ("a", 1_000_000, 1_000_000, 2, 0));
        let renewed = claimed(&first, "a", &short, at(2));
        assert_eq!(fields(&renewed), ("a", 1_000_000, 2_000_000, 2, 0));
        let taken = claimed(&renewed, "b", &settings(15_000), at(3));
        assert_eq!(fields(&taken), ("b", 3_000_000, 3_000_000, 15, 1));
        let free = released(&taken, at(4));
        assert_eq!(fields(&free), ("", 3_000_000, 4_000_000, 15, 1));
        assert_eq!(holder(&free), None);
        assert_eq!(
            fields(&claimed(&free, "b", &short, at(5))),
            ("b", 5_000_000, 5_000_000, 2, 2)
        );
        let again = created("lease", Some(&taken), "c", &short, at(6));
        assert_eq!(fields(&again), ("c", 6_000_000, 6_000_000, 2, 2));
        assert_eq!(again.metadata.resource_version, None);
    }

    #[test]
    fn a_renewal_is_a_change_even_when_the_wall_clock_stands_still() {
        let first = created("lease", None, "a", &settings(2_000), at(1));
        let renewed = claimed(&first, "a", &settings(2_000), at(1));
        assert_eq!(fields(&renewed), ("a", 1_000_000, 1_000_001, 2, 0));
    }

    #[test]
    fn what_others_put_on_the_lease_is_kept() {
        let mut lease = created("lease", None, "a", &settings(2_000), at(1));
        lease.metadata.resource_version = Some("7".to_owned());
        lease.metadata.labels = Some([("team".to_owned(), "x".to_owned())].into());
        assert_eq!(
            claimed(&lease, "b", &settings(2_000), at(2)).metadata,
            lease.metadata
        );
        assert_eq!(released(&lease, at(2)).metadata, lease.metadata);
    }
}
