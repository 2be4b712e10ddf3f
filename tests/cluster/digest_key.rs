//! The digest key is lost or replaced: nobody can tell any more which bootstrap tokens are spent, and everything else goes on.

use k8s_openapi::ByteString;
use kube::api::{DeleteParams, PostParams};
use salesforce_connector_operator::api::names;
use salesforce_connector_operator::settings::SecretWatch;
use salesforce_connector_operator::shell::kubernetes::digest_key;
use salesforce_sim::default_world as world;
use serde_json::json;

use crate::grants::{assert_nothing_burned, renew};
use crate::healing::remedy;
use crate::passwords::{by_password, failed_logins, password_input};
use crate::stage::{Stage, condition};
use crate::takeover::brought_without_secret;

const UNVERIFIED: &str = "BootstrapTokenUnverified";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_digest_key_stops_imports_that_nobody_can_judge_and_nothing_else() {
    let mut stage = Stage::set(SecretWatch::ByName).await;
    let names = ["crm", "app"];
    brought_without_secret(&stage, "crm").await;
    stage.good_connector("app").await;
    for name in names {
        stage.ready(name).await;
    }
    stage.stop_operator().await;
    lose_key(&stage).await;
    stage.start_operator().await;
    for name in names {
        renew(&stage, name, "1").await;
        stage.ready(name).await;
    }
    stage
        .until(
            "the bootstrap token is refused, and Ready stays",
            "crm",
            |connector| {
                let (truth, _, message) = condition(connector, "Ready");
                (truth == "True" && message.contains(remedy(UNVERIFIED))).then_some(())
            },
        )
        .await;
    // Another connector, with a token that nobody has imported: who can't ask Salesforce can't know that.
    let token = brought_without_secret(&stage, "second").await;
    stage.stalled("second", UNVERIFIED).await;
    assert!(stage.sim.world(|w| w.refresh_token_is_good(&token)));
    let secret = json!({ "name": "second-grant", "key": "client-secret" });
    let app = json!({ "spec": { "app": { "clientSecretRef": secret } } });
    stage.merge("second", app).await;
    stage.ready("second").await;
    assert_nothing_burned(&stage);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_digest_key_costs_a_connector_by_password_one_login() {
    let mut stage = Stage::set(SecretWatch::ByName).await;
    password_input(&stage, "password", world::PASSWORD).await;
    by_password(&stage, "login", "password").await;
    stage.ready("login").await;
    stage.stop_operator().await;
    lose_key(&stage).await;
    stage.start_operator().await;
    stage.until_token_calls(2).await;
    stage.ready("login").await;
    stage.settle().await;
    assert_eq!((stage.token_calls(), failed_logins(&stage)), (2, 0));
    stage.finish().await;
}

async fn lose_key(stage: &Stage) {
    let own = stage.own_secrets();
    let params = DeleteParams::default();
    own.delete(names::DIGEST_KEY_SECRET, &params).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_digest_key_that_is_lost_or_replaced_has_another_id_and_one_that_is_restored_its_own() {
    let stage = Stage::bare(SecretWatch::ByName).await;
    let own = stage.own_secrets();
    let id = async || {
        let key = digest_key::read_or_create(&stage.client, stage.home.name()).await;
        key.unwrap().ledger().id().to_owned()
    };
    let first = id().await;
    assert_eq!(id().await, first);
    let mut backup = own.get(names::DIGEST_KEY_SECRET).await.unwrap();
    let labels = json!({ names::PURPOSE: names::STATE });
    let record = json!({ "metadata": { "name": "record", "labels": labels } });
    let record = serde_json::from_value(record).unwrap();
    own.create(&PostParams::default(), &record).await.unwrap();

    let mut replaced = backup.clone();
    let data = replaced.data.as_mut().unwrap();
    data.insert("key".to_owned(), ByteString(vec![7; 32]));
    own.replace(names::DIGEST_KEY_SECRET, &PostParams::default(), &replaced)
        .await
        .unwrap();
    let second = id().await;
    assert_eq!(id().await, second);
    own.delete(names::DIGEST_KEY_SECRET, &DeleteParams::default())
        .await
        .unwrap();
    let third = id().await;
    assert!(
        first != second && second != third && first != third,
        "{first} {second} {third}"
    );

    own.delete(names::DIGEST_KEY_SECRET, &DeleteParams::default())
        .await
        .unwrap();
    backup.metadata.resource_version = None;
    backup.metadata.uid = None;
    own.create(&PostParams::default(), &backup).await.unwrap();
    assert_eq!(id().await, first);
    stage.finish().await;
}
