//! Scenarios of logins by password: what is remembered before one is sent, and what is not sent.

use super::*;

fn with_password() -> Observed {
    Observed {
        source: fixtures::source(&spec(json!({ "auth": password() }))),
        ..fresh()
    }
}

/// A connector by password whose token is due.
fn renewing_password() -> Observed {
    let spec = spec(json!({ "auth": password() }));
    let source = fixtures::source(&spec);
    let settled = Observed {
        source,
        last_test: Some(after(6000)),
        ..settled()
    };
    carrying(settled, held(&fixtures::connector(&spec)))
}

/// What is remembered where the password of the fixtures was sent now, and refused or with an unclear outcome.
fn attempted(unclear_until: Option<Timestamp>, requested: bool) -> PasswordMemory {
    let observed = with_password();
    let Source::Login(source) = &observed.source else {
        panic!("a login")
    };
    let crate::core::model::connector::LoginMethod::Password(login) = &source.method else {
        panic!("a password")
    };
    let password = login.password_id(&observed.owner.namespace, &fixtures::key());
    PasswordMemory::default().begun(PasswordAttempt {
        password,
        time: now(),
        requested,
        unclear_until,
    })
}

scenarios! {
    fn a_password_that_was_never_accepted_is_noted_before_it_is_sent_and_one_user_logs_in_at_a_time() {
        let ran = run(&with_password(), now());
        let before: &[&str] = &[
            "ReserveUser", "RecallPassword", "NotePassword", "RequestToken", "Introspect", "RecordPassword", "ReleaseUser",
        ];
        let then: &[&str] = &["CreateSecret", "DeleteFormerSecrets", "Record", "WriteStatus"];
        assert_eq!(ran.effects, effects(&[before, &TEST, then]));
    }

    fn a_password_that_works_is_renewed_without_a_note() {
        let ran = run(&renewing_password(), after(6100));
        let expected = ["ReserveUser", "RecallPassword", "RequestToken", "Introspect", "ReleaseUser"];
        assert_eq!(ran.effects[..5], expected);
    }

    fn while_another_login_of_the_user_is_in_progress_nothing_is_done() {
        let ran = run_with(&with_password(), now(), |effect| match effect {
            PassEffect::ReserveUser { .. } => Some(PassReply::UserBusy),
            _ => None,
        });
        assert_eq!(ran.effects, ["ReserveUser"]);
        assert!(ran.report.is_none());
    }

    fn a_wrong_password_is_recorded_before_anything_else() {
        for (observed, noted) in [(with_password(), true), (renewing_password(), false)] {
            let mut recorded = None;
            let ran = run_with(&observed, after(6100), |effect| {
                if let PassEffect::RecordPassword { outcome, .. } = effect {
                    recorded = Some(*outcome);
                }
                refuses_login(Refusal::WrongPassword)(effect)
            });
            let note: &[&str] = if noted { &["NotePassword"] } else { &[] };
            let expected = effects(&[&["ReserveUser", "RecallPassword"], note, &["RequestToken", "RecordPassword", "ReleaseUser"]]);
            assert_eq!(ran.effects[..expected.len()], expected);
            assert_eq!(recorded, Some(PasswordOutcome::Refused));
            assert_eq!(ran.left.status.failures.as_ref().unwrap().reason, "WrongPassword");
        }
    }

    fn a_lost_answer_leaves_the_note_as_it_is() {
        let ran = run_with(&with_password(), now(), |effect| match effect {
            PassEffect::RequestToken { .. } => {
                let lost = salesforce_client::Failure { sent: salesforce_client::Sent::Unknown, ..failure(Refusal::TimedOut) };
                Some(PassReply::Token(TokenReply::Refused(Box::new(lost))))
            }
            _ => None,
        });
        let expected = ["ReserveUser", "RecallPassword", "NotePassword", "RequestToken", "ReleaseUser", "Record", "WriteStatus"];
        assert_eq!(ran.effects, expected);
        assert_eq!(ready_after(&ran), "False PasswordOutcomeUnknown");
    }

    fn a_password_that_is_not_judged_leaves_no_note() {
        let mut recorded = None;
        let _ran = run_with(&with_password(), now(), |effect| {
            if let PassEffect::RecordPassword { outcome, .. } = effect {
                recorded = Some(*outcome);
            }
            refuses_login(Refusal::SalesforceUnavailable)(effect)
        });
        assert_eq!(recorded, Some(PasswordOutcome::NotCounted));
    }

    fn who_notes_a_password_too_late_looks_again_and_does_not_send_it() {
        let (mut memory, mut recalls) = (PasswordMemory::default(), 0);
        let ran = run_with(&with_password(), now(), |effect| match effect {
            PassEffect::RecallPassword { .. } => {
                recalls += 1;
                Some(PassReply::Passwords(memory.clone(), None))
            }
            PassEffect::NotePassword { memory: others, .. } => {
                memory = others.clone();
                Some(PassReply::PasswordNoted(PasswordNote::Outdated))
            }
            _ => None,
        });
        let expected = ["ReserveUser", "RecallPassword", "NotePassword", "RecallPassword", "ReleaseUser", "Record", "WriteStatus"];
        assert_eq!((ran.effects.as_slice(), recalls), (expected.as_slice(), 2));
        assert_eq!(ready_after(&ran), "False PasswordOutcomeUnknown");
    }

    fn a_namespace_with_too_many_failed_users_sends_nothing_for_another() {
        let ran = run_with(&with_password(), now(), |effect| match effect {
            PassEffect::NotePassword { .. } => Some(PassReply::PasswordNoted(PasswordNote::TooMany)),
            _ => None,
        });
        assert!(!ran.effects.contains(&"RequestToken"), "{:?}", ran.effects);
        assert_eq!(ready_after(&ran), "False PasswordsRefusedTooOften");
    }

    fn a_password_that_is_remembered_is_not_sent() {
        let unclear = |effect: &PassEffect| match effect {
            PassEffect::RecallPassword { .. } => Some(PassReply::Passwords(attempted(Some(after(60)), false), None)),
            _ => None,
        };
        let ran = run_with(&with_password(), now(), unclear);
        assert_eq!(ran.effects, ["ReserveUser", "RecallPassword", "ReleaseUser", "Record", "WriteStatus"]);
        assert_eq!(ready_after(&ran), "False PasswordOutcomeUnknown");
        let over = run_with(&with_password(), after(60), unclear);
        assert_eq!(ready_after(&over), "True TokenValid");
    }

    fn where_the_session_ends_and_the_password_is_known_to_be_wrong_the_status_says_so() {
        let spec = spec(json!({ "auth": password() }));
        let connector = fixtures::connector(&spec);
        let mut observed = carrying(Observed { source: fixtures::source(&spec), ..settled() }, held(&connector));
        if let Source::Login(source) = &mut observed.source {
            source.password_refused = true;
        }
        let ran = run_with(&observed, after(901), |effect| match effect {
            PassEffect::RecallPassword { .. } => Some(PassReply::Passwords(attempted(None, false), None)),
            effect => refuses_tokens(effect),
        });
        let expected = [
            "TestVersions", "TestIdentity", "DeleteFormerSecrets", "ReserveUser", "RecallPassword", "ReleaseUser",
            "DeleteFormerSecrets", "Record", "WriteStatus",
        ];
        assert_eq!(ran.effects, expected);
        assert_eq!(ran.left.status.failures.as_ref().unwrap().reason, "PasswordRefusedBefore");
    }

    fn a_request_sends_a_refused_password_once_an_hour() {
        let asked = asked_to_renew(with_password());
        let run_after = |seconds: i64, requested: bool| run_with(&asked, after(seconds), |effect| match effect {
            PassEffect::RecallPassword { .. } => Some(PassReply::Passwords(attempted(None, requested), None)),
            effect => refuses_login(Refusal::WrongPassword)(effect),
        });
        assert!(run_after(0, false).effects.contains(&"RequestToken"));
        let again = run_after(3599, true);
        assert_eq!(again.effects, ["ReserveUser", "RecallPassword", "ReleaseUser", "Record", "WriteStatus"]);
        let status = &again.left.status;
        assert_eq!(status.last_handled.as_ref().unwrap().renew_requested_at.as_deref(), Some("1"));
        let message = &status.failures.as_ref().unwrap().message;
        assert!(message.contains("not on request before"), "{message}");
        assert!(run_after(3600, true).effects.contains(&"RequestToken"));
    }
}
