//! Grants in trouble: what each trouble looks like to a person, that nothing is presented meanwhile, and that it ends when
//! its cause does.

use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use salesforce_connector_operator::api::SalesforceConnector;
use salesforce_connector_operator::settings::SecretWatch;
use salesforce_sim::default_world as world;
use serde_json::{Value, json};
use testbed::eventually;

use crate::grants::{assert_nothing_burned, brought, renew, spec};
use crate::healing::remedy;
use crate::stage::{DEADLINE, Stage, condition, status, value};

const TARGET: &str = "crm-salesforce";

async fn set() -> Stage {
    Stage::set(SecretWatch::ByName).await
}

/// Name of the Secret in which the operator keeps the connector's grant.
async fn state_name(stage: &Stage) -> String {
    format!("sfc-state-{}", stage.get("crm").await.uid().unwrap())
}

async fn state(stage: &Stage) -> Secret {
    stage.own_secrets().get(&state_name(stage).await).await.unwrap()
}

/// Changes the Secret with the grant as somebody with the rights to do so might.
async fn patch_state(stage: &Stage, patch: Value) {
    let (name, params) = (state_name(stage).await, PatchParams::default());
    let secrets = stage.own_secrets();
    secrets.patch(&name, &params, &Patch::Merge(patch)).await.unwrap();
}

/// Puts back what an earlier copy of the Secret held, as a backup does.
async fn restore(stage: &Stage, copy: &Secret) {
    let mut secret = copy.clone();
    secret.metadata.resource_version = None;
    secret.metadata.uid = None;
    let (name, secrets) = (copy.name_any(), stage.own_secrets());
    if secrets.get_metadata_opt(&name).await.unwrap().is_some() {
        secrets
            .replace(&name, &PostParams::default(), &secret)
            .await
            .unwrap();
    } else {
        secrets.create(&PostParams::default(), &secret).await.unwrap();
    }
}

fn bootstrap() -> Value {
    json!({ "refreshTokenRef": { "name": "crm-grant", "key": "refresh-token" } })
}

/// A token for this user, in the bootstrap Secret.
async fn bring(stage: &Stage, token: &str) {
    let values = [
        ("refresh-token", token),
        ("client-secret", world::ROTATING_SECRET),
    ];
    stage.input("crm-grant", &values).await;
}

fn token_of(stage: &Stage, username: &str) -> String {
    stage
        .sim
        .world(|w| w.grant_refresh_token(world::ROTATING, username))
}

/// The connector says that a person must act, who, and that it is urgent.
async fn stalled(stage: &Stage, reason: &str) -> SalesforceConnector {
    let connector = stage.stalled("crm", reason).await;
    let message = condition(&connector, "Stalled").2;
    assert!(message.contains(remedy(reason)), "{message}");
    assert!(
        status(&connector).action_required_time.is_some(),
        "{:?}",
        connector.status
    );
    let namespace = stage.namespace.name();
    let metric = "salesforce_connector_action_required_timestamp_seconds";
    eventually(DEADLINE, "the metric tells it", async || {
        let metrics = stage.metrics();
        let line = format!("{metric}{{namespace=\"{namespace}\",name=\"crm\"}}");
        if metrics.contains(&line) {
            Ok(())
        } else {
            Err(metrics)
        }
    })
    .await;
    connector
}

