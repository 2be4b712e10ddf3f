//! What Salesforce is asked about before a person is called: an old state, a lost grant, and a token that it has called inactive.

use std::time::Duration;

use redeem::{
    AttemptId, AttemptPhase, ClusterUid, Effect, GrantId, GrantProblem, GrantValidity, Introspectable,
    IntrospectionAnswer, LedgerEntry, LedgerPhase, OAuthClient, Read, RedeemAnswer, RedeemRefusal, Reply,
    ResourceVersion, Rotation, Serial, SessionEnd, SessionGoal, SessionInputs, SessionMemory, SessionWait,
    State, StateSeen, intent,
};

use crate::stage::{
    SEEN, Stage, Write, answer, bootstrap, client, in_use, inputs, limits, user, with_candidate,
};

const HOLD_OFF: Duration = Duration::from_secs(50);

fn told(problem: GrantProblem, ask_again: Option<u64>) -> SessionEnd {
    SessionEnd::Problem {
        problem,
        ask_again: ask_again.map(Duration::from_secs),
    }
}

fn waits(why: SessionWait, seconds: u64) -> SessionEnd {
    let length = Duration::from_secs(seconds);
    SessionEnd::Waiting { why, length }
}

/// A state of serial 3 that came back when its copies say 7.
fn old(change: impl FnOnce(&mut State)) -> Stage {
    let mut restored = in_use();
    change(&mut restored);
    let mut stage = Stage::with(Some(restored));
    stage.connector.serial = Some(Serial(7));
    stage.consumer = Some(Serial(7));
    stage
}

/// Runs sessions one after the other, each when the one before says, until one neither waits nor asks again.
fn run(stage: &mut Stage, inputs: &SessionInputs, sessions: usize) -> Vec<SessionEnd> {
    let mut memory = SessionMemory::default();
    let mut ends = Vec::new();
    for _ in 0..sessions {
        let outcome = stage.run(inputs.clone(), memory);
        memory = outcome.memory;
        ends.push(outcome.end);
        match outcome.end {
            SessionEnd::Waiting { length, .. } => stage.now += length,
            SessionEnd::Problem { ask_again, .. } => stage.now += ask_again.unwrap_or_default(),
            _ => {}
        }
    }
    ends
}

#[test]
fn an_old_state_is_in_use_again_once_salesforce_calls_its_token_active() {
    let mut stage = old(|state| *state = with_candidate(state.clone()));
    stage.said = [IntrospectionAnswer::NoAnswer, IntrospectionAnswer::Active].into();
    let ends = run(&mut stage, &inputs(SessionGoal::Settle), 3);
    assert_eq!(
        ends,
        [
            waits(SessionWait::ForeignAttempt, 50),
            waits(SessionWait::Salesforce, 15),
            SessionEnd::Ready
        ]
    );
    let mut expected = in_use();
    expected.serial = Serial(8);
    assert_eq!(
        stage.state,
        Some(expected),
        "the current grant, and nothing beside it"
    );
    stage.answers = [RedeemAnswer::Granted(Box::new(answer(
        "access-1",
        Some("current-1"),
        user("u"),
    )))]
    .into();
    let renew = inputs(SessionGoal::Renew {
        seen: Some(Serial(7)),
    });
    assert_eq!(run(&mut stage, &renew, 1), [SessionEnd::Ready]);
    assert_eq!(stage.sent, ["current-0"]);
}

#[test]
fn an_old_state_calls_for_a_person_after_a_second_answer_and_is_asked_about_again() {
    let mut stage = old(|_| {});
    stage.said = [IntrospectionAnswer::Inactive; 3].into();
    let ends = run(&mut stage, &inputs(SessionGoal::Settle), 4);
    assert_eq!(
        ends,
        [
            waits(SessionWait::ForeignAttempt, 50),
            waits(SessionWait::Salesforce, 10),
            told(GrantProblem::StateRolledBack, Some(30)),
            told(GrantProblem::StateRolledBack, Some(60)),
        ]
    );
    stage.said = [IntrospectionAnswer::Active].into();
    let mut again = run(&mut stage, &inputs(SessionGoal::Settle), 2);
    assert_eq!(again.pop(), Some(SessionEnd::Ready));
}

