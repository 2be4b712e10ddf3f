//! Does anything that Helm says or keeps of a release show what the operator keeps in its Secrets?

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::{ListParams, ObjectMeta, PostParams};
use salesforce_connector_operator::api::names;
use salesforce_connector_operator::shell::kubernetes::digest_key;
use serde_json::json;

use crate::files::CHART;
use crate::leak::{self, Leak};
use crate::release::Release;

const GRANT: &str = "marker-refresh-token-8c1e5f0b";

/// A release whose operator has made its digest key and keeps a grant.
async fn release_with_secrets() -> Release {
    let release = Release::install(&["--set", "replicas=0"]).await;
    let operator = release.operator().await;
    let _key = digest_key::read_or_create(&operator, &release.namespace)
        .await
        .unwrap();
    let own: Api<Secret> = Api::namespaced(operator, &release.namespace);
    let state = Secret {
        metadata: ObjectMeta {
            name: Some(format!("{}marker", names::STATE_PREFIX)),
            ..ObjectMeta::default()
        },
        string_data: Some([("refresh-token".to_owned(), GRANT.to_owned())].into()),
        ..Secret::default()
    };
    own.create(&PostParams::default(), &state).await.unwrap();
    release
}

/// What Helm prints for an upgrade with `args`, what it keeps of the release, and what the namespace shows to its readers.
async fn leaks(release: &Release, args: &[&str]) -> Vec<Leak> {
    let plane = release.plane;
    let namespace = ["--namespace", &*release.namespace];
    let helm = async |args: &[&str]| plane.helm(&[args, &namespace].concat()).await.stdout();
    let upgrade = [
        "upgrade",
        "sfc",
        CHART,
        "--set",
        "crds.install=false",
        "--set",
        "replicas=0",
    ];
    let printed = helm(&[&upgrade, args].concat()).await;
    let described = ["describe", "deployments,serviceaccounts,configmaps,roles,leases"];
    let described = plane
        .kubectl(&[&described[..], &namespace].concat())
        .await
        .stdout();
    let list = ListParams::default();
    let maps: Api<ConfigMap> = Api::namespaced(plane.client().await, &release.namespace);
    let events: Api<Event> = Api::namespaced(plane.client().await, &release.namespace);
    let channels = [
        ("what helm printed", format!("{}{printed}", release.notes)),
        ("the rendered manifest", helm(&["get", "manifest", "sfc"]).await),
        ("the kept values", helm(&["get", "values", "sfc"]).await),
        ("the objects", described),
        (
            "the maps",
            serde_json::to_string(&maps.list(&list).await.unwrap().items).unwrap(),
        ),
        (
            "the events",
            serde_json::to_string(&events.list(&list).await.unwrap().items).unwrap(),
        ),
    ];
    let own: Api<Secret> = Api::namespaced(plane.client().await, &release.namespace);
    let key = leak::digest_key(&own).await.expect("the operator made a key");
    let secrets = [leak::fixed(), vec![key, GRANT.into()]].concat();
    leak::leaks(
        &secrets,
        channels.map(|(channel, text)| (channel.to_owned(), text)).into(),
    )
}

#[tokio::test]
async fn a_release_shows_nothing_of_the_secrets_of_its_operator() {
    let release = release_with_secrets().await;
    assert_eq!(leaks(&release, &[]).await, []);
    release.uninstall().await;
}

/// Values are no place for a secret: they are in all that Helm prints and keeps. Nor are a map and an event.
#[tokio::test]
async fn a_secret_planted_in_each_of_them_is_found() {
    let release = release_with_secrets().await;
    plant(&release).await;
    let name = format!("fullnameOverride={GRANT}");
    let found = leaks(&release, &["--set", &name]).await;
    let found: Vec<_> = found.into_iter().map(|leak| leak.channel).collect();
    let all = [
        "what helm printed",
        "the rendered manifest",
        "the kept values",
        "the objects",
        "the maps",
        "the events",
    ];
    assert_eq!(found, all);
    release.uninstall().await;
}

/// Puts the token where no value of the chart leads.
async fn plant(release: &Release) {
    let client = release.plane.client().await;
    let metadata = json!({ "name": "planted", "namespace": &*release.namespace });
    let map = json!({ "metadata": metadata, "data": { "token": GRANT } });
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), &release.namespace);
    let map = serde_json::from_value(map).unwrap();
    maps.create(&PostParams::default(), &map).await.unwrap();
    let event = json!({
        "metadata": metadata, "type": "Normal", "action": "Plant", "reason": "Planted", "note": GRANT,
        "eventTime": "2026-11-24T00:00:00.000000Z", "reportingController": "salesforce-connector.dev/test",
        "reportingInstance": "test", "regarding": { "namespace": &*release.namespace },
    });
    let events: Api<Event> = Api::namespaced(client, &release.namespace);
    let event = serde_json::from_value(event).unwrap();
    events.create(&PostParams::default(), &event).await.unwrap();
}
