//! The writes around a redeem: the intent before it, the verdict after it, and what others make of an open attempt.

use crate::answer::{AnswerVerdict, TokenAnswer};
use crate::deposit::access;
use crate::identity::{Expect, Judgement, judge};
use crate::ids::{AttemptId, GrantId, OAuthClient, Serial};
use crate::state::{Access, Attempt, AttemptPhase, Grant, GrantValidity, Origin, Rotation, State};
use crate::time::TimeLimits;
use crate::token::RefreshToken;
use crate::unknown_fields::UnknownFields;

/// State with an intent to redeem a grant, to be written under the resourceVersion that `state` was read with.
/// `None` when the grant isn't there, is dead, or has an attempt already. `limits` are those of who is about to send, as
/// `client`.
#[must_use]
pub fn intent(
    state: &State,
    grant: &GrantId,
    attempt: &AttemptId,
    limits: TimeLimits,
    client: &OAuthClient,
) -> Option<State> {
    let mut state = state.clone();
    let serial = state.serial.next();
    state.serial = serial;
    let grant = state.grant_mut(grant)?;
    if grant.attempt.is_some() || grant.is_dead_for(client) {
        return None;
    }
    grant.validity = GrantValidity::Valid;
    grant.attempt = Some(Attempt {
        id: attempt.clone(),
        serial,
        phase: AttemptPhase::Open,
        hold_off_seconds: limits.hold_off_seconds(),
        client: Some(client.clone()),
        unknown: UnknownFields::default(),
    });
    Some(state)
}

/// A verdict waiting to be recorded: the one thing that must survive until it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PendingVerdict {
    /// The grant that was redeemed.
    pub grant: GrantId,
    /// The attempt it was redeemed under.
    pub attempt: AttemptId,
    /// The serial of the intent.
    pub serial: Serial,
    /// The token that was presented.
    pub presented: RefreshToken,
    /// For which app, and where.
    pub client: OAuthClient,
    /// The state as it was read back before sending, to start from should the Secret be gone.
    pub base: Box<State>,
    /// What to record.
    pub verdict: AnswerVerdict,
}

/// What recording a verdict takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConcludeDecision {
    /// Replace the state that was read, under its resourceVersion.
    Write(Box<State>),
    /// The state Secret is gone and the result must not go with it: create it.
    Create(Box<State>),
    /// It stands there already: an earlier write of ours has landed.
    AlreadyThere,
    /// Nothing to record: the grant or the attempt has been replaced meanwhile.
    Discard,
}

/// Decides how a verdict is recorded, from the state read last (`None` when the Secret is gone).
///
/// A result is accepted wherever its grant still stands and either its attempt does or the token that was presented
/// does: then what is held is newer than what is there. Where the state is gone, or an old one came back, the grant of
/// the result is created again. Everything else about an attempt counts only while that attempt stands, and not in a
/// state that was rolled back: each write raises the serial, so that the state would catch up with its copies.
///
/// `floor` is the highest copy of the serial, read after the state. Where the state has moved on in between, it may look
/// older than it is; then the write is a conflict, and nothing is dropped for that reason alone.
#[must_use]
pub fn conclude(
    current: Option<&State>,
    holding: &PendingVerdict,
    expect: &Expect,
    floor: Serial,
) -> ConcludeDecision {
    match (&holding.verdict, current) {
        (AnswerVerdict::Result(_) | AnswerVerdict::Rescued(_), Some(state)) => {
            store(state, holding, expect, floor)
        }
        (AnswerVerdict::Result(_) | AnswerVerdict::Rescued(_), None) => from_result(holding, expect)
            .map_or(ConcludeDecision::Discard, |state| {
                ConcludeDecision::Create(Box::new(state))
            }),
        (AnswerVerdict::NotSent | AnswerVerdict::GrantDead | AnswerVerdict::OutcomeUnknown, None) => {
            ConcludeDecision::Discard
        }
        (AnswerVerdict::NotSent | AnswerVerdict::GrantDead | AnswerVerdict::OutcomeUnknown, Some(state))
            if state.is_rolled_back(&holding.base.cluster, floor) =>
        {
            ConcludeDecision::Discard
        }
        (AnswerVerdict::NotSent, Some(state)) => close(state, holding, |grant| grant.attempt = None),
        (AnswerVerdict::GrantDead, Some(state)) => close(state, holding, |grant| {
            grant.attempt = None;
            grant.validity = GrantValidity::Dead;
            grant.refused_as = Some(holding.client.clone());
        }),
        (AnswerVerdict::OutcomeUnknown, Some(state)) => close(state, holding, |grant| {
            if let Some(attempt) = &mut grant.attempt {
                attempt.phase = AttemptPhase::OutcomeUnknown;
            }
        }),
    }
}