#[test]
fn an_old_state_whose_token_does_not_rotate_is_in_use_again_without_a_question() {
    let mut stage = old(|state| state.current.as_mut().unwrap().rotation = Rotation::Fixed);
    let mut offline = inputs(SessionGoal::Settle);
    offline.introspectable = Introspectable::Impossible;
    let ends = run(&mut stage, &offline, 2);
    assert_eq!(ends, [waits(SessionWait::ForeignAttempt, 50), SessionEnd::Ready]);
}

#[test]
fn nobody_is_asked_about_an_old_state_of_another_cluster_or_app_or_with_a_dead_grant() {
    let elsewhere: [fn(&mut State); 3] = [
        |state| state.cluster = ClusterUid::new("another"),
        |state| state.current.as_mut().unwrap().granted_to = Some(another()),
        |state| state.current.as_mut().unwrap().validity = GrantValidity::Dead,
    ];
    for change in elsewhere {
        let mut stage = old(change);
        let ends = run(&mut stage, &inputs(SessionGoal::Settle), 1);
        assert_eq!(ends, [told(GrantProblem::StateRolledBack, None)]);
        assert_eq!(stage.asked, []);
    }
}

fn another() -> OAuthClient {
    OAuthClient {
        client_id: "another".into(),
        ..client()
    }
}

#[test]
fn the_hold_off_of_an_old_state_begins_again_with_each_one_that_comes_back() {
    let mut stage = old(|_| {});
    let first = stage.run(inputs(SessionGoal::Settle), SessionMemory::default());
    stage.now += HOLD_OFF;
    stage.restored();
    let second = stage.run(inputs(SessionGoal::Settle), first.memory);
    assert_eq!(
        (first.end, second.end),
        (
            waits(SessionWait::ForeignAttempt, 50),
            waits(SessionWait::ForeignAttempt, 50)
        )
    );
}

/// A connector whose state is gone, and whose bootstrap token was presented as the grant of before.
fn lost() -> (Stage, SessionInputs) {
    let mut stage = Stage::with(None);
    stage.connector.serial = Some(Serial(7));
    stage.ledger = Some(LedgerEntry {
        connector_uid: "uid".into(),
        phase: LedgerPhase::Used(GrantId::new("of before")),
    });
    let mut inputs = inputs(SessionGoal::Settle);
    inputs.bootstrap = Some(bootstrap());
    (stage, inputs)
}

#[test]
fn a_bootstrap_token_whose_state_is_gone_is_imported_again_if_salesforce_calls_it_active() {
    let (mut stage, inputs) = lost();
    stage.said = [IntrospectionAnswer::Active; 2].into();
    stage.answers = [RedeemAnswer::Granted(Box::new(answer(
        "access-1",
        None,
        user("u"),
    )))]
    .into();
    let ends = run(&mut stage, &inputs, 3);
    assert_eq!(
        ends,
        [
            waits(SessionWait::ForeignAttempt, 50),
            waits(SessionWait::ForeignAttempt, 50),
            SessionEnd::Ready
        ]
    );
    assert_eq!(stage.sent, ["bootstrap-0"]);
    assert_eq!(stage.asked.len(), 2, "before the import, and before its intent");
    let grant = stage.state.unwrap().current.unwrap().id;
    assert_eq!(
        stage.ledger.map(|entry| entry.phase),
        Some(LedgerPhase::Used(grant))
    );
}

#[test]
fn a_bootstrap_token_whose_state_is_gone_stays_unpresented_where_salesforce_does_not_call_it_active() {
    for (introspectable, said, expected) in [
        (
            Introspectable::Impossible,
            vec![],
            vec![told(GrantProblem::GrantLost, None)],
        ),
        (
            Introspectable::Possible,
            vec![IntrospectionAnswer::Inactive; 2],
            vec![
                waits(SessionWait::ForeignAttempt, 50),
                waits(SessionWait::Salesforce, 10),
                told(GrantProblem::GrantLost, None),
            ],
        ),
        (
            Introspectable::Possible,
            vec![IntrospectionAnswer::Impossible],
            vec![
                waits(SessionWait::ForeignAttempt, 50),
                told(GrantProblem::GrantLost, None),
            ],
        ),
    ] {
        let (mut stage, mut inputs) = lost();
        inputs.introspectable = introspectable;
        stage.said = said.into();
        let ends = run(&mut stage, &inputs, expected.len());
        assert_eq!((ends, stage.sent.len()), (expected, 0));
    }
}

