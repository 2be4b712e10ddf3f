//! What a standing attempt asks for: to be left alone, to be asked about, or to be closed.

use std::time::Duration;

use super::facts::{Move, SessionFacts};
use crate::answer::IntrospectionAnswer;
use crate::attempt::{AttemptFinding, with_finding};
use crate::protocol::Introspectable;
use crate::state::{Attempt, AttemptPhase, Grant, Rotation, State};

/// What a standing attempt asks for.
pub(super) enum OpenAttempt {
    /// A move: introspect, or write what was found.
    Move(Move),
    /// Left alone for so long.
    HoldOff(Duration),
    /// Unknown; asking again is due after so long, where it can be.
    Unknown(Option<Duration>),
}

impl SessionFacts<'_> {
    pub(super) fn open_attempt(&self, state: &State, grant: &Grant) -> Option<OpenAttempt> {
        let attempt = grant
            .attempt
            .as_ref()
            .filter(|attempt| attempt.phase != AttemptPhase::FoundInactive)?;
        let mine = attempt
            .id
            .as_str()
            .strip_prefix(self.inputs.fresh.attempt.as_str());
        let own = mine.is_some_and(|rest| rest.starts_with('-')) && !self.tried.sent.contains(&attempt.id);
        if own {
            // A write of this session that was thought lost has landed after all; nothing was sent.
            return finding(state, attempt, AttemptFinding::NotSent).map(OpenAttempt::Move);
        }
        let sighting = self.memory.sighting(&attempt.id);
        let since = sighting.map_or(Duration::ZERO, |seen| {
            self.view.looked.saturating_sub(seen.first_seen)
        });
        let left = self.inputs.limits.hold_off_from(attempt).saturating_sub(since);
        if left > Duration::ZERO {
            return Some(match attempt.phase {
                AttemptPhase::Open => OpenAttempt::HoldOff(left),
                AttemptPhase::OutcomeUnknown | AttemptPhase::FoundInactive => {
                    let can_mend = self.can_ask(grant) || grant.rotation == Rotation::Fixed;
                    OpenAttempt::Unknown(can_mend.then_some(left))
                }
            });
        }
        Some(self.overdue(state, grant, attempt))
    }

    /// Whether an attempt can be closed without asking anybody: a token that doesn't rotate can't be spent, and what
    /// was not announced by now was not sent. A status that lost its serial proves nothing.
    fn is_harmless(&self, grant: &Grant, attempt: &Attempt) -> bool {
        let announced = self
            .view
            .connector
            .as_ref()
            .and_then(|connector| connector.serial);
        grant.rotation == Rotation::Fixed || announced.is_some_and(|announced| announced < attempt.serial)
    }

    /// Whether Salesforce can be asked, and its answer counts: another app, or another host, hears of a token that lives that
    /// it is inactive.
    fn can_ask(&self, grant: &Grant) -> bool {
        let possible = self.inputs.introspectable == Introspectable::Possible;
        possible && !grant.is_of_another(&self.inputs.client)
    }

    /// An attempt whose owner has had its time.
    fn overdue(&self, state: &State, grant: &Grant, attempt: &Attempt) -> OpenAttempt {
        let said = self
            .tried
            .introspected
            .iter()
            .rfind(|(id, _)| *id == attempt.id)
            .map(|(_, said)| *said);
        let ask_again = self
            .memory
            .sighting(&attempt.id)
            .map_or(Duration::ZERO, |seen| seen.ask_again);
        let wait = ask_again.saturating_sub(self.now.monotonic);
        let can_ask = self.can_ask(grant);
        let unknown = |again: Option<Duration>| {
            finding(state, attempt, AttemptFinding::Unknown)
                .map_or(OpenAttempt::Unknown(again), OpenAttempt::Move)
        };
        let settled = |found: AttemptFinding| {
            finding(state, attempt, found).map_or(OpenAttempt::Unknown(None), OpenAttempt::Move)
        };
        match said {
            None if can_ask && wait == Duration::ZERO => {
                let limit = match attempt.phase {
                    // Nobody hears of it until Salesforce has answered, or not.
                    AttemptPhase::Open => self.inputs.limits.first_question(attempt),
                    AttemptPhase::OutcomeUnknown | AttemptPhase::FoundInactive => self.inputs.limits.http(),
                };
                let (attempt, token) = (attempt.id.clone(), grant.refresh_token.clone());
                OpenAttempt::Move(Move::Introspect {
                    attempt,
                    token,
                    limit,
                })
            }
            Some(IntrospectionAnswer::Active) => settled(AttemptFinding::NotSent),
            Some(IntrospectionAnswer::Inactive) => settled(AttemptFinding::Inactive),
            None | Some(IntrospectionAnswer::NoAnswer | IntrospectionAnswer::Impossible)
                if self.is_harmless(grant, attempt) =>
            {
                settled(AttemptFinding::NotSent)
            }
            None | Some(IntrospectionAnswer::NoAnswer) if can_ask => unknown(Some(wait)),
            None | Some(IntrospectionAnswer::NoAnswer | IntrospectionAnswer::Impossible) => unknown(None),
        }
    }
}

fn finding(state: &State, attempt: &Attempt, found: AttemptFinding) -> Option<Move> {
    with_finding(state, &attempt.id, found).map(|state| Move::Write(Box::new(state)))
}
