use redeem::{GrantValidity, RefreshToken, Serial};
use serde_json::json;

use super::*;
use crate::api::Reason;
use crate::api::reasons::{OwnReason, Refusal};
use crate::core::conclude::{Conclusion, EventDraft, EventKind, conclude};
use crate::core::model::decision::Decision;
use crate::core::model::outcome::{GrantOutcome, Outcome};
use crate::core::model::rejection::Rejection;
use crate::core::testing::fixtures;
use crate::core::testing::fixtures::{after, granted, kept, now};

const OPEN: Decision = Decision::Mint {
    why: MintReason::GrantOpen,
};
const KEEP: Decision = Decision::Keep { test: None };

/// A grant that works, and a token that was brought beside it.
fn beside() -> Observed {
    let mut observed = granted(&json!({}), GrantValidity::Valid);
    let digest = redeem::TokenDigest::of(fixtures::key().ledger(), &RefreshToken::new("brought".to_owned()));
    fixtures::grant_mut(&mut observed).view.bootstrap = Some(digest);
    observed.last_test = Some(after(3600));
    observed
}

fn refused(problem: GrantProblem) -> SessionNotes {
    SessionNotes {
        bootstrap: Some(BootstrapNote::Refused(problem)),
        candidate: None,
    }
}

fn failed(why: MintReason) -> Minted {
    Minted::Failed {
        why,
        problem: Problem {
            reason: Refusal::UserInactive.into(),
            message: "inactive".into(),
            retry_after: None,
        },
    }
}

#[test]
fn a_candidate_problem_beside_a_working_grant_is_not_a_failure_of_the_connector() {
    use MintReason::{GrantOpen, RenewalDue};
    let observed = beside();
    let same = fixtures::state(GrantValidity::Valid);
    let mut newer = same.clone();
    newer.current.as_mut().unwrap().access.as_mut().unwrap().serial = Serial(5);
    let dead = fixtures::state(GrantValidity::Dead);
    let mut old = same.clone();
    old.serial = Serial(2);
    let apart = |why, minted: Option<Minted>, state: Option<&State>, said| {
        let (minted, problem) = crate::core::grant::candidate::apart(
            &observed,
            fixtures::grant_of(&observed),
            why,
            (minted, state, said),
        );
        (minted, problem.map(|problem| problem.reason.as_str()))
    };
    let used = refused(GrantProblem::BootstrapTokenUsed);
    let wrong = SessionNotes {
        bootstrap: Some(BootstrapNote::Imported),
        candidate: Some(GrantProblem::WrongIdentity),
    };
    let obtained = Some(Minted::Obtained { why: RenewalDue });
    let renewal_failed = Some(failed(RenewalDue));
    let import_failed = Some(failed(GrantOpen));
    for (why, minted, state, said, expected) in [
        (
            GrantOpen,
            None,
            Some(&same),
            used,
            (None, Some("BootstrapTokenUsed")),
        ),
        (GrantOpen, None, Some(&same), wrong, (None, Some("WrongIdentity"))),
        (
            GrantOpen,
            import_failed.clone(),
            Some(&same),
            SessionNotes::default(),
            (None, Some("UserInactive")),
        ),
        (
            RenewalDue,
            obtained.clone(),
            Some(&newer),
            used,
            (obtained.clone(), Some("BootstrapTokenUsed")),
        ),
        // The renewal went well, and then the import did not.
        (
            RenewalDue,
            renewal_failed.clone(),
            Some(&newer),
            SessionNotes::default(),
            (obtained, Some("UserInactive")),
        ),
        (
            RenewalDue,
            renewal_failed.clone(),
            Some(&same),
            SessionNotes::default(),
            (renewal_failed.clone(), None),
        ),
        // Where no grant works, all problem is the connector's.
        (
            GrantOpen,
            import_failed.clone(),
            Some(&dead),
            used,
            (import_failed.clone(), None),
        ),
        (
            GrantOpen,
            import_failed.clone(),
            Some(&old),
            used,
            (import_failed.clone(), None),
        ),
        (
            GrantOpen,
            import_failed.clone(),
            None,
            used,
            (import_failed, None),
        ),
    ] {
        assert_eq!(apart(why, minted, state, said), expected);
    }
}

/// A session that settled what is open has come to this.
fn settled(observed: &Observed, candidate: Option<Problem>) -> Conclusion {
    let outcome = Outcome {
        grant: Some(GrantOutcome {
            serial: 3,
            imported: None,
            outlook: None,
            end: None,
            works: true,
            candidate,
        }),
        ..kept(observed)
    };
    conclude(observed, &OPEN, &outcome, after(60))
}

