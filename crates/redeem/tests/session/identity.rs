//! A login whose username must be asked for reaches the consumer only as the expected user.

use redeem::{
    CodeAnswer, Expect, GrantProblem, RedeemAnswer, RedeemRefusal, RefreshToken, SessionEnd, SessionGoal,
    SessionInputs, SessionMemory, SessionOutcome, SessionWait, State, Username,
};

use crate::stage::{SEEN, Stage, answer, bootstrap, in_use, inputs, user, with_candidate};

/// A session under a name, which only Salesforce can tell.
fn named(goal: SessionGoal) -> SessionInputs {
    let expect = Expect {
        organization_id: None,
        username: Some("anna@example.com".into()),
    };
    SessionInputs {
        expect,
        ..inputs(goal)
    }
}

fn anna() -> Username {
    Username::Is("anna@example.com".into())
}

/// Runs a session with a login on an otherwise empty cluster; says how it ended and how often something was derived.
fn run(username: Option<&str>) -> (SessionOutcome, u32) {
    let login = (RefreshToken::new("refresh"), answer("access", None, user("u")));
    let inputs = named(SessionGoal::Login(bootstrap().digest));
    let mut stage = Stage::with(None);
    stage.codes.push_back(CodeAnswer::Granted(Box::new(login)));
    stage
        .named
        .extend(username.map(|username| Username::Is(username.into())));
    let outcome = stage.run(inputs, SessionMemory::default());
    (outcome, stage.derived)
}

#[test]
fn the_expected_user_becomes_ready() {
    let (outcome, derived) = run(Some("Anna@example.com"));
    assert_eq!((outcome.end, derived), (SessionEnd::Ready, 1));
}

fn wrong() -> SessionEnd {
    SessionEnd::Problem {
        problem: GrantProblem::WrongIdentity,
        ask_again: None,
    }
}

#[test]
fn another_user_is_refused_and_nothing_is_derived() {
    let (outcome, derived) = run(Some("bob@example.com"));
    assert_eq!((outcome.end, derived), (wrong(), 0));
    assert_eq!(outcome.candidate, Some(GrantProblem::WrongIdentity));
}

#[test]
fn nothing_is_derived_while_the_user_is_not_known() {
    let (outcome, derived) = run(None);
    assert!(matches!(outcome.end, SessionEnd::Waiting { .. }), "{outcome:?}");
    assert_eq!(derived, 0);
}

#[test]
fn a_renewal_that_turns_out_to_be_another_users_is_not_derived() {
    let mut stage = Stage::with(Some(in_use()));
    stage.consumer = SEEN;
    let another = answer("access-1", Some("current-1"), user("w"));
    stage.answers.push_back(RedeemAnswer::Granted(Box::new(another)));
    let outcome = stage.run(
        inputs(SessionGoal::Renew { seen: SEEN }),
        SessionMemory::default(),
    );
    assert_eq!((outcome.end, stage.derived), (wrong(), 0));
}

fn granted(access: &str, refresh: &str) -> RedeemAnswer {
    RedeemAnswer::Granted(Box::new(answer(access, Some(refresh), user("u"))))
}

/// A bootstrap token that was redeemed and never identified: nothing is in use.
fn redeemed_only() -> State {
    let mut state = with_candidate(in_use());
    let current = state.current.take().unwrap();
    state.pin = None;
    let candidate = state.candidate.as_mut().unwrap();
    candidate.access = current.access;
    candidate.identity = current.identity;
    candidate.refresh_token = RefreshToken::new("bootstrap-1");
    state
}

fn waits() -> SessionEnd {
    SessionEnd::Waiting {
        why: SessionWait::Salesforce,
        length: std::time::Duration::from_secs(30),
    }
}

