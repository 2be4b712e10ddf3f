//! Must a token be obtained, and may it be? Ordered checks, each with its reason.

use jiff::Timestamp;

use redeem::GrantProblem;

use super::expiry::renewal_time;
use super::grant::{Business, GrantView};
use super::held::Held;
use super::observed::{Activity, Knowledge, Observed};
use super::target::Target;
use super::test_due::{due_test, is_in_use, meanwhile};
use super::validate::{Connector, Method};
use super::{Decision, Rejection, WaitReason};
use super::{incoming, keep_alive};
use crate::api::Reason;
use crate::api::reasons::OwnReason;
use crate::api::status::FailuresStatus;

/// Why a token must be obtained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MintReason {
    /// Somebody asked by annotation.
    Requested,
    /// None is held: the connector is new, or its Secret was deleted or edited.
    NoToken,
    /// The inputs are not those that the held token was obtained with.
    InputsChanged,
    /// The stored grant has something open: an import, an attempt, a login that waits.
    GrantOpen,
    /// Salesforce refused the held token.
    SessionEnded,
    /// The address of the held token leads nowhere any more: a new one may come with another.
    InstanceGone,
    /// The held token's time is up, or nearly so.
    RenewalDue,
    /// The stored grant would lapse if it were left unused for longer.
    KeepAlive,
    /// The last attempt failed, such as a renewal that somebody asked for; it is repeated until one succeeds.
    Retry,
}

impl MintReason {
    /// Label in metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "Requested",
            Self::NoToken => "NoToken",
            Self::InputsChanged => "InputsChanged",
            Self::GrantOpen => "GrantOpen",
            Self::SessionEnded => "SessionEnded",
            Self::InstanceGone => "InstanceGone",
            Self::RenewalDue => "RenewalDue",
            Self::KeepAlive => "KeepAlive",
            Self::Retry => "Retry",
        }
    }
}

/// What to do about what was observed.
#[must_use]
pub fn decide(observed: &Observed, now: Timestamp) -> Decision {
    let connector = match &observed.connector {
        Ok(connector) => connector,
        Err(rejection) => return Decision::Reject(rejection.clone()),
    };
    if observed.grant.as_ref().is_some_and(|view| view.claimed_elsewhere) {
        return Decision::Reject(Rejection::new(GrantProblem::ClaimedByAnotherInstallation, ""));
    }
    if let Some(rejection) = useless_bootstrap(observed, connector) {
        return Decision::Reject(rejection.clone());
    }
    if grant_business(observed) == Business::NobodyCame {
        return Decision::Reject(Rejection::new(GrantProblem::AuthorizationRequired, ""));
    }
    if let Target::Refused(rejection) = &observed.target {
        let needed = for_the_grant(observed, connector, now);
        let now_needed = needed.filter(|decision| matches!(decision, Decision::Mint { .. }));
        return now_needed.unwrap_or_else(|| Decision::Reject(rejection.clone()));
    }
    if observed.activity == Activity::Suspended {
        return for_the_grant(observed, connector, now).unwrap_or(Decision::Wait(WaitReason::Suspended));
    }
    let decision = match wanted(observed, connector, now) {
        Some(why) => permitted(observed, connector, why, now),
        None => Decision::Keep {
            test: due_test(observed, connector, now),
        },
    };
    match decision {
        // What can't be renewed now can still be used, and goes on being tested.
        Decision::Wait(_) if is_in_use(observed, now) => Decision::Keep {
            test: meanwhile(observed, now),
        },
        decision => decision,
    }
}

/// What a stored grant needs even where nobody wants its token, or it can't be delivered: to be kept alive; and to have it found
/// out how an attempt ended that stands open, as a person may have to act, and doesn't know yet.
fn for_the_grant(observed: &Observed, connector: &Connector, now: Timestamp) -> Option<Decision> {
    let view = observed.grant.as_ref();
    // What is known of one beside a grant that works is asked about as seldom as ever.
    let known = grant_works(observed, connector) && incoming::is_left_alone(observed, connector, now);
    let attempt = !known && view.is_some_and(GrantView::has_attempt);
    let why = if keep_alive::is_due(observed, now) {
        MintReason::KeepAlive
    } else if attempt {
        MintReason::GrantOpen
    } else {
        return None;
    };
    Some(permitted(observed, connector, why, now))
}

/// What was brought can't be read, and there is no grant to go on with.
fn useless_bootstrap<'a>(observed: &Observed, connector: &'a Connector) -> Option<&'a Rejection> {
    let Method::AuthorizationCode { fault, .. } = &connector.method else {
        return None;
    };
    let lives = observed.grant.as_ref().is_some_and(GrantView::has_life);
    fault.as_ref().filter(|_| !lives)
}

