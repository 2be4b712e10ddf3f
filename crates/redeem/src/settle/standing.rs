//! What a standing attempt asks for: to be left alone, to be asked about, or to be closed.

use std::time::Duration;

use super::{Facts, Move};
use crate::answer::Introspection;
use crate::attempt::{Finding, with_finding};
use crate::session::Introspectable;
use crate::state::{Attempt, Grant, Phase, Rotation, State};

/// What a standing attempt asks for.
pub(super) enum Standing {
    /// A move: introspect, or write what was found.
    Move(Move),
    /// Left alone for so long.
    HoldOff(Duration),
    /// Unknown; asking again is due after so long, where it can be.
    Unknown(Option<Duration>),
}

impl Facts<'_> {
    pub(super) fn standing(&self, state: &State, grant: &Grant) -> Option<Standing> {
        let attempt = grant
            .attempt
            .as_ref()
            .filter(|attempt| attempt.phase != Phase::FoundInactive)?;
        let mine = attempt
            .id
            .as_str()
            .strip_prefix(self.inputs.fresh.attempt.as_str());
        let own = mine.is_some_and(|rest| rest.starts_with('-')) && !self.tried.sent.contains(&attempt.id);
        if own {
            // A write of this session that was thought lost has landed after all; nothing was sent.
            return finding(state, attempt, Finding::NotSent).map(Standing::Move);
        }
        let sighting = self.memory.sighting(&attempt.id);
        let since = sighting.map_or(Duration::ZERO, |seen| {
            self.view.looked.saturating_sub(seen.first_seen)
        });
        let left = self.inputs.limits.hold_off().saturating_sub(since);
        if left > Duration::ZERO {
            return Some(match attempt.phase {
                Phase::Open => Standing::HoldOff(left),
                Phase::OutcomeUnknown | Phase::FoundInactive => {
                    let can_mend = self.can_ask(grant) || grant.rotation == Rotation::Fixed;
                    Standing::Unknown(can_mend.then_some(left))
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
    fn overdue(&self, state: &State, grant: &Grant, attempt: &Attempt) -> Standing {
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
            finding(state, attempt, Finding::Unknown).map_or(Standing::Unknown(again), Standing::Move)
        };
        let settled =
            |found: Finding| finding(state, attempt, found).map_or(Standing::Unknown(None), Standing::Move);
        match said {
            None if can_ask && wait == Duration::ZERO => {
                let limit = match attempt.phase {
                    // Nobody is told of it until Salesforce has answered, or not.
                    Phase::Open => self.inputs.limits.first_question(),
                    Phase::OutcomeUnknown | Phase::FoundInactive => self.inputs.limits.http(),
                };
                let (attempt, token) = (attempt.id.clone(), grant.refresh_token.clone());
                Standing::Move(Move::Introspect {
                    attempt,
                    token,
                    limit,
                })
            }
            Some(Introspection::Active) => settled(Finding::NotSent),
            Some(Introspection::Inactive) => settled(Finding::Inactive),
            None | Some(Introspection::NoAnswer | Introspection::Impossible)
                if self.is_harmless(grant, attempt) =>
            {
                settled(Finding::NotSent)
            }
            None | Some(Introspection::NoAnswer) if can_ask => unknown(Some(wait)),
            None | Some(Introspection::NoAnswer | Introspection::Impossible) => unknown(None),
        }
    }
}

fn finding(state: &State, attempt: &Attempt, found: Finding) -> Option<Move> {
    with_finding(state, &attempt.id, found).map(|state| Move::Write(Box::new(state)))
}
