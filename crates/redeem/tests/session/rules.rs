//! Rules that one session shows, and that schedules hardly ever hit upon.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use redeem::{
    AttemptId, AttemptPhase, Bootstrap, ClusterUid, Effect, Expect, GrantId, GrantProblem, Introspectable,
    IntrospectionAnswer, Read, RedeemAnswer, RefreshToken, Reply, ResourceVersion, Serial, SessionEnd,
    SessionGoal, SessionInputs, SessionMemory, State, StateSeen, intent,
};

use crate::stage::{
    Interfere, SEEN, Stage, Write, answer, bootstrap, client, in_use, inputs, key, limits, user,
    with_candidate,
};

fn renewal() -> SessionInputs {
    inputs(SessionGoal::Renew { seen: SEEN })
}

fn granted() -> RedeemAnswer {
    RedeemAnswer::Granted(Box::new(answer("access-1", Some("current-1"), user("u"))))
}

/// A stage with a grant in use whose access token the consumer has.
fn delivered() -> Stage {
    let mut stage = Stage::with(Some(in_use()));
    stage.consumer = SEEN;
    stage
}

fn problem(problem: GrantProblem) -> SessionEnd {
    SessionEnd::Problem {
        problem,
        ask_again: None,
    }
}

/// Shows the intent with a change to whoever reads it back, once.
fn reads_back(change: fn(&mut State)) -> Interfere {
    let (mut written, mut announced) = (None, false);
    Box::new(move |effect| {
        match effect {
            Effect::WriteState { state, .. } => written = Some(state.clone()),
            Effect::Announce { .. } => announced = true,
            Effect::ReadState if announced => {
                announced = false;
                let mut state = written.take()?;
                change(&mut state);
                let seen = StateSeen::Found(state, ResourceVersion::new("other"));
                return Some(Reply::State(Read::Is(seen)));
            }
            _ => {}
        }
        None
    })
}

#[test]
fn nothing_is_sent_where_another_intent_is_read_back_than_the_one_that_was_written() {
    let changes: [fn(&mut State); 4] = [
        |state| state.cluster = ClusterUid::new("other"),
        |state| {
            let attempt = state.current.as_mut().unwrap().attempt.as_mut().unwrap();
            attempt.phase = AttemptPhase::OutcomeUnknown;
        },
        |state| {
            let attempt = state.current.as_mut().unwrap().attempt.as_mut().unwrap();
            attempt.id = AttemptId::new("theirs");
        },
        |state| {
            let attempt = state.current.as_mut().unwrap().attempt.as_mut().unwrap();
            attempt.serial = attempt.serial.next();
        },
    ];
    for change in changes {
        let mut stage = delivered();
        stage.interfere = reads_back(change);
        stage.run(renewal(), SessionMemory::default());
        assert_eq!(stage.sent, Vec::<String>::new());
    }
}

#[test]
fn a_request_without_an_answer_has_an_unclear_outcome() {
    let mut stage = delivered();
    stage.interfere = Box::new(|effect| matches!(effect, Effect::Send { .. }).then_some(Reply::Derived));
    stage.run(renewal(), SessionMemory::default());
    let attempt = stage.state.unwrap().current.unwrap().attempt.unwrap();
    assert_eq!(attempt.phase, AttemptPhase::OutcomeUnknown);
}

/// Notes what this says of each state that is written.
fn noting(note: fn(&State) -> Option<String>) -> (Rc<RefCell<Vec<String>>>, Interfere) {
    let notes = Rc::<RefCell<Vec<String>>>::default();
    let own = notes.clone();
    let interfere = move |effect: &Effect| {
        if let Effect::WriteState { state, .. } | Effect::CreateState { state } = effect {
            own.borrow_mut().extend(note(state));
        }
        None
    };
    (notes, Box::new(interfere))
}

