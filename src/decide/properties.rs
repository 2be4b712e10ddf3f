//! What holds in every situation, whatever came before? Properties over random situations.

use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;

use super::conclude::{Minted, Outcome, SecretOutcome, conclude};
use super::digest::Digest;
use super::fixtures::{self, after, carrying, fresh, kept, of, settled};
use super::observed::{Activity, Knowledge, Observed};
use super::schedule::signed;
use super::test_due::next_test;
use super::{Decision, decide};
use crate::api::reasons::Refusal;

mod grants;

/// Any situation that can be made of the knobs below.
fn situation() -> impl Strategy<Value = Observed> {
    let next = prop_oneof![Just(None), (-4000..8000_i64).prop_map(Some)];
    let failed = prop_oneof![Just(None), (next, any::<bool>()).prop_map(Some)];
    let token = prop_oneof![
        Just(None),
        (-8000..8000_i64, any::<bool>(), any::<bool>()).prop_map(Some)
    ];
    let flags = (
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        1..10_000_u64,
    );
    (failed, token, flags).prop_map(|(failed, token, (renew, test, suspended, rejected, sweep))| {
        let mut observed = fresh();
        if let Some((expires, same_inputs, in_secret)) = token {
            let mut held = fixtures::held(of(&observed));
            held.expiration.time = after(expires);
            if !same_inputs {
                held.inputs_digest = Digest::from_text("another");
            }
            if in_secret {
                observed = carrying(settled(), held);
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
        observed.resync_period = Duration::from_secs(sweep);
        if suspended {
            observed.activity = Activity::Suspended;
        }
        if rejected {
            observed.knowledge = Knowledge::TokenRejected;
        }
        observed
    })
}

/// How Salesforce answers, where it is asked.
#[derive(Debug, Clone, Copy)]
enum Answer {
    Good,
    Refused(Refusal),
    Misplaced(Refusal),
}

fn answer() -> impl Strategy<Value = Answer> {
    let refusal = proptest::sample::select(Refusal::ALL);
    prop_oneof![
        Just(Answer::Good),
        refusal.clone().prop_map(Answer::Refused),
        refusal.prop_map(Answer::Misplaced),
    ]
}

/// What comes of a decision, and how things stand afterwards, but for the status.
fn acted(observed: &Observed, decision: &Decision, answer: Answer, now: Timestamp) -> (Outcome, Observed) {
    let before = Observed {
        knowledge: Knowledge::Clean,
        ..observed.clone()
    };
    match (decision, answer) {
        (Decision::Mint { why }, Answer::Good) => {
            let mut held = fixtures::held(of(observed));
            held.issue_time = now;
            held.expiration.time = now + signed(Duration::from_hours(2));
            let outcome = Outcome {
                grant: None,
                held: Some(held.clone()),
                minted: Some(Minted::Obtained { why: *why }),
                ..fixtures::first_success(observed)
            };
            (outcome, carrying(before, held))
        }
        (Decision::Mint { .. }, Answer::Refused(refusal)) => (fixtures::refused(observed, refusal), before),
        (Decision::Mint { why }, Answer::Misplaced(refusal)) => {
            let outcome = Outcome {
                grant: None,
                held: None,
                minted: Some(Minted::Obtained { why: *why }),
                tested: Some(fixtures::failed(of(observed), refusal)),
                secret: SecretOutcome::Withheld,
            };
            (outcome, before)
        }
        (Decision::Keep { test: Some(_) }, Answer::Good) => {
            let tested = Some(fixtures::passed(of(observed)));
            let outcome = Outcome {
                grant: None,
                tested,
                secret: SecretOutcome::InStep,
                ..kept(observed)
            };
            let held = observed.held.clone().unwrap();
            (outcome, carrying(before, held))
        }
        (Decision::Keep { test: Some(_) }, Answer::Refused(refusal) | Answer::Misplaced(refusal)) => {
            let tested = Some(fixtures::failed(of(observed), refusal));
            (
                Outcome {
                    tested,
                    ..kept(observed)
                },
                before,
            )
        }
        (Decision::Keep { test: None } | Decision::Wait(_) | Decision::Reject(_), _) => {
            (kept(observed), before)
        }
    }
}

proptest! {
    #[test]
    fn time_alone_never_takes_back_the_decision_to_obtain_a_token(
        observed in situation(), early in -9000..9000_i64, later in 0..100_000_i64,
    ) {
        let first = decide(&observed, after(early));
        if matches!(first, Decision::Mint { .. }) {
            let then = decide(&observed, after(early + later));
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
            failures.next_attempt_time.as_ref().is_none_or(|next| next.0 > after(at))
        });
        if waiting && !observed.renewal_requested() {
            let decision = decide(&observed, after(at));
            let sends = matches!(decision, Decision::Mint { .. });
            prop_assert!(!sends, "{:?}", decision);
        }
    }

    #[test]
    fn a_token_in_use_is_tested_when_a_test_is_due_unless_another_one_is_obtained(
        observed in situation(), at in -9000..9000_i64,
    ) {
        let active = observed.activity == Activity::Active && observed.knowledge == Knowledge::Clean;
        let held = observed.held.as_ref();
        let verified = held.is_some_and(|held| observed.identity_verified(held));
        let alive = held.is_some_and(|held| held.expiration.time > after(at));
        let due = next_test(&observed, of(&observed)).is_some_and(|due| due <= after(at)) && alive;
        if active && verified && (due || observed.test_requested()) {
            let decision = decide(&observed, after(at));
            let tests = matches!(decision, Decision::Keep { test: Some(_) } | Decision::Mint { .. });
            prop_assert!(tests, "{:?}", decision);
        }
    }

    #[test]
    fn who_asks_for_a_test_is_answered_unless_a_token_is_obtained_first(
        observed in situation(), at in -9000..9000_i64, answer in answer(),
    ) {
        let decision = decide(&observed, after(at));
        let active = observed.activity == Activity::Active && observed.knowledge == Knowledge::Clean;
        if active && observed.test_requested() && !matches!(decision, Decision::Mint { .. }) {
            let (outcome, left) = acted(&observed, &decision, answer, after(at));
            let left = fixtures::reported(left, conclude(&observed, &decision, &outcome, after(at)));
            prop_assert!(!left.test_requested(), "{:?}", decision);
        }
    }

    #[test]
    fn nothing_is_sent_while_suspended(observed in situation(), at in -9000..9000_i64) {
        if observed.activity == Activity::Suspended {
            prop_assert_eq!(decide(&observed, after(at)), Decision::Wait(super::WaitReason::Suspended));
        }
    }

    #[test]
    fn a_second_look_writes_nothing(observed in situation(), at in -9000..9000_i64, answer in answer()) {
        let decision = decide(&observed, after(at));
        let (outcome, left) = acted(&observed, &decision, answer, after(at));
        let left = fixtures::reported(left, conclude(&observed, &decision, &outcome, after(at)));
        let again = decide(&left, after(at));
        if matches!(again, Decision::Mint { .. } | Decision::Keep { test: Some(_) }) {
            // There is more to do, and so there may be more to say; a login or a test is never repeated at once.
            let repeated = matches!(decision, Decision::Mint { .. }) && matches!(again, Decision::Mint { .. });
            prop_assert!(!repeated, "{:?} after {:?}", again, decision);
        } else {
            let second = conclude(&left, &again, &kept(&left), after(at));
            prop_assert_eq!((second.status, second.events), (None, vec![]), "{:?} after {:?}", again, decision);
        }
    }

    #[test]
    fn the_next_look_is_neither_at_once_nor_after_the_sweep(
        observed in situation(), at in -9000..9000_i64, answer in answer(),
    ) {
        let decision = decide(&observed, after(at));
        let (outcome, _) = acted(&observed, &decision, answer, after(at));
        let next = conclude(&observed, &decision, &outcome, after(at)).next;
        let sweep = observed.resync_period.mul_f64(1.1);
        prop_assert!(next >= Duration::from_secs(1) && next <= sweep.max(Duration::from_secs(1)), "{next:?}");
    }
}
