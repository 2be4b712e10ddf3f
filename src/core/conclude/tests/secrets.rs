//! What does the status say of the connector's Secret?

use super::*;

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