fn store(state: &State, holding: &PendingVerdict, expect: &Expect, floor: Serial) -> ConcludeDecision {
    let grant = state.grant(&holding.grant);
    if grant.is_some_and(|grant| grant.stored_attempt.as_ref() == Some(&holding.attempt)) {
        return ConcludeDecision::AlreadyThere;
    }
    let ours = |attempt: &Attempt| attempt.id == holding.attempt;
    let awaits = |grant: &Grant| {
        grant.attempt.as_ref().is_some_and(ours)
            || grant.refresh_token == holding.presented && !has_newer_access(grant, holding)
    };
    let awaited = grant.is_some_and(awaits);
    let old = state.is_rolled_back(&holding.base.cluster, floor);
    let stored = match (old, awaited) {
        (false, true) => with_result(state, holding, expect),
        (true, true) => from_result(holding, expect),
        (true, false) if state.serial < holding.serial => from_result(holding, expect),
        (true | false, false) => None,
    };
    stored.map_or(ConcludeDecision::Discard, |state| {
        ConcludeDecision::Write(Box::new(state))
    })
}

/// Whether a result that leaves the refresh token as it was came too late: another one was stored since its intent.
fn has_newer_access(grant: &Grant, holding: &PendingVerdict) -> bool {
    let AnswerVerdict::Result(answer) = &holding.verdict else {
        return false;
    };
    let rotated = answer
        .refresh_token
        .as_ref()
        .is_some_and(|token| *token != holding.presented);
    let newer = |access: &Access| access.serial > holding.serial;
    !rotated && grant.access.as_ref().is_some_and(newer)
}

/// The state for a result whose state is gone, or came back as an old one: the grant of the result and nothing but that
/// grant. Of what else was known before sending, others may have spent a token meanwhile.
///
/// Nor is the serial raised beyond what the result itself takes. If an earlier write of it has landed unseen and somebody
/// has renewed since, they have announced a higher one: then this state counts as rolled back, and is not presented.
fn from_result(holding: &PendingVerdict, expect: &Expect) -> Option<State> {
    with_result(&nothing_but(&holding.base, &holding.grant), holding, expect)
}

/// The state with this grant and no other in it. Of another one, somebody may have spent the token meanwhile.
pub(crate) fn nothing_but(state: &State, grant: &GrantId) -> State {
    let mut state = state.clone();
    let other = |slot: &&mut Option<Grant>| slot.as_ref().is_some_and(|other| other.id != *grant);
    for slot in [&mut state.current, &mut state.candidate]
        .into_iter()
        .filter(other)
    {
        let origin = slot.take().map(|grant| grant.origin);
        if matches!(origin, Some(Origin::Import(digest)) if state.imported.as_ref() == Some(&digest)) {
            // The ledger knows whether it was presented; if not, it may come in again.
            state.imported = None;
        }
    }
    state
}

fn with_result(state: &State, holding: &PendingVerdict, expect: &Expect) -> Option<State> {
    let mut state = state.clone();
    state.serial = state.serial.next();
    let serial = state.serial;
    let grant = state.grant_mut(&holding.grant)?;
    match &holding.verdict {
        AnswerVerdict::Result(answer) => take_answer(grant, answer, serial),
        AnswerVerdict::Rescued(token) => {
            // Access token and identity stay as they were: nothing new is known of them.
            grant.refresh_token = token.clone();
            grant.rotation = Rotation::Rotates;
        }
        AnswerVerdict::NotSent | AnswerVerdict::GrantDead | AnswerVerdict::OutcomeUnknown => return None,
    }
    grant.granted_to = Some(holding.client.clone());
    grant.attempt = None;
    grant.stored_attempt = Some(holding.attempt.clone());
    grant.validity = GrantValidity::Valid;
    grant.refused_as = None;
    promote_in_place(&mut state, expect);
    Some(state)
}

