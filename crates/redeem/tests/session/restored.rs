//! What a verdict is recorded on where people restored the state, or created the connector again, in the meantime.

use redeem::{
    AttemptId, ConnectorSeen, Effect, GrantId, GrantProblem, Introspectable, Read, RedeemAnswer,
    RedeemRefusal, Reply, ResourceVersion, Serial, SessionEnd, SessionGoal, SessionMemory, intent,
};

use crate::stage::{
    Interfere, SEEN, Stage, Write, answer, client, in_use, inputs, limits, user, with_candidate,
};

/// Shows another connector to whoever reads it after a refresh token was sent.
fn after_sending(connector: ConnectorSeen) -> Interfere {
    let mut sent = false;
    Box::new(move |effect| {
        sent |= matches!(effect, Effect::Send { .. });
        let read = sent && *effect == Effect::ReadConnector;
        read.then(|| Reply::Connector(Read::Is(Some(connector.clone()))))
    })
}

#[test]
fn a_refusal_is_not_recorded_on_a_restored_state_so_that_it_never_catches_up_with_its_copies() {
    let before = with_candidate(in_use());
    let restored = intent(
        &before,
        &GrantId::new("waiting"),
        &AttemptId::new("a1-0"),
        limits(),
        &client(),
    )
    .unwrap();
    for refused in [
        RedeemAnswer::Refused(RedeemRefusal::Unspent),
        RedeemAnswer::Refused(RedeemRefusal::GrantDead),
        RedeemAnswer::Unclear,
    ] {
        let mut stage = Stage::with(Some(before.clone()));
        stage.consumer = SEEN;
        stage.answers.push_back(refused);
        // While the candidate is presented, another replica renews the current grant under serial 5, and somebody
        // restores the state of serial 4.
        stage.writes = [Write::Lands, Write::Overtaken(Box::new(restored.clone()))].into();
        stage.interfere = after_sending(ConnectorSeen {
            serial: Some(Serial(5)),
            ..stage.connector.clone()
        });
        let mut offline = inputs(SessionGoal::Settle);
        offline.introspectable = Introspectable::Impossible;
        let first = stage.run(offline.clone(), SessionMemory::default());
        offline.goal = SessionGoal::Renew { seen: SEEN };
        let second = stage.run(offline, first.memory);
        let rolled_back = SessionEnd::Problem {
            problem: GrantProblem::StateRolledBack,
            ask_again: None,
        };
        assert_eq!([first.end, second.end], [rolled_back; 2]);
        assert_eq!(stage.sent, ["bootstrap-0"], "the current grant is not presented");
        assert_eq!(stage.state, Some(restored.clone()));
    }
}

#[test]
fn a_result_keeps_the_candidate_grant_whatever_serial_a_connector_of_the_same_name_has() {
    let mut stage = Stage::with(Some(with_candidate(in_use())));
    stage.consumer = SEEN;
    stage.answers = [RedeemAnswer::Granted(Box::new(answer(
        "access-1",
        Some("current-1"),
        user("u"),
    )))]
    .into();
    stage.writes = [Write::Lands, Write::Lost].into();
    stage.interfere = after_sending(ConnectorSeen {
        uid: "another".into(),
        resource_version: ResourceVersion::new("9"),
        controller: None,
        serial: Some(Serial(9)),
        taken_over: false,
    });
    let renew = inputs(SessionGoal::Renew { seen: SEEN });
    let ended = stage.run(renew, SessionMemory::default()).end;
    assert_eq!(ended, SessionEnd::ConnectorGone);
    let kept = stage.state.unwrap();
    let tokens: Vec<_> = kept
        .grants()
        .map(|grant| grant.refresh_token.expose_secret())
        .collect();
    assert_eq!(tokens, ["current-1", "bootstrap-0"]);
}