/// The first reason to obtain a token, if there is any. A grant that works is renewed in time whatever else is open: what
/// was brought beside it may be refused for ever, and must not let it lapse.
fn wanted(observed: &Observed, connector: &Connector, now: Timestamp) -> Option<MintReason> {
    if observed.renewal_requested() {
        return Some(MintReason::Requested);
    }
    let mut open = grant_business(observed) == Business::Open;
    if open && !grant_works(observed, connector) {
        return Some(MintReason::GrantOpen);
    }
    open = open && !incoming::is_left_alone(observed, connector, now);
    let Some(held) = &observed.held else {
        return Some(MintReason::NoToken);
    };
    // An app that was changed together with the brought token is not sent the token of before.
    if held.inputs_digest != connector.inputs_digest && !open {
        return Some(MintReason::InputsChanged);
    }
    if observed.knowledge == Knowledge::TokenRejected {
        return Some(MintReason::SessionEnded);
    }
    if observed.knowledge == Knowledge::InstanceGone {
        return Some(MintReason::InstanceGone);
    }
    if renewal_of(held, connector, &observed.owner.uid) <= now {
        return Some(MintReason::RenewalDue);
    }
    if keep_alive::is_due(observed, now) {
        return Some(MintReason::KeepAlive);
    }
    if open {
        return Some(MintReason::GrantOpen);
    }
    let verified = observed.identity_verified(held);
    (verified && failed_attempt(observed, connector).is_some()).then_some(MintReason::Retry)
}

/// The failed attempt to obtain a token with these inputs, if the last one failed and was to be repeated. A token that was
/// refused when fresh is not among them: it was obtained, and what is to be found out is whether Salesforce takes it by now.
fn failed_attempt<'a>(observed: &'a Observed, connector: &Connector) -> Option<&'a FailuresStatus> {
    let failures = observed.status.failures.as_ref()?;
    let same = failures.inputs_digest.as_deref() == Some(connector.attempt_digest.as_str());
    let obtained = failures.reason == Reason::from(OwnReason::FreshTokenRejected).as_str();
    (same && !obtained && !is_over(failures, observed)).then_some(failures)
}

/// Whether a failure is over although no attempt has succeeded: it was given up for what the grant was in, and the grant
/// is out of that.
#[must_use]
pub fn is_over(failures: &FailuresStatus, observed: &Observed) -> bool {
    failures.next_attempt_time.is_none() && !may_still_be(failures, observed)
}

/// Whether what failed an attempt may still be there. Only of the grant's own trouble it can be seen.
fn may_still_be(failures: &FailuresStatus, observed: &Observed) -> bool {
    let (Some(view), Ok(connector)) = (&observed.grant, &observed.connector) else {
        return true;
    };
    match Reason::parse(&failures.reason) {
        Some(Reason::Grant(trouble)) => view.may_still_be(trouble, &connector.expect),
        Some(Reason::Own(_) | Reason::Salesforce(_)) | None => true,
    }
}

/// The failure that is remembered for these inputs, while what failed may still be there.
pub(super) fn standing_failure<'a>(
    observed: &'a Observed,
    connector: &Connector,
) -> Option<&'a FailuresStatus> {
    let failures = observed.status.failures.as_ref()?;
    let same = failures.inputs_digest.as_deref() == Some(connector.attempt_digest.as_str());
    (same && may_still_be(failures, observed)).then_some(failures)
}

fn grant_business(observed: &Observed) -> Business {
    observed
        .grant
        .as_ref()
        .map_or(Business::None, GrantView::business)
}

fn grant_works(observed: &Observed, connector: &Connector) -> bool {
    let view = observed.grant.as_ref();
    view.is_some_and(|view| view.works(&connector.expect))
}

/// When the held token is due.
#[must_use]
pub fn renewal_of(held: &Held, connector: &Connector, uid: &str) -> Timestamp {
    renewal_time(held.issue_time, &held.expiration, connector.renew_before, uid)
}

/// Whether the inputs may be sent now. A failure is remembered with the inputs that failed; other inputs, or somebody
/// who asks, begin anew.
fn permitted(observed: &Observed, connector: &Connector, why: MintReason, now: Timestamp) -> Decision {
    if why == MintReason::Requested {
        return Decision::Mint { why };
    }
    let failures = standing_failure(observed, connector);
    let next = failures.map(|failures| failures.next_attempt_time.as_ref().map(|time| time.0));
    match next {
        None => unless_refused_before(observed, connector, why),
        Some(Some(next)) if next <= now => unless_refused_before(observed, connector, why),
        Some(Some(next)) => Decision::Wait(WaitReason::BackOff(next)),
        Some(None) => Decision::Wait(WaitReason::InputMustChange),
    }
}

/// A password that another connector, or this one before its status was lost, has tried in vain is not sent again.
fn unless_refused_before(observed: &Observed, connector: &Connector, why: MintReason) -> Decision {
    match (observed.knowledge, &connector.method) {
        (Knowledge::PasswordRefusedBefore, Method::Password(_)) => {
            let subject = format!("host {}", connector.host);
            Decision::Reject(Rejection::new(OwnReason::PasswordRefusedBefore, subject))
        }
        (
            Knowledge::Clean
            | Knowledge::TokenRejected
            | Knowledge::InstanceGone
            | Knowledge::PasswordRefusedBefore,
            _,
        ) => Decision::Mint { why },
    }
}

#[cfg(test)]
mod tests;
