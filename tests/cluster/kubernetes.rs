//! How the API server is called: by how many at once, and for how long at most.

use std::cell::Cell;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{PostParams, WatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::WatchEvent;
use kube::{Api, Config, ResourceExt as _};
use salesforce_connector_operator::api::SalesforceConnector;
use salesforce_connector_operator::core::schedule::fair_queue::FOR_HOST;
use salesforce_connector_operator::settings::SecretWatch;
use salesforce_connector_operator::shell::kubernetes::clients::Clients;
use salesforce_sim::{Endpoint, Fault, FaultRule, Outcome, World, default_world as world};
use serde_json::json;
use testbed::ControlPlane;
use testbed::proxy::TcpProxy;

use crate::stage::{DEADLINE, Stage, client_credentials};

/// Connectors in each of two namespaces: more than may be worked on at once, at one login host.
const EACH: usize = 20;
const _: () = assert!(2 * EACH > FOR_HOST);

fn under_way(world: &World) -> usize {
    let token = world
        .log()
        .iter()
        .filter(|entry| entry.endpoint == Endpoint::Token);
    token.filter(|entry| entry.outcome == Outcome::Pending).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_watched_namespaces_together_have_the_share_of_a_login_host_at_once() {
    let mut stage = Stage::bare(SecretWatch::ByName).await;
    let other = stage.plane.namespace("tenant").await;
    stage.also_watched.push(other.name().to_owned());
    stage.sim.world(|world| {
        world.add_fault(FaultRule::always(Fault::Delay { millis: 3000 }).on(Endpoint::Token));
    });
    let secret: Secret = serde_json::from_value(json!({
        "metadata": { "name": "app" }, "stringData": { "client-secret": world::ECA_SECRET },
    }))
    .unwrap();
    for namespace in [stage.namespace.name(), other.name()] {
        let secrets: Api<Secret> = Api::namespaced(stage.client.clone(), namespace);
        secrets.create(&PostParams::default(), &secret).await.unwrap();
        let connectors: Api<SalesforceConnector> = Api::namespaced(stage.client.clone(), namespace);
        for number in 0..EACH {
            let connector = serde_json::from_value(json!({
                "apiVersion": "salesforce-connector.dev/v1alpha1", "kind": "SalesforceConnector",
                "metadata": { "name": format!("crm-{number}") }, "spec": client_credentials("app"),
            }));
            connectors
                .create(&PostParams::default(), &connector.unwrap())
                .await
                .unwrap();
        }
    }
    stage.start_operator().await;
    let most = Cell::new(0);
    let asked_by_all = stage
        .sim
        .wait_until("each connector has asked for a token", DEADLINE, |world| {
            most.set(most.get().max(under_way(world)));
            world.count(Endpoint::Token) >= 2 * EACH as u64
        })
        .await;
    asked_by_all.unwrap_or_else(|error| panic!("{error}"));
    assert!((1..=FOR_HOST).contains(&most.get()), "{most:?} at once");
    stage.finish().await;
}

/// Through a link that loses every packet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_not_answered_is_given_up_and_a_watch_that_is_silent_is_not() {
    const LIMIT: Duration = Duration::from_secs(1);
    testbed::install_crypto();
    let plane = ControlPlane::shared().await;
    let namespace = plane.namespace("silence").await;
    let link = TcpProxy::to(plane.api_server_address()).await;
    let through = plane.kubeconfig_through(plane.kubeconfig_path(), link.address());
    let kubeconfig = Kubeconfig::read_from(through).unwrap();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .unwrap();
    config.proxy_url = None;
    let clients = Clients::with_limit(&config, LIMIT).unwrap();
    let watched: Api<ConfigMap> = Api::namespaced(clients.watching, namespace.name());
    let begun_later = watched.clone();
    let all = watched.list(&kube::api::ListParams::default()).await.unwrap();
    let version = all.metadata.resource_version.unwrap_or_default();
    let watch = watched.watch(&WatchParams::default(), &version).await.unwrap();
    let mut watch = watch
        .try_filter_map(async |event| match event {
            WatchEvent::Added(it) if it.name_any() == "news" => Ok(Some(it)),
            _ => Ok(None),
        })
        .boxed();

    let called: [Api<ConfigMap>; 3] = [clients.usual, clients.once, clients.long_answers]
        .map(|client| Api::namespaced(client, namespace.name()));
    for called in called.iter().chain([&begun_later]) {
        assert_eq!(called.get_opt("news").await.unwrap(), None);
    }
    link.blackhole();
    // The first on the connection of before, the second on one that is never made.
    for called in called.iter().chain(&called) {
        let answer = tokio::time::timeout(DEADLINE, called.get_opt("news")).await;
        let error = answer.expect("the call should be given up").unwrap_err();
        assert!(!matches!(error, kube::Error::Api(_)), "{error}");
    }
    let params = WatchParams::default();
    let begun = tokio::time::timeout(DEADLINE, begun_later.watch(&params, &version)).await;
    assert!(
        begun
            .expect("a watch that doesn't begin should be given up")
            .is_err()
    );
    link.heal();
    // The watch has been as silent all that time.
    let direct: Api<ConfigMap> = Api::namespaced(plane.client().await, namespace.name());
    let news = serde_json::from_value(json!({ "metadata": { "name": "news" } })).unwrap();
    direct.create(&PostParams::default(), &news).await.unwrap();
    let event = tokio::time::timeout(DEADLINE, watch.next()).await;
    let event = event.expect("the watch should go on");
    assert!(matches!(event, Some(Ok(_))), "{event:?}");
    for called in &called {
        assert!(called.get_opt("news").await.unwrap().is_some());
    }
}
