//! For how long has this process had in view what it could remove?

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use kube::ResourceExt;

/// For how long a process must have had in view what it removes, by a clock that doesn't jump; less where the grace is.
pub(super) const IN_VIEW: Duration = Duration::from_hours(1);

/// Since when this process has had in view what could be removed, on the clock that doesn't jump. By the hash of the uid: there
/// may be very many.
#[derive(Debug, Default)]
pub(super) struct Views {
    views: HashMap<u64, InView>,
    run: u32,
}

#[derive(Debug)]
struct InView {
    since: Duration,
    /// The last run that has found it in store.
    run: u32,
}

impl Views {
    /// It could be removed for the first time, or again after it could not.
    pub(super) fn begin(&mut self, stored: &impl ResourceExt, now: Duration) {
        let view = InView {
            since: now,
            run: self.run,
        };
        self.views.insert(key(stored), view);
    }

    /// Whether it has been in view for long enough to be removed.
    pub(super) fn suffice(&mut self, stored: &impl ResourceExt, now: Duration, grace: Duration) -> bool {
        let view = InView {
            since: now,
            run: self.run,
        };
        let since = self.views.entry(key(stored)).or_insert(view).since;
        now.saturating_sub(since) >= grace.min(IN_VIEW)
    }

    /// It is still in store.
    pub(super) fn keep(&mut self, stored: &impl ResourceExt) {
        if let Some(view) = self.views.get_mut(&key(stored)) {
            view.run = self.run;
        }
    }

    /// Forgets what this run has not found in store.
    pub(super) fn end_run(&mut self) {
        self.views.retain(|_, view| view.run == self.run);
        self.run = self.run.wrapping_add(1);
    }
}

fn key(stored: &impl ResourceExt) -> u64 {
    let mut hasher = DefaultHasher::new();
    stored.uid().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Secret;

    use super::*;

    #[test]
    fn nothing_is_removed_before_the_process_has_had_it_in_view_for_the_grace_or_an_hour() {
        let secret = |uid: &str| {
            let mut secret = Secret::default();
            secret.metadata.uid = Some(uid.to_owned());
            secret
        };
        let (state, other) = (secret("state"), secret("other"));
        let (minutes, day) = (Duration::from_mins, Duration::from_hours(24));
        let mut views = Views::default();
        // The wall clock says that the grace is over, from the first look on.
        assert!(!views.suffice(&state, minutes(5), day));
        assert!(!views.suffice(&state, minutes(64), day));
        assert!(views.suffice(&state, minutes(65), day));
        assert!(!views.suffice(&other, minutes(65), day), "each for itself");
        assert!(
            views.suffice(&other, minutes(66), minutes(1)),
            "a shorter grace is enough"
        );
        views.begin(&state, minutes(70));
        assert!(!views.suffice(&state, minutes(129), day), "it was kept meanwhile");
        views.end_run();
        views.keep(&other);
        views.end_run();
        assert!(
            views.suffice(&other, minutes(126), day),
            "it was there all the time"
        );
        assert!(!views.suffice(&state, minutes(200), day), "it was away meanwhile");
    }
}
