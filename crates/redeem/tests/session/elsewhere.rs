//! A grant that is presented, or asked about, by another app than it was granted to, or at another host: an edit of the
//! connector that is taken back must leave the grant as it was.

use std::time::Duration;

use redeem::{
    AttemptId, GrantId, GrantProblem, IntrospectionAnswer, OAuthClient, RedeemAnswer, RedeemRefusal,
    SessionEnd, SessionGoal, SessionInputs, SessionMemory, intent,
};

use crate::stage::{SEEN, Stage, answer, client, in_use, inputs, limits, user};

const RENEW: SessionGoal = SessionGoal::Renew { seen: SEEN };

/// What a session is told after somebody has edited the connector.
fn elsewhere(goal: SessionGoal) -> SessionInputs {
    SessionInputs {
        client: OAuthClient {
            host: "test.salesforce.com".into(),
            ..client()
        },
        ..inputs(goal)
    }
}

fn granted(token: &str) -> RedeemAnswer {
    RedeemAnswer::Granted(Box::new(answer("access-1", Some(token), user("u"))))
}

#[test]
fn a_refusal_elsewhere_does_not_kill_the_grant() {
    let mut stage = Stage::with(Some(in_use()));
    stage.consumer = SEEN;
    stage.answers = [
        RedeemAnswer::Refused(RedeemRefusal::GrantDead),
        granted("current-1"),
    ]
    .into();
    let refused = stage.run(elsewhere(RENEW), SessionMemory::default());
    assert_eq!(refused.end, SessionEnd::Unspent);
    let renewed = stage.run(inputs(RENEW), refused.memory);
    assert_eq!(renewed.end, SessionEnd::Ready);
    assert_eq!(stage.sent, ["current-0", "current-0"]);
}

#[test]
fn a_refusal_where_the_grant_belongs_is_final() {
    let mut stage = Stage::with(Some(in_use()));
    stage.consumer = SEEN;
    stage.answers = [RedeemAnswer::Refused(RedeemRefusal::GrantDead)].into();
    let refused = stage.run(inputs(RENEW), SessionMemory::default());
    let dead = SessionEnd::Problem {
        problem: GrantProblem::ReauthorizationRequired,
        ask_again: None,
    };
    assert_eq!(refused.end, dead);
    let again = stage.run(elsewhere(RENEW), refused.memory);
    assert_eq!(again.end, dead);
    assert_eq!(stage.sent, ["current-0"]);
}

#[test]
fn a_grant_that_is_taken_elsewhere_belongs_there_from_then_on() {
    let mut stage = Stage::with(Some(in_use()));
    stage.consumer = SEEN;
    stage.answers = [granted("current-1")].into();
    let moved = stage.run(elsewhere(RENEW), SessionMemory::default());
    assert_eq!(moved.end, SessionEnd::Ready);
    let grant = stage.state.unwrap().current.unwrap();
    assert_eq!(grant.granted_to, Some(elsewhere(RENEW).client));
}

#[test]
fn nobody_else_is_asked_about_an_attempt_that_stands() {
    let begun = intent(
        &in_use(),
        &GrantId::new("in use"),
        &AttemptId::new("theirs"),
        limits(),
        &client(),
    )
    .unwrap();
    let mut stage = Stage::with(Some(begun));
    stage.consumer = SEEN;
    stage.said = [IntrospectionAnswer::Active].into();
    let first = stage.run(elsewhere(SessionGoal::Settle), SessionMemory::default());
    stage.now += Duration::from_mins(1);
    let second = stage.run(elsewhere(SessionGoal::Settle), first.memory);
    let unknown = SessionEnd::Problem {
        problem: GrantProblem::OutcomeUnknown,
        ask_again: None,
    };
    assert_eq!((second.end, stage.asked.len()), (unknown, 0));
    let third = stage.run(inputs(SessionGoal::Settle), second.memory);
    assert_eq!((third.end, stage.asked.len()), (SessionEnd::Ready, 1));
}
