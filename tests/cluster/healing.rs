//! What breaks heals by itself where it can; where it can't, it is said once, and Salesforce is left in peace.

use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DeleteParams, ListParams};
use kube::{Api, ResourceExt};
use salesforce_connector_operator::api::{Reason, names};
use salesforce_connector_operator::settings::SecretWatch;
use salesforce_sim::{Endpoint, Fault, FaultRule, LogEntry, Outcome, default_world as world};
use serde_json::{Value, json};
use testbed::eventually;

use crate::grants::brought;
use crate::passwords::{by_password, password_input};
use crate::stage::{DEADLINE, SPEED, Stage, client_credentials, condition, status, value};
use crate::{in_both_modes, logs};

in_both_modes!(Stage::set => a_second_look_writes_nothing);

pub(crate) const TARGET: &str = "crm-salesforce";

pub(crate) async fn by_name() -> Stage {
    Stage::set(SecretWatch::ByName).await
}

/// Creates the connector "crm" by client credentials, changed as `change` says.
pub(crate) async fn crm(stage: &Stage, change: impl FnOnce(&mut Value)) {
    stage.input("app", &[("client-secret", world::ECA_SECRET)]).await;
    let mut spec = client_credentials("app");
    change(&mut spec);
    stage.create("crm", spec).await;
}

/// Tested every minute, which the operator's fast clock makes two seconds.
pub(crate) fn tested_often(spec: &mut Value) {
    spec["connectionTest"] = json!({ "interval": "1m" });
}

/// So seldom that no test notices what it is the watch's, or the resync's, to notice.
pub(crate) fn tested_daily(spec: &mut Value) {
    spec["connectionTest"] = json!({ "interval": "24h" });
}

pub(crate) fn remedy(reason: &str) -> &'static str {
    Reason::parse(reason).unwrap().remedy()
}

/// What one connection test asks, in this order.
const TEST: [Endpoint; 3] = [Endpoint::Versions, Endpoint::Identity, Endpoint::Query];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_ended_at_salesforce_is_replaced_by_the_next_test_within_one_interval() {
    const INTERVAL: Duration = Duration::from_mins(10);
    /// By which a slow machine may delay a test: ten seconds of real time. A second interval is longer.
    const ALLOWANCE: Duration = Duration::from_mins(5);
    let stage = by_name().await;
    crm(&stage, |spec| {
        spec["connectionTest"] = json!({ "interval": "10m" });
    })
    .await;
    stage.ready("crm").await;
    let before = value(&stage.secret(TARGET).await, "access_token");
    let (ended, seen) = stage.sim.world(|world| {
        let ended = world.revoke_sessions(world::INTEGRATION_USER);
        (ended, world.log().len())
    });
    assert_eq!(ended, 1);
    let after = stage
        .until_secret("the Secret holds another token", TARGET, |secret| {
            let token = value(secret, "access_token");
            (token != before).then_some(token)
        })
        .await;
    assert!(stage.sim.world(|world| world.access_token_is_good(&after)));
    stage.ready("crm").await;
    stage.settle().await;

    let log = stage.sim.log();
    let (earlier, later) = log.split_at(seen);
    let calls: Vec<_> = later
        .iter()
        .map(|entry| (entry.endpoint, answered(entry)))
        .collect();
    let [versions, identity, query] = TEST.map(|endpoint| (endpoint, 200));
    // The identity URL may refuse a good token for its scopes, so REST is asked before the token counts as dead.
    let refused = [(Endpoint::Identity, 403), (Endpoint::Query, 401)];
    let login = [Endpoint::Token, Endpoint::Introspect].map(|endpoint| (endpoint, 200));
    let healed = [&[versions], &refused[..], &login, &[versions, identity, query]].concat();
    assert_eq!(
        calls, healed,
        "the first test heals it, and nothing comes after that"
    );

    let last = earlier
        .iter()
        .rfind(|entry| entry.endpoint == Endpoint::Versions)
        .unwrap();
    // Salesforce's clock runs at its usual speed here, the operator's does not.
    let between = Duration::try_from(later[0].at.duration_since(last.at)).unwrap() * SPEED;
    let shortest = INTERVAL.mul_f64(0.9);
    assert!(
        (shortest..=INTERVAL + ALLOWANCE).contains(&between),
        "{between:?} between two tests"
    );
    stage.finish().await;
}

