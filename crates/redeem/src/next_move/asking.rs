//! When may Salesforce be asked about a token, and what has it said?

use std::time::Duration;

use super::facts::{Move, SessionFacts};
use crate::answer::IntrospectionAnswer;
use crate::memory::{ASKED_MAX, Doubt, Sighting};
use crate::protocol::Introspectable;
use crate::state::Grant;

impl SessionFacts<'_> {
    /// Whether Salesforce can be asked, and its answer counts: another app, or another host, hears of a token that lives that
    /// it is inactive.
    pub(super) fn can_ask(&self, grant: &Grant) -> bool {
        let client = &self.inputs.client;
        let presented_by = grant.attempt.as_ref().and_then(|attempt| attempt.client.as_ref());
        self.inputs.introspectable == Introspectable::Possible
            && !grant.is_of_another(client)
            && presented_by.is_none_or(|presented_by| presented_by == client)
    }

    /// What is left of the time that somebody else is given, from the first sight of a doubt.
    pub(crate) fn left_of(&self, hold_off: Duration, doubt: &Doubt) -> Duration {
        let since = self.memory.sighting(doubt).map_or(Duration::ZERO, |sighting| {
            self.view.looked.saturating_sub(sighting.first_seen)
        });
        hold_off.saturating_sub(since)
    }

    /// When the next question about a doubt is due, from now; never where it was asked often enough.
    pub(crate) fn question_due(&self, doubt: &Doubt) -> Option<Duration> {
        let (asked, again) = self
            .memory
            .sighting(doubt)
            .map_or((0, Duration::ZERO), |sighting| {
                (sighting.asked, sighting.ask_again)
            });
        let called_off = asked >= ASKED_MAX && self.is_inactive(doubt);
        (!called_off).then(|| again.saturating_sub(self.now.monotonic))
    }

    /// What Salesforce has said about a doubt in this session.
    pub(super) fn said(&self, doubt: &Doubt) -> Option<IntrospectionAnswer> {
        let found = self.tried.introspected.iter().rfind(|(of, _)| of == doubt);
        found.map(|(_, said)| *said)
    }

    /// Whether Salesforce has called the token inactive often enough to believe it.
    pub(super) fn is_inactive(&self, doubt: &Doubt) -> bool {
        self.memory.sighting(doubt).is_some_and(Sighting::is_inactive)
    }

    /// Whether Salesforce has called the token inactive at all.
    pub(super) fn was_called_inactive(&self, doubt: &Doubt) -> bool {
        self.memory
            .sighting(doubt)
            .is_some_and(|sighting| sighting.inactive > 0)
    }

    pub(super) fn question(&self, doubt: Doubt, grant: &Grant) -> Move {
        Move::Introspect {
            doubt,
            token: grant.refresh_token.clone(),
            limit: self.inputs.limits.http(),
        }
    }
}
