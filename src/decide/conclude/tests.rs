use serde_json::{Value, json};

use super::*;
use crate::api::reasons::{Class, OwnReason, Refusal};
use crate::api::status::FailuresStatus;
use crate::decide::fixtures::{
    self, SWEEP, after, asked_to_test, carrying, connector, failed, first_success, fresh, kept, now, of,
    refused, reported, settled, spec,
};
use crate::decide::schedule::{jittered, next_attempt, signed};
use crate::decide::target::Target;
use crate::decide::{TestReason, WaitReason, explain};

const KEEP: Decision = Decision::Keep { test: None };
const TEST: Decision = Decision::Keep {
    test: Some(TestReason::Interval),
};
const MINT: Decision = Decision::Mint {
    why: MintReason::NoToken,
};

fn uid() -> String {
    fixtures::owner().uid
}

fn written(conclusion: &Conclusion) -> &SalesforceConnectorStatus {
    conclusion.status.as_ref().expect("a status to write")
}

/// `Type: Status Reason` of every condition.
fn conditions(status: &SalesforceConnectorStatus) -> Vec<String> {
    let line = |c: &Condition| format!("{}: {} {}", c.type_, c.status, c.reason);
    status.conditions.iter().map(line).collect()
}

fn message<'a>(status: &'a SalesforceConnectorStatus, kind: &str) -> &'a str {
    let found = status.conditions.iter().find(|condition| condition.type_ == kind);
    &found.unwrap_or_else(|| panic!("no {kind}")).message
}

/// A token test that was made of a token that was held.
fn tested(observed: &Observed, report: TestReport) -> Outcome {
    Outcome {
        tested: Some(report),
        ..kept(observed)
    }
}

fn warning(reason: impl Into<Reason>, particulars: &str) -> EventDraft {
    let reason = reason.into();
    EventDraft {
        kind: EventKind::Warning,
        reason,
        note: explain(reason, particulars),
    }
}

#[test]
fn the_first_success_is_told_in_full_and_without_an_event() {
    let observed = fresh();
    let conclusion = conclude(&observed, &MINT, &first_success(&observed), now());
    let renewal = renewal_time(
        now(),
        &first_success(&observed).held.unwrap().expiration,
        None,
        &uid(),
    );
    let time = "2026-11-22T10:00:00Z";
    let condition = |kind: &str, reason: &str, message: &str| {
        json!({
            "type": kind, "status": "True", "reason": reason, "message": message,
            "lastTransitionTime": time, "observedGeneration": 1,
        })
    };
    let steps = [
        "HostAnswers",
        "TokenAccepted",
        "IdentityExpected",
        "ApiEnabled",
        "Scopes",
        "OrgFacts",
        "EnvironmentMatches",
        "ApiUsage",
    ]
    .map(|name| json!({ "name": name, "result": "Passed" }));
    let wanted: Value = json!({
        "observedGeneration": 1,
        "conditions": [
            condition("Ready", "TokenValid", "The token is valid and in Secret \"crm-salesforce\"."),
            condition("Authenticated", "LoggedIn", "Salesforce accepted the login."),
            condition("SecretSynced", "InStep", "Secret \"crm-salesforce\" holds the current token."),
            condition("ConnectionTested", "TestSucceeded", "Connection test succeeded"),
        ],
        "identity": {
            "organizationId": fixtures::ORGANIZATION, "organizationName": "Acme", "edition": "Enterprise Edition",
            "environment": "Live", "instanceUrl": "https://acme.my.salesforce.com", "instanceName": "SWE42",
            "userId": fixtures::USER, "username": "robot@acme.example",
        },
        "token": {
            "issueTime": time, "expirationTime": "2026-11-22T12:00:00Z", "expirySource": "Introspected",
            "renewalTime": renewal.to_string(), "scopes": ["api", "refresh_token"],
        },
        "secretName": "crm-salesforce",
        "connectionTest": {
            "result": "Succeeded", "message": "Connection test succeeded", "lastTestTime": time, "steps": steps,
            "apiUsage": { "used": 18, "allowed": 15000 },
        },
    });
    assert_eq!(serde_json::to_value(written(&conclusion)).unwrap(), wanted);
    assert_eq!(conclusion.events, []);
    assert_eq!(conclusion.next, jittered(SWEEP, &uid(), 2));
}

