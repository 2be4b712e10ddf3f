//! A login whose username must be asked for reaches the consumer only as the expected user.

use redeem::{
    Answer, Conclusion, Expect, GrantTrouble, Inputs, Memory, Outcome, RefreshToken, Refusal, State,
    Username, WaitReason, Want,
};

use crate::stage::{SEEN, Stage, answer, in_use, inputs, user, with_next};

/// A session under a name, which only Salesforce can tell.
fn named(want: Want) -> Inputs {
    let expect = Expect {
        organization_id: None,
        username: Some("anna@example.com".into()),
    };
    Inputs {
        expect,
        ..inputs(want)
    }
}

fn anna() -> Username {
    Username::Is("anna@example.com".into())
}

/// Runs a session with a login on an otherwise empty cluster; says how it ended and how often something was derived.
fn run(username: Option<&str>) -> (Outcome, u32) {
    let login = (RefreshToken::new("refresh"), answer("access", None, user("u")));
    let inputs = named(Want::Deposit(Box::new(login)));
    let mut stage = Stage::with(None);
    stage
        .named
        .extend(username.map(|username| Username::Is(username.into())));
    let outcome = stage.run(inputs, Memory::default());
    (outcome, stage.derived)
}

#[test]
fn the_expected_user_becomes_ready() {
    let (outcome, derived) = run(Some("Anna@example.com"));
    assert_eq!((outcome.conclusion, derived), (Conclusion::Ready, 1));
}

fn wrong() -> Conclusion {
    Conclusion::Trouble {
        trouble: GrantTrouble::WrongIdentity,
        ask_again: None,
    }
}

#[test]
fn another_user_is_refused_and_nothing_is_derived() {
    let (outcome, derived) = run(Some("bob@example.com"));
    assert_eq!((outcome.conclusion, derived), (wrong(), 0));
    assert_eq!(outcome.next, Some(GrantTrouble::WrongIdentity));
}

#[test]
fn nothing_is_derived_while_the_user_is_not_known() {
    let (outcome, derived) = run(None);
    assert!(
        matches!(outcome.conclusion, Conclusion::Waiting { .. }),
        "{outcome:?}"
    );
    assert_eq!(derived, 0);
}

#[test]
fn a_renewal_that_turns_out_to_be_another_users_is_not_derived() {
    let mut stage = Stage::with(Some(in_use()));
    stage.consumer = SEEN;
    let another = answer("access-1", Some("current-1"), user("w"));
    stage.answers.push_back(Answer::Granted(Box::new(another)));
    let outcome = stage.run(inputs(Want::Renew { seen: SEEN }), Memory::default());
    assert_eq!((outcome.conclusion, stage.derived), (wrong(), 0));
}

fn granted(access: &str, refresh: &str) -> Answer {
    Answer::Granted(Box::new(answer(access, Some(refresh), user("u"))))
}

/// A brought token that was redeemed and never identified: nothing is in use.
fn redeemed_only() -> State {
    let mut state = with_next(in_use());
    let current = state.current.take().unwrap();
    state.pin = None;
    let next = state.next.as_mut().unwrap();
    next.access = current.access;
    next.identity = current.identity;
    next.refresh_token = RefreshToken::new("brought-1");
    state
}

fn waits() -> Conclusion {
    Conclusion::Waiting {
        why: WaitReason::Salesforce,
        length: std::time::Duration::from_secs(30),
    }
}

#[test]
fn a_grant_in_use_that_nobody_can_name_any_more_is_renewed_to_find_out_whose_it_is() {
    // What the consumer has is an older token where a session renewed it earlier without finding out.
    for (want, delivered) in [
        (Want::Renew { seen: SEEN }, SEEN),
        (Want::Renew { seen: None }, None),
        (Want::Settle, SEEN),
    ] {
        let mut stage = Stage::with(Some(in_use()));
        stage.consumer = delivered;
        stage.named = [Username::AccessEnded, anna()].into();
        stage.answers.push_back(granted("access-1", "current-1"));
        let outcome = stage.run(named(want.clone()), Memory::default());
        assert_eq!(outcome.conclusion, Conclusion::Ready, "{want:?}");
        assert_eq!(stage.identified, ["access-0", "access-1"]);
        assert_eq!((stage.sent, stage.derived), (vec!["current-0".to_owned()], 1));
    }
}

