//! Single-use refresh tokens: rotation, replay, concurrency, lost replies.

use std::time::Duration;

use salesforce_sim::{
    Endpoint, Fault, FaultRule, GrantEnd, GrantState, Outcome, RefreshTokenLabel, default_world as dw,
};

use crate::support::{Bench, refused};

fn granted(bench: &Bench) -> String {
    bench
        .sim
        .world(|world| world.grant_refresh_token(dw::ROTATING, dw::INTEGRATION_USER))
}

fn state(rotation: u64, ended: Option<GrantEnd>) -> Vec<GrantState> {
    vec![GrantState {
        number: 1,
        client_id: dw::ROTATING.to_owned(),
        username: dw::INTEGRATION_USER.to_owned(),
        rotation,
        ended,
    }]
}

#[tokio::test]
async fn each_refresh_hands_out_the_next_refresh_token() {
    let bench = Bench::new();
    let mut token = granted(&bench);
    for rotation in 1..=3 {
        let answer = bench.refresh(dw::ROTATING, dw::ROTATING_SECRET, &token).await;
        let next = answer.field("refresh_token");
        assert_ne!(next, token);
        token = next;
        assert_eq!(bench.sim.world(|world| world.grants()), state(rotation, None));
    }
    assert_eq!(bench.sim.world(|world| world.replays()), 0);
}

#[tokio::test]
async fn a_replay_kills_the_family() {
    let bench = Bench::new();
    let spent = granted(&bench);
    let answer = bench.refresh(dw::ROTATING, dw::ROTATING_SECRET, &spent).await;
    let (access, current) = (answer.field("access_token"), answer.field("refresh_token"));
    assert_eq!(bench.versions_with(&access).await, 200);

    let expired = refused(400, "invalid_grant", "expired access/refresh token");
    assert_eq!(
        bench
            .refresh(dw::ROTATING, dw::ROTATING_SECRET, &spent)
            .await
            .refusal(),
        expired
    );
    assert_eq!(bench.versions_with(&access).await, 401);
    assert_eq!(
        bench
            .refresh(dw::ROTATING, dw::ROTATING_SECRET, &current)
            .await
            .refusal(),
        expired
    );

    assert_eq!(
        bench.sim.world(|world| world.grants()),
        state(1, Some(GrantEnd::Replayed))
    );
    assert_eq!(
        bench
            .sim
            .world(|world| (world.replays(), world.revoked_families())),
        (1, 1)
    );
}

#[tokio::test]
async fn of_two_refreshes_at_once_one_is_told_so() {
    let bench = Bench::with(|world| world.switches.refresh_processing = Duration::from_secs(2));
    let token = granted(&bench);
    let first = bench.refresh(dw::ROTATING, dw::ROTATING_SECRET, &token);
    let second = async {
        bench
            .sim
            .wait_until("the first refresh arrives", Duration::from_secs(20), |world| {
                world.count(Endpoint::Token) == 1
            })
            .await
            .unwrap();
        bench.refresh(dw::ROTATING, dw::ROTATING_SECRET, &token).await
    };
    let (first, second) = tokio::join!(first, second);
    let mut answers = [first, second];
    answers.sort_by_key(|answer| answer.status);
    assert_eq!(answers[0].status, 200, "{}", answers[0].text);
    assert_eq!(
        answers[1].refusal(),
        refused(400, "invalid_grant", "token request is already being processed")
    );
    assert_eq!(bench.sim.world(|world| world.grants()), state(1, None));
}

#[tokio::test]
async fn a_lost_reply_has_spent_the_token() {
    let bench = Bench::new();
    let token = granted(&bench);
    bench
        .sim
        .fault(FaultRule::once(Fault::ProcessThenDrop).on(Endpoint::Token));
    let form = crate::support::refresh(dw::ROTATING, dw::ROTATING_SECRET, &token);
    let lost = bench
        .send(
            dw::PRODUCTION,
            bench.http.post(bench.url("/services/oauth2/token")).form(&form),
        )
        .await;
    assert!(lost.is_err(), "{lost:?}");
    assert_eq!(bench.sim.world(|world| world.grants()), state(1, None));
    let entry = bench.sim.log().remove(0);
    assert_eq!(
        entry.outcome,
        Outcome::ReplyLost {
            status: 200,
            error: None
        }
    );
    assert_eq!(
        entry.refresh_token,
        Some(RefreshTokenLabel {
            grant: 1,
            rotation: 0
        })
    );
    assert!(!entry.replay);

    let again = bench.refresh(dw::ROTATING, dw::ROTATING_SECRET, &token).await;
    assert_eq!(
        again.refusal(),
        refused(400, "invalid_grant", "expired access/refresh token")
    );
    assert!(bench.sim.log()[1].replay);
}

#[tokio::test]
async fn a_request_dropped_before_processing_has_spent_nothing() {
    let bench = Bench::new();
    let token = granted(&bench);
    bench
        .sim
        .fault(FaultRule::once(Fault::DropBeforeProcessing).on(Endpoint::Token));
    let form = crate::support::refresh(dw::ROTATING, dw::ROTATING_SECRET, &token);
    let lost = bench
        .send(
            dw::PRODUCTION,
            bench.http.post(bench.url("/services/oauth2/token")).form(&form),
        )
        .await;
    assert!(lost.is_err());
    assert_eq!(
        bench
            .refresh(dw::ROTATING, dw::ROTATING_SECRET, &token)
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_refresh_is_worked_on_although_the_caller_went_away() {
    let bench = Bench::with(|world| world.switches.refresh_processing = Duration::from_millis(300));
    let token = granted(&bench);
    let arrived = bench
        .sim
        .wait_until("the arrival", Duration::from_secs(20), |world| {
            world.count(Endpoint::Token) == 1
        });
    // The call is dropped, and its connection with it, while the refresh is worked on.
    tokio::select! {
        answer = bench.refresh(dw::ROTATING, dw::ROTATING_SECRET, &token) => panic!("answered: {answer:?}"),
        arrived = arrived => arrived.unwrap(),
    }
    bench
        .sim
        .wait_until("the rotation", Duration::from_secs(20), |world| {
            world.grants()[0].rotation == 1
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn the_sixth_approval_silently_ends_the_oldest_and_a_switch_makes_it_the_fifth() {
    for (limit, survivors) in [(5, 5), (4, 4)] {
        let bench = Bench::with(|world| world.switches.approval_limit = limit);
        let tokens: Vec<String> = (0..6).map(|_| granted(&bench)).collect();
        let good = bench.sim.world(|world| {
            tokens
                .iter()
                .map(|token| world.refresh_token_is_good(token))
                .collect::<Vec<_>>()
        });
        let expected: Vec<bool> = (0..6).map(|index| index >= 6 - survivors).collect();
        assert_eq!(good, expected, "limit {limit}");
    }
}
