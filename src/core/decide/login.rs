//! What is to be done for a connector that logs in?

use jiff::Timestamp;

use crate::api::reasons::OwnReason;
use crate::core::decide::credentials::trial_due;
use crate::core::decide::permission::permitted;
use crate::core::decide::test_due::{due_test, instead_of_waiting, meanwhile};
use crate::core::decide::token_due::{retry_due, token_due};
use crate::core::model::connector::Connector;
use crate::core::model::decision::{Decision, Evidence, MintReason, WaitReason};
use crate::core::model::observed::{LoginSource, Observed};
use crate::core::model::rejection::Rejection;
use crate::core::secret::ownership::Target;

pub(super) fn decide(
    observed: &Observed,
    source: &LoginSource,
    evidence: Evidence,
    now: Timestamp,
) -> Decision {
    let connector = &source.connector;
    if let Target::Refused(rejection) = &observed.target {
        return Decision::Reject(rejection.clone());
    }
    if observed.is_suspended() {
        return Decision::Wait(WaitReason::Suspended);
    }
    if observed.missing.is_some() {
        let test = meanwhile(observed, evidence, now);
        return Decision::Keep { test };
    }
    let decision = match wanted(observed, source, evidence, now) {
        Some(why) => {
            // What a test of this pass has shown is worth an attempt, which says that the password is not sent.
            let refused = source.password_refused && evidence == Evidence::None;
            unless_refused_before(refused, connector, why, permitted(observed, connector, why, now))
        }
        None => Decision::Keep {
            test: due_test(observed, connector, now),
        },
    };
    instead_of_waiting(decision, observed, evidence, now)
}

/// The first reason to obtain a token, if there is any.
fn wanted(
    observed: &Observed,
    source: &LoginSource,
    evidence: Evidence,
    now: Timestamp,
) -> Option<MintReason> {
    if observed.renewal_requested() {
        return Some(MintReason::Requested);
    }
    let Some(held) = &observed.held else {
        return Some(MintReason::NoToken);
    };
    let connector = &source.connector;
    if !connector.has_inputs(&held.inputs_digest) {
        return Some(MintReason::InputsChanged);
    }
    let trial = || !source.password_refused && trial_due(observed, connector, held, now);
    token_due(observed, connector, held, evidence, now)
        .or_else(|| retry_due(observed, connector, held).then_some(MintReason::Retry))
        .or_else(|| trial().then_some(MintReason::CredentialsTrial))
}

/// A password that another connector, or this one before its status was lost, has sent without success is not sent again,
/// unless somebody asks for it.
fn unless_refused_before(
    refused: bool,
    connector: &Connector,
    why: MintReason,
    decision: Decision,
) -> Decision {
    match decision {
        Decision::Mint { .. } if refused && why != MintReason::Requested => {
            let subject = format!("host {}", connector.host);
            Decision::Reject(Rejection::new(OwnReason::PasswordRefusedBefore, subject))
        }
        decision => decision,
    }
}