#[test]
fn a_first_import_whose_access_token_ended_before_it_was_named_is_redeemed_again() {
    let mut stage = Stage::with(Some(redeemed_only()));
    stage.named = [Username::AccessEnded, anna()].into();
    stage.answers.push_back(granted("access-2", "brought-2"));
    let outcome = stage.run(named(Want::Settle), Memory::default());
    assert_eq!(outcome.conclusion, Conclusion::Ready);
    assert_eq!(stage.identified, ["access-0", "access-2"]);
    assert_eq!((stage.sent, stage.derived), (vec!["brought-1".to_owned()], 1));
}

#[test]
fn a_grant_whose_fresh_access_token_is_refused_as_well_is_redeemed_once_a_session() {
    let beside = |mut state: State| {
        let waiting = redeemed_only().next;
        let identity = state.current.as_mut().unwrap().identity.as_mut().unwrap();
        identity.username = Some("anna@example.com".into());
        state.next = waiting;
        state.next.as_mut().unwrap().access.as_mut().unwrap().serial = redeem::Serial(2);
        state
    };
    for (kept, presented) in [
        (in_use(), "current-0"),
        (redeemed_only(), "brought-1"),
        (beside(in_use()), "brought-1"),
    ] {
        let mut stage = Stage::with(Some(kept));
        stage.consumer = SEEN;
        stage.named = [Username::AccessEnded, Username::AccessEnded].into();
        stage.answers.push_back(granted("access-1", "new"));
        let outcome = stage.run(named(Want::Settle), Memory::default());
        assert_eq!(outcome.conclusion, waits(), "{presented}");
        assert_eq!(stage.identified.len(), 2, "{presented}");
        assert_eq!((stage.sent, stage.derived), (vec![presented.to_owned()], 0));
    }
}

#[test]
fn silence_about_a_name_is_a_reason_to_renew_only_where_the_grant_is_due() {
    for (want, sent) in [
        (Want::Renew { seen: SEEN }, vec!["current-0"]),
        (Want::Renew { seen: None }, vec![]),
        (Want::Settle, vec![]),
    ] {
        let mut stage = Stage::with(Some(in_use()));
        stage.consumer = SEEN;
        stage.answers.push_back(granted("access-1", "current-1"));
        let outcome = stage.run(named(want), Memory::default());
        assert_eq!((outcome.conclusion, stage.derived), (waits(), 0));
        assert_eq!(stage.sent, sent);
    }
    let mut stage = Stage::with(Some(redeemed_only()));
    let outcome = stage.run(named(Want::Settle), Memory::default());
    assert_eq!((outcome.conclusion, stage.sent), (waits(), vec![]));
}

#[test]
fn what_salesforce_says_of_a_grant_without_a_name_is_told_like_that_of_any_other() {
    let dead = Conclusion::Trouble {
        trouble: GrantTrouble::ReauthorizationRequired,
        ask_again: None,
    };
    for (refusal, conclusion) in [
        (Refusal::GrantDead, dead),
        (Refusal::Unspent, Conclusion::Unspent),
    ] {
        for kept in [in_use(), redeemed_only()] {
            let mut stage = Stage::with(Some(kept));
            stage.consumer = SEEN;
            stage.named = [Username::AccessEnded].into();
            stage.answers.push_back(Answer::Refused(refusal));
            let outcome = stage.run(named(Want::Settle), Memory::default());
            assert_eq!((outcome.conclusion, stage.sent.len()), (conclusion, 1));
        }
    }
}