/// A state with an attempt of somebody else.
fn begun() -> Stage {
    let attempt = AttemptId::new("theirs");
    let begun = intent(&in_use(), &GrantId::new("in use"), &attempt, limits(), &client());
    let mut stage = Stage::with(begun);
    stage.consumer = SEEN;
    stage
}

fn phase(stage: &Stage) -> Option<AttemptPhase> {
    let grant = stage.state.as_ref()?.current.as_ref()?;
    grant.attempt.as_ref().map(|attempt| attempt.phase)
}

#[test]
fn a_token_that_was_called_inactive_once_is_asked_about_again_before_a_person_is_called() {
    let mut stage = begun();
    stage.said = [IntrospectionAnswer::Inactive, IntrospectionAnswer::Active].into();
    let ends = run(&mut stage, &inputs(SessionGoal::Settle), 3);
    assert_eq!(
        ends,
        [
            waits(SessionWait::ForeignAttempt, 45),
            told(GrantProblem::OutcomeUnknown, Some(10)),
            SessionEnd::Ready
        ]
    );
    assert_eq!(phase(&stage), None);
}

#[test]
fn a_token_that_was_called_inactive_twice_is_asked_about_for_a_day_and_can_come_back() {
    let mut stage = begun();
    stage.said = [IntrospectionAnswer::Inactive; 200].into();
    let mut ends = run(&mut stage, &inputs(SessionGoal::Settle), 120);
    assert_eq!(phase(&stage), Some(AttemptPhase::FoundInactive));
    assert_eq!(stage.asked.len(), 100);
    assert_eq!(
        ends.pop(),
        Some(told(GrantProblem::ReauthorizationRequired, None))
    );
    assert_eq!(ends[2], told(GrantProblem::ReauthorizationRequired, Some(30)));
    // Another process asks from the beginning.
    stage.said = [IntrospectionAnswer::Active].into();
    assert_eq!(
        run(&mut stage, &inputs(SessionGoal::Settle), 1),
        [SessionEnd::Ready]
    );
    assert_eq!(phase(&stage), None);
}

#[test]
fn only_the_app_that_presents_a_token_asks_about_it() {
    let attempt = AttemptId::new("theirs");
    let candidate = with_candidate(in_use());
    let begun = intent(
        &candidate,
        &GrantId::new("waiting"),
        &attempt,
        limits(),
        &another(),
    );
    let mut stage = Stage::with(begun);
    stage.consumer = SEEN;
    stage.said = [IntrospectionAnswer::Inactive; 3].into();
    run(&mut stage, &inputs(SessionGoal::Settle), 3);
    assert_eq!(stage.asked, []);
}

#[test]
fn nobody_asks_about_the_token_of_another_app_whose_attempt_does_not_name_its_app() {
    let mut stage = begun();
    let grant = stage.state.as_mut().unwrap().current.as_mut().unwrap();
    grant.granted_to = Some(another());
    grant.attempt.as_mut().unwrap().client = None;
    run(&mut stage, &inputs(SessionGoal::Settle), 3);
    assert_eq!(stage.asked, []);
}

#[test]
fn a_bootstrap_token_refused_as_one_app_is_presented_once_more_as_another() {
    let mut stage = Stage::with(None);
    stage.said = [IntrospectionAnswer::Active; 3].into();
    stage.answers = [
        RedeemAnswer::Refused(RedeemRefusal::GrantDead),
        RedeemAnswer::Granted(Box::new(answer("access-1", None, user("u")))),
    ]
    .into();
    let mut wrong = inputs(SessionGoal::Settle);
    wrong.bootstrap = Some(bootstrap());
    wrong.client = another();
    let right = SessionInputs {
        client: client(),
        ..wrong.clone()
    };
    let dead = told(GrantProblem::ReauthorizationRequired, None);
    assert_eq!(run(&mut stage, &wrong, 2), [dead, dead]);
    assert_eq!(run(&mut stage, &right, 1), [SessionEnd::Ready]);
    assert_eq!(stage.sent, ["bootstrap-0", "bootstrap-0"]);
}

