//! What holds in every situation, whatever came before? Properties over random situations.

use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::json;

use crate::api::reasons::{OwnReason, Refusal};
use crate::core::decide::decide;
use crate::core::decide::test_due::next_test;
use crate::core::model::decision::{Decision, Evidence, WaitReason};
use crate::core::model::digest::Digest;
use crate::core::model::observed::{Activity, Observed};
use crate::core::pass::connection_test::{TestAnswer, TestCall};
use crate::core::pass::{PassEffect, PassReply, TokenReply};
use crate::core::testing::driver::{self, Ran};
use crate::core::testing::fixtures::{self, after, carrying, fresh, of, settled};

mod grants;

/// Any situation that can be made of the knobs below.
fn situation() -> impl Strategy<Value = Observed> {
    let next = prop_oneof![Just(None), (-4000..8000_i64).prop_map(Some)];
    let failed = prop_oneof![Just(None), (next, any::<bool>()).prop_map(Some)];
    let token = prop_oneof![
        Just(None),
        (-8000..8000_i64, any::<bool>(), any::<bool>()).prop_map(Some)
    ];
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), 1..10_000_u64);
    let parts = (failed, token, flags, rotation());
    parts.prop_map(|(failed, token, (renew, test, suspended, resync), rotation)| {
        let mut observed = fresh();
        let mut previous = None;
        if let Some((of_previous, refused)) = rotation {
            observed.source = fixtures::source(&fixtures::rotated(&json!({ "clientCredentials": {} })));
            let connector = of(&observed);
            previous = connector.with_previous_credentials().filter(|_| of_previous);
            observed.status.credentials_failures = refused.map(|next| {
                let reason = OwnReason::PreviousCredentialsInUse;
                fixtures::failures(connector, reason, Some(after(next)))
            });
        }
        if let Some((expires, same_inputs, in_secret)) = token {
            let mut held = fixtures::held(of(&observed));
            held.expiration.time = after(expires);
            if let Some(previous) = previous {
                held.inputs_digest = previous.inputs_digest;
            }
            if !same_inputs {
                held.inputs_digest = Digest::from_text("another");
            }
            if in_secret {
                let before = settled();
                let mut status = before.status;
                status.credentials_failures = observed.status.credentials_failures.clone();
                let source = observed.source.clone();
                observed = carrying(
                    Observed {
                        status,
                        source,
                        ..before
                    },
                    held,
                );
            } else {
                observed.held = Some(held);
            }
        }
        if let Some((next, same_inputs)) = failed {
            let failures = fixtures::failures(of(&observed), Refusal::SalesforceUnavailable, next.map(after));
            observed.status.failures = Some(failures);
            if !same_inputs {
                observed.status.failures.as_mut().unwrap().inputs_digest = Some("another".into());
            }
        }
        observed.requests.renew = renew.then(|| "1".into());
        observed.requests.test = test.then(|| "1".into());
        observed.resync_period = Duration::from_secs(resync);
        if suspended {
            observed.activity = Activity::Suspended;
        }
        observed
    })
}

/// Previous credentials: whether the held token is theirs, and when the current ones are tried again, if they were refused.
fn rotation() -> impl Strategy<Value = Option<(bool, Option<i64>)>> {
    let refused = prop_oneof![Just(None), (-4000..8000_i64).prop_map(Some)];
    prop_oneof![Just(None), (any::<bool>(), refused).prop_map(Some)]
}

/// How Salesforce answers, where it is asked.
#[derive(Debug, Clone, Copy)]
enum SalesforceAnswer {
    Good,
    Refused(Refusal),
    Misplaced(Refusal),
}

fn answer() -> impl Strategy<Value = SalesforceAnswer> {
    let refusal = proptest::sample::select(Refusal::ALL);
    prop_oneof![
        Just(SalesforceAnswer::Good),
        refusal.clone().prop_map(SalesforceAnswer::Refused),
        refusal.prop_map(SalesforceAnswer::Misplaced),
    ]
}

/// A pass over a connector, and how everything is afterwards.
fn passed(observed: &Observed, answer: SalesforceAnswer, now: Timestamp) -> Ran {
    driver::run_with(observed, now, |effect| match (effect, answer) {
        (PassEffect::RequestToken { .. }, SalesforceAnswer::Refused(refusal)) => {
            let failure = Box::new(fixtures::failure(refusal));
            Some(PassReply::Token(TokenReply::Refused(failure)))
        }
        (
            PassEffect::Test {
                call: TestCall::Identity(..),
                ..
            },
            SalesforceAnswer::Refused(refusal) | SalesforceAnswer::Misplaced(refusal),
        ) => {
            let refused = TestAnswer::Identity(Err(fixtures::failure(refusal)));
            Some(PassReply::Test(refused, fixtures::LATENCY))
        }
        _ => None,
    })
}

/// Whether a pass logged in.
fn logs_in(ran: &Ran) -> bool {
    ran.effects.contains(&"RequestToken")
}

/// Whether a pass tested the connection.
fn tests(ran: &Ran) -> bool {
    ran.effects.contains(&"TestVersions")
}

