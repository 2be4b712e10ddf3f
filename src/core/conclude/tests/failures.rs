//! What is told of a login that failed, and when does it count as for a person?

use super::*;
use crate::core::model::decision::MintReason;

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
        let next = next_attempt(Reason::from(refusal).class(), 1, now(), now(), None, &uid());
        let failures = FailuresStatus {
            message: explain(refusal.into(), "as Salesforce puts it"),
            ..fixtures::failures(of(&observed), refusal, next)
        };
        assert_eq!(status.failures, Some(failures));
        assert_eq!(conclusion.events, [warning(refusal, "as Salesforce puts it")]);
    }
}

#[test]
fn a_transient_renewal_failure_leaves_a_valid_token_ready() {
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
        "The token has expired, and the operator has not obtained a new one. Salesforce's service is unavailable (as \
         Salesforce puts it). Nothing to do if it passes; see status.salesforce.com for maintenance windows."
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
fn unrecordable_grant_state_keeps_a_valid_token_ready_and_stalls_without_one() {
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
fn a_failure_that_needs_no_person_never_stalls() {
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
        (
            failures.count,
            failures.first_failure_time.0,
            failures.last_failure_time.0,
        )
    };
    let twice = fail(fail(fresh(), 0), 20);
    assert_eq!(counted(&twice), (2, now(), after(20)));
    let other = Observed {
        source: fixtures::source(&spec(json!({ "host": "other.my.salesforce.com" }))),
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
