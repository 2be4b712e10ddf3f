//! A claim never takes back what tells that a state is missing or old; and one of an installation that is gone is taken over.

use std::time::Duration;

use redeem::{
    GrantId, GrantProblem, InstallationUid, Introspectable, IntrospectionAnswer, LoginVerdict, RedeemAnswer,
    Serial, SessionEnd, SessionGoal, SessionInputs, SessionMemory, SessionWait,
};

use crate::stage::{SEEN, Stage, answer, bootstrap, in_use, inputs, user};

fn told(problem: GrantProblem) -> SessionEnd {
    SessionEnd::Problem {
        problem,
        ask_again: None,
    }
}

#[test]
fn a_connector_that_was_handed_over_still_tells_that_its_state_is_missing_or_old() {
    let cases = [
        (None, Some(7), Serial(7), told(GrantProblem::GrantLost)),
        (
            Some(in_use()),
            Some(7),
            Serial(7),
            told(GrantProblem::StateRolledBack),
        ),
        (Some(in_use()), Some(2), Serial(3), SessionEnd::Ready),
        (Some(in_use()), None, Serial(3), SessionEnd::Ready),
        (None, None, Serial(0), told(GrantProblem::AuthorizationRequired)),
    ];
    for (kept, copied, claimed, end) in cases {
        let mut stage = Stage::with(kept);
        stage.connector.controller = None;
        stage.connector.serial = copied.map(Serial);
        let offline = SessionInputs {
            introspectable: Introspectable::Impossible,
            ..inputs(SessionGoal::Settle)
        };
        let outcome = stage.run(offline, SessionMemory::default());
        assert_eq!(
            (stage.connector.serial, outcome.end),
            (Some(claimed), end),
            "copy {copied:?}"
        );
    }
}

/// A connector that the installation `other` manages.
fn of_another(kept: Option<redeem::State>) -> Stage {
    let mut stage = Stage::with(kept);
    stage.connector.controller = Some(InstallationUid::new("other"));
    stage
}

fn heir(goal: SessionGoal) -> SessionInputs {
    SessionInputs {
        heir_of: Some(InstallationUid::new("other")),
        ..inputs(goal)
    }
}

#[test]
fn the_connector_of_an_installation_that_is_gone_is_taken_over_and_its_grant_goes_on() {
    let mut stage = of_another(Some(in_use()));
    stage.consumer = SEEN;
    let untouched = stage.run(inputs(SessionGoal::Settle), SessionMemory::default());
    assert_eq!(untouched.end, told(GrantProblem::ClaimedByAnotherInstallation));
    let another = SessionInputs {
        heir_of: Some(InstallationUid::new("a third one")),
        ..inputs(SessionGoal::Settle)
    };
    let untouched = stage.run(another, SessionMemory::default());
    assert_eq!(untouched.end, told(GrantProblem::ClaimedByAnotherInstallation));
    let outcome = stage.run(heir(SessionGoal::Settle), SessionMemory::default());
    assert_eq!(outcome.end, SessionEnd::Ready);
    assert_eq!(stage.taken_from, [Some(InstallationUid::new("other"))]);
    assert_eq!(stage.connector.controller, Some(InstallationUid::new("i")));
    assert!(stage.connector.taken_over);
}

#[test]
fn what_the_installation_of_before_may_have_imported_is_presented_only_if_salesforce_calls_it_active() {
    let refused = told(GrantProblem::BootstrapTokenUnverified);
    let inactive = SessionEnd::Problem {
        problem: GrantProblem::BootstrapTokenInactive,
        ask_again: Some(Duration::from_secs(10)),
    };
    for (introspectable, said, end, sent) in [
        (Introspectable::Impossible, None, refused, 0),
        (
            Introspectable::Possible,
            Some(IntrospectionAnswer::Impossible),
            refused,
            0,
        ),
        (
            Introspectable::Possible,
            Some(IntrospectionAnswer::Inactive),
            inactive,
            0,
        ),
        (
            Introspectable::Possible,
            Some(IntrospectionAnswer::Active),
            SessionEnd::Ready,
            1,
        ),
    ] {
        let mut stage = of_another(None);
        stage.said.extend(said);
        stage.answers = [RedeemAnswer::Granted(Box::new(answer(
            "access-1",
            Some("current-1"),
            user("u"),
        )))]
        .into();
        let with_bootstrap = SessionInputs {
            bootstrap: Some(bootstrap()),
            introspectable,
            ..heir(SessionGoal::Settle)
        };
        let first = stage.run(with_bootstrap.clone(), SessionMemory::default());
        if introspectable == Introspectable::Possible {
            // The other one may be at it: nobody is asked before that is over.
            let (why, length) = (SessionWait::ForeignAttempt, Duration::from_secs(45));
            assert_eq!(
                (first.end, stage.asked.len()),
                (SessionEnd::Waiting { why, length }, 0)
            );
            stage.now += length;
        }
        let second = stage.run(with_bootstrap, first.memory);
        assert_eq!(
            (second.end, stage.sent.len()),
            (end, sent),
            "{introspectable:?} {said:?}"
        );
    }
}

#[test]
fn a_code_that_the_installation_of_before_may_have_presented_is_entered_and_not_redeemed() {
    let mut stage = of_another(Some(in_use()));
    stage.consumer = SEEN;
    let login = heir(SessionGoal::Login(bootstrap().digest));
    let outcome = stage.run(login.clone(), SessionMemory::default());
    assert_eq!(outcome.login, Some(LoginVerdict::CodeUsed));
    assert_eq!((outcome.end, stage.redeemed_codes), (SessionEnd::Ready, 0));
    let mut again = login;
    again.fresh.grant = GrantId::new("of another session");
    let again = stage.run(again, outcome.memory);
    assert_eq!(
        (again.login, stage.redeemed_codes),
        (Some(LoginVerdict::CodeUsed), 0)
    );
}

#[test]
fn a_claim_that_somebody_removed_was_ours_if_the_state_bears_it_out() {
    for (kept, copied, taken_from) in [
        (Some(in_use()), Some(3), None),
        (Some(in_use()), Some(7), Some(InstallationUid::unknown())),
        (None, Some(0), Some(InstallationUid::unknown())),
        (None, None, None),
    ] {
        let mut stage = Stage::with(kept);
        stage.connector.controller = None;
        stage.connector.serial = copied.map(Serial);
        stage.run(inputs(SessionGoal::Settle), SessionMemory::default());
        assert_eq!(stage.taken_from, [taken_from], "copy {copied:?}");
    }
}
