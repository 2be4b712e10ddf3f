//! A leader that is cut off from the API server, but not from Salesforce, while it redeems.

use jiff::Timestamp;
use salesforce_sim::{Endpoint, Fault, FaultRule};
use testbed::proxy::TcpProxy;

use crate::operator::{LEASE, Operator, RETRY, Setup};
use crate::stage::{DEADLINE, Stage};

const CONNECTOR: &str = "crm";
/// Longer than cutting the link takes, shorter than the limit of a token request.
const ANSWER_AFTER: Fault = Fault::Delay { millis: 2500 };

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
            ..stage.setup("first")
        },
    );
    let grant = stage.bring(CONNECTOR).await;
    stage.healthy(CONNECTOR, None).await;
    let second = stage.start("second");
    second.follows().await;
    assert_eq!(holder(&stage).await.0, "first");

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
    let (_, last_renewed) = holder(&stage).await;

    second.leads().await;
    let (now_leads, acquired) = holder(&stage).await;
    assert_eq!(now_leads, "second");
    let silent = acquired.duration_since(last_renewed).unsigned_abs();
    let bound = LEASE + 2 * RETRY;
    // Both clocks are this machine's; the margin is for a machine that does much else.
    assert!(
        silent <= 2 * bound,
        "took over after {silent:?}, expected {bound:?}"
    );
    println!("took over {silent:?} after the last renewal (lease time plus two retry periods: {bound:?})");
    first.follows().await;
    assert_eq!(stage.presented(grant), 2, "the import, and the renewal in flight");

    link.heal();
    stage.healthy(CONNECTOR, Some("1")).await;
    first.follows().await;
    second.leads().await;
    stage.assert_nothing_burned();
    // Which of its writes stored it, one before the cut or one after, makes no difference.
    assert_eq!(first.answers(), ["Granted", "Granted"]);
    let presented = first.answers().len() + second.answers().len();
    assert_eq!(presented, stage.presented(grant), "each by one process");
}

/// Who holds the lease, and when it was acquired or last renewed.
async fn holder(stage: &Stage) -> (String, Timestamp) {
    let spec = stage.lease().await.spec.unwrap();
    let holder = spec.holder_identity.unwrap();
    let name = holder.split('_').next().unwrap().to_owned();
    let time = if name == "first" {
        spec.renew_time
    } else {
        spec.acquire_time
    };
    (name, time.unwrap().0)
}
