use serde_json::json;

use super::*;
use crate::api::reasons::Refusal;
use crate::core::conclude::conclude;
use crate::core::model::decision::{Decision, WaitReason};
use crate::core::model::observed::Activity;
use crate::core::schedule::time::signed;
use crate::core::secret::ownership::Target;
use crate::core::testing::fixtures;
use crate::core::testing::fixtures::{after, after_failure, asked_to_test, now, of, settled, spec};

const KEEP: Decision = Decision::Keep { test: None };

fn test(why: TestReason) -> Decision {
    Decision::Keep { test: Some(why) }
}

#[test]
fn each_reason_to_test() {
    assert_eq!(
        fixtures::decided(&asked_to_test(settled()), after(1)),
        test(TestReason::Requested)
    );

    let mut never_tested = settled();
    never_tested.status.connection_test = None;
    assert_eq!(
        fixtures::decided(&never_tested, after(1)),
        test(TestReason::First)
    );

    let edited = Observed {
        generation: 2,
        ..settled()
    };
    assert_eq!(fixtures::decided(&edited, after(1)), test(TestReason::First));

    let lost_its_secret = Observed {
        target: Target::Absent,
        ..settled()
    };
    assert_eq!(
        fixtures::decided(&lost_its_secret, after(1)),
        test(TestReason::Verification)
    );
}

#[test]
fn a_test_is_due_at_the_end_of_its_interval_or_up_to_a_tenth_earlier() {
    let observed = settled();
    let due = fixtures::next_test_of(&observed);
    assert!(
        (810..=900).contains(&(due.as_second() - now().as_second())),
        "{due}"
    );
    assert_eq!(
        fixtures::decided(&observed, due - signed(std::time::Duration::from_secs(1))),
        KEEP
    );
    assert_eq!(fixtures::decided(&observed, due), test(TestReason::Interval));
    let tested_here = Observed {
        last_test: Some(due),
        ..observed
    };
    assert_eq!(fixtures::decided(&tested_here, due), KEEP);
}

/// A connector with this test interval whose tests have failed since now, the last time after so many seconds.
fn failing(refusal: Refusal, interval: &str, last: i64) -> Observed {
    let fields = json!({ "connectionTest": { "interval": interval } });
    let mut observed = Observed {
        source: fixtures::source(&spec(fields)),
        ..settled()
    };
    let outcome = crate::core::model::outcome::Outcome {
        tested: Some(fixtures::failed(of(&observed), refusal)),
        ..fixtures::kept(&observed)
    };
    let conclusion = conclude(&observed, &test(TestReason::Interval), &outcome, now());
    observed.status = conclusion.status.unwrap();
    observed.last_test = Some(after(last));
    observed
}

/// Seconds from the last test to the next one.
fn wait_of(observed: &Observed) -> i64 {
    let due = fixtures::next_test_of(observed);
    due.as_second() - observed.last_test.unwrap().as_second()
}

#[test]
fn a_failed_test_is_repeated_as_its_class_says_and_within_the_interval() {
    let (passing, mended) = (Refusal::ApiLimitExceeded, Refusal::ApiDisabledForUser);
    for (refusal, interval, last, expected) in [
        (passing, "15m", 0, 120..=132),
        (passing, "15m", 300, 300..=330),
        (passing, "15m", 5_000, 810..=900),
        (passing, "24h", 5_000, 5_000..=5_500),
        (passing, "1m", 0, 54..=60),
        (mended, "15m", 300, 120..=132),
        (mended, "15m", 5_000, 810..=900),
        (mended, "24h", 5_000, 3_600..=3_960),
        (mended, "1m", 5_000, 54..=60),
    ] {
        let wait = wait_of(&failing(refusal, interval, last));
        assert!(expected.contains(&wait), "{refusal} {interval} {last}: {wait} s");
    }
}

#[test]
fn a_day_of_failed_tests_costs_few_calls_where_the_interval_is_long() {
    let tests_in_a_day = |refusal, interval| {
        let (mut tests, mut last) = (0, 0);
        while last < 24 * 3_600 {
            tests += 1;
            last += wait_of(&failing(refusal, interval, last));
        }
        tests
    };
    let passing = tests_in_a_day(Refusal::ApiLimitExceeded, "24h");
    assert!((8..=12).contains(&passing), "{passing} tests");
    let mended = tests_in_a_day(Refusal::ApiDisabledForUser, "24h");
    assert!((28..=33).contains(&mended), "{mended} tests");
}

#[test]
fn no_test_runs_by_itself_before_the_time_that_salesforce_has_asked_for() {
    let mut observed = failing(Refusal::ApiLimitExceeded, "15m", 0);
    let asked = |observed: &mut Observed, until: i64| {
        let test = observed.status.connection_test.as_mut().unwrap();
        test.next_test_time = Some(Time(after(until)));
    };
    asked(&mut observed, 3_600);
    assert_eq!(wait_of(&observed), 3_600);
    assert_eq!(fixtures::decided(&observed, after(3_599)), KEEP);
    assert_eq!(
        fixtures::decided(&observed, after(3_600)),
        test(TestReason::Interval)
    );
    assert_eq!(
        fixtures::decided(&asked_to_test(observed.clone()), after(1)),
        test(TestReason::Requested)
    );
    asked(&mut observed, 60);
    assert!((120..=132).contains(&wait_of(&observed)));
}

