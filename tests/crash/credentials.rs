//! The credentials of an app are rotated once, wherever the process dies that does it, and a pair that works is never lost.

use kube::api::{Patch, PatchParams};
use salesforce_connector_operator::api::names;
use salesforce_connector_operator::failpoints::Failpoint;
use salesforce_sim::{App, AppKind, Endpoint, default_world as world};
use serde_json::json;

use crate::scene::client_credentials;
use crate::stage::{Stage, ready, status};
use crate::tenant::Tenant;

/// The points of a rotation, in order.
pub(crate) const ROTATION: [Failpoint; 4] = [
    Failpoint::StoreRotation,
    Failpoint::StageCredentials,
    Failpoint::RotateCredentials,
    Failpoint::WriteInput,
];

/// A connector with an app of its own, whose Secret consents. Returns its consumer key.
async fn create(stage: &Stage, name: &str) -> String {
    let (key, secret) = (format!("3MVG9{name}"), format!("secret-of-{name}"));
    let id = stage.sim.world(|world| {
        let mut app = App::new(AppKind::ExternalClientApp, world::PRODUCTION, &key, &secret);
        app.run_as = Some(world::INTEGRATION_USER.to_owned());
        world.add_app(app).id.clone()
    });
    let input = format!("{name}-input");
    stage
        .input(&input, &[("client-id", &key), ("client-secret", &secret)])
        .await;
    let annotations = json!({ "metadata": { "annotations": { names::ROTATED_BY: name } } });
    let (patch, params) = (Patch::Merge(annotations), PatchParams::default());
    stage.secrets().patch(&input, &params, &patch).await.unwrap();
    let reference = |key: &str| json!({ "name": input, "key": key });
    let mut spec = client_credentials(&input);
    spec["app"] = json!({
        "clientIdRef": reference("client-id"),
        "clientSecretRef": reference("client-secret"),
        "rotation": { "appId": id },
    });
    Tenant::create(stage, name, spec).await;
    key
}

/// Consumer key and secret of a connector's Secret.
async fn pair(stage: &Stage, name: &str) -> [String; 2] {
    let secret = stage.secrets().get(&format!("{name}-input")).await.unwrap();
    let data = secret.data.unwrap();
    ["client-id", "client-secret"].map(|key| String::from_utf8(data[key].0.clone()).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_is_finished_wherever_the_process_dies() {
    let stage = Stage::set().await;
    stage.sim.world(|world| {
        world.org(world::PRODUCTION).shows_consumer_secrets = true;
        world.user(world::INTEGRATION_USER).manages_app_credentials = true;
    });
    let first = stage.start("first");
    let mut connectors = Vec::new();
    for point in ROTATION {
        for side in ["before", "after"] {
            let name = format!("{side}-{}", point.as_str().to_lowercase());
            let point = format!("{side}-{}", point.as_str());
            stage.pause(&name, &point);
            let former = create(&stage, &name).await;
            connectors.push((name, point, former));
        }
    }
    for (name, point, _) in &connectors {
        stage.reached(name, point).await;
    }
    first.kill();

    let second = stage.start("second");
    for (name, _, former) in &connectors {
        stage
            .until("it is rotated", name, |connector| {
                let rotation = status(connector).credential_rotation?;
                let done = rotation.last_rotation_time.is_some() && rotation.failures.is_none();
                (done && ready(connector).0 == "True").then_some(())
            })
            .await;
        let mut now = pair(&stage, name).await;
        while now[0] == *former {
            stage
                .until("the Secret is written", name, |connector| {
                    status(connector)
                        .credential_rotation?
                        .secret_update_time
                        .map(drop)
                })
                .await;
            now = pair(&stage, name).await;
        }
        let [id, secret] = &now;
        assert!(
            stage.sim.world(|world| world.accepts_client(id, secret)),
            "{name}"
        );
    }
    let log = stage.sim.log();
    let sent = |endpoint| log.iter().filter(|entry| entry.endpoint == endpoint).count();
    let all = connectors.len();
    assert_eq!(
        (
            sent(Endpoint::StageCredentials),
            sent(Endpoint::RotateCredentials)
        ),
        (all, all)
    );
    second.kill();
    stage.finish().await;
}
