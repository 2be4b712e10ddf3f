//! What is decided of a connector that another installation has claimed?

use super::*;

/// A connector of another installation, and what was decided about it.
fn claimed_elsewhere() -> (Observed, Rejection) {
    let mut observed = observed(found(fixtures::state(GrantValidity::Valid)));
    let claimant = Claimant {
        uid: "other".to_owned(),
        namespace: Some("system".to_owned()),
    };
    let subject = claimant.subject();
    fixtures::grant_mut(&mut observed).view.claim = Claim::Elsewhere(claimant);
    let rejection = Rejection::new(GrantProblem::ClaimedByAnotherInstallation, subject);
    (observed, rejection)
}

#[test]
fn a_connector_of_another_installation_is_reported_once_and_left_unchanged() {
    let (mut observed, rejection) = claimed_elsewhere();
    let decision = fixtures::decided(&observed, now());
    assert_eq!(decision, Decision::Reject(rejection.clone()));
    let conclusion = conclude(&observed, &decision, &kept(&observed), now());
    let event = EventDraft {
        kind: EventKind::Warning,
        reason: rejection.reason,
        note: rejection.message(),
    };
    assert_eq!((conclusion.status, conclusion.events), (None, vec![event]));
    assert!(conclusion.claimed_elsewhere);
    fixtures::grant_mut(&mut observed).claim_reported = true;
    let again = conclude(&observed, &decision, &kept(&observed), after(60));
    assert_eq!((again.status, again.events), (None, vec![]));
}

#[test]
fn a_connector_whose_claimant_lets_its_token_expire_is_told_to_be_unattended_and_nothing_else_changes() {
    let (observed, rejection) = claimed_elsewhere();
    let decision = Decision::Reject(rejection.clone());
    let status = conclude(&observed, &decision, &kept(&observed), after(7200)).status;
    let status = status.expect("the token has expired");
    let found = |kind: &str| {
        let condition = status.conditions.iter().find(|found| found.type_ == kind);
        condition.map(|found| (found.status.as_str(), found.reason.as_str()))
    };
    let told = Some(("False", "ClaimedByAnotherInstallation"));
    assert_eq!(found("Ready"), told);
    assert_eq!(found("Stalled"), Some(("True", "ClaimedByAnotherInstallation")));
    assert_eq!(found("Reconciling"), None);
    let unchanged = |status: SalesforceConnectorStatus| SalesforceConnectorStatus {
        conditions: Vec::new(),
        ..status
    };
    assert_eq!(unchanged(status.clone()), unchanged(observed.status.clone()));
    // It is written once.
    let told = Observed { status, ..observed };
    assert_eq!(conclude(&told, &decision, &kept(&told), after(7260)).status, None);
}

#[test]
fn a_claimant_that_does_not_answer_an_edit_of_a_connector_that_is_not_ready_is_told_not_to_live() {
    let (mut observed, rejection) = claimed_elsewhere();
    let decision = Decision::Reject(rejection);
    for condition in &mut observed.status.conditions {
        if condition.type_ == "Ready" {
            condition.status = "False".to_owned();
            condition.reason = "ReauthorizationRequired".to_owned();
        }
    }
    assert_eq!(
        conclude(&observed, &decision, &kept(&observed), after(7200)).status,
        None
    );
    observed.generation += 1;
    let status = conclude(&observed, &decision, &kept(&observed), after(7200))
        .status
        .unwrap();
    assert_eq!(status.conditions[0].reason, "ClaimedByAnotherInstallation");
}

#[test]
fn an_inherited_connector_is_taken_over_although_nothing_is_due() {
    let mut observed = observed(found(fixtures::state(GrantValidity::Valid)));
    assert_eq!(fixtures::decided(&observed, now()), Decision::Keep { test: None });
    let from = redeem::InstallationUid::new("other");
    fixtures::grant_mut(&mut observed).view.claim = Claim::Inherited(from);
    let why = MintReason::GrantOpen;
    assert_eq!(fixtures::decided(&observed, now()), Decision::Mint { why });
}
