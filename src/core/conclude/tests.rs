mod events;
mod failures;
mod names;
mod next_look;
mod secrets;
mod tested;

use serde_json::{Value, json};

use super::*;
use crate::api::reasons::{Class, OwnReason, Refusal};
use crate::api::status::FailuresStatus;
use crate::core::model::decision::{MintReason, TestReason, WaitReason};
use crate::core::model::login_request::{LoginRequest, LoginSeen};
use crate::core::model::observed::{Activity, Source};
use crate::core::model::rejection::{Rejection, explain};
use crate::core::pass::connection_test::{Steps, TestReport};
use crate::core::schedule::backoff::next_attempt;
use crate::core::schedule::jitter::jittered;
use crate::core::schedule::time::signed;
use crate::core::secret::ownership::Target;
use crate::core::testing::fixtures;
use crate::core::testing::fixtures::{
    RESYNC, after, asked_to_test, carrying, failed, first_success, fresh, kept, now, of, refused, reported,
    settled, spec,
};

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
fn the_first_success_is_reported_in_full_without_an_event() {
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
    assert_eq!(conclusion.next, jittered(RESYNC, &uid(), 2));
}

#[test]
fn a_second_look_writes_nothing() {
    let observed = settled();
    let conclusion = conclude(&observed, &KEEP, &kept(&observed), after(30));
    assert_eq!((conclusion.status, conclusion.events), (None, vec![]));
}

/// Ready and progress for each class of refusal, where no token is held and where one is.
#[test]
fn a_rejection_is_reported_and_stalls_unless_its_input_may_only_be_late() {
    for (reason, progress) in [
        (OwnReason::InputSecretMissing, "Reconciling"),
        (OwnReason::InputKeyMissing, "Reconciling"),
        (OwnReason::HostInvalid, "Stalled"),
        (OwnReason::SecretKeysCollide, "Stalled"),
    ] {
        let rejection = Rejection::new(reason, "the field");
        let observed = Observed {
            source: Source::Unusable(rejection.clone()),
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
        let soon = Duration::from_secs(2);
        assert_eq!(
            conclusion.next == soon,
            progress == "Reconciling",
            "{:?}",
            conclusion.next
        );
    }
}

#[test]
fn a_token_of_the_wrong_environment_is_withheld() {
    let observed = Observed {
        source: fixtures::source(&spec(json!({ "environment": "Sandbox" }))),
        ..fresh()
    };
    let mut steps = Steps::new(of(&observed).clone());
    let _ = steps.host_answers(Ok(fixtures::versions()));
    let _ = steps.identity(
        &fixtures::identity(),
        Ok(fixtures::identity_answer("robot@acme.example")),
    );
    steps.organization(Ok(fixtures::organization(false)), &[]);
    let outcome = Outcome {
        grant: None,
        credentials_refused: None,
        login: None,
        inventory: None,
        rollouts: Vec::new(),
        rotation: None,
        sharing: None,
        held: None,
        minted: Some(Minted::Obtained {
            why: MintReason::NoToken,
        }),
        tested: Some(steps.finish()),
        secret: SecretOutcome::Untouched,
        forgot_new_token: true,
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
    let hour = next_attempt(Class::FixInSalesforce, 1, now(), now(), None, &uid());
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
        credentials_refused: None,
        login: None,
        inventory: None,
        rollouts: Vec::new(),
        sharing: None,
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
    changed.held.as_mut().unwrap().inputs_digest = crate::core::model::digest::Digest::from_text("another");
    let failures = fresh_token_rejected(changed).expect("what was refused is not mended");
    assert_eq!(failures.next_attempt_time, Some(Time(after(3600))));
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
    answered.status.connection_test = Some(crate::core::decide::test_due::impossible(reason, "", now()));
    assert_eq!(ready(&answered, 60), ["Ready: True Suspended", ""]);
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
