//! A grant that is presented, or asked about, by another app than it was granted to, or at another host: an edit of the
//! connector that is taken back must leave the grant as it was.

use std::time::Duration;

use redeem::{
    Answer, AttemptId, Conclusion, GrantId, GrantTrouble, Inputs, Introspection, Memory, OAuthClient,
    Refusal, Want, intent,
};

use crate::stage::{SEEN, Stage, answer, client, in_use, inputs, user};

const RENEW: Want = Want::Renew { seen: SEEN };

/// What a session is told after somebody has edited the connector.
fn elsewhere(want: Want) -> Inputs {
    Inputs {
        client: OAuthClient {
            host: "test.salesforce.com".into(),
            ..client()
        },
        ..inputs(want)
    }
}

fn granted(token: &str) -> Answer {
    Answer::Granted(Box::new(answer("access-1", Some(token), user("u"))))
}

#[test]
fn a_refusal_elsewhere_does_not_kill_the_grant() {
    let mut stage = Stage::with(Some(in_use()));
    stage.consumer = SEEN;
    stage.answers = [Answer::Refused(Refusal::GrantDead), granted("current-1")].into();
    let refused = stage.run(elsewhere(RENEW), Memory::default());
    assert_eq!(refused.conclusion, Conclusion::Unspent);
    let renewed = stage.run(inputs(RENEW), refused.memory);
    assert_eq!(renewed.conclusion, Conclusion::Ready);
    assert_eq!(stage.sent, ["current-0", "current-0"]);
}

#[test]
fn a_refusal_where_the_grant_belongs_is_final() {
    let mut stage = Stage::with(Some(in_use()));
    stage.consumer = SEEN;
    stage.answers = [Answer::Refused(Refusal::GrantDead)].into();
    let refused = stage.run(inputs(RENEW), Memory::default());
    let dead = Conclusion::Trouble {
        trouble: GrantTrouble::ReauthorizationRequired,
        ask_again: None,
    };
    assert_eq!(refused.conclusion, dead);
    let again = stage.run(elsewhere(RENEW), refused.memory);
    assert_eq!(again.conclusion, dead);
    assert_eq!(stage.sent, ["current-0"]);
}

#[test]
fn a_grant_that_is_taken_elsewhere_belongs_there_from_then_on() {
    let mut stage = Stage::with(Some(in_use()));
    stage.consumer = SEEN;
    stage.answers = [granted("current-1")].into();
    let moved = stage.run(elsewhere(RENEW), Memory::default());
    assert_eq!(moved.conclusion, Conclusion::Ready);
    let grant = stage.state.unwrap().current.unwrap();
    assert_eq!(grant.granted_to, Some(elsewhere(RENEW).client));
}

#[test]
fn nobody_else_is_asked_about_an_attempt_that_stands() {
    let begun = intent(&in_use(), &GrantId::new("in use"), &AttemptId::new("theirs")).unwrap();
    let mut stage = Stage::with(Some(begun));
    stage.consumer = SEEN;
    stage.said = [Introspection::Active].into();
    let first = stage.run(elsewhere(Want::Settle), Memory::default());
    stage.now += Duration::from_mins(1);
    let second = stage.run(elsewhere(Want::Settle), first.memory);
    let unknown = Conclusion::Trouble {
        trouble: GrantTrouble::OutcomeUnknown,
        ask_again: None,
    };
    assert_eq!((second.conclusion, stage.asked.len()), (unknown, 0));
    let third = stage.run(inputs(Want::Settle), second.memory);
    assert_eq!((third.conclusion, stage.asked.len()), (Conclusion::Ready, 1));
}
