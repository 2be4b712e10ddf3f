//! Kubernetes or Salesforce is away for a while: what works goes on working, and nobody knocks too often.

use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::api::DeleteParams;
use salesforce_connector_operator::api::{SalesforceConnector, names};
use salesforce_connector_operator::settings::SecretWatch;
use salesforce_sim::{Endpoint, Fault, FaultRule, RetryAfter, default_world as world};
use serde_json::json;
use testbed::ControlPlane;

use crate::grants;
use crate::healing::{TARGET, by_name, crm, remedy, tested_daily};
use crate::in_both_modes;
use crate::stage::{Plane, SPEED, Stage, client_credentials, condition, status, value};

in_both_modes!(with_a_plane_of_its_own => a_restart_of_the_api_server_is_survived);

async fn a_restart_of_the_api_server_is_survived(stage: Stage) {
    crm(&stage, tested_daily).await;
    stage.ready("crm").await;
    stage.plane.restart_api_server().await;

    stage
        .secrets()
        .delete(TARGET, &DeleteParams::default())
        .await
        .unwrap();
    stage
        .until_secret("the deleted Secret comes back", TARGET, |_| Some(()))
        .await;
    stage.good_connector("later").await;
    stage.ready("later").await;
    stage.ready("crm").await;
    assert_eq!(stage.token_calls(), 3, "the restart itself costs none");

    // Down for longer than a resync takes at the usual speed, and changed before anybody may have seen that it is back.
    stage.plane.stop_api_server().await;
    tokio::time::sleep(Duration::from_secs(70) / SPEED).await;
    stage.plane.start_api_server().await;
    stage.good_connector("last").await;
    stage.ready("last").await;
    assert_eq!(stage.token_calls(), 4);
    stage.finish().await;
}

/// Tokens end while nobody could store new ones. A refresh token is not sent meanwhile, and all is well again by itself afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_hours_without_an_api_server_cost_no_grant_and_one_token_request_each() {
    const SPEED: u32 = 240;
    let mut stage = Stage::on(own_plane().await, SecretWatch::ByName).await;
    stage.speed = SPEED;
    stage.sim.world(|world| world.clock.run_faster(SPEED));
    stage.start_operator().await;
    crm(&stage, tested_daily).await;
    grants::brought(&stage, "person").await;
    stage.ready("crm").await;
    stage.ready("person").await;
    let (targets, before) = ([TARGET, "person-salesforce"], stage.token_calls());
    let good = |secret: &Secret| {
        let token = value(secret, "access_token");
        stage.sim.world(|world| world.access_token_is_good(&token))
    };

    stage.plane.stop_api_server().await;
    stage.pass(Duration::from_hours(4)).await;
    assert_eq!(
        stage.token_calls(),
        before,
        "nothing is sent that could not be stored"
    );
    stage.plane.start_api_server().await;
    for target in targets {
        stage
            .until_secret("there is a good token again", target, |secret| {
                good(secret).then_some(())
            })
            .await;
    }
    stage.ready("crm").await;
    stage.ready("person").await;
    assert_eq!(stage.token_calls(), before + 2);
    grants::assert_nothing_burned(&stage);
    stage.finish().await;
}

async fn own_plane() -> Plane {
    Plane::Own(Box::new(ControlPlane::start().await))
}

