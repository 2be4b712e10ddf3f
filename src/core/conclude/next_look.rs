//! When is the next interesting moment?

use std::time::Duration;

use jiff::Timestamp;

use crate::api::Reason;
use crate::api::reasons::OwnReason;
use crate::api::status::SalesforceConnectorStatus;
use crate::core::conclude::merge::ConditionType;
use crate::core::decide::test_due::next_test;
use crate::core::grant::keep_alive::Outlook;
use crate::core::inventory::due::next_moment;
use crate::core::model::connector::OnDelete;
use crate::core::model::decision::{Decision, WaitReason};
use crate::core::model::login_request::LoginSeen;
use crate::core::model::observed::Observed;
use crate::core::model::outcome::{Minted, Outcome};
use crate::core::rollout::due::next_attempt;
use crate::core::rotation::due as rotation;
use crate::core::schedule::backoff::{LATE_FOR, late_wait};
use crate::core::schedule::jitter::jittered;
use crate::core::schedule::time::{is_ahead, later, since};

/// Never sooner than this: whatever asks for an earlier look is a mistake that must not spin.
const SOONEST: Duration = Duration::from_secs(1);

/// Between two looks for the answer to a login by link.
const AWAITED_SOONEST: Duration = Duration::from_secs(5);
const AWAITED_LATEST: Duration = Duration::from_secs(30);

/// Time until the next look: the first of resync, next attempt, renewal, expiration and test.
pub(super) fn next_look(
    observed: &Observed,
    decision: &Decision,
    outcome: &Outcome,
    status: &SalesforceConnectorStatus,
    now: Timestamp,
) -> Duration {
    let resync = jittered(observed.resync_period, &observed.owner.uid, 2);
    let late = matches!(decision, Decision::Reject(rejection) if may_be_late(rejection.reason));
    let late = late.then(|| late_wait(unready_for(status, now))).flatten();
    let resync = late.map_or(resync, |late| resync.min(late));
    if was_settled(observed, outcome) || login_ended(observed, status) || siblings_are_known(observed, status)
    {
        return SOONEST;
    }
    let moments = moments(observed, decision, outcome, status, now);
    let first = moments
        .into_iter()
        .filter(|moment| *moment > now)
        .map(|moment| since(now, moment))
        .min();
    first.map_or(resync, |first| first.min(resync)).max(SOONEST)
}

/// Whether a session that presented nothing has closed what kept the grant in use from being renewed. A renewal may be due, and
/// have been due for a while: it broke off when a process died, and would otherwise wait for the resync. It can't happen twice
/// in a row, as the grant works from here on.
fn was_settled(observed: &Observed, outcome: &Outcome) -> bool {
    let Some(source) = observed.grant() else {
        return false;
    };
    let worked = source.view.works(&source.connector.expect);
    let works = outcome.grant.as_ref().is_some_and(|grant| grant.works);
    outcome.minted.is_none() && works && !worked
}

fn moments(
    observed: &Observed,
    decision: &Decision,
    outcome: &Outcome,
    status: &SalesforceConnectorStatus,
    now: Timestamp,
) -> Vec<Timestamp> {
    let mut moments: Vec<_> = observed.pace.requests_from.into_iter().collect();
    if let Some(token) = &status.token {
        moments.extend([token.renewal_time.0, token.expiration_time.0]);
    }
    if let Some(Minted::Waiting { length }) = &outcome.minted {
        moments.push(later(now, *length));
    }
    if let Some(Outlook::Alive(plan)) = outcome.outlook(observed) {
        moments.push(plan.due);
    }
    moments.extend(awaited_login(observed).map(|wait| later(now, wait)));
    let again = status
        .failures
        .iter()
        .chain(&status.credentials_failures)
        .filter_map(|failures| failures.next_attempt_time.as_ref())
        .filter(|_| *decision != Decision::Wait(WaitReason::Suspended))
        .map(|next| next.0);
    moments.extend(again);
    moments.extend(next_attempt(status));
    if observed.is_suspended() {
        return moments;
    }
    if let (Some(connector), Some(test)) = (observed.connector(), &status.connection_test) {
        let repeated = outcome.tested.as_ref().map(|_| now).or(observed.last_test);
        let due = next_test(test, repeated, connector, &observed.owner.uid);
        moments.push(observed.pace.tests_from.map_or(due, |from| due.max(from)));
    }
    moments.extend(next_moment(observed, status, now));
    moments.extend(rotation::next_moment(observed, outcome, status, now));
    moments
}

/// Whether the status says only now what came of a login: its Secret is to go.
fn login_ended(observed: &Observed, status: &SalesforceConnectorStatus) -> bool {
    let request = observed.grant().and_then(|source| source.login.requested());
    let last = status.last_login.as_ref();
    request
        .zip(last)
        .is_some_and(|(request, last)| request.secret_name == last.secret_name)
}

/// Whether it is known from now on whose sessions end with this connector, because its own user is: `Ready` says so next.
fn siblings_are_known(observed: &Observed, status: &SalesforceConnectorStatus) -> bool {
    let source = observed.grant();
    let revokes = source.is_some_and(|source| source.settings.policy.on_delete == OnDelete::Revoke);
    let user = |status: &SalesforceConnectorStatus| status.identity.as_ref()?.user_id.clone();
    revokes && user(status).is_some() && user(&observed.status) != user(status)
}

/// Another replica may receive the answer to a login by link, which wakes nobody here. Looking for it costs as little as the
/// resync does, as a whole: the more connectors there are, the later it is found.
fn awaited_login(observed: &Observed) -> Option<Duration> {
    let awaited = matches!(observed.grant()?.login, LoginSeen::Awaited);
    awaited.then(|| (observed.resync_period / 12).clamp(AWAITED_SOONEST, AWAITED_LATEST))
}

/// How long the connector has not been ready; for long, if that is recorded by a clock that was ahead.
fn unready_for(status: &SalesforceConnectorStatus, now: Timestamp) -> Duration {
    let mut conditions = status.conditions.iter();
    let ready = conditions.find(|condition| condition.type_ == ConditionType::Ready.as_str());
    ready.map_or(Duration::ZERO, |ready| match ready.last_transition_time.0 {
        changed if is_ahead(changed, now) => LATE_FOR,
        changed => since(changed, now),
    })
}

fn may_be_late(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::Own(OwnReason::InputSecretMissing | OwnReason::InputKeyMissing | OwnReason::SecretLeftBehind)
    )
}
