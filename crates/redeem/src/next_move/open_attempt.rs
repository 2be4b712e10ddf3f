//! What a standing attempt asks for: to be left alone, to be asked about, or to be closed.

use std::time::Duration;

use super::facts::{Move, SessionFacts};
use crate::answer::IntrospectionAnswer;
use crate::attempt::{AttemptFinding, with_finding};
use crate::memory::Doubt;
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
        let attempt = grant.attempt.as_ref()?;
        if attempt.phase == AttemptPhase::FoundInactive {
            return self.found_inactive(state, grant, attempt).map(OpenAttempt::Move);
        }
        let mine = attempt
            .id
            .as_str()
            .strip_prefix(self.inputs.fresh.attempt.as_str());
        let own = mine.is_some_and(|rest| rest.starts_with('-')) && !self.tried.sent.contains(&attempt.id);
        if own {
            // A write of this session that was thought lost has landed after all; nothing was sent.
            return finding(state, attempt, AttemptFinding::NotSent).map(OpenAttempt::Move);
        }
        let doubt = Doubt::Attempt(attempt.id.clone());
        let left = self.left_of(self.inputs.limits.hold_off_from(attempt), &doubt);
        if left > Duration::ZERO {
            return Some(match attempt.phase {
                AttemptPhase::Open => OpenAttempt::HoldOff(left),
                AttemptPhase::OutcomeUnknown | AttemptPhase::FoundInactive => {
                    let can_mend = self.can_ask(grant) || grant.rotation == Rotation::Fixed;
                    OpenAttempt::Unknown(can_mend.then_some(left))
                }
            });
        }
        Some(self.overdue(state, grant, attempt, doubt))
    }

    /// Salesforce is asked again about a token that it has called inactive: it may have been wrong, and the token lives.
    fn found_inactive(&self, state: &State, grant: &Grant, attempt: &Attempt) -> Option<Move> {
        let doubt = Doubt::Attempt(attempt.id.clone());
        match self.said(&doubt) {
            Some(IntrospectionAnswer::Active) => finding(state, attempt, AttemptFinding::NotSent),
            None if self.asks_again(grant) == Some(Duration::ZERO) => Some(self.question(doubt, grant)),
            Some(_) | None => None,
        }
    }

    /// When Salesforce is asked again about a grant that it has called inactive, from now.
    pub(super) fn asks_again(&self, grant: &Grant) -> Option<Duration> {
        let found = |attempt: &&Attempt| attempt.phase == AttemptPhase::FoundInactive;
        let attempt = grant.attempt.as_ref().filter(found)?;
        let doubt = Doubt::Attempt(attempt.id.clone());
        self.can_ask(grant).then(|| self.question_due(&doubt))?
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

    /// An attempt whose owner has had its time.
    fn overdue(&self, state: &State, grant: &Grant, attempt: &Attempt, doubt: Doubt) -> OpenAttempt {
        let said = self.said(&doubt);
        let can_ask = self.can_ask(grant);
        let wait = self.question_due(&doubt).filter(|_| can_ask);
        let unknown = || {
            finding(state, attempt, AttemptFinding::Unknown)
                .map_or(OpenAttempt::Unknown(wait), OpenAttempt::Move)
        };
        let settled = |found: AttemptFinding| {
            finding(state, attempt, found).map_or(OpenAttempt::Unknown(None), OpenAttempt::Move)
        };
        match said {
            None if wait == Some(Duration::ZERO) => {
                let limit = match attempt.phase {
                    // Nobody hears of it until Salesforce has answered, or not.
                    AttemptPhase::Open => self.inputs.limits.first_question(attempt),
                    AttemptPhase::OutcomeUnknown | AttemptPhase::FoundInactive => self.inputs.limits.http(),
                };
                let token = grant.refresh_token.clone();
                OpenAttempt::Move(Move::Introspect { doubt, token, limit })
            }
            Some(IntrospectionAnswer::Active) => settled(AttemptFinding::NotSent),
            Some(IntrospectionAnswer::Inactive) if self.is_inactive(&doubt) => {
                settled(AttemptFinding::Inactive)
            }
            None | Some(IntrospectionAnswer::NoAnswer | IntrospectionAnswer::Impossible)
                if self.is_harmless(grant, attempt) && !self.was_called_inactive(&doubt) =>
            {
                settled(AttemptFinding::NotSent)
            }
            Some(IntrospectionAnswer::Impossible) => finding(state, attempt, AttemptFinding::Unknown)
                .map_or(OpenAttempt::Unknown(None), OpenAttempt::Move),
            None | Some(IntrospectionAnswer::NoAnswer | IntrospectionAnswer::Inactive) => unknown(),
        }
    }
}

fn finding(state: &State, attempt: &Attempt, found: AttemptFinding) -> Option<Move> {
    with_finding(state, &attempt.id, found).map(|state| Move::Write(Box::new(state)))
}