/// A stage as [`Stage::noticing`] sets it, with an API server that may be stopped.
async fn with_a_plane_of_its_own(mode: SecretWatch) -> Stage {
    Stage::noticing_on(own_plane().await, mode).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forty_minutes_of_outage_cost_a_bounded_number_of_calls() {
    const SPEED: u32 = 240;
    let stage = Stage::at_speed(SPEED).await;
    stage.sim.world(|world| world.add_fleet(world::PRODUCTION, 6));
    for number in 0..3 {
        fleet_connector(&stage, number).await;
    }
    for number in 0..3 {
        stage.ready(&format!("fleet-{number}")).await;
    }
    stage.sim.fault(FaultRule::always(Fault::Maintenance));
    let before = stage.sim.log().len();
    // Those with a token keep it; those without one knock, and ever more seldom.
    for number in 3..6 {
        fleet_connector(&stage, number).await;
    }
    stage.pass(Duration::from_mins(40)).await;
    let log = stage.sim.log();
    let during = &log[before..];
    // The first request of a test names no app. Those with a token test it; it is every 15 minutes while all is well.
    let of_tests = during
        .iter()
        .filter(|entry| entry.endpoint == Endpoint::Versions)
        .count();
    assert!(
        (3..=3 * 25).contains(&of_tests),
        "{of_tests} tests of three connectors"
    );
    let [token, versions] = [Endpoint::Token, Endpoint::Versions];
    let others: Vec<_> = during
        .iter()
        .filter(|entry| ![token, versions].contains(&entry.endpoint))
        .collect();
    assert!(others.len() <= 3, "what was under way when it began: {others:?}");
    for number in 0..6 {
        let client_id = format!("FLEET-APP-{number:05}");
        let of_it = |entry: &&salesforce_sim::LogEntry| {
            entry.client_id.as_ref() == Some(&client_id) && entry.endpoint == token
        };
        let token = during.iter().filter(of_it).count();
        assert!(token <= 15, "connector {number} sent {token} token requests");
        if number >= 3 {
            assert!(
                token >= 3,
                "connector {number} gave up after {token} token requests"
            );
        }
    }
    for number in 0..3 {
        let connector = stage.get(&format!("fleet-{number}")).await;
        assert_eq!(
            condition(&connector, "Ready").0,
            "True",
            "a passing outage changes nothing"
        );
    }
    let waiting = stage.not_ready("fleet-4", "MaintenancePage").await;
    assert_eq!(condition(&waiting, "Reconciling").0, "True");

    stage.sim.clear_faults();
    for number in 0..6 {
        let connector = stage.ready(&format!("fleet-{number}")).await;
        assert_eq!(status(&connector).failures, None);
    }
    stage.finish().await;
}

async fn fleet_connector(stage: &Stage, number: u32) {
    let input = format!("fleet-{number}-app");
    let secret = format!("fleet-secret-{number:05}");
    stage.input(&input, &[("client-secret", &secret)]).await;
    let mut spec = client_credentials(&input);
    spec["app"]["clientId"] = json!(format!("FLEET-APP-{number:05}"));
    stage.create(&format!("fleet-{number}"), spec).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passing_outage_leaves_a_valid_token_ready() {
    let stage = by_name().await;
    stage.good_connector("crm").await;
    stage.ready("crm").await;
    for (request, fault, reason) in [
        ("1", Fault::Maintenance, "MaintenancePage"),
        ("2", Fault::BadGateway, "BadGateway"),
        ("3", Fault::Throttled { retry_after: None }, "TooManyRequests"),
        ("4", Fault::NoRoute, "HostNotRouted"),
        ("5", Fault::DropBeforeProcessing, "ConnectionLost"),
        ("6", Fault::Garbage, "UnreadableAnswer"),
    ] {
        stage.sim.fault(FaultRule::always(fault));
        let connector = tested(&stage, request).await;
        let (truth, found, message) = condition(&connector, "ConnectionTested");
        assert_eq!((truth.as_str(), found.as_str()), ("False", reason));
        assert!(message.contains(remedy(reason)), "{message}");
        assert_eq!(condition(&connector, "Ready").0, "True", "{reason}");
        assert_eq!(condition(&connector, "Stalled").0, "", "{reason}");
        stage.sim.clear_faults();
    }
    let connector = tested(&stage, "7").await;
    assert_eq!(condition(&connector, "ConnectionTested").0, "True");
    assert_eq!(stage.token_calls(), 1);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_in_use_is_tested_on_request_while_no_other_one_can_be_obtained() {
    let stage = by_name().await;
    stage.good_connector("crm").await;
    stage.ready("crm").await;
    stage
        .input("crm-app", &[("client-secret", "not-the-secret")])
        .await;
    stage.not_ready("crm", "ClientSecretInvalid").await;
    let connector = tested(&stage, "1").await;
    let (truth, reason, _) = condition(&connector, "ConnectionTested");
    assert_eq!((truth.as_str(), reason.as_str()), ("True", "TestSucceeded"));

    let ended = stage
        .sim
        .world(|world| world.revoke_sessions(world::INTEGRATION_USER));
    assert_eq!(ended, 1);
    let connector = tested(&stage, "2").await;
    let (truth, reason, _) = condition(&connector, "ConnectionTested");
    assert_eq!((truth.as_str(), reason.as_str()), ("False", "BadOauthToken"));
    stage.finish().await;
}

/// Nothing is sent before Salesforce's Retry-After is over, also after a restart, unless somebody asks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_token_in_use_is_tested_before_the_time_that_salesforce_asks_to_wait_for() {
    const SPEED: u32 = 240;
    let mut stage = Stage::at_speed(SPEED).await;
    stage.good_connector("crm").await;
    stage.ready("crm").await;
    let retry_after = Some(RetryAfter::Seconds(2_400));
    stage
        .sim
        .fault(FaultRule::always(Fault::Throttled { retry_after }));
    let connector = tested(&stage, "1").await;
    let test = status(&connector).connection_test.unwrap();
    let asked = test.next_test_time.unwrap().0;
    assert_eq!(asked.duration_since(test.last_test_time.0).as_secs(), 2_400);

    let before = stage.sim.log().len();
    stage.pass(Duration::from_mins(15)).await;
    stage.stop_operator().await;
    stage.start_operator().await;
    stage.pass(Duration::from_mins(15)).await;
    let log = stage.sim.log();
    assert_eq!(log.len(), before, "{:?}", log.get(before..));

    tested(&stage, "2").await;
    let tests = stage.sim.count(Endpoint::Versions);
    stage.sim.clear_faults();
    let healed = stage
        .until("the test is repeated and succeeds", "crm", |connector| {
            (condition(connector, "ConnectionTested").0 == "True").then(|| connector.clone())
        })
        .await;
    assert_eq!(stage.sim.count(Endpoint::Versions), tests + 1);
    let test = status(&healed).connection_test.unwrap();
    assert_eq!((test.first_failure_time, test.next_test_time), (None, None));
    stage.finish().await;
}

/// Asks for a test and waits for its result.
pub(crate) async fn tested(stage: &Stage, request: &str) -> SalesforceConnector {
    stage.annotate("crm", names::TEST_REQUESTED_AT, request).await;
    stage
        .until("the test is done", "crm", |connector| {
            (status(connector).last_handled?.test_requested_at? == request).then(|| connector.clone())
        })
        .await
}
