//! SIGTERM: the lease passes on at once when nothing is at stake, and the process stays as long as something is.

use std::collections::BTreeSet;
use std::time::Duration;

use testbed::eventually;
use testbed::proxy::TcpProxy;

use crate::operator::{Operator, Setup};
use crate::partition::holder;
use crate::stage::{DEADLINE, Stage, ready};

const CONNECTOR: &str = "crm";
/// The rule: from the signal to the release of the lease, when no redeem is open.
const HAND_OVER: Duration = Duration::from_secs(1);

/// How long the hand-over took, by the process's own log.
fn hand_over(operator: &Operator) -> Duration {
    let told = operator.moment("Shutdown signal received, draining");
    let released = operator.moment("Released the lease");
    released.duration_since(told).unsigned_abs()
}

fn assert_handed_over(operator: &Operator, when: &str) {
    let took = hand_over(operator);
    println!("handed over {took:?} after SIGTERM, {when}");
    assert!(took <= HAND_OVER, "{took:?}, {when}");
    assert!(operator.moment("Released the lease") <= operator.moment("Stopped"));
}

/// Waits until the lease was renewed so often.
async fn renewals(stage: &Stage, times: usize) {
    let mut seen = BTreeSet::new();
    eventually(DEADLINE, "the lease to be renewed", async || {
        seen.insert(stage.lease().await.metadata.resource_version);
        (seen.len() > times)
            .then_some(())
            .ok_or_else(|| format!("{seen:?}"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_leader_hands_over_within_a_second_of_the_shutdown_signal() {
    let stage = Stage::set().await;
    let mut first = stage.start("first");
    stage.bring(CONNECTOR).await;
    stage.healthy(CONNECTOR, None).await;
    first.leads().await;
    first.terminate();
    first.ended().await;
    assert_handed_over(&first, "with nothing open");
    assert_eq!(holder(&stage).await, "");

    let mut second = stage.start("second");
    second.leads().await;
    let third = stage.start("third");
    third.follows().await;
    second.terminate();
    second.ended().await;
    assert_handed_over(&second, "with nothing open");
    third.leads().await;
    stage.request_renewal(CONNECTOR, "1").await;
    stage.healthy(CONNECTOR, Some("1")).await;
    stage.assert_nothing_burned();
    stage.finish().await;
}

/// Nobody waits for a reconcile that hangs in a read, in a question to Salesforce, or before a write: the next leader does
/// it all again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reconcile_that_hangs_holds_up_neither_the_hand_over_nor_the_end() {
    let stage = Stage::set().await;
    let mut first = stage.start("first");
    stage.bring("read").await;
    stage.healthy("read", None).await;
    stage.pause("read", "before-ReadState");
    stage.request_renewal("read", "1").await;
    stage.pause("ask", "before-Introspect");
    stage.bring("ask").await;
    stage.pause("write", "before-StatusWrite");
    stage.client_credentials("write").await;
    for (connector, point) in [
        ("read", "before-ReadState"),
        ("ask", "before-Introspect"),
        ("write", "before-StatusWrite"),
    ] {
        stage.reached(connector, point).await;
    }
    first.terminate();
    first.ended().await;
    assert_handed_over(&first, "with reconciles that hang");
    assert_eq!(holder(&stage).await, "");

    let _second = stage.start("second");
    stage.healthy("read", Some("1")).await;
    stage.healthy("ask", None).await;
    stage
        .until("it is Ready", "write", |connector| {
            (ready(connector).0 == "True").then_some(())
        })
        .await;
    stage.assert_nothing_burned();
    stage.finish().await;
}

/// The lease stays with who redeems, renewed, until the result is stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refreshing_leader_keeps_the_lease_after_the_shutdown_signal_until_the_result_is_stored() {
    let stage = Stage::set().await;
    let mut first = stage.start("first");
    let grant = stage.bring(CONNECTOR).await;
    stage.healthy(CONNECTOR, None).await;
    let second = stage.start("second");
    second.follows().await;
    stage.pause(CONNECTOR, "after-Send");
    stage.request_renewal(CONNECTOR, "1").await;
    stage.reached(CONNECTOR, "after-Send").await;
    first.terminate();
    first.says("Shutdown signal received, draining", 1).await;
    first.follows().await; // it begins nothing more
    renewals(&stage, 3).await;
    assert_eq!(holder(&stage).await, "first");
    second.follows().await;

    stage.resume(CONNECTOR, "after-Send");
    first.ended().await;
    assert_eq!(first.stored().len(), 2);
    assert!(first.moment("Released the lease") <= first.moment("Stopped"));
    second.leads().await;
    stage.healthy(CONNECTOR, Some("1")).await;
    assert_eq!(stage.presented(grant), 2, "the import, and one renewal");
    stage.assert_nothing_burned();
    stage.finish().await;
}

/// Salesforce has answered, the API server can't be reached, and the signal comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_with_an_unstored_result_survives_the_shutdown_signal_until_it_is_stored() {
    let stage = Stage::set().await;
    let link = TcpProxy::to(stage.plane.api_server_address()).await;
    let kubeconfig = stage
        .plane
        .kubeconfig_through(stage.plane.kubeconfig_path(), link.address());
    let setup = Setup {
        kubeconfig,
        ..stage.setup("first")
    };
    let mut first = Operator::start(&stage, &setup);
    let grant = stage.bring(CONNECTOR).await;
    stage.healthy(CONNECTOR, None).await;
    let second = stage.start("second");
    second.follows().await;
    stage.pause(CONNECTOR, "after-Send");
    stage.request_renewal(CONNECTOR, "1").await;
    stage.reached(CONNECTOR, "after-Send").await;

    link.cut();
    first.terminate();
    stage.resume(CONNECTOR, "after-Send");
    first
        .says("Failed to store the refresh result, retrying", 1)
        .await;
    first
        .until("/metrics", "salesforce_connector_unstored_refresh_tokens 1\n")
        .await;
    first.until("/livez", "200 OK").await;
    // Long enough for its lease to run out, and for the next one to give the grant up.
    second.leads().await;
    stage.not_ready(CONNECTOR, "ReauthorizationRequired").await;
    first.until("/livez", "200 OK").await;
    assert_eq!(first.stored().len(), 1, "the import");

    link.heal();
    first.ended().await;
    assert_eq!(first.stored().len(), 2);
    stage.healthy(CONNECTOR, Some("1")).await;
    assert_eq!(stage.presented(grant), 2, "the import, and one renewal");
    stage.request_renewal(CONNECTOR, "2").await;
    stage.healthy(CONNECTOR, Some("2")).await;
    stage.assert_nothing_burned();
    stage.finish().await;
}
