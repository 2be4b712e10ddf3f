//! What is made of an attempt whose owner is gone, and of the copies of the serial.

use std::time::Duration;

use redeem::{
    AttemptId, ClusterUid, Effect, GrantId, GrantProblem, Introspectable, Read, Reply, ResourceVersion,
    Serial, SessionEnd, SessionGoal, SessionMemory, State, StateSeen, intent,
};

use crate::stage::{SEEN, Stage, client, in_use, inputs, limits};

/// A state with an attempt of somebody else, begun under serial 4.
fn begun() -> State {
    intent(
        &in_use(),
        &GrantId::new("in use"),
        &AttemptId::new("theirs"),
        limits(),
        &client(),
    )
    .unwrap()
}

#[test]
fn an_attempt_of_a_dead_owner_is_shown_within_a_minute_of_its_first_sight() {
    let mut stage = Stage::with(Some(begun()));
    stage.consumer = SEEN;
    let first = stage.run(inputs(SessionGoal::Settle), SessionMemory::default());
    let SessionEnd::Waiting { length, .. } = first.end else {
        panic!("{first:?}")
    };
    stage.now += length;
    let second = stage.run(inputs(SessionGoal::Settle), first.memory);
    let SessionEnd::Problem {
        problem: GrantProblem::OutcomeUnknown,
        ask_again: Some(again),
    } = second.end
    else {
        panic!("{second:?}")
    };
    assert_eq!(
        (length, stage.asked.clone()),
        (Duration::from_secs(45), vec![Duration::from_secs(10)])
    );
    // Once it is shown, Salesforce has the time of any request.
    stage.now += again;
    stage.run(inputs(SessionGoal::Settle), second.memory);
    assert_eq!(stage.asked.last(), Some(&Duration::from_secs(30)));
}

#[test]
fn an_attempt_is_left_alone_for_as_long_as_the_limits_of_its_writer_demand() {
    let mut theirs = begun();
    let attempt = theirs.current.as_mut().unwrap().attempt.as_mut().unwrap();
    attempt.hold_off_seconds = 70;
    let mut stage = Stage::with(Some(theirs));
    stage.consumer = SEEN;
    let first = stage.run(inputs(SessionGoal::Settle), SessionMemory::default());
    assert!(
        matches!(first.end, SessionEnd::Waiting { length, .. } if length == Duration::from_secs(70)),
        "{first:?}"
    );
    // Salesforce is asked all the same before anything is shown.
    stage.now += Duration::from_secs(70);
    stage.run(inputs(SessionGoal::Settle), first.memory);
    assert_eq!(stage.asked, vec![Duration::from_secs(5)]);
}

#[test]
fn nobody_but_its_owner_announces_an_attempt() {
    let mut stage = Stage::with(Some(begun()));
    stage.connector.controller = None;
    stage.connector.serial = Some(Serial(3));
    stage.consumer = SEEN;
    let mut asked = inputs(SessionGoal::Settle);
    asked.introspectable = Introspectable::Impossible;
    let first = stage.run(asked.clone(), SessionMemory::default());
    assert_eq!(stage.connector.serial, Some(Serial(3)), "by a claim");
    assert_eq!(first.state.unwrap().reported_serial(), Serial(3), "by a report");
    // It was never announced, so it was never sent: it is closed without asking anybody.
    stage.now += Duration::from_secs(45);
    let second = stage.run(asked, first.memory);
    assert_eq!(second.end, SessionEnd::Ready);
    assert_eq!(second.state.unwrap().reported_serial(), Serial(5));
}

#[test]
fn a_state_is_an_old_one_behind_a_copy_or_on_another_cluster() {
    let state = in_use();
    for (cluster, copy, old) in [
        ("c", 0, false),
        ("c", 3, false),
        ("c", 4, true),
        ("another", 0, true),
        ("another", 3, true),
    ] {
        assert_eq!(
            state.is_rolled_back(&ClusterUid::new(cluster), Serial(copy)),
            old,
            "{cluster} {copy}"
        );
    }
}

#[test]
fn a_state_that_was_written_between_our_reads_is_no_old_one() {
    // Somebody stores a result, or brings in the first grant, and delivers it after we have read the state.
    let old = StateSeen::Found(Box::new(in_use()), ResourceVersion::new("0"));
    for before in [old, StateSeen::Absent] {
        let mut kept = in_use();
        kept.serial = Serial(5);
        let mut stage = Stage::with(Some(kept));
        stage.consumer = Some(Serial(5));
        let mut first = Some(before);
        stage.interfere = Box::new(move |effect| {
            let read = matches!(effect, Effect::ReadState);
            let seen = first.take_if(|_| read)?;
            Some(Reply::State(Read::Is(seen)))
        });
        let outcome = stage.run(inputs(SessionGoal::Settle), SessionMemory::default());
        assert_eq!((outcome.end, stage.calls), (SessionEnd::Ready, 7));
    }
}