#[test]
fn a_second_look_writes_nothing() {
    let observed = settled();
    let conclusion = conclude(&observed, &KEEP, &kept(&observed), after(30));
    assert_eq!((conclusion.status, conclusion.events), (None, vec![]));
}

/// Ready and progress for each class of refusal, where no token is held and where one is.
#[test]
fn each_class_of_refusal_shows_how_it_stands() {
    for (refusal, progress) in [
        (Refusal::WrongPassword, "Stalled"),
        (Refusal::RunAsUserMissing, "Stalled"),
        (Refusal::RequestMalformed, "Stalled"),
        (Refusal::ClientSecretInvalid, "Reconciling"),
        (Refusal::SalesforceUnavailable, "Reconciling"),
    ] {
        let name = refusal.as_str();
        let observed = fresh();
        let conclusion = conclude(&observed, &MINT, &refused(&observed, refusal), now());
        let status = written(&conclusion);
        assert_eq!(
            conditions(status),
            [
                format!("Ready: False {name}"),
                format!("Authenticated: False {name}"),
                "SecretSynced: Unknown Pending".to_owned(),
                "ConnectionTested: Unknown Pending".to_owned(),
                format!("{progress}: True {name}"),
            ]
        );
        assert_eq!(
            message(status, "Ready"),
            explain(refusal.into(), "as Salesforce puts it")
        );
        let next = next_attempt(refusal.class(), 1, now(), now(), None, &uid());
        let failures = FailuresStatus {
            message: explain(refusal.into(), "as Salesforce puts it"),
            ..fixtures::failures(of(&observed), refusal, next)
        };
        assert_eq!(status.failures, Some(failures));
        assert_eq!(conclusion.events, [warning(refusal, "as Salesforce puts it")]);
    }
}

#[test]
fn a_passing_trouble_with_the_renewal_leaves_a_valid_token_ready() {
    let observed = settled();
    let renewing = Decision::Mint {
        why: MintReason::RenewalDue,
    };
    for refusal in [Refusal::SalesforceUnavailable, Refusal::ClientSecretInvalid] {
        let conclusion = conclude(&observed, &renewing, &refused(&observed, refusal), after(6000));
        let status = written(&conclusion);
        assert_eq!(conditions(status), conditions(&observed.status), "{refusal}");
        assert_eq!(status.failures.as_ref().unwrap().reason, refusal.as_str());
        assert_eq!(conclusion.events, []);
    }
    let conclusion = conclude(
        &observed,
        &renewing,
        &refused(&observed, Refusal::AppBlocked),
        after(6000),
    );
    assert_eq!(conditions(written(&conclusion))[0], "Ready: False AppBlocked");
}

#[test]
fn a_token_that_has_expired_unrenewed_is_not_ready_and_says_why() {
    let observed = settled();
    let down = refused(&observed, Refusal::SalesforceUnavailable);
    let conclusion = conclude(&observed, &MINT, &down, after(7200));
    let status = written(&conclusion);
    assert_eq!(
        conditions(status),
        [
            "Ready: False TokenExpired",
            "Authenticated: False SalesforceUnavailable",
            "SecretSynced: True InStep",
            "ConnectionTested: True TestSucceeded",
            "Reconciling: True TokenExpired",
        ]
    );
    assert_eq!(
        message(status, "Ready"),
        "The token has expired, and no new one has been obtained. Salesforce's service is unavailable (as Salesforce puts \
         it). Nothing to do if it passes; see status.salesforce.com for maintenance windows."
    );
}

