//! Connectors that another installation of the operator has claimed: one that lives, one whose namespace is gone, and one whose
//! Secrets are gone with it.

use std::process::Command;

use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use salesforce_connector_operator::api::SalesforceConnector;
use salesforce_connector_operator::api::status::LoginResult;
use salesforce_connector_operator::settings::SecretWatch;
use salesforce_sim::default_world as world;
use serde_json::{Value, json};
use testbed::eventually;

use crate::grants::{assert_nothing_burned, brought, renew};
use crate::healing::remedy;
use crate::stage::{DEADLINE, Stage, condition, status, value};
use crate::tenant::VERIFIER;

const CLAIMED: &str = "ClaimedByAnotherInstallation";

/// Writes a claim into the status, as an installation does.
async fn claim(stage: &Stage, uid: &str, namespace: Option<&str>) -> SalesforceConnector {
    let claim = json!({ "installationUid": uid, "installationNamespace": namespace });
    let (patch, params) = (Patch::Merge(json!({ "status": claim })), PatchParams::default());
    let connectors = stage.connectors();
    connectors.patch_status("crm", &params, &patch).await.unwrap()
}

/// The uid of a namespace.
async fn uid_of(stage: &Stage, namespace: &str) -> String {
    let api: kube::Api<k8s_openapi::api::core::v1::Namespace> = kube::Api::all(stage.client.clone());
    api.get(namespace).await.unwrap().uid().unwrap()
}

/// Waits until this installation has taken the connector over from that one.
async fn taken_over(stage: &Stage, from: &str) {
    let own = uid_of(stage, stage.home.name()).await;
    let name = stage.home.name().to_owned();
    let claimed = (Some(own), Some(name), Some(from.to_owned()));
    stage
        .until("the connector is taken over", "crm", |connector| {
            let status = status(connector);
            let found = (
                status.installation_uid,
                status.installation_namespace,
                status.previous_installation_uid,
            );
            (found == claimed).then_some(())
        })
        .await;
}

