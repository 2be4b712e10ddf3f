mod failures;
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
        "A Secret with this name already exists and does not belong to this connector (Secret \"crm-salesforce\"). \
         Choose another spec.secret.name, or delete that Secret if nobody needs it."
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
        credentials_refused: None,
        login: None,
        inventory: None,
        rollouts: Vec::new(),
        sharing: None,
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
fn a_session_that_was_replaced_and_another_user_leave_an_event() {
    let observed = settled();
    let obtained = |why| {
        let mut outcome = first_success(&observed);
        outcome.minted = Some(Minted::Obtained { why });
        conclude(&observed, &MINT, &outcome, after(60)).events
    };
    assert_eq!(
        obtained(MintReason::SessionEnded),
        [EventDraft {
            kind: EventKind::Normal,
            reason: OwnReason::SessionReplaced.into(),
            note: explain(OwnReason::SessionReplaced.into(), ""),
        }]
    );
    assert_eq!(obtained(MintReason::RenewalDue), []);

    let mut of_another = settled();
    let known = of_another.status.identity.as_mut().unwrap();
    let now = known.user_id.replace("005000000000099AAA".to_owned()).unwrap();
    let events = conclude(&of_another, &MINT, &first_success(&of_another), after(60)).events;
    assert_eq!(
        events,
        [warning(
            OwnReason::UserChanged,
            &format!("{now} in place of 005000000000099AAA")
        )]
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
        outcome.held.as_mut().unwrap().identity = crate::core::model::held_token::Identity {
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
fn no_text_that_a_further_host_answers_is_shown() {
    let observed = fresh();
    let mut outcome = first_success(&observed);
    let held = outcome.held.as_mut().unwrap();
    held.instance_url = "https://gateway.acme.example".into();
    held.scopes = vec!["what an internal server says".into()];
    let conclusion = conclude(&observed, &MINT, &outcome, now());
    let status = written(&conclusion);
    let identity = IdentityStatus {
        organization_id: Some(fixtures::ORGANIZATION.into()),
        user_id: Some(fixtures::USER.into()),
        instance_url: Some("https://gateway.acme.example".into()),
        ..IdentityStatus::default()
    };
    assert_eq!(status.identity, Some(identity));
    assert_eq!(status.token.as_ref().unwrap().scopes, Vec::<String>::new());
}

#[test]
fn a_username_that_came_by_reference_is_not_shown() {
    let auth = json!({ "password": {
        "usernameRef": { "name": "user", "key": "name" }, "passwordRef": { "name": "user", "key": "password" },
    } });
    let observed = Observed {
        source: fixtures::source(&spec(json!({ "auth": auth }))),
        ..fresh()
    };
    let conclusion = conclude(&observed, &MINT, &first_success(&observed), now());
    let text = serde_json::to_string(written(&conclusion)).unwrap();
    assert!(!text.contains("robot@acme.example"), "{text}");
}

#[test]
fn a_username_that_came_by_reference_stays_hidden_when_the_spec_names_another() {
    let auth = json!({ "password": {
        "username": "guess@acme.example", "passwordRef": { "name": "user", "key": "password" },
    } });
    let observed = Observed {
        source: fixtures::source(&spec(json!({ "auth": auth }))),
        ..fresh()
    };
    let mut outcome = first_success(&observed);
    outcome.held.as_mut().unwrap().inputs_digest =
        fixtures::connector(&spec(json!({}))).inputs_digest.clone();
    let conclusion = conclude(&observed, &KEEP, &outcome, now());
    let text = serde_json::to_string(written(&conclusion)).unwrap();
    assert!(!text.contains("robot@acme.example"), "{text}");
}

#[test]
fn once_its_user_is_known_a_connector_whose_grant_is_revoked_is_looked_at_for_others_of_that_user() {
    for (revokes, known, at_once) in [(true, false, true), (true, true, false), (false, false, false)] {
        let settings = json!({ "revokeOnDelete": revokes });
        let mut observed = fixtures::granted(&settings, redeem::GrantValidity::Valid);
        observed.status = if known {
            observed.status
        } else {
            crate::api::SalesforceConnectorStatus {
                identity: None,
                ..observed.status
            }
        };
        let next = conclude(&observed, &KEEP, &kept(&observed), now()).next;
        assert_eq!(next == Duration::from_secs(1), at_once, "{revokes} {known}");
    }
}

#[test]
fn the_next_look_is_at_the_first_interesting_moment() {
    let day = |observed: Observed| Observed {
        resync_period: Duration::from_hours(24),
        ..observed
    };
    let next = |observed: &Observed, at: i64| conclude(observed, &KEEP, &kept(observed), after(at)).next;
    let waiting = |observed: &Observed, at: i64| {
        let decision = Decision::Wait(WaitReason::BackOff(after(at)));
        conclude(observed, &decision, &kept(observed), after(at)).next
    };
    let until = |moment: Timestamp, at: i64| Duration::try_from(moment.duration_since(after(at))).unwrap();
    let observed = day(settled());
    let test = fixtures::next_test_of(&observed);
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
    assert_eq!(next(&settled(), 0), jittered(RESYNC, &uid(), 2));
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
fn the_answer_to_a_login_by_link_is_looked_for_often_and_seldom_where_there_are_many_connectors() {
    let next = |login: LoginSeen, resync_period| {
        let mut observed = fixtures::granted(&json!({}), redeem::GrantValidity::Valid);
        fixtures::grant_mut(&mut observed).login = login;
        let observed = Observed {
            resync_period,
            ..observed
        };
        conclude(&observed, &KEEP, &kept(&observed), after(60)).next
    };
    for (period, wait) in [
        (RESYNC, 5),
        (Duration::from_secs(240), 20),
        (Duration::from_hours(1), 30),
    ] {
        assert_eq!(
            next(LoginSeen::Awaited, period),
            Duration::from_secs(wait),
            "{period:?}"
        );
        assert!(
            next(LoginSeen::None, period) > Duration::from_secs(wait),
            "{period:?}"
        );
    }
    let ended = LoginRequest {
        secret_name: "crm-login".to_owned(),
        code: Err(Rejection::new(OwnReason::LoginSecretInvalid, "")),
    };
    let soon = next(LoginSeen::Requested(ended), RESYNC);
    assert_eq!(soon, Duration::from_secs(1), "its Secret is to go");
}

#[test]
fn a_secret_that_was_never_written_has_no_name_in_the_status() {
    let refused = Decision::Reject(Rejection::new(
        OwnReason::InputSecretMissing,
        "spec.app.clientSecretRef",
    ));
    let before = fresh();
    let conclusion = conclude(&before, &refused, &kept(&before), now());
    assert_eq!(written(&conclusion).secret_name, None);
}

#[test]
fn a_changed_secret_name_is_shown_and_a_changed_generation_observed() {
    let moved = Observed {
        generation: 2,
        source: fixtures::source(&spec(json!({ "secret": { "name": "other" } }))),
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
