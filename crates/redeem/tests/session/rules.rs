//! Rules that one session shows, and that schedules hardly ever hit upon.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use redeem::{
    AttemptId, AttemptPhase, Bootstrap, ClusterUid, ConnectorSeen, Effect, Expect, GrantId, GrantProblem,
    Introspectable, IntrospectionAnswer, LedgerEntry, LedgerPhase, Read, RedeemAnswer, RedeemRefusal,
    RefreshToken, Reply, ResourceVersion, Serial, SessionEnd, SessionGoal, SessionInputs, SessionMemory,
    State, StateSeen, WriteReply, intent,
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

/// Another writer gets between a verdict and its record: what is read first is older than the copies that are read after it.
fn overtaken(connector: ConnectorSeen) -> Interfere {
    let (mut intended, mut recording, mut reads) = (None, false, 0);
    let seen = move |state: &State, serial: Serial| {
        let state = State {
            serial,
            ..state.clone()
        };
        let version = ResourceVersion::new(format!("{serial:?}"));
        Reply::State(Read::Is(StateSeen::Found(Box::new(state), version)))
    };
    Box::new(move |effect| match effect {
        Effect::WriteState { state, .. } if state.current.as_ref()?.attempt.is_some() => {
            intended = Some(state.clone());
            None
        }
        Effect::WriteState { .. } if !recording => {
            recording = true;
            Some(Reply::Write(WriteReply::Conflict))
        }
        Effect::ReadState if recording => {
            reads += 1;
            let serial = if reads == 1 { Serial(4) } else { Serial(5) };
            Some(seen(intended.as_ref()?, serial))
        }
        Effect::ReadConnector if recording => {
            let serial = Some(Serial(5));
            let connector = ConnectorSeen {
                serial,
                ..connector.clone()
            };
            Some(Reply::Connector(Read::Is(Some(connector))))
        }
        _ => None,
    })
}

#[test]
fn a_record_is_decided_by_a_state_that_is_no_older_than_its_copies() {
    let mut stage = delivered();
    stage.interfere = overtaken(stage.connector.clone());
    stage
        .answers
        .push_back(RedeemAnswer::Refused(RedeemRefusal::Unspent));
    stage.run(renewal(), SessionMemory::default());
    let attempt = stage.state.unwrap().current.unwrap().attempt;
    assert_eq!(attempt, None, "it was not sent");
}

/// The first look at the ledger finds the bootstrap token used by another connector, and the state has changed by the time at which
/// that is to be confirmed.
fn refused_too_early(kept: State) -> Interfere {
    let (mut looks, mut changed) = (0, false);
    Box::new(move |effect| match effect {
        Effect::ReadLedger { .. } => {
            looks += 1;
            changed = looks == 1;
            let entry = LedgerEntry {
                connector_uid: "another".into(),
                phase: LedgerPhase::Used(GrantId::new("another")),
            };
            changed.then(|| Reply::Ledger(Read::Is(Some((entry, ResourceVersion::new("1"))))))
        }
        Effect::ReadState if changed => {
            changed = false;
            let version = ResourceVersion::new("changed");
            Some(Reply::State(Read::Is(StateSeen::Found(
                Box::new(kept.clone()),
                version,
            ))))
        }
        _ => None,
    })
}

#[test]
fn a_refusal_of_a_bootstrap_token_counts_only_for_the_state_that_it_was_made_of() {
    let mut stage = Stage::with(Some(with_candidate(in_use())));
    stage.consumer = SEEN;
    stage.ledger = Some(LedgerEntry {
        connector_uid: "uid".into(),
        phase: LedgerPhase::Used(GrantId::new("waiting")),
    });
    stage.interfere = refused_too_early(with_candidate(in_use()));
    stage.answers.push_back(granted());
    stage.run(inputs(SessionGoal::Settle), SessionMemory::default());
    assert_eq!(stage.sent, ["bootstrap-0"]);
}
