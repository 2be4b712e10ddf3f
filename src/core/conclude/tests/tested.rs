//! What is told of a connection test, and who is answered that asked for something?

use super::*;
use crate::api::status::LastHandledStatus;
use crate::core::model::observed::{Activity, Source};
use crate::core::model::rejection::Rejection;

#[test]
fn a_test_reports_its_result_and_a_transient_failure_leaves_ready_unchanged() {
    let observed = settled();
    for (refusal, ready) in [
        (Refusal::SalesforceUnavailable, "Ready: True TokenValid"),
        (Refusal::ForbiddenByNetwork, "Ready: True TokenValid"),
        (Refusal::ApiDisabledForUser, "Ready: False ApiDisabledForUser"),
        (Refusal::SessionExpired, "Ready: False SessionEnded"),
    ] {
        let outcome = tested(&observed, failed(of(&observed), refusal));
        let conclusion = conclude(&observed, &TEST, &outcome, after(900));
        let found = conditions(written(&conclusion));
        assert_eq!(found[0], ready);
        assert_eq!(found[3], format!("ConnectionTested: False {refusal}"));
        assert_eq!(written(&conclusion).failures, None, "no login was tried");
    }
}

#[test]
fn an_unchanged_test_is_recorded_hourly_and_a_changed_or_requested_one_at_once() {
    let observed = settled();
    let again = tested(&observed, fixtures::passed(of(&observed)));
    let recorded = |observed: &Observed, outcome: &Outcome, at: i64| {
        let conclusion = conclude(observed, &TEST, outcome, after(at));
        conclusion
            .status
            .and_then(|status| status.connection_test)
            .map(|test| test.last_test_time.0)
    };
    assert_eq!(recorded(&observed, &again, 900), None);
    assert_eq!(recorded(&observed, &again, 3599), None);
    assert_eq!(recorded(&observed, &again, 3600), Some(after(3600)));

    let mut slower = again.clone();
    for step in slower.tested.iter_mut().flat_map(|report| &mut report.steps) {
        step.latency_milliseconds = Some(900);
    }
    assert_eq!(
        recorded(&observed, &slower, 900),
        None,
        "a latency alone is no change"
    );

    let mut other = again.clone();
    other.tested = Some(failed(of(&observed), Refusal::SalesforceUnavailable));
    assert_eq!(recorded(&observed, &other, 900), Some(after(900)));

    let mut asked = observed;
    asked.requests.test = Some("now".into());
    assert_eq!(recorded(&asked, &again, 60), Some(after(60)));
}

#[test]
fn a_failed_test_is_written_down_once_with_what_its_repetition_depends_on() {
    let observed = settled();
    let failed_at = |observed: Observed, refusal: Refusal, retry_after: Option<u64>, at: i64| {
        let mut report = failed(of(&observed), refusal);
        if let crate::core::pass::connection_test::TestVerdict::Failed {
            retry_after: asked, ..
        } = &mut report.verdict
        {
            *asked = retry_after.map(Duration::from_secs);
        }
        let outcome = tested(&observed, report);
        let conclusion = conclude(&observed, &TEST, &outcome, after(at));
        let written = conclusion.status.is_some();
        (reported(observed, conclusion), written)
    };
    let noted = |observed: &Observed| {
        let test = observed.status.connection_test.clone().unwrap();
        let seconds = |time: Option<Time>| time.map(|time| time.0.as_second() - now().as_second());
        (seconds(test.first_failure_time), seconds(test.next_test_time))
    };
    let limit = Refusal::ApiLimitExceeded;
    assert_eq!(noted(&observed), (None, None));
    let (observed, _) = failed_at(observed, limit, None, 900);
    assert_eq!(noted(&observed), (Some(900), None));
    let (observed, written) = failed_at(observed, limit, Some(60), 1_020);
    assert_eq!(
        (noted(&observed), written),
        ((Some(900), None), false),
        "sooner than usual"
    );
    let (observed, _) = failed_at(observed, limit, Some(1_800), 1_140);
    assert_eq!(noted(&observed), (Some(900), Some(2_940)));
    let (observed, _) = failed_at(observed, Refusal::BadGateway, None, 2_940);
    assert_eq!(
        noted(&observed),
        (Some(900), None),
        "it goes on with another problem"
    );
    let (observed, _) = failed_at(observed, Refusal::SessionExpired, None, 3_000);
    assert_eq!(noted(&observed), (Some(900), None));
    let good = tested(&observed, fixtures::passed(of(&observed)));
    let conclusion = conclude(&observed, &TEST, &good, after(3_100));
    assert_eq!(noted(&reported(observed, conclusion)), (None, None));
}

#[test]
fn requests_are_echoed_once_they_have_been_carried_out() {
    let mut observed = settled();
    observed.requests.test = Some("t".into());
    observed.requests.renew = Some("r".into());
    let echoed = |conclusion: Conclusion| conclusion.status.and_then(|status| status.last_handled);
    let handled = |test: Option<&str>, renew: Option<&str>| LastHandledStatus {
        test_requested_at: test.map(str::to_owned),
        renew_requested_at: renew.map(str::to_owned),
    };
    assert_eq!(
        echoed(conclude(&observed, &KEEP, &kept(&observed), after(1))),
        None
    );
    let tried = refused(&observed, Refusal::SalesforceUnavailable);
    assert_eq!(
        echoed(conclude(&observed, &MINT, &tried, after(1))),
        Some(handled(None, Some("r")))
    );
    let test = tested(&observed, fixtures::passed(of(&observed)));
    assert_eq!(
        echoed(conclude(&observed, &TEST, &test, after(1))),
        Some(handled(Some("t"), None))
    );
    let both = first_success(&observed);
    assert_eq!(
        echoed(conclude(&observed, &MINT, &both, after(1))),
        Some(handled(Some("t"), Some("r")))
    );
}

