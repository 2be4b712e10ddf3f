//! What one process remembers of a connector between sessions; a crash forgets it, which only makes it wait longer.

use std::time::Duration;

use crate::ids::AttemptId;
use crate::state::State;

/// Kept by the shell for each connector, handed to a session and back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SessionMemory {
    sightings: Vec<Sighting>,
    /// This process's monotonic clock when it first saw that the connector was taken over.
    taken_over: Option<Duration>,
}

/// When an attempt was first seen, and how often Salesforce was asked about it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sighting {
    /// The attempt.
    pub attempt: AttemptId,
    /// This process's monotonic clock at the first sight.
    pub first_seen: Duration,
    /// How often introspection gave no answer.
    pub asked: u32,
    /// Not before this reading of the monotonic clock is it asked again.
    pub ask_again: Duration,
}

/// Wait before Salesforce is asked again about an attempt, doubled after each question without an answer.
pub const ASK_AGAIN_MIN: Duration = Duration::from_secs(15);
/// Longest wait before Salesforce is asked again about an attempt.
pub const ASK_AGAIN_MAX: Duration = Duration::from_secs(15 * 60);

impl SessionMemory {
    /// Notes the attempts that stand in a state just read, and forgets the others.
    pub fn observe(&mut self, state: Option<&State>, monotonic: Duration) {
        let standing = || {
            state
                .into_iter()
                .flat_map(State::grants)
                .filter_map(|grant| grant.attempt.as_ref())
        };
        self.sightings
            .retain(|sighting| standing().any(|attempt| attempt.id == sighting.attempt));
        for attempt in standing() {
            if self.sighting(&attempt.id).is_none() {
                let attempt = attempt.id.clone();
                self.sightings.push(Sighting {
                    attempt,
                    first_seen: monotonic,
                    asked: 0,
                    ask_again: monotonic,
                });
            }
        }
    }

    /// Notes whether the connector just read was taken over from another installation.
    pub(crate) fn observe_takeover(&mut self, taken_over: bool, monotonic: Duration) {
        self.taken_over = taken_over.then(|| self.taken_over.unwrap_or(monotonic));
    }

    /// When it was first seen that the connector was taken over.
    pub(crate) fn taken_over(&self) -> Option<Duration> {
        self.taken_over
    }

    /// What is remembered of an attempt.
    #[must_use]
    pub fn sighting(&self, attempt: &AttemptId) -> Option<&Sighting> {
        self.sightings
            .iter()
            .find(|sighting| sighting.attempt == *attempt)
    }

    /// Notes that introspection gave no answer; the next question waits twice as long, from 15 s to 15 min.
    pub(crate) fn note_no_answer(&mut self, attempt: &AttemptId, monotonic: Duration) {
        if let Some(sighting) = self
            .sightings
            .iter_mut()
            .find(|sighting| sighting.attempt == *attempt)
        {
            let wait = ASK_AGAIN_MIN
                .saturating_mul(1 << sighting.asked.min(6))
                .min(ASK_AGAIN_MAX);
            sighting.asked = sighting.asked.saturating_add(1);
            sighting.ask_again = monotonic + wait;
        }
    }
}