#[test]
fn a_bootstrap_token_that_salesforce_calls_inactive_is_asked_about_again() {
    let mut stage = Stage::with(None);
    stage.said = [IntrospectionAnswer::Inactive, IntrospectionAnswer::Active].into();
    stage.answers = [RedeemAnswer::Granted(Box::new(answer(
        "access-1",
        None,
        user("u"),
    )))]
    .into();
    let mut brought = inputs(SessionGoal::Settle);
    brought.bootstrap = Some(bootstrap());
    assert_eq!(
        run(&mut stage, &brought, 2),
        [
            told(GrantProblem::BootstrapTokenInactive, Some(10)),
            SessionEnd::Ready
        ]
    );
}

#[test]
fn an_attempt_on_a_token_that_does_not_rotate_is_closed_without_a_question() {
    let mut stage = begun();
    stage.state.as_mut().unwrap().current.as_mut().unwrap().rotation = Rotation::Fixed;
    let mut offline = inputs(SessionGoal::Settle);
    offline.introspectable = Introspectable::Impossible;
    assert_eq!(
        run(&mut stage, &offline, 2),
        [waits(SessionWait::ForeignAttempt, 45), SessionEnd::Ready]
    );
    assert_eq!(phase(&stage), None);
}

#[test]
fn salesforce_is_not_asked_again_before_it_is_time() {
    let mut stage = begun();
    let first = stage.run(inputs(SessionGoal::Settle), SessionMemory::default());
    stage.now += Duration::from_secs(45);
    let mut memory = first.memory;
    for (later, asked) in [(0, 1), (14, 1), (1, 2), (29, 2), (1, 3)] {
        stage.now += Duration::from_secs(later);
        let outcome = stage.run(inputs(SessionGoal::Settle), memory);
        assert_eq!(stage.asked.len(), asked, "{:?}", outcome.end);
        memory = outcome.memory;
    }
}

#[test]
fn the_hold_off_ends_with_a_look_that_began_after_it() {
    let mut stage = begun();
    let first = stage.run(inputs(SessionGoal::Settle), SessionMemory::default());
    stage.now += Duration::from_secs(43);
    let mut failures = 3;
    stage.interfere = Box::new(move |effect| {
        let fails = *effect == Effect::ReadConnector && failures > 0;
        fails.then(|| {
            failures -= 1;
            Reply::Connector(Read::Failed)
        })
    });
    let second = stage.run(inputs(SessionGoal::Settle), first.memory);
    assert!(stage.now > Duration::from_secs(1045), "{:?}", stage.now);
    assert_eq!(second.end, waits(SessionWait::ForeignAttempt, 2));
    assert_eq!(stage.asked, []);
}

#[test]
fn an_intent_of_this_session_that_lands_late_is_closed_at_once() {
    let mut stage = Stage::with(Some(in_use()));
    stage.consumer = SEEN;
    let attempt = AttemptId::new("a1-0");
    let late = intent(&in_use(), &GrantId::new("in use"), &attempt, limits(), &client());
    stage.writes = [Write::Overtaken(Box::new(late.unwrap()))].into();
    let mut written = false;
    let before = StateSeen::Found(Box::new(in_use()), ResourceVersion::new("1"));
    let mut before = Some(before);
    stage.interfere = Box::new(move |effect| {
        let read = written && *effect == Effect::ReadState;
        written |= matches!(effect, Effect::WriteState { .. });
        Some(Reply::State(Read::Is(before.take_if(|_| read)?)))
    });
    stage.answers = [RedeemAnswer::Granted(Box::new(answer(
        "access-1",
        Some("current-1"),
        user("u"),
    )))]
    .into();
    let renew = inputs(SessionGoal::Renew { seen: SEEN });
    assert_eq!(run(&mut stage, &renew, 1), [SessionEnd::Ready]);
    assert_eq!(stage.sent, ["current-0"]);
}
