//! What is to be done for a connector with a stored grant?

use jiff::Timestamp;
use redeem::GrantProblem;

use crate::api::Reason;
use crate::api::reasons::OwnReason;
use crate::api::status::LoginResult;
use crate::core::decide::permission::permitted;
use crate::core::decide::test_due::{due_test, instead_of_waiting, meanwhile};
use crate::core::decide::token_due::{retry_due, token_due};
use crate::core::grant::view::Business;
use crate::core::grant::{candidate, keep_alive};
use crate::core::model::decision::{Decision, Evidence, MintReason, WaitReason};
use crate::core::model::observed::{GrantSource, Observed};
use crate::core::model::rejection::Rejection;
use crate::core::secret::ownership::Target;

pub(super) fn decide(
    observed: &Observed,
    source: &GrantSource,
    evidence: Evidence,
    now: Timestamp,
) -> Decision {
    if source.login.code().is_some() && observed.is_at_work() && source.view.claim.elsewhere().is_none() {
        return Decision::Mint {
            why: MintReason::Login,
        };
    }
    if let Some(rejection) = impossible(observed, source) {
        return Decision::Reject(rejection);
    }
    if observed.missing.is_some() {
        let test = meanwhile(observed, evidence, now);
        return Decision::Keep { test };
    }
    if let Target::Refused(rejection) = &observed.target {
        let needed = for_the_grant(observed, source, now);
        let now_needed = needed.filter(|decision| matches!(decision, Decision::Mint { .. }));
        return now_needed.unwrap_or_else(|| Decision::Reject(rejection.clone()));
    }
    if observed.is_suspended() {
        return for_the_grant(observed, source, now).unwrap_or(Decision::Wait(WaitReason::Suspended));
    }
    let decision = match wanted(observed, source, evidence, now) {
        Some(why) => permitted(observed, &source.connector, why, now),
        None => Decision::Keep {
            test: due_test(observed, &source.connector, now),
        },
    };
    instead_of_waiting(decision, observed, evidence, now)
}

/// Why nothing can be done at all: the connector is another installation's, or there is no grant to go on with.
fn impossible(observed: &Observed, source: &GrantSource) -> Option<Rejection> {
    if let Some(claimant) = source.view.claim.elsewhere() {
        let problem = GrantProblem::ClaimedByAnotherInstallation;
        return Some(Rejection::new(problem, claimant.subject()));
    }
    if let Some(fault) = &source.settings.fault
        && !source.view.has_life()
    {
        return Some(fault.clone());
    }
    if let Some(away) = source.view.away_from_home(&source.connector) {
        return Some(away);
    }
    (source.view.business() == Business::NobodyCame).then(|| nobody_came(observed))
}

/// Nobody has authorized the connector, or somebody has and the code brought no grant: that person must log in once more.
fn nobody_came(observed: &Observed) -> Rejection {
    let last = observed.status.last_login.as_ref();
    let Some(failed) = last.filter(|login| login.result == LoginResult::Failed) else {
        return Rejection::new(GrantProblem::AuthorizationRequired, "");
    };
    let spent = Reason::Own(OwnReason::LoginCodeUsed);
    let problem = if failed.reason.as_deref().and_then(Reason::parse) == Some(spent) {
        GrantProblem::ReauthorizationRequired
    } else {
        GrantProblem::AuthorizationRequired
    };
    Rejection::new(problem, format!("the last login failed: {}", failed.message))
}

/// What a stored grant needs even where nobody wants its token, or it can't be delivered: to be kept alive; and to have it found
/// out how an attempt ended that is still open, as a person may have to act, and doesn't know yet.
fn for_the_grant(observed: &Observed, source: &GrantSource, now: Timestamp) -> Option<Decision> {
    // What is known of a candidate beside a grant that works is not asked about more often here.
    let known = works(source) && candidate::is_left_alone(observed, source, now);
    let why = if keep_alive::is_due(observed, now) {
        MintReason::KeepAlive
    } else if !known && source.view.has_attempt() {
        MintReason::GrantOpen
    } else {
        return None;
    };
    Some(permitted(observed, &source.connector, why, now))
}

/// The first reason to obtain a token, if there is any. A grant that works is renewed in time whatever else is open: a
/// candidate may be refused for ever, and must not let it lapse.
fn wanted(
    observed: &Observed,
    source: &GrantSource,
    evidence: Evidence,
    now: Timestamp,
) -> Option<MintReason> {
    if observed.renewal_requested() {
        return Some(MintReason::Requested);
    }
    let connector = &source.connector;
    let business = source.view.business() == Business::Open;
    if business && !works(source) {
        return Some(MintReason::GrantOpen);
    }
    let open = business && !candidate::is_left_alone(observed, source, now);
    let Some(held) = &observed.held else {
        return Some(MintReason::NoToken);
    };
    // An app that was changed together with the bootstrap token is not sent the token of before.
    if held.inputs_digest != connector.inputs_digest && !open {
        return Some(MintReason::InputsChanged);
    }
    if let Some(why) = token_due(observed, connector, held, evidence, now) {
        return Some(why);
    }
    if keep_alive::is_due(observed, now) {
        return Some(MintReason::KeepAlive);
    }
    if open || source.view.claim.inherited().is_some() {
        return Some(MintReason::GrantOpen);
    }
    retry_due(observed, connector, held).then_some(MintReason::Retry)
}

fn works(source: &GrantSource) -> bool {
    source.view.works(&source.connector.expect)
}