#[test]
fn an_uncertain_refusal_stalls_after_a_quarter_of_an_hour() {
    let mut observed = fresh();
    let mut progress = Vec::new();
    for at in [0, 120, 899, 900] {
        let conclusion = conclude(
            &observed,
            &MINT,
            &refused(&observed, Refusal::ClientIdInvalid),
            after(at),
        );
        progress.push(conditions(written(&conclusion))[4].clone());
        observed = reported(observed, conclusion);
    }
    let reconciling = "Reconciling: True ClientIdInvalid";
    assert_eq!(
        progress,
        [
            reconciling,
            reconciling,
            reconciling,
            "Stalled: True ClientIdInvalid"
        ]
    );
    assert_eq!(observed.status.failures.unwrap().count, 4);
}

/// The API server may only be choosing a leader, and a right may be missing for good: the reason is the same.
#[test]
fn a_grant_that_can_t_be_recorded_leaves_a_valid_token_ready_and_stalls_where_it_lasts_without_one() {
    let unavailable = |mut observed: Observed, times: &[i64]| {
        let mut told = Vec::new();
        for at in times {
            let outcome = refused(&observed, OwnReason::GrantStateUnavailable);
            let conclusion = conclude(&observed, &MINT, &outcome, after(*at));
            let found = conditions(written(&conclusion));
            let [ready, authenticated] = [found[0].clone(), found[1].clone()];
            told.push([ready, authenticated, found.get(4).cloned().unwrap_or_default()]);
            observed = reported(observed, conclusion);
        }
        told
    };
    let fails = "Authenticated: False GrantStateUnavailable";
    let line = |ready: &str, authenticated: &str, progress: &str| {
        [ready, authenticated, progress].map(str::to_owned)
    };
    let good = line("Ready: True TokenValid", "Authenticated: True LoggedIn", "");
    let none = |progress| line("Ready: False GrantStateUnavailable", fails, progress);
    let expired = |progress| line("Ready: False TokenExpired", fails, progress);
    assert_eq!(
        unavailable(settled(), &[6000, 7199, 7200]),
        [good.clone(), good.clone(), expired("Stalled: True TokenExpired")]
    );
    assert_eq!(
        unavailable(settled(), &[7190, 7200, 8089, 8090]),
        [
            good,
            expired("Reconciling: True TokenExpired"),
            expired("Reconciling: True TokenExpired"),
            expired("Stalled: True TokenExpired"),
        ]
    );
    assert_eq!(
        unavailable(fresh(), &[0, 899, 900]),
        [
            none("Reconciling: True GrantStateUnavailable"),
            none("Reconciling: True GrantStateUnavailable"),
            none("Stalled: True GrantStateUnavailable"),
        ]
    );
}

#[test]
fn trouble_that_passes_without_a_person_never_stalls() {
    for reason in [
        Reason::from(Refusal::SalesforceUnavailable),
        OwnReason::CallBudgetSpent.into(),
    ] {
        for observed in [fresh(), settled()] {
            let first = conclude(&observed, &MINT, &refused(&observed, reason), after(0));
            let observed = reported(observed, first);
            let conclusion = conclude(&observed, &MINT, &refused(&observed, reason), after(90_000));
            let progress = &conditions(written(&conclusion))[4];
            assert!(progress.starts_with("Reconciling: True "), "{progress}");
        }
    }
}

#[test]
fn failures_are_counted_until_the_inputs_change_or_a_login_succeeds() {
    let fail = |observed: Observed, at: i64| {
        let outcome = refused(&observed, Refusal::SalesforceUnavailable);
        let conclusion = conclude(&observed, &MINT, &outcome, after(at));
        reported(observed, conclusion)
    };
    let counted = |observed: &Observed| {
        let failures = observed.status.failures.clone().unwrap();
        (failures.count, failures.first_time.0, failures.last_time.0)
    };
    let twice = fail(fail(fresh(), 0), 20);
    assert_eq!(counted(&twice), (2, now(), after(20)));
    let other = Observed {
        connector: Ok(connector(&spec(json!({ "host": "other.my.salesforce.com" })))),
        ..twice.clone()
    };
    assert_eq!(counted(&fail(other, 40)), (1, after(40), after(40)));

    let cured = conclude(&twice, &MINT, &first_success(&twice), after(60));
    assert_eq!(written(&cured).failures, None);
    let waiting = conclude(
        &twice,
        &Decision::Wait(WaitReason::BackOff(after(60))),
        &kept(&twice),
        after(30),
    );
    assert_eq!(waiting.status, None);
}

