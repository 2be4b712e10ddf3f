//! What one tenant does keeps no other one waiting. See docs/decisions/0028-fair-shares.md.

use std::time::Duration;

use salesforce_connector_operator::settings::SecretWatch;
use salesforce_sim::{Endpoint, Fault, FaultRule, default_world as world};
use serde_json::json;
use testbed::eventually;

use crate::stage::{DEADLINE, Stage, client_credentials, condition, status};
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_spends_the_budget_of_a_host_leaves_some_to_others() {
    let mut stage = Stage::bare(SecretWatch::ByName).await;
    let evil = stage.plane.namespace("evil").await;
    let evil = Tenant::new(stage.client.clone(), evil, DEADLINE);
    stage.also_watched.push(evil.namespace.name().to_owned());
    // One more comes back in three minutes, longer than the test waits.
    (stage.speed, stage.token_requests_per_hour) = (1, 20);
    stage.start_operator().await;
    evil.input("app", &[("client-secret", "junk-credentials")]).await;
    for number in 0..MANY {
        evil.create(&format!("junk-{number}"), client_credentials("app"))
            .await;
    }
    eventually(DEADLINE, "half of them wait for their turn", async || {
        let mut waiting = 0;
        for number in 0..MANY {
            let connector = evil.get(&format!("junk-{number}")).await;
            let waits = condition(&connector, "Ready").1 == "CallBudgetSpent";
            waiting += usize::from(waits && status(&connector).failures.unwrap().next_attempt_time.is_some());
        }
        (waiting == MANY / 2).then_some(()).ok_or(waiting.to_string())
    })
    .await;

    stage.good_connector("crm").await;
    stage.ready("crm").await;
    assert_eq!(stage.token_calls(), 11);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_counts_although_the_status_that_says_so_can_not_be_written() {
    let stage = crate::healing::by_name().await;
    let slow = Fault::Delay { millis: 1_500 };
    stage.sim.fault(FaultRule::always(slow).on(Endpoint::Token));
    stage
        .input("app", &[("client-secret", "refused-client-secret")])
        .await;
    stage.create("crm", client_credentials("app")).await;
    stage.until_token_calls(1).await;
    let edited = json!({ "metadata": { "labels": { "team": "sales" } } });
    stage.merge("crm", edited).await;
    stage
        .until("the failure is written", "crm", |connector| {
            status(connector).failures
        })
        .await;
    stage.settle().await;
    assert_eq!(stage.token_calls(), 1, "the same credentials are not sent again");
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_for_tests_at_a_high_rate_are_carried_out_10_seconds_apart() {
    let mut stage = Stage::bare(SecretWatch::ByName).await;
    stage.speed = 1;
    stage.start_operator().await;
    stage.good_connector("crm").await;
    stage.ready("crm").await;
    let before = stage.sim.count(Endpoint::Versions);
    let began = std::time::Instant::now();
    for request in 0..100 {
        stage
            .annotate(
                "crm",
                "salesforce-connector.dev/test-requested-at",
                &request.to_string(),
            )
            .await;
    }
    stage
        .until("the latest request is carried out", "crm", |connector| {
            (status(connector).last_handled?.test_requested_at? == "99").then_some(())
        })
        .await;
    let tests = stage.sim.count(Endpoint::Versions) - before;
    assert!(tests <= 2 + began.elapsed().as_secs() / 10, "{tests} tests");
    stage.finish().await;
}

/// Routine passes take all places of the namespace, and more of them wait. Each fails after its time-out and lets another one begin.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_connector_goes_before_the_routine_passes_of_its_namespace() {
    const ROUTINE: usize = 48;
    /// Passes of a namespace that are in progress at once.
    const PLACES: usize = 12;
    let mut stage = Stage::bare(SecretWatch::ByName).await;
    stage.start_operator().await;
    stage
        .input("routine", &[("client-secret", world::CONNECTED_SECRET)])
        .await;
    for number in 0..ROUTINE {
        let mut spec = client_credentials("routine");
        spec["app"]["clientId"] = json!(world::CONNECTED);
        spec["connectionTest"] = json!({ "interval": "1m" });
        stage.create(&format!("routine-{number}"), spec).await;
    }
    for number in 0..ROUTINE {
        stage.ready(&format!("routine-{number}")).await;
    }
    stage.stop_operator().await;
    stage
        .sim
        .fault(FaultRule::always(Fault::NeverAnswer).on(Endpoint::Versions));
    stage.sim.world(salesforce_sim::World::clear_log);
    stage.request_timeout = Duration::from_secs(15);
    stage.start_operator().await;
    let tested = |world: &salesforce_sim::World| {
        let calls = world
            .log()
            .iter()
            .filter(|entry| entry.endpoint == Endpoint::Versions);
        calls.count()
    };
    let waited = stage
        .sim
        .wait_until("the second dozen of tests hangs", DEADLINE, |world| {
            tested(world) >= 2 * PLACES
        })
        .await;
    waited.unwrap_or_else(|error| panic!("{error}"));

    let logins = stage.token_calls();
    stage.good_connector("crm").await;
    stage.until_token_calls(logins + 1).await;
    let before = stage.sim.world(|world| tested(world));
    assert!(
        before < ROUTINE,
        "{before} tests began before the new connector logged in"
    );
    stage.finish().await;
}