fn take_answer(grant: &mut Grant, answer: &TokenAnswer, serial: Serial) {
    grant.rotation = match &answer.refresh_token {
        Some(token) => {
            grant.refresh_token = token.clone();
            Rotation::Rotates
        }
        None => Rotation::Fixed,
    };
    let username = grant
        .identity
        .take()
        .filter(|known| known.user_id == answer.identity.user_id);
    let mut identity = answer.identity.clone();
    identity.username = identity.username.or(username.and_then(|known| known.username));
    grant.identity = Some(identity);
    let begun_at = grant.access.as_ref().map(|earlier| earlier.begun_at);
    let mut access = access(answer, serial);
    access.begun_at = begun_at.unwrap_or(access.begun_at);
    grant.access = Some(access);
}

/// Closes the attempt that is held, if it still stands and introspection hasn't called the token inactive.
fn close(state: &State, holding: &PendingVerdict, apply: impl FnOnce(&mut Grant)) -> ConcludeDecision {
    let mut state = state.clone();
    let Some(grant) = state.grant_mut(&holding.grant) else {
        return ConcludeDecision::Discard;
    };
    let stands =
        |attempt: &Attempt| attempt.id == holding.attempt && attempt.phase != AttemptPhase::FoundInactive;
    if !grant.attempt.as_ref().is_some_and(stands) {
        return ConcludeDecision::Discard;
    }
    let before = grant.clone();
    apply(grant);
    if *grant == before {
        return ConcludeDecision::AlreadyThere;
    }
    state.serial = state.serial.next();
    ConcludeDecision::Write(Box::new(state))
}

/// What somebody else makes of an attempt that stands, after the hold-off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttemptFinding {
    /// The token is active, or can't be spent: the attempt is closed and a new one may present it.
    NotSent,
    /// Unknown, and to be shown so.
    Unknown,
    /// The token is inactive.
    Inactive,
}

/// State with a finding about a standing attempt; `None` when nothing would change.
pub(crate) fn with_finding(state: &State, attempt: &AttemptId, finding: AttemptFinding) -> Option<State> {
    let mut state = state.clone();
    state.serial = state.serial.next();
    let id = state
        .grants()
        .find(|grant| grant.attempt.as_ref().is_some_and(|a| a.id == *attempt))?
        .id
        .clone();
    let grant = state.grant_mut(&id)?;
    let phase = match finding {
        AttemptFinding::NotSent => {
            grant.attempt = None;
            return Some(state);
        }
        AttemptFinding::Unknown => AttemptPhase::OutcomeUnknown,
        AttemptFinding::Inactive => AttemptPhase::FoundInactive,
    };
    let attempt = grant.attempt.as_mut()?;
    if attempt.phase == phase {
        return None;
    }
    attempt.phase = phase;
    Some(state)
}

/// State with the username of a grant's user in it.
pub(crate) fn with_username(state: &State, grant: &GrantId, username: String) -> Option<State> {
    let mut state = state.clone();
    state.serial = state.serial.next();
    state.grant_mut(grant)?.identity.as_mut()?.username = Some(username);
    Some(state)
}

/// State with `candidate` in the place of `current`; `None` when `candidate` isn't proven, isn't as expected, or an attempt on
/// the current grant is open.
pub(crate) fn promoted(state: &State, expect: &Expect) -> Option<State> {
    let mut state = state.clone();
    state.serial = state.serial.next();
    promote_in_place(&mut state, expect).then_some(state)
}

fn promote_in_place(state: &mut State, expect: &Expect) -> bool {
    let open = |grant: &Grant| {
        grant
            .attempt
            .as_ref()
            .is_some_and(|attempt| attempt.phase == AttemptPhase::Open)
    };
    if state.current.as_ref().is_some_and(open) {
        return false;
    }
    let Some(identity) = state
        .candidate
        .as_ref()
        .filter(|candidate| candidate.access.is_some())
        .and_then(|candidate| candidate.identity.clone())
    else {
        return false;
    };
    if judge(&identity, expect, state.pin.as_ref()) != Judgement::AsExpected {
        return false;
    }
    let serial = state.serial;
    state.current = state.candidate.take();
    if let Some(access) = state.current.as_mut().and_then(|grant| grant.access.as_mut()) {
        // A promoted token is a new one for the consumer, also where it was stored earlier.
        access.serial = serial;
    }
    state.pin = Some(identity);
    true
}

#[cfg(test)]
mod tests;