#[test]
fn too_many_logins_are_answered_with_an_hour_of_silence() {
    let observed = fresh();
    let conclusion = conclude(
        &observed,
        &MINT,
        &refused(&observed, Refusal::LoginRateExceeded),
        now(),
    );
    let next = written(&conclusion)
        .failures
        .as_ref()
        .unwrap()
        .next_attempt_time
        .clone();
    assert_eq!(next, Some(Time(after(3600))));
}

#[test]
fn what_stands_in_the_way_is_told_and_stalls_unless_it_may_only_be_late() {
    for (reason, progress) in [
        (OwnReason::InputSecretMissing, "Reconciling"),
        (OwnReason::InputKeyMissing, "Reconciling"),
        (OwnReason::HostInvalid, "Stalled"),
        (OwnReason::SecretKeysCollide, "Stalled"),
    ] {
        let rejection = Rejection::new(reason, "the field");
        let observed = Observed {
            connector: Err(rejection.clone()),
            ..fresh()
        };
        let decision = Decision::Reject(rejection);
        let conclusion = conclude(&observed, &decision, &kept(&observed), now());
        let name = Reason::from(reason).as_str();
        assert_eq!(
            conditions(written(&conclusion)),
            [
                format!("Ready: False {name}"),
                format!("Authenticated: False {name}"),
                "SecretSynced: Unknown Pending".to_owned(),
                "ConnectionTested: Unknown Pending".to_owned(),
                format!("{progress}: True {name}"),
            ]
        );
        assert_eq!(written(&conclusion).observed_generation, Some(1));
        assert_eq!(conclusion.events, [warning(reason, "the field")]);
        let soon = Duration::from_secs(15);
        assert_eq!(
            conclusion.next == soon,
            progress == "Reconciling",
            "{:?}",
            conclusion.next
        );
    }
}

#[test]
fn a_foreign_secret_is_refused_and_the_conflict_told() {
    let rejection = Rejection::new(OwnReason::SecretNotOwned, "Secret \"crm-salesforce\"");
    let observed = Observed {
        target: Target::Refused(rejection.clone()),
        ..fresh()
    };
    let conclusion = conclude(&observed, &Decision::Reject(rejection), &kept(&observed), now());
    assert_eq!(
        conditions(written(&conclusion)),
        [
            "Ready: False SecretNotOwned",
            "Authenticated: False SecretNotOwned",
            "SecretSynced: False SecretNotOwned",
            "ConnectionTested: Unknown Pending",
            "Stalled: True SecretNotOwned",
        ]
    );
    assert_eq!(
        message(written(&conclusion), "SecretSynced"),
        "A Secret of this name exists and does not belong to this connector; it is left untouched (Secret \
         \"crm-salesforce\"). Choose another spec.secret.name, or delete that Secret if nobody needs it."
    );
}

#[test]
fn a_secret_that_can_t_be_written_is_not_ready() {
    let observed = settled();
    let rejection = Rejection::new(
        OwnReason::SecretWriteRefused,
        "Secret \"crm-salesforce\": exceeded quota",
    );
    let outcome = Outcome {
        grant: None,
        secret: SecretOutcome::Refused(rejection),
        ..kept(&observed)
    };
    let conclusion = conclude(&observed, &KEEP, &outcome, after(30));
    assert_eq!(
        conditions(written(&conclusion)),
        [
            "Ready: False SecretWriteRefused",
            "Authenticated: True LoggedIn",
            "SecretSynced: False SecretWriteRefused",
            "ConnectionTested: True TestSucceeded",
            "Stalled: True SecretWriteRefused",
        ]
    );
}