#[test]
fn a_grant_in_use_that_nobody_can_name_any_more_is_renewed_to_find_out_whose_it_is() {
    // What the consumer has is an older token where a session renewed it earlier without finding out.
    for (goal, delivered) in [
        (SessionGoal::Renew { seen: SEEN }, SEEN),
        (SessionGoal::Renew { seen: None }, None),
        (SessionGoal::Settle, SEEN),
    ] {
        let mut stage = Stage::with(Some(in_use()));
        stage.consumer = delivered;
        stage.named = [Username::AccessEnded, anna()].into();
        stage.answers.push_back(granted("access-1", "current-1"));
        let outcome = stage.run(named(goal.clone()), SessionMemory::default());
        assert_eq!(outcome.end, SessionEnd::Ready, "{goal:?}");
        assert_eq!(stage.identified, ["access-0", "access-1"]);
        assert_eq!((stage.sent, stage.derived), (vec!["current-0".to_owned()], 1));
    }
}

#[test]
fn a_first_import_whose_access_token_ended_before_it_was_named_is_redeemed_again() {
    let mut stage = Stage::with(Some(redeemed_only()));
    stage.named = [Username::AccessEnded, anna()].into();
    stage.answers.push_back(granted("access-2", "bootstrap-2"));
    let outcome = stage.run(named(SessionGoal::Settle), SessionMemory::default());
    assert_eq!(outcome.end, SessionEnd::Ready);
    assert_eq!(stage.identified, ["access-0", "access-2"]);
    assert_eq!((stage.sent, stage.derived), (vec!["bootstrap-1".to_owned()], 1));
}

#[test]
fn a_grant_whose_fresh_access_token_is_refused_as_well_is_redeemed_once_a_session() {
    let beside = |mut state: State| {
        let waiting = redeemed_only().candidate;
        let identity = state.current.as_mut().unwrap().identity.as_mut().unwrap();
        identity.username = Some("anna@example.com".into());
        state.candidate = waiting;
        state.candidate.as_mut().unwrap().access.as_mut().unwrap().serial = redeem::Serial(2);
        state
    };
    for (kept, presented) in [
        (in_use(), "current-0"),
        (redeemed_only(), "bootstrap-1"),
        (beside(in_use()), "bootstrap-1"),
    ] {
        let mut stage = Stage::with(Some(kept));
        stage.consumer = SEEN;
        stage.named = [Username::AccessEnded, Username::AccessEnded].into();
        stage.answers.push_back(granted("access-1", "new"));
        let outcome = stage.run(named(SessionGoal::Settle), SessionMemory::default());
        assert_eq!(outcome.end, waits(), "{presented}");
        assert_eq!(stage.identified.len(), 2, "{presented}");
        assert_eq!((stage.sent, stage.derived), (vec![presented.to_owned()], 0));
    }
}

#[test]
fn silence_about_a_name_is_a_reason_to_renew_only_where_the_grant_is_due() {
    for (goal, sent) in [
        (SessionGoal::Renew { seen: SEEN }, vec!["current-0"]),
        (SessionGoal::Renew { seen: None }, vec![]),
        (SessionGoal::Settle, vec![]),
    ] {
        let mut stage = Stage::with(Some(in_use()));
        stage.consumer = SEEN;
        stage.answers.push_back(granted("access-1", "current-1"));
        let outcome = stage.run(named(goal), SessionMemory::default());
        assert_eq!((outcome.end, stage.derived), (waits(), 0));
        assert_eq!(stage.sent, sent);
    }
    let mut stage = Stage::with(Some(redeemed_only()));
    let outcome = stage.run(named(SessionGoal::Settle), SessionMemory::default());
    assert_eq!((outcome.end, stage.sent), (waits(), vec![]));
}

#[test]
fn what_salesforce_says_of_a_grant_without_a_name_is_told_like_that_of_any_other() {
    let dead = SessionEnd::Problem {
        problem: GrantProblem::ReauthorizationRequired,
        ask_again: None,
    };
    for (refusal, end) in [
        (RedeemRefusal::GrantDead, dead),
        (RedeemRefusal::Unspent, SessionEnd::Unspent),
    ] {
        for kept in [in_use(), redeemed_only()] {
            let mut stage = Stage::with(Some(kept));
            stage.consumer = SEEN;
            stage.named = [Username::AccessEnded].into();
            stage.answers.push_back(RedeemAnswer::Refused(refusal));
            let outcome = stage.run(named(SessionGoal::Settle), SessionMemory::default());
            assert_eq!((outcome.end, stage.sent.len()), (end, 1));
        }
    }
}
