//! A login whose username must be asked for reaches the consumer only as the expected user.

use redeem::{Answer, Conclusion, Expect, GrantTrouble, Memory, Outcome, RefreshToken, Want};

use crate::stage::{SEEN, Stage, answer, in_use, inputs, user};

/// Runs a session with a login on an otherwise empty cluster; says how it ended and how often something was derived.
fn run(username: Option<&str>) -> (Outcome, u32) {
    let login = (RefreshToken::new("refresh"), answer("access", None, user("u")));
    let mut inputs = inputs(Want::Deposit(Box::new(login)));
    inputs.expect = Expect {
        organization_id: None,
        username: Some("anna@example.com".into()),
    };
    let mut stage = Stage::with(None);
    stage.username = username.map(Into::into);
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