#[test]
fn a_token_of_the_wrong_environment_is_withheld() {
    let observed = Observed {
        connector: Ok(connector(&spec(json!({ "environment": "Sandbox" })))),
        ..fresh()
    };
    let mut ladder = crate::decide::ladder::Ladder::new(of(&observed));
    let _ = ladder.host_answers(Ok(fixtures::versions()));
    let _ = ladder.identity(
        &fixtures::identity(),
        Ok(fixtures::identity_answer("robot@acme.example")),
    );
    let _ = ladder.organization(Ok(fixtures::organization(false)), &[]);
    let outcome = Outcome {
        grant: None,
        held: None,
        minted: Some(Minted::Obtained {
            why: MintReason::NoToken,
        }),
        tested: Some(ladder.finish()),
        secret: SecretOutcome::Withheld,
    };
    let conclusion = conclude(&observed, &MINT, &outcome, now());
    let status = written(&conclusion);
    assert_eq!(
        conditions(status),
        [
            "Ready: False EnvironmentMismatch",
            "Authenticated: False EnvironmentMismatch",
            "SecretSynced: Unknown Pending",
            "ConnectionTested: False EnvironmentMismatch",
            "Stalled: True EnvironmentMismatch",
        ]
    );
    assert_eq!(status.token, None);
    let particulars = "spec.environment is Sandbox, the org is Live, as the org itself says";
    assert_eq!(
        message(status, "Stalled"),
        explain(OwnReason::EnvironmentMismatch.into(), particulars)
    );
    let hour = next_attempt(Class::MendInSalesforce, 1, now(), now(), None, &uid());
    let failures = status.failures.as_ref().unwrap();
    assert_eq!(
        (failures.count, failures.next_attempt_time.clone()),
        (1, hour.map(Time))
    );
}

#[test]
fn a_new_token_that_is_refused_at_once_is_a_finding() {
    let observed = settled();
    let outcome = Outcome {
        grant: None,
        minted: Some(Minted::Obtained {
            why: MintReason::SessionEnded,
        }),
        ..tested(&observed, failed(of(&observed), Refusal::SessionExpired))
    };
    let conclusion = conclude(&observed, &MINT, &outcome, after(60));
    let status = written(&conclusion);
    assert_eq!(conditions(status)[0], "Ready: False FreshTokenRejected");
    assert_eq!(conditions(status)[4], "Stalled: True FreshTokenRejected");
    let text = explain(OwnReason::FreshTokenRejected.into(), "as Salesforce puts it");
    assert_eq!(status.connection_test.as_ref().unwrap().message, text);
    assert_eq!(status.failures.as_ref().unwrap().message, text);
}

#[test]
fn a_good_test_of_the_token_of_before_says_nothing_of_the_one_that_was_refused_when_fresh() {
    let fresh_token_rejected = |mut observed: Observed| {
        let mut failures = fixtures::failures(of(&observed), Refusal::AppBlocked, Some(after(3600)));
        failures.reason = Reason::from(OwnReason::FreshTokenRejected).as_str().to_owned();
        observed.status.failures = Some(failures);
        let outcome = tested(&observed, fixtures::passed(of(&observed)));
        let conclusion = conclude(&observed, &TEST, &outcome, after(900));
        conclusion.status.unwrap_or(observed.status).failures
    };
    assert_eq!(fresh_token_rejected(settled()), None, "it is the same token");
    let mut changed = settled();
    changed.held.as_mut().unwrap().inputs_digest = crate::decide::digest::Digest::from_text("another");
    let failures = fresh_token_rejected(changed).expect("what was refused is not mended");
    assert_eq!(failures.next_attempt_time, Some(Time(after(3600))));
}

