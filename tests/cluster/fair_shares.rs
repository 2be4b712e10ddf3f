//! What one tenant does keeps no other one waiting. See docs/decisions/0028-fair-shares.md.

use std::time::Duration;

use salesforce_connector_operator::settings::SecretWatch;
use salesforce_sim::{Endpoint, Fault, FaultRule, default_world as world};
use serde_json::json;

use crate::stage::{DEADLINE, Stage, client_credentials};
use crate::tenant::Tenant;

/// More than there are places for all tenants.
const MANY: usize = 20;

/// A request hangs for longer than any test waits.
async fn patient() -> Stage {
    let mut stage = Stage::bare(SecretWatch::ByName).await;
    stage.request_timeout = Duration::from_mins(10);
    stage
}

/// Waits until so many token requests of this app hang.
async fn hanging(stage: &Stage, client_id: &str, requests: usize) {
    let what = format!("{requests} token requests of {client_id} have come in");
    let of_app = |entry: &&salesforce_sim::LogEntry| {
        entry.endpoint == Endpoint::Token && entry.client_id.as_deref() == Some(client_id)
    };
    let waited = stage.sim.wait_until(&what, DEADLINE, |world| {
        world.log().iter().filter(of_app).count() >= requests
    });
    waited.await.unwrap_or_else(|error| panic!("{error}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_whose_org_hangs_leaves_places_to_others() {
    let mut stage = patient().await;
    let evil = stage.plane.namespace("evil").await;
    let evil = Tenant::new(stage.client.clone(), evil, DEADLINE);
    stage.also_watched.push(evil.namespace.name().to_owned());
    stage.start_operator().await;
    stage
        .sim
        .fault(FaultRule::always(Fault::NeverAnswer).client(world::CONNECTED));
    evil.input("app", &[("client-secret", world::CONNECTED_SECRET)])
        .await;
    for number in 0..MANY {
        let mut spec = client_credentials("app");
        spec["app"]["clientId"] = json!(world::CONNECTED);
        evil.create(&format!("hangs-{number}"), spec).await;
    }
    hanging(&stage, world::CONNECTED, 12).await;

    stage.good_connector("crm").await;
    stage.ready("crm").await;
    assert_eq!(stage.sim.world(|world| world.count(Endpoint::Token)), 13);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connectors_that_wait_for_a_login_of_their_user_take_no_places() {
    let mut stage = patient().await;
    stage.start_operator().await;
    stage
        .sim
        .fault(FaultRule::always(Fault::NeverAnswer).client(world::CONNECTED));
    for number in 0..MANY {
        let (name, password) = (format!("login-{number}"), format!("password-that-hangs-{number}"));
        let values = [
            ("client-secret", world::CONNECTED_SECRET),
            ("password", &password),
        ];
        stage.input(&name, &values).await;
        let reference = |key: &str| json!({ "name": name, "key": key });
        let spec = json!({
            "host": world::PRODUCTION,
            "app": { "clientId": world::CONNECTED, "clientSecretRef": reference("client-secret") },
            "auth": { "password": { "username": "hangs@acme.example", "passwordRef": reference("password") } },
        });
        stage.create(&name, spec).await;
    }
    hanging(&stage, world::CONNECTED, 1).await;

    stage.good_connector("crm").await;
    stage.ready("crm").await;
    assert_eq!(stage.token_calls(), 2, "one login of the user at a time");
    stage.finish().await;
}