fn answered(entry: &LogEntry) -> u16 {
    match &entry.outcome {
        Outcome::Answered { status, .. } => *status,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fresh_token_that_is_refused_is_a_finding_and_no_loop() {
    let stage = by_name().await;
    crm(&stage, tested_often).await;
    stage.ready("crm").await;
    let refusal = Fault::RestRefusal {
        status: 401,
        error_code: "INVALID_SESSION_ID".to_owned(),
        message: "Session expired or invalid".to_owned(),
    };
    let everywhere = FaultRule::always(refusal)
        .on_all(&Endpoint::DATA)
        .on(Endpoint::Identity);
    stage.sim.fault(everywhere);
    let connector = stage.stalled("crm", "FreshTokenRejected").await;
    let message = condition(&connector, "Ready").2;
    assert!(message.contains("Session expired or invalid"), "{message}");
    assert!(message.contains(remedy("FreshTokenRejected")), "{message}");
    for _ in 0..3 {
        stage.settle().await;
    }
    assert_eq!(
        stage.token_calls(),
        2,
        "one for the connector, one for the refused token"
    );

    // Mended in Salesforce: the same token passes the next test, and no login is needed.
    stage.sim.clear_faults();
    stage.ready("crm").await;
    assert_eq!(stage.token_calls(), 2);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleting_a_namespace_is_not_held_up() {
    let stage = by_name().await;
    for name in ["a", "b"] {
        stage.good_connector(name).await;
    }
    stage.create("c", client_credentials("missing")).await;
    brought(&stage, "granted").await;
    let wish = json!({ "spec": { "auth": { "authorizationCode": { "revokeOnDelete": true } } } });
    stage.merge("granted", wish).await;
    stage.ready("granted").await;
    stage.ready("a").await;
    stage.ready("b").await;
    stage.not_ready("c", "InputSecretMissing").await;
    let namespaces: Api<Namespace> = Api::all(stage.client.clone());
    let name = stage.namespace.name();
    namespaces.delete(name, &DeleteParams::default()).await.unwrap();
    eventually(DEADLINE, "the namespace is gone", async || {
        match namespaces
            .get_opt(name)
            .await
            .map_err(|error| error.to_string())?
        {
            None => Ok(()),
            Some(namespace) => Err(format!("{:?}", namespace.status)),
        }
    })
    .await;
    assert_eq!(stage.token_calls(), 3);
    stage.finish().await;
}

/// The schema and our types agree but for one thing: the API server takes offsets from UTC that no clock has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_cannot_be_parsed_does_not_stop_the_others() {
    let mut stage = Stage::bare(SecretWatch::ByName).await;
    stage.good_connector("good").await;
    stage.good_connector("bad").await;
    let patch = json!({ "status": { "failures": {
        "count": 1, "reason": "X", "message": "x",
        "firstFailureTime": "2026-11-23T00:00:00+99:59", "lastFailureTime": "2026-11-23T00:00:00Z",
    } } });
    patch_status(&stage, "bad", &patch).await;
    assert!(
        stage.connectors().get("bad").await.is_err(),
        "the types should not be able to express it"
    );
    stage.start_operator().await;
    stage.ready("good").await;
    stage.good_connector("later").await;
    stage.ready("later").await;
    let bad = stage.untyped_connectors().get("bad").await.unwrap();
    assert_eq!(bad.data["status"]["failures"]["reason"], "X", "it is left alone");
    let said = logs::since(stage.logs_from);
    let said = said
        .lines()
        .any(|line| line.contains("Failed to parse the connector") && line.contains(stage.namespace.name()));
    assert!(said, "the log reports it");
    assert_eq!(stage.token_calls(), 2);

    patch_status(&stage, "bad", &json!({ "status": { "failures": null } })).await;
    stage.ready("bad").await;
    stage.finish().await;
}

async fn patch_status(stage: &Stage, name: &str, patch: &Value) {
    let patch = patch.to_string();
    let namespace = stage.namespace.name();
    let ran = stage
        .plane
        .kubectl(&[
            "patch",
            "sfc",
            name,
            "--namespace",
            namespace,
            "--subresource=status",
            "--type=merge",
            "--patch",
            &patch,
        ])
        .await;
    assert!(ran.succeeded(), "{ran}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renamed_my_domain_reaches_the_secret_with_the_next_token() {
    let stage = by_name().await;
    stage.sim.world(|world| {
        world.app(world::CONNECTED).session_timeout = Some(Duration::from_mins(15));
    });
    password_input(&stage, "login", world::PASSWORD).await;
    by_password(&stage, "crm", "login").await;
    // At the shared login host, which knows every org by its users.
    stage.merge("crm", json!({ "spec": { "host": null } })).await;
    stage.ready("crm").await;
    let renamed = "green-energy.my.salesforce.com";
    stage
        .sim
        .world(|world| world.rename_my_domain(world::PRODUCTION, renamed));
    stage
        .until_secret("instance_url is the new one", TARGET, |secret| {
            (value(secret, "instance_url") == format!("https://{renamed}")).then_some(())
        })
        .await;
    stage
        .until("the status tells the new one, too", "crm", |connector| {
            let told = status(connector).identity?.instance_url?;
            (told == format!("https://{renamed}")).then_some(())
        })
        .await;
    stage.ready("crm").await;
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_connector_turns_unready_when_its_token_expires() {
    const SPEED: u32 = 120;
    let stage = Stage::at_speed(SPEED).await;
    stage
        .sim
        .world(|world| world.app(world::ECA).session_timeout = Some(Duration::from_mins(15)));
    crm(&stage, |_| {}).await;
    stage.ready("crm").await;
    stage.merge("crm", json!({ "spec": { "suspend": true } })).await;
    stage
        .until("the suspension is seen", "crm", |connector| {
            (condition(connector, "Ready").1 == "Suspended").then_some(())
        })
        .await;
    let sent = stage.sim.log().len();
    let connector = stage.not_ready("crm", "TokenExpired").await;
    let series = format!("{{namespace=\"{}\",name=\"crm\"}}", stage.namespace.name());
    assert!(
        !stage.metrics().contains(&series),
        "nobody is alarmed: {}",
        stage.metrics()
    );
    assert_eq!(condition(&connector, "Authenticated").0, "False");
    assert_eq!(stage.sim.log().len(), sent, "nothing is sent while suspended");
    stage.let_salesforce_catch_up();
    stage.merge("crm", json!({ "spec": { "suspend": false } })).await;
    stage.ready("crm").await;
    assert!(stage.metrics().contains(&series), "{}", stage.metrics());
    stage.finish().await;
}

async fn a_second_look_writes_nothing(stage: Stage) {
    crm(&stage, tested_often).await;
    brought(&stage, "person").await;
    stage.create("missing", client_credentials("nowhere")).await;
    stage.ready("crm").await;
    stage.ready("person").await;
    stage.not_ready("missing", "InputSecretMissing").await;
    stage.settle().await;
    let before = versions(&stage).await;
    let namespaces = [stage.namespace.name(), stage.home.name()];
    for namespace in namespaces {
        let written = logs::writes(stage.logs_from, namespace);
        assert_ne!(written, Vec::<String>::new(), "writes are logged");
    }
    let from_here = logs::length();
    let queries = stage.sim.count(Endpoint::Query);
    for _ in 0..3 {
        stage.settle().await;
    }
    assert!(
        stage.sim.count(Endpoint::Query) >= queries + 2,
        "it was looked at and tested meanwhile"
    );
    for namespace in namespaces {
        assert_eq!(logs::writes(from_here, namespace), Vec::<String>::new());
    }
    assert_eq!(versions(&stage).await, before);
    assert_eq!(stage.token_calls(), 2);
    stage.finish().await;
}

/// resourceVersions of everything that the operator writes.
async fn versions(stage: &Stage) -> Vec<(String, Option<String>)> {
    let list = ListParams::default();
    let ours = list
        .clone()
        .labels(&format!("{}={}", names::MANAGED_BY, names::MANAGED_BY_VALUE));
    let mut versions = Vec::new();
    for connector in stage.connectors().list(&list).await.unwrap() {
        versions.push((connector.name_any(), connector.resource_version()));
    }
    for secret in stage.secrets().list(&ours).await.unwrap() {
        versions.push((secret.name_any(), secret.resource_version()));
    }
    for secret in stage.own_secrets().list(&list).await.unwrap() {
        versions.push((secret.name_any(), secret.resource_version()));
    }
    for event in stage.events().list(&list).await.unwrap() {
        versions.push((event.name_any(), event.resource_version()));
    }
    versions
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_host_is_sent_no_more_requests_than_its_budget_has() {
    const SPEED: u32 = 600;
    let mut stage = Stage::bare(SecretWatch::ByName).await;
    stage.speed = SPEED;
    stage.token_requests_per_hour = 4;
    stage.start_operator().await;
    for name in ["a", "b", "c"] {
        stage.good_connector(name).await;
    }
    let waiting = eventually(DEADLINE, "one of the three waits", async || {
        for name in ["a", "b", "c"] {
            let connector = stage.get(name).await;
            if condition(&connector, "Ready").1 == "CallBudgetSpent" {
                return Ok(connector);
            }
        }
        Err(format!("{} token requests", stage.token_calls()))
    })
    .await;
    assert_eq!(condition(&waiting, "Reconciling").0, "True");
    assert!(condition(&waiting, "Ready").2.contains(world::PRODUCTION));
    // An hour later there is one more.
    for name in ["a", "b", "c"] {
        stage.ready(name).await;
    }
    assert_eq!(stage.token_calls(), 3);
    stage.finish().await;
}