#[test]
fn a_test_shows_what_it_found_and_a_passing_trouble_leaves_ready_as_it_is() {
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
        if let crate::decide::ladder::Verdict::Failed {
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
        (seconds(test.failing_since), seconds(test.next_test_time))
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
        "it goes on with another trouble"
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
fn who_asks_for_a_test_hears_where_there_is_no_token_to_test() {
    let reason = Refusal::AppBlocked;
    let mut failed = asked_to_test(fresh());
    failed.status.failures = Some(fixtures::failures(of(&failed), reason, Some(after(600))));
    let waiting = crate::decide::decide(&failed, after(60));
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
            "message": reason.meaning(), "remedy": reason.remedy(),
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
        connector: Err(rejection.clone()),
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

#[test]
fn suspension_shows_and_never_hides_an_expired_token() {
    let suspend = |observed: Observed| Observed {
        activity: Activity::Suspended,
        ..observed
    };
    let wait = Decision::Wait(WaitReason::Suspended);
    let ready = |observed: &Observed, at: i64| {
        let outcome = Outcome {
            grant: None,
            secret: SecretOutcome::Untouched,
            ..kept(observed)
        };
        let conclusion = conclude(observed, &wait, &outcome, after(at));
        let found = conditions(written(&conclusion));
        [found[0].clone(), found.get(4).cloned().unwrap_or_default()]
    };
    assert_eq!(ready(&suspend(settled()), 60), ["Ready: True Suspended", ""]);
    assert_eq!(
        ready(&suspend(settled()), 7200),
        ["Ready: False TokenExpired", "Reconciling: True TokenExpired"]
    );
    assert_eq!(
        ready(&suspend(fresh()), 0),
        ["Ready: False Suspended", "Stalled: True Suspended"]
    );
    // Somebody asked for a test when there was nothing to test, and the request is answered anew once it is resumed.
    let mut answered = suspend(settled());
    let reason = OwnReason::SecretKeysCollide.into();
    answered.status.connection_test = Some(crate::decide::test_due::impossible(reason, "", now()));
    assert_eq!(ready(&answered, 60), ["Ready: True Suspended", ""]);
}

#[test]
fn events_tell_of_transitions_only() {
    let observed = fresh();
    let down = |observed: &Observed| refused(observed, Refusal::AppBlocked);
    let first = conclude(&observed, &MINT, &down(&observed), now());
    assert_eq!(
        first.events,
        [warning(Refusal::AppBlocked, "as Salesforce puts it")]
    );
    let observed = reported(observed, first);
    let same = conclude(&observed, &MINT, &down(&observed), after(3600));
    assert_eq!(same.events, []);
    let observed = reported(observed, same);
    let other = conclude(
        &observed,
        &MINT,
        &refused(&observed, Refusal::UserInactive),
        after(7200),
    );
    assert_eq!(
        other.events,
        [warning(Refusal::UserInactive, "as Salesforce puts it")]
    );
    let observed = reported(observed, other);
    let mut healed = first_success(&observed);
    healed.held.as_mut().unwrap().expiration.time = after(20_000);
    let good = conclude(&observed, &MINT, &healed, after(10_800));
    assert_eq!(
        good.events,
        [EventDraft {
            kind: EventKind::Normal,
            reason: OwnReason::TokenValid.into(),
            note: "The token is valid and in Secret \"crm-salesforce\".".into(),
        }]
    );
}

#[test]
fn the_time_of_transition_stays_while_the_status_stays() {
    let observed = settled();
    let outcome = refused(&observed, Refusal::AppBlocked);
    let status = written(&conclude(&observed, &MINT, &outcome, after(60))).clone();
    let times: Vec<Timestamp> = status
        .conditions
        .iter()
        .map(|c| c.last_transition_time.0)
        .collect();
    // Ready, Authenticated and Stalled have turned; SecretSynced and ConnectionTested have not.
    assert_eq!(times, [after(60), after(60), now(), now(), after(60)]);
}

#[test]
fn facts_of_another_org_or_user_are_forgotten() {
    let observed = settled();
    let identity = |organization: &str, user: &str| {
        let mut outcome = kept(&observed);
        outcome.held.as_mut().unwrap().identity = crate::decide::held::Identity {
            organization_id: organization.into(),
            user_id: user.into(),
        };
        let conclusion = conclude(&observed, &KEEP, &outcome, after(60));
        let identity = conclusion.status.and_then(|status| status.identity).unwrap();
        (identity.organization_name, identity.username)
    };
    assert_eq!(identity("00D000000000001AAA", fixtures::USER), (None, None));
    assert_eq!(
        identity(fixtures::ORGANIZATION, "005000000000001AAA"),
        (Some("Acme".into()), None)
    );
}

#[test]
fn a_username_that_came_by_reference_is_not_shown() {
    let auth = json!({ "password": {
        "usernameRef": { "name": "user", "key": "name" }, "passwordRef": { "name": "user", "key": "password" },
    } });
    let observed = Observed {
        connector: Ok(connector(&spec(json!({ "auth": auth })))),
        ..fresh()
    };
    let conclusion = conclude(&observed, &MINT, &first_success(&observed), now());
    let text = serde_json::to_string(written(&conclusion)).unwrap();
    assert!(!text.contains("robot@acme.example"), "{text}");
}

#[test]
fn the_next_look_is_at_the_first_interesting_moment() {
    let day = |observed: Observed| Observed {
        sweep_period: Duration::from_hours(24),
        ..observed
    };
    let next = |observed: &Observed, at: i64| conclude(observed, &KEEP, &kept(observed), after(at)).next;
    let waiting = |observed: &Observed, at: i64| {
        let decision = Decision::Wait(WaitReason::BackOff(after(at)));
        conclude(observed, &decision, &kept(observed), after(at)).next
    };
    let until = |moment: Timestamp, at: i64| Duration::try_from(moment.duration_since(after(at))).unwrap();
    let observed = day(settled());
    let test = crate::decide::test_due::next_test(&observed, of(&observed)).unwrap();
    assert_eq!(next(&observed, 0), until(test, 0));
    let renewal = observed.status.token.as_ref().unwrap().renewal_time.0;
    let tested = Observed {
        last_test: Some(renewal),
        ..observed.clone()
    };
    assert_eq!(next(&tested, 60), until(renewal, 60));
    let mut failing = day(settled());
    failing.status.failures = Some(fixtures::failures(
        of(&failing),
        Refusal::SalesforceUnavailable,
        Some(after(90)),
    ));
    assert_eq!(waiting(&failing, 60), Duration::from_secs(30));
    let suspended = Observed {
        activity: Activity::Suspended,
        ..failing
    };
    let resting = Decision::Wait(WaitReason::Suspended);
    let rest = conclude(&suspended, &resting, &kept(&suspended), after(60)).next;
    assert_eq!(rest, until(renewal, 60));
    assert_eq!(next(&settled(), 0), jittered(SWEEP, &uid(), 2));
    let sooner = after(0) + signed(Duration::from_millis(1));
    let mut spinning = day(settled());
    spinning.status.failures = Some(fixtures::failures(
        of(&spinning),
        Refusal::SalesforceUnavailable,
        Some(sooner),
    ));
    assert_eq!(waiting(&spinning, 0), Duration::from_secs(1));
}

#[test]
fn a_changed_secret_name_is_shown_and_a_changed_generation_observed() {
    let moved = Observed {
        generation: 2,
        connector: Ok(connector(&spec(json!({ "secret": { "name": "other" } })))),
        ..settled()
    };
    let moved = carrying(moved, settled().held.unwrap());
    let conclusion = conclude(&moved, &KEEP, &kept(&moved), after(60));
    let status = written(&conclusion);
    assert_eq!(status.secret_name.as_deref(), Some("other"));
    assert_eq!(status.observed_generation, Some(2));
    assert_eq!(
        message(status, "Ready"),
        "The token is valid and in Secret \"other\"."
    );
    assert!(
        status
            .conditions
            .iter()
            .all(|condition| condition.observed_generation == Some(2))
    );
}
