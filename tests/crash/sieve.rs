//! The three ways in which controllers act on what is not so (Sieve, OSDI 2022): a stale view, a change that was never
//! seen, and a crash between two writes that belong together.

use kube::ResourceExt as _;
use serde_json::json;
use testbed::proxy::TcpProxy;

use crate::operator::{Operator, Setup};
use crate::stage::{Stage, ready, status};

const CONNECTOR: &str = "crm";
/// The Secret that the token is delivered in.
const TARGET: &str = "crm-salesforce";
/// So that Secrets are looked at every half second.
const FAST: u32 = 60;
/// What a process says that has looked at a connector and obtained nothing.
const LOOKED: &str = "Nothing to obtain";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stale_state_a_status_concluded_from_an_older_spec_is_not_written_over_a_newer_one() {
    let stage = Stage::set().await;
    let _operator = stage.start("first");
    stage.pause(CONNECTOR, "before-StatusWrite");
    stage.client_credentials(CONNECTOR).await;
    stage.reached(CONNECTOR, "before-StatusWrite").await;
    stage
        .merge(CONNECTOR, json!({ "spec": { "suspend": true } }))
        .await;
    stage.pause(CONNECTOR, "after-StatusWrite");
    stage.resume(CONNECTOR, "before-StatusWrite");
    // The first status that lands is one of the newer spec.
    stage.reached(CONNECTOR, "after-StatusWrite").await;
    let connector = stage.get(CONNECTOR).await;
    assert_eq!(status(&connector).observed_generation, Some(2));
    stage.resume(CONNECTOR, "after-StatusWrite");
    assert_eq!(stage.token_calls(), 1);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stale_state_a_connector_created_anew_inherits_no_status_of_the_one_before() {
    let stage = Stage::set().await;
    let _operator = stage.start("first");
    stage.pause(CONNECTOR, "before-StatusWrite");
    stage.client_credentials(CONNECTOR).await;
    stage.reached(CONNECTOR, "before-StatusWrite").await;
    stage.delete(CONNECTOR).await;
    // Another one by the same name, that nobody can have concluded Ready for.
    stage
        .create(CONNECTOR, "3MVG9NoSuchApp", json!({ "clientCredentials": {} }))
        .await;
    let anew = stage.get(CONNECTOR).await.uid();
    stage.pause(CONNECTOR, "after-StatusWrite");
    stage.resume(CONNECTOR, "before-StatusWrite");
    stage.reached(CONNECTOR, "after-StatusWrite").await;
    let connector = stage.get(CONNECTOR).await;
    assert_eq!(connector.uid(), anew);
    assert_eq!(ready(&connector).0, "False", "{:?}", connector.status);
    stage.finish().await;
}

/// The watch falls silent while everything else still works: what the process knows of the spec is out of date.
///
/// A token is obtained on its account, once; the status that goes with it is refused, and from then on the process reads
/// the connector itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stale_state_a_decision_on_an_older_spec_obtains_one_token_and_writes_no_status() {
    let stage = Stage::set().await;
    let (link, operator) = through_a_link(&stage, FAST).await;
    stage.client_credentials(CONNECTOR).await;
    stage
        .until("it is Ready", CONNECTOR, |connector| {
            (ready(connector).0 == "True").then_some(())
        })
        .await;
    assert_eq!(stage.token_calls(), 1);
    link.answers_only();
    stage
        .merge(CONNECTOR, json!({ "spec": { "suspend": true } }))
        .await;

    // Noticed by a timer, since Secrets are not watched: the token is gone, and is needed, as far as is known.
    stage.delete_secret(TARGET).await;
    stage
        .until("it is suspended", CONNECTOR, |connector| {
            let current = status(connector).observed_generation == Some(2);
            (current && ready(connector).1 == "Suspended").then_some(())
        })
        .await;
    assert_eq!(stage.token_calls(), 2);

    // The watch is silent still. Again the token is gone, and is not needed.
    stage.delete_secret(TARGET).await;
    let looked = operator.said(LOOKED).len();
    operator.says(LOOKED, looked + 3).await;
    assert_eq!(stage.token_calls(), 2);
    let connector = stage.get(CONNECTOR).await;
    assert_eq!(status(&connector).observed_generation, Some(2));
    link.heal();
    stage.finish().await;
}

