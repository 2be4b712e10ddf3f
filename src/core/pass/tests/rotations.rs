//! Scenarios of an app whose credentials are rotated: which are sent, and what is said of them.

use super::*;
use crate::core::conclude::EventKind;
use crate::core::model::connector::Credentials;

fn by_client_credentials() -> Observed {
    Observed {
        source: fixtures::source(&fixtures::rotated(&json!({ "clientCredentials": {} }))),
        ..fresh()
    }
}

/// A settled connector whose token is of these credentials.
fn holding(credentials: Credentials, auth: &serde_json::Value) -> Observed {
    let spec = fixtures::rotated(auth);
    let connector = fixtures::connector(&spec);
    let mut token = held(&connector);
    if credentials == Credentials::Previous {
        token.inputs_digest = connector.with_previous_credentials().unwrap().inputs_digest;
    }
    let settled = Observed {
        source: fixtures::source(&spec),
        ..settled()
    };
    carrying(settled, token)
}

fn holding_previous() -> Observed {
    holding(Credentials::Previous, &json!({ "clientCredentials": {} }))
}

/// Runs a pass in which Salesforce refuses the client of these keys. Returns it with the keys that were sent.
fn run_refusing(observed: &Observed, at: jiff::Timestamp, refused: &[&str]) -> (Ran, Vec<String>) {
    run_refusing_as(Refusal::ClientIdInvalid, observed, at, refused)
}

fn run_refusing_as(
    refusal: Refusal,
    observed: &Observed,
    at: jiff::Timestamp,
    refused: &[&str],
) -> (Ran, Vec<String>) {
    let mut sent = Vec::new();
    let ran = run_with(observed, at, |effect| {
        let PassEffect::RequestToken { connector, .. } = effect else {
            return None;
        };
        sent.push(connector.app.client_id.clone());
        let bad = refused.contains(&connector.app.client_id.as_str());
        bad.then(|| PassReply::Token(TokenReply::Refused(Box::new(failure(refusal)))))
    });
    (ran, sent)
}

fn message(ran: &Ran) -> &str {
    let conditions = &ran.left.status.conditions;
    &conditions.iter().find(|it| it.type_ == "Ready").unwrap().message
}

fn credentials(ran: &Ran) -> Option<Credentials> {
    let token = ran.left.held.as_ref().unwrap();
    fixtures::of(&ran.left).credentials_of(&token.inputs_digest)
}

/// Kind and reason of each event.
fn events(ran: &Ran) -> Vec<(EventKind, &str)> {
    let events = &ran.report().events;
    events
        .iter()
        .map(|event| (event.kind, event.reason.as_str()))
        .collect()
}

const IN_USE: (EventKind, &str) = (EventKind::Warning, "PreviousCredentialsInUse");

