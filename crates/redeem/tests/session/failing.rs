//! An API server that fails: a session tries a few times, then says so, and leaves nothing behind that it could close.

use std::time::Duration;

use redeem::{
    BootstrapNote, Effect, GrantProblem, Introspectable, Read, Reply, SessionEnd, SessionGoal, SessionMemory,
    SessionWait, State, WriteReply,
};

use crate::stage::{Interfere, SEEN, Stage, bootstrap, in_use, inputs};

fn gives_up() -> SessionEnd {
    SessionEnd::Waiting {
        why: SessionWait::Kubernetes,
        length: Duration::from_secs(5),
    }
}

/// Answers every effect of a kind so.
fn always(kind: fn(&Effect) -> bool, reply: WriteReply) -> Interfere {
    Box::new(move |effect| kind(effect).then(|| Reply::Write(reply.clone())))
}

fn state(effect: &Effect) -> bool {
    matches!(effect, Effect::WriteState { .. } | Effect::CreateState { .. })
}

fn ledger(effect: &Effect) -> bool {
    matches!(effect, Effect::CreateLedger { .. })
}

fn announcement(effect: &Effect) -> bool {
    matches!(effect, Effect::Announce { .. })
}

/// A session without introspection, on a cluster that does this to some effects: how it ended, and after how long. Where
/// there is no state, a token was bootstrap.
fn session(kept: Option<State>, interfere: Interfere) -> (Stage, SessionEnd, Duration) {
    let mut stage = Stage::with(kept);
    stage.interfere = interfere;
    stage.consumer = stage.state.as_ref().and(SEEN);
    let begin = stage.now;
    let mut inputs = inputs(SessionGoal::Renew { seen: SEEN });
    inputs.introspectable = Introspectable::Impossible;
    inputs.bootstrap = stage.state.is_none().then(bootstrap);
    let outcome = stage.run(inputs, SessionMemory::default());
    let took = stage.now.saturating_sub(begin);
    (stage, outcome.end, took)
}

#[test]
fn writes_that_are_refused_or_never_answered_end_a_session_after_four_tries() {
    for (kept, interfere, calls) in [
        (Some(in_use()), always(state, WriteReply::Refused), 16),
        (Some(in_use()), always(state, WriteReply::Unknown), 20),
        (None, always(state, WriteReply::Refused), 27),
        (None, always(state, WriteReply::Unknown), 27),
        (None, always(ledger, WriteReply::Refused), 7),
        (None, always(ledger, WriteReply::Unknown), 10),
    ] {
        let (stage, end, took) = session(kept, interfere);
        assert_eq!((end, stage.calls), (gives_up(), calls));
        assert_eq!(took, Duration::from_millis(500 + 1000 + 2000));
        assert_eq!(stage.sent, Vec::<String>::new());
    }
}

#[test]
fn an_intent_that_cannot_be_announced_or_read_back_is_closed_unsent() {
    let mut failing = 0;
    let read_back: Interfere = Box::new(move |effect| {
        failing = if announcement(effect) { 4 } else { failing };
        let fails = failing > 0 && matches!(effect, Effect::ReadState);
        failing -= u32::from(fails);
        fails.then_some(Reply::State(Read::Failed))
    });
    for interfere in [
        always(announcement, WriteReply::Refused),
        always(announcement, WriteReply::Unknown),
        read_back,
    ] {
        let (stage, end, _) = session(Some(in_use()), interfere);
        assert_eq!((end, stage.sent), (SessionEnd::Unspent, vec![]));
        assert_eq!(stage.state.unwrap().current.unwrap().attempt, None);
    }
}

#[test]
fn a_connector_that_imports_too_often_presents_nothing_and_keeps_the_grant_in_use() {
    let too_often = || -> Interfere { Box::new(|effect| ledger(effect).then_some(Reply::ImportedTooOften)) };
    let (stage, end, took) = session(None, too_often());
    let problem = GrantProblem::BootstrapTooOften;
    let expected = SessionEnd::Problem {
        problem,
        ask_again: None,
    };
    assert_eq!((end, took), (expected, Duration::ZERO));
    assert_eq!(
        (stage.sent.as_slice(), stage.ledger, stage.state),
        (&[][..], None, None)
    );

    let mut stage = Stage::with(Some(in_use()));
    stage.interfere = too_often();
    stage.consumer = SEEN;
    let mut inputs = inputs(SessionGoal::Settle);
    inputs.bootstrap = Some(bootstrap());
    let outcome = stage.run(inputs, SessionMemory::default());
    assert_eq!(outcome.end, SessionEnd::Ready);
    assert_eq!(outcome.bootstrap, Some(BootstrapNote::Refused(problem)));
    assert_eq!(stage.state, Some(in_use()));
}

#[test]
fn a_bootstrap_token_that_salesforce_did_not_tell_about_is_asked_about_again_beside_a_dead_grant() {
    let mut dead = in_use();
    dead.current.as_mut().unwrap().validity = redeem::GrantValidity::Dead;
    let mut stage = Stage::with(Some(dead));
    stage.consumer = SEEN;
    stage.said = [redeem::IntrospectionAnswer::NoAnswer].into();
    let mut inputs = inputs(SessionGoal::Settle);
    inputs.bootstrap = Some(bootstrap());
    let outcome = stage.run(inputs, SessionMemory::default());
    assert_eq!(
        outcome.end,
        SessionEnd::Problem {
            problem: GrantProblem::ReauthorizationRequired,
            ask_again: Some(Duration::from_secs(30)),
        }
    );
}