/// Runs the command with which docs/operations.md hands the connectors of an installation over.
fn hand_over(stage: &Stage, from: &str) {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md");
    let page = std::fs::read_to_string(page).unwrap();
    let command = page.split("<!-- hand-over -->\n```sh\n").nth(1).unwrap();
    let command = command.split("```").next().unwrap();
    let kubectl = stage.plane.program("kubectl");
    let path = std::env::var("PATH").unwrap_or_default();
    let ran = Command::new("bash")
        .args(["-euo", "pipefail", "-c", command])
        .env("PATH", format!("{}:{path}", kubectl.parent().unwrap().display()))
        .env("KUBECONFIG", stage.plane.kubeconfig_path())
        .env("FORMER", from)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connector_that_another_installation_has_claimed_says_so_until_it_is_handed_over() {
    let mut stage = Stage::bare(SecretWatch::ByName).await;
    let token = brought(&stage, "crm").await;
    // Its namespace exists: that of the tenant stands for it.
    let other = uid_of(&stage, stage.namespace.name()).await;
    claim(&stage, &other, Some(stage.namespace.name())).await;
    stage.start_operator().await;
    let connector = stage.stalled("crm", CLAIMED).await;
    let message = condition(&connector, "Ready").2;
    assert!(
        message.contains(remedy(CLAIMED)) && message.contains(&other),
        "{message}"
    );
    let line = format!(
        "salesforce_connector_claimed_elsewhere{{namespace=\"{}\",name=\"crm\"}} 1",
        stage.namespace.name()
    );
    assert!(stage.metrics().contains(&line), "{}", stage.metrics());
    let told = async || {
        let events = stage.events().list(&ListParams::default()).await;
        let events = events.map_err(|error| error.to_string())?.items;
        let told = events
            .iter()
            .filter(|event| event.reason.as_deref() == Some(CLAIMED));
        Ok::<_, String>(told.count())
    };
    eventually(DEADLINE, "an event tells of the claim", async || {
        (told().await? == 1).then_some(()).ok_or_else(String::new)
    })
    .await;
    stage.settle().await;
    let settled = stage.get("crm").await;
    assert_eq!(settled.resource_version(), connector.resource_version());
    assert_eq!(status(&settled).installation_uid, Some(other.clone()));
    assert_eq!(stage.sim.log().len(), 0, "nothing was sent");
    assert!(stage.sim.world(|w| w.refresh_token_is_good(&token)));

    hand_over(&stage, &other);
    stage.ready("crm").await;
    assert_eq!(told().await, Ok(1), "it was told once");
    assert!(!stage.metrics().contains(&line));
    assert_nothing_burned(&stage);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_installation_whose_namespace_was_created_again_goes_on_with_the_grants_of_the_one_before() {
    let mut stage = Stage::set(SecretWatch::ByName).await;
    brought(&stage, "crm").await;
    stage.ready("crm").await;
    stage.stop_operator().await;
    // The namespace had another uid then, and its Secrets were restored into the one of today.
    let home = stage.home.name().to_owned();
    claim(&stage, "uid-of-before", Some(&home)).await;
    stage.start_operator().await;
    taken_over(&stage, "uid-of-before").await;
    assert_eq!(stage.token_calls(), 1, "nothing is presented for that");
    renew(&stage, "crm", "1").await;
    stage.ready("crm").await;
    assert_eq!(stage.token_calls(), 2);
    assert_nothing_burned(&stage);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_installation_that_lost_its_secrets_presents_no_bootstrap_token_of_the_one_before() {
    let mut stage = Stage::set(SecretWatch::ByName).await;
    let token = brought_without_secret(&stage, "crm").await;
    stage.ready("crm").await;
    stage.stop_operator().await;
    let all = ListParams::default().labels("app.kubernetes.io/managed-by=salesforce-connector-operator");
    let own = stage.own_secrets();
    own.delete_collection(&DeleteParams::default(), &all)
        .await
        .unwrap();
    let home = stage.home.name().to_owned();
    claim(&stage, "uid-of-before", Some(&home)).await;
    stage.start_operator().await;
    taken_over(&stage, "uid-of-before").await;
    let connector = stage.stalled("crm", "BootstrapTokenUnverified").await;
    let message = condition(&connector, "Ready").2;
    assert!(message.contains("kubectl salesforce login"), "{message}");
    assert_eq!(stage.token_calls(), 1, "the import of before");
    assert!(!stage.sim.world(|w| w.refresh_token_is_good(&token)));
    let access = value(&stage.secret("crm-salesforce").await, "access_token");
    assert!(stage.sim.world(|w| w.access_token_is_good(&access)));
    assert_nothing_burned(&stage);

    let code = stage
        .sim
        .world(|w| w.approved_code(world::ROTATING, world::INTEGRATION_USER, VERIFIER));
    stage.hand_over_login("crm", "login", &code).await;
    let login = stage.login_ended("crm", "login").await;
    assert_eq!(login.result, LoginResult::Succeeded, "{login:?}");
    stage.ready("crm").await;
    renew(&stage, "crm", "1").await;
    stage.ready("crm").await;
    assert_nothing_burned(&stage);
    stage.finish().await;
}

/// A connector that has no client secret, so that Salesforce can't be asked about its tokens.
pub(crate) async fn brought_without_secret(stage: &Stage, name: &str) -> String {
    let token = stage.sim.world(|w| {
        let app = w.app(world::ROTATING);
        app.secret_for_refresh_flow = false;
        app.secret_for_web_server_flow = false;
        w.grant_refresh_token(world::ROTATING, world::INTEGRATION_USER)
    });
    let input = format!("{name}-grant");
    let values = [
        ("refresh-token", &*token),
        ("client-secret", world::ROTATING_SECRET),
    ];
    stage.input(&input, &values).await;
    let bootstrap = json!({ "refreshTokenRef": { "name": input, "key": "refresh-token" } });
    let spec: Value = json!({
        "host": world::PRODUCTION,
        "app": { "clientId": world::ROTATING },
        "auth": { "authorizationCode": { "bootstrap": bootstrap } },
    });
    stage.create(name, spec).await;
    token
}