/// Ready again, and nobody is needed any more.
async fn healed(stage: &Stage) {
    let connector = stage.ready("crm").await;
    let found = status(&connector);
    assert_eq!((found.failures, found.action_required_time), (None, None));
    assert_eq!(condition(&connector, "Stalled").0, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_state_is_shown_and_unlike_a_restored_one_needs_another_login() {
    let stage = set().await;
    brought(&stage, "crm").await;
    stage.ready("crm").await;
    let (copy, calls) = (state(&stage).await, stage.token_calls());
    let name = state_name(&stage).await;
    let delete = DeleteParams::default();
    stage.own_secrets().delete(&name, &delete).await.unwrap();
    stalled(&stage, "GrantLost").await;
    stage.settle().await;
    assert_eq!(stage.token_calls(), calls, "nothing was presented");
    restore(&stage, &copy).await;
    healed(&stage).await;
    // A renewal may have come due meanwhile.
    let calls = stage.token_calls();

    stage.own_secrets().delete(&name, &delete).await.unwrap();
    bring(&stage, &token_of(&stage, world::INTEGRATION_USER)).await;
    eventually(DEADLINE, "the new token is presented", async || {
        let found = stage.token_calls();
        (found > calls).then_some(()).ok_or(format!("{found} calls"))
    })
    .await;
    healed(&stage).await;
    assert_eq!(stage.token_calls(), calls + 1);
    assert_nothing_burned(&stage);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_state_and_one_of_another_cluster_are_shown_and_nothing_of_them_is_presented() {
    let stage = set().await;
    brought(&stage, "crm").await;
    stage.ready("crm").await;
    let old = state(&stage).await;
    renew(&stage, "crm", "1").await;
    stage.ready("crm").await;
    let (latest, calls) = (state(&stage).await, stage.token_calls());
    restore(&stage, &old).await;
    stalled(&stage, "StateRolledBack").await;
    stage.settle().await;
    assert_eq!(stage.token_calls(), calls, "nothing was presented");
    restore(&stage, &latest).await;
    healed(&stage).await;
    let (latest, calls) = (state(&stage).await, stage.token_calls());

    let record = latest.data.as_ref().unwrap()["record.json"].0.clone();
    let mut record: Value = serde_json::from_slice(&record).unwrap();
    record["cluster"] = json!("another-cluster");
    patch_state(
        &stage,
        json!({ "stringData": { "record.json": record.to_string() } }),
    )
    .await;
    stalled(&stage, "StateRolledBack").await;
    stage.settle().await;
    assert_eq!(stage.token_calls(), calls, "nothing was presented");
    bring(&stage, &token_of(&stage, world::INTEGRATION_USER)).await;
    healed(&stage).await;
    assert_nothing_burned(&stage);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_that_does_not_rotate_survives_the_loss_of_its_state_and_the_return_of_an_old_one() {
    let stage = set().await;
    let token = stage
        .sim
        .world(|w| w.grant_refresh_token(world::CONNECTED, world::INTEGRATION_USER));
    let values = [
        ("refresh-token", token.as_str()),
        ("client-secret", world::CONNECTED_SECRET),
    ];
    stage.input("crm-grant", &values).await;
    let mut connected = spec("crm", &bootstrap());
    connected["app"]["clientId"] = json!(world::CONNECTED);
    stage.create("crm", connected).await;
    stage.ready("crm").await;
    let (name, first) = (state_name(&stage).await, state(&stage).await);
    // A request wakes the operator, and is echoed at the latest when a token came of it.
    let again = async |request: &str| {
        let before = value(&stage.secret(TARGET).await, "access_token");
        renew(&stage, "crm", request).await;
        stage
            .until_secret("another token", TARGET, |secret| {
                (value(secret, "access_token") != before).then_some(())
            })
            .await;
        healed(&stage).await;
    };
    stage
        .own_secrets()
        .delete(&name, &DeleteParams::default())
        .await
        .unwrap();
    again("1").await;
    restore(&stage, &first).await;
    again("2").await;
    let token = value(&stage.secret(TARGET).await, "access_token");
    assert!(stage.sim.world(|w| w.access_token_is_good(&token)));
    assert_nothing_burned(&stage);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_that_can_t_be_read_is_shown_left_as_it_is_and_used_again_once_it_is_restored() {
    let stage = set().await;
    brought(&stage, "crm").await;
    stage.ready("crm").await;
    let (copy, calls) = (state(&stage).await, stage.token_calls());
    for (reason, key, text) in [
        ("UnsupportedStateVersion", "format", "2"),
        ("StateUnreadable", "record.json", "{}"),
    ] {
        patch_state(&stage, json!({ "stringData": { key: text } })).await;
        let spoilt = state(&stage).await;
        stalled(&stage, reason).await;
        stage.settle().await;
        assert_eq!(state(&stage).await.resource_version(), spoilt.resource_version());
        restore(&stage, &copy).await;
        healed(&stage).await;
    }
    assert_eq!(stage.token_calls(), calls, "nothing was presented");
    renew(&stage, "crm", "1").await;
    healed(&stage).await;
    assert_nothing_burned(&stage);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_of_another_user_is_shown_and_leaves_the_grant_and_the_secret_as_they_were() {
    let stage = set().await;
    brought(&stage, "crm").await;
    stage.ready("crm").await;
    let (before, calls) = (stage.secret(TARGET).await, stage.token_calls());
    bring(&stage, &token_of(&stage, world::API_ONLY_USER)).await;
    let message = stage
        .until("the wrong identity is told", "crm", |connector| {
            let failures = status(connector).candidate_grant_failures?;
            (failures.reason == "WrongIdentity").then(|| condition(connector, "Ready"))
        })
        .await;
    assert_eq!((message.0.as_str(), message.1.as_str()), ("True", "TokenValid"));
    assert!(message.2.contains(remedy("WrongIdentity")), "{message:?}");
    assert_eq!(stage.secret(TARGET).await.data, before.data);
    stage.settle().await;
    assert_eq!(
        stage.token_calls(),
        calls + 1,
        "whose it is shows when it is presented"
    );
    renew(&stage, "crm", "1").await;
    let token = value(&stage.secret(TARGET).await, "access_token");
    assert_ne!(token, value(&before, "access_token"));
    assert_eq!(
        value(&stage.secret(TARGET).await, "user_id"),
        value(&before, "user_id")
    );

    // A first grant has no pin to be compared with; what is declared counts.
    stage.delete("crm").await;
    stage.secret_gone(TARGET).await;
    bring(&stage, &token_of(&stage, world::API_ONLY_USER)).await;
    let mut declared = spec("crm", &bootstrap());
    declared["expect"] = json!({ "username": world::INTEGRATION_USER });
    stage.create("crm", declared).await;
    stalled(&stage, "WrongIdentity").await;
    stage.settle().await;
    assert!(
        !stage.has_secret(TARGET).await,
        "nothing of it has reached the target"
    );
    assert_nothing_burned(&stage);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_working_grant_goes_on_beside_a_token_that_is_refused() {
    const SPEED: u32 = 120;
    let stage = Stage::at_speed(SPEED).await;
    stage
        .sim
        .world(|w| w.app(world::ROTATING).session_timeout = Some(Duration::from_mins(15)));
    brought(&stage, "crm").await;
    stage
        .merge(
            "crm",
            json!({ "spec": { "connectionTest": { "interval": "1m" } } }),
        )
        .await;
    let used = brought(&stage, "other").await;
    stage.ready("other").await;
    stage.ready("crm").await;
    stage.delete("other").await;
    bring(&stage, &used).await;
    let refused = async || {
        stage
            .until("the refusal is told, and Ready stays", "crm", |connector| {
                // However long it takes: else each new token has expired by the operator's clock.
                stage.let_salesforce_catch_up();
                let (truth, _, message) = condition(connector, "Ready");
                (truth == "True" && message.contains(remedy("BootstrapTokenUsed"))).then_some(())
            })
            .await;
    };
    refused().await;
    // Renewals, in their time.
    let mut token = value(&stage.secret(TARGET).await, "access_token");
    for _ in 0..2 {
        stage.let_salesforce_catch_up();
        token = another_token(&stage, &token).await;
    }
    // A session that ends in Salesforce.
    stage.let_salesforce_catch_up();
    stage.sim.world(salesforce_sim::World::revoke_all_sessions);
    let token = another_token(&stage, &token).await;
    assert!(stage.sim.world(|w| w.access_token_is_good(&token)));
    refused().await;
    let events = stage.events().list(&ListParams::default()).await.unwrap();
    let told = events
        .iter()
        .filter(|event| event.reason.as_deref() == Some("BootstrapTokenUsed"));
    assert_eq!(told.count(), 1);
    assert_nothing_burned(&stage);
    stage.finish().await;
}

/// Waits until the Secret holds another token than this one.
async fn another_token(stage: &Stage, token: &str) -> String {
    stage
        .until_secret("the token is replaced", TARGET, |secret| {
            let found = value(secret, "access_token");
            (found != token).then_some(found)
        })
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalid_auth_url_is_reported_beside_a_working_grant() {
    let stage = set().await;
    let token = token_of(&stage, world::INTEGRATION_USER);
    let url = format!(
        "force://{}:{}:{token}@{}",
        world::ROTATING,
        world::ROTATING_SECRET,
        world::PRODUCTION
    );
    let bring = async |url: &str| {
        let values = [("url", url), ("client-secret", world::ROTATING_SECRET)];
        stage.input("crm-grant", &values).await;
    };
    bring(&url).await;
    let reference = json!({ "sfdxAuthUrlRef": { "name": "crm-grant", "key": "url" } });
    stage.create("crm", spec("crm", &reference)).await;
    stage.ready("crm").await;
    bring("not-an-auth-url-of-anybody").await;
    stage
        .until("the fault is told, and Ready stays", "crm", |connector| {
            let (truth, _, message) = condition(connector, "Ready");
            (truth == "True" && message.contains(remedy("SfdxAuthUrlInvalid"))).then_some(())
        })
        .await;
    renew(&stage, "crm", "1").await;
    healed(&stage).await;
    assert_eq!(stage.token_calls(), 2);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_deleting_a_connector_would_end_others_tokens_its_message_names_them() {
    let stage = set().await;
    brought(&stage, "crm").await;
    brought(&stage, "reports").await;
    stage.ready("reports").await;
    let message = condition(&stage.ready("crm").await, "Ready").2;
    assert!(!message.contains("revokeOnDelete"), "{message}");
    let wish = json!({ "spec": { "auth": { "authorizationCode": { "revokeOnDelete": true } } } });
    stage.merge("crm", wish).await;
    let warned = async |named: bool| {
        stage
            .until(
                "the message warns of what deleting would do, or doesn't",
                "crm",
                |connector| {
                    let (truth, _, message) = condition(connector, "Ready");
                    let warns =
                        message.contains("revokeOnDelete") && message.contains("access tokens of reports:");
                    (truth == "True" && warns == named).then(|| connector.resource_version())
                },
            )
            .await
    };
    let version = warned(true).await;
    stage.settle().await;
    assert_eq!(warned(true).await, version, "and says it once");
    stage.delete("reports").await;
    warned(false).await;
    stage.finish().await;
}