#[test]
fn who_asks_for_a_renewal_hears_what_stands_in_its_way() {
    let rejection = Rejection::new(OwnReason::InputSecretMissing, "the field");
    let mut asked = Observed {
        source: Source::Unusable(rejection.clone()),
        ..fresh()
    };
    asked.requests.renew = Some("r".into());
    let decision = Decision::Reject(rejection);
    let conclusion = conclude(&asked, &decision, &kept(&asked), after(60));
    let status = written(&conclusion);
    let handled = LastHandledStatus {
        test_requested_at: None,
        renew_requested_at: Some("r".into()),
    };
    assert_eq!(
        (conditions(status)[0].as_str(), &status.last_handled),
        ("Ready: False InputSecretMissing", &Some(handled))
    );
    let suspended = Observed {
        activity: Activity::Suspended,
        ..asked
    };
    let conclusion = conclude(&suspended, &decision, &kept(&suspended), after(60));
    assert_eq!(
        written(&conclusion).last_handled,
        None,
        "it waits until it is resumed"
    );
}

#[test]
fn who_asks_for_a_test_hears_where_there_is_no_token_to_test() {
    let reason = Refusal::AppBlocked;
    let mut failed = asked_to_test(fresh());
    failed.status.failures = Some(fixtures::failures(of(&failed), reason, Some(after(600))));
    let waiting = fixtures::decided(&failed, after(60));
    assert_eq!(waiting, Decision::Wait(WaitReason::BackOff(after(600))));
    let conclusion = conclude(&failed, &waiting, &kept(&failed), after(60));
    let status = written(&conclusion);
    let handled = LastHandledStatus {
        test_requested_at: Some("1".into()),
        renew_requested_at: None,
    };
    assert_eq!(status.last_handled, Some(handled.clone()));
    let wanted = json!({
        "result": "Failed",
        "message": format!("There is no token to test. {}", explain(reason.into(), "")),
        "lastTestTime": "2026-11-22T10:01:00Z",
        "steps": [{
            "name": "TokenAccepted", "result": "Failed", "reason": "AppBlocked",
            "message": Reason::from(reason).meaning(), "remedy": Reason::from(reason).remedy(),
        }],
    });
    assert_eq!(
        serde_json::to_value(&status.connection_test).unwrap(),
        wanted,
        "{status:?}"
    );
    assert_eq!(conditions(status)[3], "ConnectionTested: False AppBlocked");
    let answered = reported(failed.clone(), conclusion);
    let second = conclude(&answered, &waiting, &kept(&answered), after(60));
    assert_eq!(second.status, None);

    // The login itself was refused just now, or something stands in its way.
    let first = asked_to_test(fresh());
    let refused = conclude(&first, &MINT, &refused(&first, reason), after(60));
    assert_eq!(written(&refused).last_handled, Some(handled.clone()));
    let rejection = Rejection::new(OwnReason::InputSecretMissing, "the field");
    let incomplete = Observed {
        source: Source::Unusable(rejection.clone()),
        ..asked_to_test(fresh())
    };
    let decision = Decision::Reject(rejection);
    let rejected = conclude(&incomplete, &decision, &kept(&incomplete), after(60));
    assert_eq!(written(&rejected).last_handled, Some(handled));
    assert_eq!(
        conditions(written(&rejected))[3],
        "ConnectionTested: False InputSecretMissing"
    );
}

#[test]
fn a_test_that_is_asked_for_while_suspended_or_while_a_grant_waits_is_still_to_come() {
    let unanswered = |observed: &Observed, decision: &Decision, outcome: &Outcome| {
        let status = conclude(observed, decision, outcome, after(60)).status;
        let status = status.unwrap_or_else(|| observed.status.clone());
        assert_eq!(status.last_handled, None);
    };
    let mut suspended = Observed {
        activity: Activity::Suspended,
        ..asked_to_test(fresh())
    };
    suspended.status.failures = Some(fixtures::failures(of(&suspended), Refusal::AppBlocked, None));
    let wait = Decision::Wait(WaitReason::Suspended);
    unanswered(&suspended, &wait, &Outcome::untouched(None));
    let waits = Outcome {
        minted: Some(Minted::Waiting {
            length: Duration::from_secs(30),
        }),
        ..Outcome::untouched(None)
    };
    unanswered(&asked_to_test(fresh()), &MINT, &waits);
}

#[test]
fn a_held_token_that_is_refused_while_its_grant_waits_is_not_called_fresh() {
    let observed = settled();
    let waits = Outcome {
        minted: Some(Minted::Waiting {
            length: Duration::from_secs(30),
        }),
        ..tested(&observed, failed(of(&observed), Refusal::SessionExpired))
    };
    let conclusion = conclude(&observed, &MINT, &waits, after(60));
    let status = written(&conclusion);
    assert_eq!(status.failures, None);
    assert_eq!(conditions(status)[0], "Ready: False SessionEnded");
}