fn with_status(observed: Observed, conclusion: Conclusion) -> Observed {
    fixtures::reported(observed, conclusion)
}

fn ready(observed: &Observed) -> (&str, &str) {
    let ready = &observed.status.conditions[0];
    (&ready.status, &ready.message)
}

const NOT_USED: &str = "The token is valid and in Secret \"crm-salesforce\". The candidate grant was rejected; the \
                        current grant is still in use: ";

#[test]
fn a_bootstrap_token_refused_beside_a_working_grant_is_reported_once_and_left_alone() {
    let observed = beside();
    assert_eq!(fixtures::decided(&observed, after(60)), OPEN);
    let told = problem(refused(GrantProblem::BootstrapTokenUsed)).unwrap();
    let message = told.message.clone();
    let conclusion = settled(&observed, Some(told.clone()));
    assert_eq!(
        conclusion.events,
        [EventDraft {
            kind: EventKind::Warning,
            reason: GrantProblem::BootstrapTokenUsed.into(),
            note: message.clone(),
        }]
    );
    let observed = with_status(observed, conclusion);
    assert_eq!(
        ready(&observed),
        ("True", format!("{NOT_USED}{message}").as_str())
    );
    assert_eq!(observed.status.failures, None);
    assert_eq!(fixtures::decided(&observed, after(120)), KEEP);
    // Neither a look nor another session that says the same writes anything.
    let look = conclude(&observed, &KEEP, &kept(&observed), after(120));
    assert_eq!((look.status, look.events), (None, vec![]));
    let again = settled(&observed, Some(told));
    assert_eq!((again.status, again.events), (None, vec![]));
    // Nor does it outlive what was brought.
    let mut gone = observed;
    fixtures::grant_mut(&mut gone).view.bootstrap = None;
    let conclusion = conclude(&gone, &KEEP, &kept(&gone), after(120));
    assert_eq!(conclusion.status.unwrap().candidate_grant_failures, None);
}

#[test]
fn what_salesforce_refuses_beside_a_working_grant_is_tried_again_with_its_own_back_off() {
    let refusal = |refusal: Refusal| Problem {
        reason: refusal.into(),
        message: Reason::from(refusal).meaning().into(),
        retry_after: None,
    };
    let observed = beside();
    let observed = with_status(
        observed.clone(),
        settled(&observed, Some(refusal(Refusal::SalesforceUnavailable))),
    );
    let failures = observed.status.candidate_grant_failures.clone().unwrap();
    let next = failures.next_attempt_time.unwrap().0;
    assert_eq!(fixtures::decided(&observed, after(61)), KEEP);
    assert_eq!(fixtures::decided(&observed, next), OPEN);
    let observed = with_status(
        observed.clone(),
        settled(&observed, Some(refusal(Refusal::SalesforceUnavailable))),
    );
    assert_eq!(
        observed.status.candidate_grant_failures.as_ref().unwrap().count,
        2
    );
    let observed = with_status(observed.clone(), settled(&observed, None));
    assert_eq!(observed.status.candidate_grant_failures, None);
}

#[test]
fn an_auth_url_that_can_t_be_read_stops_no_grant_that_is_there() {
    let fault = Rejection::new(OwnReason::SfdxAuthUrlInvalid, "the field");
    let with_fault = |mut observed: Observed| {
        fixtures::grant_mut(&mut observed).settings.fault = Some(fault.clone());
        observed
    };
    let working = with_fault(Observed {
        last_test: Some(after(3600)),
        ..granted(&json!({}), GrantValidity::Valid)
    });
    assert_eq!(fixtures::decided(&working, after(60)), KEEP);
    let conclusion = conclude(&working, &KEEP, &kept(&working), after(60));
    let working = with_status(working, conclusion);
    assert_eq!(
        ready(&working),
        ("True", format!("{NOT_USED}{}", fault.message()).as_str())
    );
    let renewal = Decision::Mint {
        why: MintReason::RenewalDue,
    };
    assert_eq!(fixtures::decided(&working, after(7200)), renewal);

    let dead = with_fault(granted(&json!({}), GrantValidity::Dead));
    assert_eq!(
        fixtures::decided(&dead, after(60)),
        Decision::Reject(fault.clone())
    );
    let mut absent = with_fault(granted(&json!({}), GrantValidity::Valid));
    fixtures::grant_mut(&mut absent).view.state = redeem::StateSeen::Absent;
    assert_eq!(fixtures::decided(&absent, now()), Decision::Reject(fault.clone()));
    assert_eq!(Reason::from(OwnReason::SfdxAuthUrlInvalid), fault.reason);
}