#[test]
fn a_token_that_could_not_be_verified_is_tested_again_under_the_same_back_off() {
    let unverified = Observed {
        target: Target::Absent,
        ..settled()
    };
    let failed = after_failure(unverified, Some(after(60)));
    assert_eq!(fixtures::decided(&failed, after(59)), KEEP);
    assert_eq!(
        fixtures::decided(&failed, after(60)),
        test(TestReason::Verification)
    );
    assert_eq!(
        fixtures::decided(&asked_to_test(failed), after(1)),
        test(TestReason::Verification)
    );
}

/// A token whose renewal is due, or is wanted for another reason, and waits for the next attempt; the next test is due.
fn waiting_for_another_token(next: Option<Timestamp>) -> Vec<Observed> {
    let due = after_failure(settled(), next);
    let mut other_inputs = due.clone();
    other_inputs.held.as_mut().unwrap().inputs_digest =
        crate::core::model::digest::Digest::from_text("another");
    vec![due, other_inputs]
}

#[test]
fn a_token_in_use_goes_on_being_tested_while_its_renewal_waits() {
    for next in [None, Some(after(7100))] {
        for observed in waiting_for_another_token(next) {
            let at = after(7000);
            assert_eq!(fixtures::decided(&observed, at), test(TestReason::Interval));
            let tested = Observed {
                last_test: Some(at),
                ..observed.clone()
            };
            assert_eq!(fixtures::decided(&tested, at), KEEP);
            assert_eq!(
                fixtures::decided(&asked_to_test(tested), at),
                test(TestReason::Requested)
            );
        }
    }
}

#[test]
fn an_expired_token_is_tested_only_where_somebody_asks() {
    let next = after(9000);
    for observed in waiting_for_another_token(Some(next)) {
        let at = after(7200);
        assert_eq!(
            fixtures::decided(&observed, at),
            Decision::Wait(WaitReason::BackOff(next))
        );
        assert_eq!(
            fixtures::decided(&asked_to_test(observed), at),
            test(TestReason::Requested)
        );
    }
}

#[test]
fn no_token_is_tested_that_can_not_be_or_was_just_now() {
    let asked = asked_to_test(after_failure(settled(), None));
    let tokenless = Observed {
        held: None,
        ..asked.clone()
    };
    for evidence in [Evidence::TokenRejected, Evidence::InstanceGone] {
        assert_eq!(meanwhile(&asked, evidence, after(1)), None, "{evidence:?}");
    }
    let suspended = Observed {
        activity: Activity::Suspended,
        ..asked.clone()
    };
    let foreign =
        crate::core::model::rejection::Rejection::new(crate::api::reasons::OwnReason::SecretNotOwned, "");
    let refused = Observed {
        target: Target::Refused(foreign),
        ..asked.clone()
    };
    for observed in [&tokenless, &suspended, &refused] {
        assert_eq!(meanwhile(observed, Evidence::None, after(7000)), None);
        assert!(
            !matches!(fixtures::decided(observed, after(7000)), Decision::Keep { .. }),
            "{observed:?}"
        );
    }
    assert_eq!(
        meanwhile(&asked, Evidence::None, after(7000)),
        Some(TestReason::Requested)
    );
}

#[test]
fn a_test_that_could_not_be_made_is_made_up_for_once_there_is_a_token() {
    let mut observed = settled();
    let reason = Refusal::SalesforceUnavailable.into();
    observed.status.connection_test = Some(impossible(reason, "", now()));
    assert_eq!(fixtures::decided(&observed, after(1)), test(TestReason::Interval));
}

#[test]
fn without_a_budget_only_a_first_test_runs() {
    let spent = |observed: Observed| Observed {
        pace: crate::core::model::observed::Pace {
            tests_from: Some(after(5000)),
            ..observed.pace
        },
        ..observed
    };
    let due = fixtures::next_test_of(&settled());
    let edited = Observed {
        generation: 2,
        ..settled()
    };
    let mut never_tested = settled();
    never_tested.status.connection_test = None;
    let decided = [
        fixtures::decided(&spent(settled()), due),
        fixtures::decided(&spent(edited), after(1)),
        fixtures::decided(&spent(never_tested), after(1)),
    ];
    assert_eq!(decided, [KEEP, KEEP, test(TestReason::First)]);
}

#[test]
fn where_the_org_has_used_four_fifths_of_its_calls_only_requested_tests_run_until_the_next_day() {
    let mut observed = settled();
    let used = |observed: &mut Observed, used: i64| {
        let test = observed.status.connection_test.as_mut().unwrap();
        test.api_usage = Some(crate::api::status::ApiUsageStatus {
            used,
            allowed: 15_000,
        });
    };
    used(&mut observed, 11_999);
    let hour = after(3599);
    assert_eq!(fixtures::decided(&observed, hour), test(TestReason::Interval));
    used(&mut observed, 12_000);
    assert_eq!(fixtures::decided(&observed, hour), KEEP);
    let edited = Observed {
        generation: 2,
        ..observed.clone()
    };
    assert_eq!(fixtures::decided(&edited, hour), KEEP);
    assert_eq!(
        fixtures::decided(&asked_to_test(observed.clone()), hour),
        test(TestReason::Requested)
    );
    let next = fixtures::next_test_of(&observed);
    assert_eq!(next, after(24 * 3600));
}