proptest! {
    /// From when on all that is recorded can have happened: before, a clock was wrong.
    #[test]
    fn time_alone_never_takes_back_the_decision_to_obtain_a_token(
        observed in situation(), rejected in any::<bool>(), early in -120..9000_i64, later in 0..100_000_i64,
    ) {
        let evidence = if rejected { Evidence::TokenRejected } else { Evidence::None };
        let first = decide(&observed, evidence, after(early));
        if matches!(first, Decision::Mint { .. }) {
            let then = decide(&observed, evidence, after(early + later));
            prop_assert!(matches!(then, Decision::Mint { .. }), "{first:?}, and then {then:?}");
        }
    }

    #[test]
    fn nothing_is_sent_within_the_back_off_unless_inputs_changed_or_somebody_asks(
        observed in situation(), at in -9000..9000_i64,
    ) {
        let same_inputs = observed.status.failures.as_ref().filter(|failures| {
            failures.inputs_digest.as_deref() == Some(of(&observed).attempt_digest.as_str())
        });
        let waiting = same_inputs.is_some_and(|failures| {
            let begun = failures.last_failure_time.0 <= after(at + 120);
            failures.next_attempt_time.as_ref().is_none_or(|next| begun && next.0 > after(at))
        });
        if waiting && !observed.renewal_requested() {
            let decision = fixtures::decided(&observed, after(at));
            let sends = matches!(decision, Decision::Mint { .. });
            prop_assert!(!sends, "{:?}", decision);
        }
    }

    #[test]
    fn a_token_in_use_is_tested_when_a_test_is_due_unless_another_one_is_obtained(
        observed in situation(), at in -9000..9000_i64,
    ) {
        let active = observed.activity == Activity::Active;
        let held = observed.held.as_ref();
        let verified = held.is_some_and(|held| observed.identity_verified(held));
        let alive = held.is_some_and(|held| held.expiration.time > after(at));
        let last = observed.status.connection_test.as_ref();
        let uid = &observed.owner.uid;
        let due = last.map(|last| next_test(last, observed.last_test, of(&observed), uid));
        let due = due.is_some_and(|due| due <= after(at)) && alive;
        if active && verified && (due || observed.test_requested()) {
            let decision = fixtures::decided(&observed, after(at));
            let tests = matches!(decision, Decision::Keep { test: Some(_) } | Decision::Mint { .. });
            prop_assert!(tests, "{:?}", decision);
        }
    }

    #[test]
    fn who_asks_for_a_test_is_answered_unless_a_token_is_obtained_first(
        observed in situation(), at in -9000..9000_i64, answer in answer(),
    ) {
        let ran = passed(&observed, answer, after(at));
        if observed.activity == Activity::Active && observed.test_requested() && !logs_in(&ran) {
            prop_assert!(!ran.left.test_requested(), "{:?}", ran.report().decision);
        }
    }

    #[test]
    fn nothing_is_sent_while_suspended(observed in situation(), at in -9000..9000_i64, answer in answer()) {
        if observed.activity == Activity::Suspended {
            let ran = passed(&observed, answer, after(at));
            prop_assert_eq!(&ran.report().decision, &Decision::Wait(WaitReason::Suspended));
            prop_assert!(!logs_in(&ran) && !tests(&ran), "{:?}", ran.effects);
        }
    }

    #[test]
    fn a_second_look_writes_nothing(observed in situation(), at in -9000..9000_i64, answer in answer()) {
        let first = passed(&observed, answer, after(at));
        let again = passed(&first.left, answer, after(at));
        let (before, then) = (&first.report().decision, &again.report().decision);
        if logs_in(&again) || tests(&again) {
            // There is more to do, and so there may be more to say; a login or a test is never repeated at once.
            prop_assert!(!(logs_in(&first) && logs_in(&again)), "{:?} after {:?}", then, before);
        } else {
            let written = ["CreateSecret", "UpdateSecret", "WriteStatus"];
            let wrote = again.effects.iter().any(|effect| written.contains(effect));
            let events = &again.report().events;
            prop_assert!(!wrote && events.is_empty(), "{:?} after {:?}: {:?}", then, before, again.effects);
        }
    }

    #[test]
    fn the_next_look_is_neither_at_once_nor_after_the_resync(
        observed in situation(), at in -9000..9000_i64, answer in answer(),
    ) {
        let next = passed(&observed, answer, after(at)).report().next;
        let resync = observed.resync_period.mul_f64(1.1);
        prop_assert!(next >= Duration::from_secs(1) && next <= resync.max(Duration::from_secs(1)), "{next:?}");
    }

    #[test]
    fn one_login_a_pass_for_each_pair_of_credentials_and_only_a_verified_token_reaches_the_secret(
        observed in situation(), at in -9000..9000_i64, answer in answer(),
    ) {
        let ran = passed(&observed, answer, after(at));
        let position = |name| ran.effects.iter().position(|effect| *effect == name);
        let logins = ran.effects.iter().filter(|effect| **effect == "RequestToken").count();
        let most = if of(&observed).previous_credentials.is_some() { 2 } else { 1 };
        prop_assert!(logins <= most, "{:?}", ran.effects);
        let verified = observed.held.as_ref().is_some_and(|held| observed.identity_verified(held));
        let written = position("CreateSecret").or(position("UpdateSecret"));
        if let (Some(written), false) = (written, verified) {
            let tested = position("TestOrganization");
            prop_assert!(tested.is_some_and(|tested| tested < written), "{:?}", ran.effects);
        }
    }
}