/// The watch falls silent, another process leads and renews the grant, and then the one whose cache is old leads again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stale_state_a_leader_whose_cache_is_old_presents_and_delivers_no_older_token_of_a_grant() {
    let stage = Stage::set().await;
    let (link, first) = through_a_link(&stage, 1).await;
    let grant = stage.bring(CONNECTOR).await;
    stage.healthy(CONNECTOR, None).await;
    link.answers_only();
    let second = stage.start("second");
    second.follows().await;
    first.freeze();
    second.leads().await;
    stage.request_renewal(CONNECTOR, "1").await;
    stage.healthy(CONNECTOR, Some("1")).await;
    assert_eq!(stage.presented(grant), 2, "the import, and one renewal");

    // As far as the first one knows nobody asked for a renewal. The Secret is gone, so it has to act.
    second.kill();
    stage.delete_secret(TARGET).await;
    first.go_on();
    first.leads().await;
    stage.healthy(CONNECTOR, Some("1")).await;
    assert_eq!(stage.presented(grant), 2, "what is stored was delivered");
    link.heal();
    stage.request_renewal(CONNECTOR, "2").await;
    stage.healthy(CONNECTOR, Some("2")).await;
    assert_eq!(stage.presented(grant), 3, "and one more renewal");
    stage.assert_nothing_burned();
    stage.finish().await;
}

/// A process that reaches the API server through a link.
async fn through_a_link(stage: &Stage, clock_speed: u32) -> (TcpProxy, Operator) {
    let link = TcpProxy::to(stage.plane.api_server_address()).await;
    let kubeconfig = stage
        .plane
        .kubeconfig_through(stage.plane.kubeconfig_path(), link.address());
    let setup = Setup {
        kubeconfig,
        clock_speed,
        ..stage.setup("first")
    };
    let operator = Operator::start(stage, &setup);
    (link, operator)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missed_event_a_connector_deleted_and_created_anew_unseen_is_another_one() {
    let stage = Stage::set().await;
    let (link, _operator) = through_a_link(&stage, 1).await;
    let grant = stage.bring(CONNECTOR).await;
    stage.healthy(CONNECTOR, None).await;
    let before = stage.get(CONNECTOR).await.uid();

    link.cut();
    stage.delete(CONNECTOR).await;
    let bootstrap = json!({ "refreshTokenRef": { "name": "crm-input", "key": "refresh-token" } });
    stage
        .create(
            CONNECTOR,
            salesforce_sim::default_world::ROTATING,
            json!({ "authorizationCode": { "bootstrap": bootstrap } }),
        )
        .await;
    link.heal();

    // The token that was brought is spent, and what came of it belonged to the connector that is gone.
    stage.not_ready(CONNECTOR, "BootstrapTokenUsed").await;
    let connector = stage.get(CONNECTOR).await;
    assert_ne!(connector.uid(), before);
    assert_eq!(
        status(&connector).connection_test,
        None,
        "a test of the connector before"
    );
    assert_eq!(stage.presented(grant), 1);
    stage.assert_nothing_burned();
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crash_in_mid_reconcile_a_token_that_reached_the_secret_alone_is_not_obtained_again() {
    let stage = Stage::set().await;
    let first = stage.start("first");
    stage.pause(CONNECTOR, "before-StatusWrite");
    stage.client_credentials(CONNECTOR).await;
    stage.reached(CONNECTOR, "before-StatusWrite").await;
    assert_eq!(status(&stage.get(CONNECTOR).await).secret_name, None);
    first.kill();
    let _second = stage.start("second");
    stage
        .until("it is Ready", CONNECTOR, |connector| {
            (ready(connector).0 == "True").then_some(())
        })
        .await;
    assert_eq!(stage.token_calls(), 1);
    stage.finish().await;
}
