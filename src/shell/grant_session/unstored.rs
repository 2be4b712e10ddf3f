//! The irreducible window: from Salesforce's answer, which this process alone knows, to its being stored.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redeem::{Read, Reply, StateSeen, WriteReply};

use crate::core::model::owner::Owner;
use crate::metrics::Metrics;

/// The same problem is told again after this time: who has read it once knows.
const TELL_AGAIN: Duration = Duration::from_mins(5);

/// A new token that is not stored yet; in the metrics for as long as that is so.
pub(crate) struct Unstored {
    since: Instant,
    told: Told,
    metrics: Arc<Metrics>,
}

impl Unstored {
    pub(crate) fn begin(metrics: &Arc<Metrics>) -> Self {
        metrics.unstored_result(1);
        Self {
            since: Instant::now(),
            told: Told::default(),
            metrics: metrics.clone(),
        }
    }

    /// Nothing, once the session holds no result any more: a write that was thought lost had landed, or the grant was
    /// replaced meanwhile. What is written after that is something else.
    pub(crate) fn while_held(unstored: Option<Self>, holds: bool) -> Option<Self> {
        if unstored.is_some() && !holds {
            tracing::info!("Refresh result already stored or superseded");
        }
        unstored.filter(|_| holds)
    }

    /// Takes note of what came of an effect; whether the token is stored now.
    pub(crate) fn is_stored_by(&mut self, reply: &Reply, owner: &Owner) -> bool {
        if let Reply::Write(WriteReply::Written(_)) = reply {
            let microseconds = u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX);
            tracing::info!(microseconds, "Stored the refresh result");
            return true;
        }
        if let Some(problem) = problem(reply)
            && self.told.is_due(problem, Instant::now())
        {
            let stake = "the grant is lost if this process ends first";
            tracing::warn!(object.name = %owner.name, object.namespace = %owner.namespace, problem, stake,
                secret.name = crate::api::names::state_name(&owner.uid), seconds = self.since.elapsed().as_secs(),
                "Failed to store the refresh result, retrying");
        }
        false
    }
}

/// What keeps a result from being stored.
fn problem(reply: &Reply) -> Option<&'static str> {
    match reply {
        Reply::Write(WriteReply::Conflict) => Some("somebody else has written the Secret"),
        Reply::Write(WriteReply::Refused) => Some("the API server refuses the write"),
        Reply::Write(WriteReply::Unknown) => Some("the API server has not answered the write"),
        Reply::State(Read::Failed) => Some("the Secret can't be read"),
        Reply::State(Read::Is(StateSeen::Unreadable)) => {
            Some("what stands in the Secret can't be understood, and is left as it is; restore or delete it")
        }
        Reply::State(Read::Is(StateSeen::UnsupportedVersion)) => Some(
            "a newer version of the operator has written the Secret; delete it, or its grant is lost with this process",
        ),
        _ => None,
    }
}

/// What was told, and when.
#[derive(Debug, Default)]
struct Told(Vec<(&'static str, Instant)>);

impl Told {
    fn is_due(&mut self, problem: &'static str, now: Instant) -> bool {
        let lately = |(told, at): &(&str, Instant)| {
            *told == problem && now.saturating_duration_since(*at) < TELL_AGAIN
        };
        if self.0.iter().any(lately) {
            return false;
        }
        self.0.retain(|(told, _)| *told != problem);
        self.0.push((problem, now));
        true
    }
}

impl Drop for Unstored {
    fn drop(&mut self) {
        self.metrics.unstored_result(-1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_unstored_only_while_the_session_holds_it() {
        let metrics = Arc::new(Metrics::new());
        let unstored = || {
            let text = metrics.encode();
            let mut lines = text.lines().filter(|line| !line.starts_with('#'));
            let line = lines
                .find(|line| line.contains("unstored_refresh_tokens"))
                .unwrap();
            line.rsplit(' ').next().unwrap().to_owned()
        };
        let begun = Some(Unstored::begin(&metrics));
        let held = Unstored::while_held(begun, true);
        assert_eq!((held.is_some(), unstored()), (true, "1".to_owned()));
        let dropped = Unstored::while_held(held, false);
        assert_eq!((dropped.is_none(), unstored()), (true, "0".to_owned()));
    }

    #[test]
    fn each_problem_is_logged_immediately_and_then_rarely() {
        let start = Instant::now();
        let mut told = Told::default();
        let seconds = |told: &mut Told, problem| -> Vec<u64> {
            (0..700)
                .filter(|second| told.is_due(problem, start + Duration::from_secs(*second)))
                .collect()
        };
        assert_eq!(seconds(&mut told, "unreadable"), [0, 300, 600]);
        assert_eq!(seconds(&mut told, "silent"), [0, 300, 600]);
    }
}
