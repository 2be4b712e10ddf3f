//! A leader that is cut off from the API server, but not from Salesforce, while it redeems.

use std::time::Duration;

use redeem::AttemptPhase;
use salesforce_sim::{Endpoint, Fault, FaultRule};
use testbed::proxy::TcpProxy;
use tokio::time::Instant;

use crate::operator::{LEASE, Operator, RETRY, Setup, TALKATIVE};
use crate::stage::{DEADLINE, Stage};

const CONNECTOR: &str = "crm";
/// Longer than cutting the link takes, shorter than the limit of a token request.
const ANSWER_AFTER: Fault = Fault::Delay { millis: 2500 };
/// What the bound on a takeover, the lease time plus two retry periods, leaves out: a renewal that was on its way when the
/// link went, two calls of the API server, and this test's own look at the metrics, on a machine that runs other tests.
const TOLERANCE: Duration = Duration::from_secs(2);

/// How the network fails.
#[derive(Clone, Copy)]
enum Loss {
    Cut,
    Blackhole,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_cut_off_while_it_redeems_stores_its_late_result_as_follower() {
    partition(Loss::Cut).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_whose_packets_are_lost_while_it_redeems_stores_its_late_result_as_follower() {
    partition(Loss::Blackhole).await;
}

async fn partition(loss: Loss) {
    let stage = Stage::set().await;
    let link = TcpProxy::to(stage.plane.api_server_address()).await;
    let kubeconfig = stage
        .plane
        .kubeconfig_through(stage.plane.kubeconfig_path(), link.address());
    let first = Operator::start(
        &stage,
        &Setup {
            kubeconfig,
            log: TALKATIVE,
            ..stage.setup("first")
        },
    );
    let grant = stage.bring(CONNECTOR).await;
    stage.healthy(CONNECTOR, None).await;
    let second = Operator::start(
        &stage,
        &Setup {
            log: TALKATIVE,
            ..stage.setup("second")
        },
    );
    second.follows().await;
    assert_eq!(holder(&stage).await, "first");

    let before = stage.token_calls();
    stage.sim.fault(FaultRule::once(ANSWER_AFTER).on(Endpoint::Token));
    stage.request_renewal(CONNECTOR, "1").await;
    stage
        .sim
        .wait_until("the token is presented", DEADLINE, |world| {
            world.count(Endpoint::Token) > before
        })
        .await
        .unwrap();
    match loss {
        Loss::Cut => link.cut(),
        Loss::Blackhole => link.blackhole(),
    }
    let cut_off = Instant::now();

    second.leads().await;
    let leaderless = cut_off.elapsed();
    assert_eq!(holder(&stage).await, "second");
    let bound = LEASE + 2 * RETRY;
    assert!(
        leaderless <= bound + TOLERANCE,
        "took over after {leaderless:?}, expected {bound:?}"
    );
    println!(
        "took over {leaderless:?} after the leader was cut off (lease time plus two retry periods: {bound:?})"
    );
    first.follows().await;
    // The answer is in, with a process that can't store it: the attempt stands open as it was announced.
    first.says("Presented a refresh token", 2).await;
    assert_eq!(stage.presented(grant), 2, "the import, and the renewal in flight");
    let (serial, attempt) = attempt(&stage).await;
    assert_eq!(attempt, Some(serial), "nothing was written since the intent");
    assert_eq!(first.stored().len(), 1, "the import");

    link.heal();
    stage.healthy(CONNECTOR, Some("1")).await;
    first.follows().await;
    second.leads().await;
    stage.assert_nothing_burned();
    assert_eq!(first.stored().len(), 2);
    assert_eq!(first.answers(), ["Granted", "Granted"]);
    let presented = first.answers().len() + second.answers().len();
    assert_eq!(presented, stage.presented(grant), "each by one process");
    stage.finish().await;
}

/// Serial of the state, and that of the attempt that stands open in it.
async fn attempt(stage: &Stage) -> (u64, Option<u64>) {
    let found = stage.state(&stage.get(CONNECTOR).await).await.unwrap();
    let attempt = found.current.and_then(|grant| grant.attempt);
    let open = attempt.filter(|attempt| attempt.phase == AttemptPhase::Open);
    (found.serial.0, open.map(|attempt| attempt.serial.0))
}

/// Who holds the lease.
pub(crate) async fn holder(stage: &Stage) -> String {
    let holder = stage.lease().await.spec.unwrap().holder_identity.unwrap();
    holder.split('_').next().unwrap().to_owned()
}