#[test]
fn every_intent_of_a_session_has_a_name_of_its_own() {
    let mut stage = delivered();
    let attempt = |state: &State| Some(state.current.as_ref()?.attempt.as_ref()?.id.to_string());
    let (names, interfere) = noting(attempt);
    stage.interfere = interfere;
    stage.writes = [Write::Lost].into();
    stage.answers.push_back(granted());
    let outcome = stage.run(renewal(), SessionMemory::default());
    assert_eq!(outcome.end, SessionEnd::Ready);
    assert_eq!(*names.borrow(), ["a1-0", "a1-1"]);
}

#[test]
fn every_write_of_an_import_has_a_grant_id_of_its_own() {
    let mut stage = Stage::with(None);
    let (ids, interfere) = noting(|state| {
        let candidate = state.candidate.as_ref()?;
        candidate.attempt.is_none().then(|| candidate.id.to_string())
    });
    stage.interfere = interfere;
    stage.writes = [Write::Lost].into();
    stage.said = [IntrospectionAnswer::Active, IntrospectionAnswer::Active].into();
    stage.answers.push_back(granted());
    let mut settle = inputs(SessionGoal::Settle);
    settle.bootstrap = Some(bootstrap());
    stage.run(settle, SessionMemory::default());
    assert_eq!(ids.borrow()[..2], ["g-import-0", "g-import-1"]);
}

#[test]
fn a_grant_of_another_user_is_not_redeemed() {
    let mut stage = delivered();
    let mut another = renewal();
    another.expect = Expect {
        organization_id: Some("another".into()),
        username: None,
    };
    let outcome = stage.run(another, SessionMemory::default());
    assert_eq!(outcome.end, problem(GrantProblem::WrongIdentity));
    assert_eq!(stage.sent, Vec::<String>::new());
}

#[test]
fn what_is_stored_is_delivered_before_another_token_is_obtained() {
    let mut stage = delivered();
    stage.consumer = Some(Serial(2));
    stage.answers.push_back(granted());
    let outcome = stage.run(renewal(), SessionMemory::default());
    assert_eq!((outcome.end, stage.derived), (SessionEnd::Ready, 2));
}

#[test]
fn a_state_that_is_older_than_the_consumers_secret_is_not_redeemed() {
    let mut stage = delivered();
    stage.consumer = Some(Serial(5));
    let mut offline = inputs(SessionGoal::Renew { seen: stage.consumer });
    offline.introspectable = Introspectable::Impossible;
    let outcome = stage.run(offline, SessionMemory::default());
    assert_eq!(outcome.end, problem(GrantProblem::StateRolledBack));
    assert_eq!(stage.sent, Vec::<String>::new());
}

#[test]
fn the_state_of_another_connector_is_not_read() {
    let mut stage = delivered();
    stage.state.as_mut().unwrap().connector.uid = "another".into();
    stage.run(renewal(), SessionMemory::default());
    assert_eq!(stage.sent, Vec::<String>::new());
}

#[test]
fn no_bootstrap_token_takes_the_place_of_a_grant_whose_outcome_will_be_known() {
    let waiting = GrantId::new("waiting");
    let kept = with_candidate(in_use());
    let begun = intent(&kept, &waiting, &AttemptId::new("theirs"), limits(), &client());
    let mut stage = Stage::with(begun);
    stage.consumer = SEEN;
    // Salesforce says nothing of the one, and good things of the other.
    stage.interfere = Box::new(|effect| match effect {
        Effect::Introspect { token, .. } if token.expose_secret() == "bootstrap-9" => {
            Some(Reply::Introspection(IntrospectionAnswer::Active))
        }
        _ => None,
    });
    let mut settle = inputs(SessionGoal::Settle);
    settle.bootstrap = Some(Bootstrap::new(&key("k1"), RefreshToken::new("bootstrap-9")));
    let mut memory = SessionMemory::default();
    for _ in 0..3 {
        let outcome = stage.run(settle.clone(), memory);
        memory = outcome.memory;
        let candidate = stage.state.as_ref().unwrap().candidate.as_ref();
        assert_eq!(
            candidate.map(|grant| &grant.id),
            Some(&waiting),
            "{:?}",
            outcome.end
        );
        stage.now += Duration::from_secs(60);
    }
    assert_eq!(stage.sent, Vec::<String>::new());
}
