//! The three ways in which controllers act on what is not so (Sieve, OSDI 2022): a stale view, a change that was never
//! seen, and a crash between two writes that belong together.

use kube::ResourceExt as _;
use serde_json::json;
use testbed::proxy::TcpProxy;

use crate::operator::{Operator, Setup};
use crate::stage::{Stage, ready, status};

const CONNECTOR: &str = "crm";

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missed_event_a_connector_deleted_and_created_anew_unseen_is_another_one() {
    let stage = Stage::set().await;
    let link = TcpProxy::to(stage.plane.api_server_address()).await;
    let kubeconfig = stage
        .plane
        .kubeconfig_through(stage.plane.kubeconfig_path(), link.address());
    let _operator = Operator::start(
        &stage,
        &Setup {
            kubeconfig,
            ..stage.setup("first")
        },
    );
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
