use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;

use super::*;
use crate::api::reasons::Refusal;
use crate::api::status::ApiUsageStatus;
use crate::core::model::observed::{Activity, Pace};
use crate::core::testing::fixtures::{self, after, fresh, held, kept, now, of, settled, spec};

/// A settled connector that wants an inventory, and has none yet.
fn wanting() -> Observed {
    let mut observed = settled();
    observed.source = fixtures::source(&spec(json!({ "inventory": {} })));
    observed
}

fn runs(observed: &Observed, now: Timestamp) -> bool {
    may_run(observed, &kept(observed), now)
}

fn ran(mut observed: Observed, at: Timestamp) -> Observed {
    let mut last = crate::core::inventory::summary::nothing();
    last.last_run_time = Some(Time(at));
    last.organization_id = Some(fixtures::ORGANIZATION.to_owned());
    observed.status.inventory = Some(last);
    observed
}

#[test]
fn an_inventory_is_taken_of_a_connector_that_works_and_wants_one() {
    assert!(runs(&wanting(), after(1)));
    assert!(!runs(&settled(), after(1)), "nobody asked for it");
    let suspended = Observed {
        activity: Activity::Suspended,
        ..wanting()
    };
    assert!(!runs(&suspended, after(1)));
    let mut untested = wanting();
    untested.status.connection_test = None;
    assert!(!runs(&untested, after(1)), "it says that it is ready first");
    let mut failed = wanting();
    let test = failed.status.connection_test.as_mut().unwrap();
    test.result = TestResult::Failed;
    assert!(!runs(&failed, after(1)));
    let refused = Outcome {
        tested: Some(fixtures::failed(of(&wanting()), Refusal::SessionExpired)),
        ..kept(&wanting())
    };
    assert!(
        !may_run(&wanting(), &refused, after(1)),
        "the test of this very pass failed"
    );
    assert!(!runs(&wanting(), after(7200)), "the token has expired");
    let pace = Pace {
        tests_from: Some(after(60)),
        ..Pace::default()
    };
    assert!(
        !runs(&Observed { pace, ..wanting() }, after(1)),
        "the budget of the instance is spent"
    );
}

#[test]
fn there_is_one_run_a_day_or_up_to_a_tenth_later() {
    let observed = |at| ran(wanting(), at);
    let hours = |hours| now() - SignedDuration::from_hours(hours);
    assert!(!runs(&observed(hours(23)), after(1)));
    assert!(runs(&observed(hours(27)), after(1)));
    assert!(runs(&observed(hours(-27)), after(1)), "a clock was wrong");
    let status = observed(now()).status;
    let next = next_moment(&observed(now()), &status, after(1)).unwrap();
    let wait = next.duration_since(now()).as_secs();
    assert!((86_400..=95_040).contains(&wait), "{wait}");
}

#[test]
fn a_first_run_is_looked_forward_to_once_the_first_test_has_succeeded_and_not_time_and_again() {
    let mut before = wanting();
    before.status.connection_test = None;
    let status = wanting().status;
    assert_eq!(next_moment(&before, &status, now()), Some(after(1)));
    assert_eq!(
        next_moment(&wanting(), &status, now()),
        None,
        "the resync comes soon enough"
    );
    assert_eq!(next_moment(&fresh(), &status, now()), None);
}

#[test]
fn another_org_under_the_same_host_is_read_at_once() {
    let mut refreshed = ran(wanting(), now());
    let mut token = held(of(&refreshed));
    token.identity.organization_id = "00Dx0000000OTHEREAK".to_owned();
    refreshed = fixtures::carrying(refreshed, token);
    assert_eq!(of_this_org(&refreshed), None);
    assert!(runs(&refreshed, after(1)));
}

#[test]
fn above_four_fifths_of_the_api_calls_a_run_is_skipped_and_so_it_is_at_a_further_host() {
    let with = |used| {
        let mut observed = wanting();
        let test = observed.status.connection_test.as_mut().unwrap();
        test.api_usage = Some(ApiUsageStatus { used, allowed: 100 });
        observed
    };
    let why = |observed: &Observed| skipped(observed, &kept(observed));
    assert_eq!((why(&with(79)), runs(&with(79), after(1))), (None, true));
    assert_eq!((why(&with(80)), runs(&with(80), after(1))), (Some(SCARCE), false));
    let mut elsewhere = wanting();
    elsewhere.held.as_mut().unwrap().instance_url = "https://gateway.acme.example".to_owned();
    assert_eq!(
        (why(&elsewhere), runs(&elsewhere, after(1))),
        (Some(FURTHER_HOST), false)
    );
}