scenarios! {
    fn new_credentials_are_tried_at_once_and_used_from_then_on() {
        let (ran, sent) = run_refusing(&holding_previous(), after(60), &[]);
        let expected = effects(&[
            &["RequestToken", "Introspect", "UpdateSecret", "DeleteFormerSecrets"],
            &TEST,
            &["Record", "WriteStatus"],
        ]);
        assert_eq!((ran.effects.as_slice(), sent), (expected.as_slice(), vec!["new".to_owned()]));
        assert_eq!(credentials(&ran), Some(Credentials::Current));
        assert_eq!(events(&ran), [(EventKind::Normal, "CredentialsRotated")]);
        assert_eq!(
            message(&ran),
            "The token is valid and in Secret \"crm-salesforce\". Salesforce accepts the app's current credentials. You can remove spec.app.previousCredentials."
        );
        let (again, sent) = run_refusing(&ran.left, after(120), &[]);
        assert!(sent.is_empty() && events(&again).is_empty());
    }

    fn a_token_of_the_previous_credentials_stays_while_the_new_ones_are_refused() {
        let before = holding_previous();
        let (ran, sent) = run_refusing(&before, after(60), &["new"]);
        assert_eq!(ran.effects, ["RequestToken", "DeleteFormerSecrets", "Record", "WriteStatus"]);
        assert_eq!((sent, &ran.left.held), (vec!["new".to_owned()], &before.held));
        let failures = ran.left.status.credentials_failures.as_ref().unwrap();
        let next = failures.next_attempt_time.as_ref().unwrap().0;
        assert_eq!(failures.reason, "PreviousCredentialsInUse");
        assert!((after(180)..after(220)).contains(&next), "{next}");
        assert_eq!((ready_after(&ran).as_str(), ran.left.status.failures.as_ref()), ("True PreviousCredentialsInUse", None));
        assert!(message(&ran).contains("(ClientIdInvalid: as Salesforce puts it). Compare spec.app.clientId"), "{}", message(&ran));
        assert_eq!(events(&ran), [IN_USE]);

        let (waiting, sent) = run_refusing(&ran.left, next - jiff::SignedDuration::from_secs(1), &[]);
        assert!(sent.is_empty(), "{sent:?}");
        assert!(waiting.report().next <= std::time::Duration::from_secs(1));
        let (refused, sent) = run_refusing(&ran.left, next, &["new"]);
        assert_eq!((sent, events(&refused)), (vec!["new".to_owned()], vec![]));
        assert_eq!(refused.left.status.credentials_failures.as_ref().unwrap().count, 2);
        let (accepted, _) = run_refusing(&ran.left, next, &[]);
        assert_eq!(accepted.left.status.credentials_failures, None);
        assert_eq!(events(&accepted), [(EventKind::Normal, "CredentialsRotated")]);
    }

    fn a_first_login_that_is_refused_is_made_with_the_previous_credentials_in_the_same_pass() {
        for refusal in [Refusal::ClientIdInvalid, Refusal::ClientSecretInvalid] {
            let (ran, sent) = run_refusing_as(refusal, &by_client_credentials(), now(), &["new"]);
            let before: &[&str] = &["RequestToken", "RequestToken", "Introspect"];
            let then: &[&str] = &["CreateSecret", "DeleteFormerSecrets", "Record", "WriteStatus"];
            assert_eq!(ran.effects, effects(&[before, &TEST, then]));
            assert_eq!(sent, ["new", "old"]);
            assert_eq!((ready_after(&ran).as_str(), credentials(&ran)), ("True PreviousCredentialsInUse", Some(Credentials::Previous)));
            assert_eq!(events(&ran), [IN_USE]);
        }
    }

    fn another_refusal_is_not_met_with_the_previous_credentials() {
        for refusal in [Refusal::RunAsUserMissing, Refusal::SalesforceUnavailable, Refusal::LoginRateExceeded] {
            let (ran, sent) = run_refusing_as(refusal, &by_client_credentials(), now(), &["new"]);
            assert_eq!(sent, ["new"], "{refusal}");
            assert_eq!(ran.left.status.failures.as_ref().unwrap().reason, refusal.as_str());
            assert_eq!(ran.left.status.credentials_failures, None);
        }
    }

    fn a_renewal_begins_with_the_previous_credentials_while_the_current_ones_wait() {
        let (mut refused, _) = run_refusing(&holding_previous(), after(60), &["new"]);
        let failures = refused.left.status.credentials_failures.as_mut().unwrap();
        failures.next_attempt_time = Some(after(9000).into());
        let (renewed, sent) = run_refusing(&refused.left, after(7000), &["new"]);
        assert_eq!((sent, credentials(&renewed)), (vec!["old".to_owned()], Some(Credentials::Previous)));
        assert_eq!(renewed.left.status.credentials_failures, refused.left.status.credentials_failures);

        let (renewed, sent) = run_refusing(&refused.left, after(7000), &["old"]);
        assert_eq!((sent, credentials(&renewed)), (vec!["old".to_owned(), "new".to_owned()], Some(Credentials::Current)));
        assert_eq!(renewed.left.status.credentials_failures, None);

        let (_, sent) = run_refusing(&asked_to_renew(refused.left.clone()), after(70), &["new"]);
        assert_eq!(sent, ["new", "old"]);
    }

    fn where_both_are_refused_a_login_is_tried_again_soon() {
        let (ran, sent) = run_refusing(&by_client_credentials(), now(), &["new", "old"]);
        assert_eq!((sent.len(), ready_after(&ran).as_str()), (2, "False AppCredentialsRefused"));
        let failures = ran.left.status.failures.as_ref().unwrap();
        let next = failures.next_attempt_time.as_ref().unwrap().0;
        assert!((after(120)..after(160)).contains(&next), "{next}");
        let told = "current: ClientIdInvalid: as Salesforce puts it; previous: ClientIdInvalid: as Salesforce puts it";
        assert!(failures.message.contains(told), "{}", failures.message);
        // A token that is good stays so.
        let (ran, _) = run_refusing(&holding_previous(), after(7000), &["new", "old"]);
        assert_eq!((ready_after(&ran).as_str(), ran.left.status.failures.as_ref().unwrap().reason.as_str()), ("True TokenValid", "AppCredentialsRefused"));
    }

    fn a_password_is_noted_once_and_judged_by_the_credentials_that_salesforce_accepts() {
        let mut observed = by_client_credentials();
        observed.source = fixtures::source(&fixtures::rotated(&password()));
        for (refused, outcome) in [
            (vec!["new"], PasswordOutcome::Accepted),
            (vec!["new", "old"], PasswordOutcome::NotCounted),
        ] {
            let mut recorded = Vec::new();
            let ran = run_with(&observed, now(), |effect| match effect {
                PassEffect::RecordPassword { outcome, .. } => {
                    recorded.push(*outcome);
                    None
                }
                PassEffect::RequestToken { connector, .. } if refused.contains(&connector.app.client_id.as_str()) => {
                    refuses_login(Refusal::ClientSecretInvalid)(effect)
                }
                _ => None,
            });
            let expected = ["ReserveUser", "RecallPassword", "NotePassword", "RequestToken", "RequestToken"];
            assert_eq!((&ran.effects[..5], recorded), (expected.as_slice(), vec![outcome]));
        }
        let (_, sent) = run_refusing_as(Refusal::WrongPassword, &observed, now(), &["new"]);
        assert_eq!(sent, ["new"]);
    }

    fn a_password_that_works_is_tried_with_new_credentials_without_a_note() {
        let (ran, _) = run_refusing(&holding(Credentials::Previous, &password()), after(60), &[]);
        assert_eq!(ran.effects[..4], ["ReserveUser", "RecallPassword", "RequestToken", "Introspect"]);
        assert_eq!(credentials(&ran), Some(Credentials::Current));
    }

    fn previous_credentials_that_are_not_there_are_told_and_harm_nothing() {
        let mut observed = holding(Credentials::Current, &json!({ "clientCredentials": {} }));
        let missing = Rejection::new(OwnReason::InputSecretMissing, "spec.app.previousCredentials.clientSecretRef: Secret \"old\"");
        fixtures::of_mut(&mut observed).previous_credentials = Some(Err(missing.clone()));
        let (ran, _) = run_refusing(&observed, after(3600), &[]);
        let told = format!("The app's previous credentials can't be used: {}", missing.message());
        assert_eq!((ready_after(&ran).as_str(), message(&ran).ends_with(&told)), ("True TokenValid", true));
        let (ran, sent) = run_refusing(&asked_to_renew(observed), after(60), &["new"]);
        let failures = ran.left.status.failures.as_ref().unwrap();
        assert_eq!((sent.len(), failures.reason.as_str()), (1, "ClientIdInvalid"));
        assert!(failures.message.ends_with(&told), "{}", failures.message);
    }
}
