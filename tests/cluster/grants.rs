//! authorizationCode: a brought refresh token is imported once, spent once a time, and never lost.

use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use salesforce_connector_operator::api::SalesforceConnector;
use salesforce_connector_operator::settings::SecretWatch;
use salesforce_sim::{Endpoint, Fault, FaultRule, default_world as world};
use serde_json::{Value, json};

use crate::stage::{Stage, condition, status, value};

const RENEW: &str = "salesforce-connector.dev/renew-requested-at";

/// A connector with a rotating grant, brought as a refresh token.
pub(crate) async fn brought(stage: &Stage, name: &str) -> String {
    let token = stage
        .sim
        .world(|w| w.grant_refresh_token(world::ROTATING, world::INTEGRATION_USER));
    stage
        .input(
            &format!("{name}-grant"),
            &[
                ("refresh-token", &token),
                ("client-secret", world::ROTATING_SECRET),
            ],
        )
        .await;
    brought_again(stage, name).await;
    token
}

/// A connector with the bootstrap Secret that is there already.
pub(crate) async fn brought_again(stage: &Stage, name: &str) -> SalesforceConnector {
    let bootstrap = json!({ "refreshTokenRef": { "name": format!("{name}-grant"), "key": "refresh-token" } });
    stage.create(name, spec(name, &bootstrap)).await
}

pub(crate) fn spec(name: &str, bootstrap: &Value) -> Value {
    json!({
        "host": world::PRODUCTION,
        "app": {
            "clientId": world::ROTATING,
            "clientSecretRef": { "name": format!("{name}-grant"), "key": "client-secret" },
        },
        "auth": { "authorizationCode": { "bootstrap": bootstrap } },
    })
}

pub(crate) async fn renew(stage: &Stage, name: &str, request: &str) {
    stage.annotate(name, RENEW, request).await;
    stage
        .until("the renewal is echoed", name, |connector| {
            (status(connector).last_handled?.renew_requested_at? == request).then_some(())
        })
        .await;
}

pub(crate) fn assert_nothing_burned(stage: &Stage) {
    assert_eq!(stage.sim.world(|w| (w.replays(), w.revoked_families())), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bootstrap_token_is_imported_and_every_renewal_stores_its_successor() {
    let stage = Stage::set(SecretWatch::ByName).await;
    let token = brought(&stage, "crm").await;
    let connector = stage.ready("crm").await;
    assert!(
        condition(&connector, "Ready")
            .2
            .contains("You can delete the Secret"),
        "{:?}",
        condition(&connector, "Ready")
    );
    assert!(
        !stage.sim.world(|w| w.refresh_token_is_good(&token)),
        "the brought token is spent"
    );

    let first = value(&stage.secret("crm-salesforce").await, "access_token");
    for request in ["1", "2", "3"] {
        renew(&stage, "crm", request).await;
    }
    stage.ready("crm").await;
    let latest = value(&stage.secret("crm-salesforce").await, "access_token");
    assert_ne!(latest, first);
    assert!(stage.sim.world(|w| w.access_token_is_good(&latest)));
    assert_eq!(stage.token_calls(), 4);
    assert_nothing_burned(&stage);

    let serial =
        stage.secret("crm-salesforce").await.metadata.annotations.unwrap()["salesforce-connector.dev/serial"]
            .clone();
    let in_status = status(&stage.get("crm").await).grant_serial.unwrap();
    assert!(
        in_status >= serial.parse().unwrap(),
        "status {in_status}, Secret {serial}"
    );
    let states = stage
        .own_secrets()
        .list(&ListParams::default())
        .await
        .unwrap()
        .items;
    let uid = connector.metadata.uid.clone().unwrap();
    assert!(
        states
            .iter()
            .any(|secret: &Secret| secret.metadata.name == Some(format!("sfc-state-{uid}")))
    );
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bootstrap_secret_may_go_after_the_import_and_a_restart_presents_nothing() {
    let mut stage = Stage::set(SecretWatch::ByName).await;
    brought(&stage, "crm").await;
    stage.ready("crm").await;
    let client_secret = [("client-secret", world::ROTATING_SECRET)];
    stage
        .secrets()
        .delete("crm-grant", &DeleteParams::default())
        .await
        .unwrap();
    stage.input("crm-grant", &client_secret).await;
    stage.stop_operator().await;
    stage.start_operator().await;
    stage.settle().await;
    renew(&stage, "crm", "after").await;
    stage.ready("crm").await;
    assert_eq!(stage.token_calls(), 2);
    assert_nothing_burned(&stage);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_sfdx_auth_url_is_imported_and_one_of_another_org_refused() {
    let stage = Stage::set(SecretWatch::ByName).await;
    let token = stage
        .sim
        .world(|w| w.grant_refresh_token(world::ROTATING, world::INTEGRATION_USER));
    let url = |host: &str| {
        format!(
            "force://{}:{}:{token}@{host}",
            world::ROTATING,
            world::ROTATING_SECRET
        )
    };
    let secret = |url: &str| {
        [
            ("url".to_owned(), url.to_owned()),
            ("client-secret".to_owned(), world::ROTATING_SECRET.to_owned()),
        ]
    };
    let write = async |url: &str| {
        let values = secret(url);
        let values: Vec<_> = values
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        stage.input("crm-grant", &values).await;
    };
    write(&url("other.my.salesforce.com")).await;
    let reference = json!({ "sfdxAuthUrlRef": { "name": "crm-grant", "key": "url" } });
    stage.create("crm", spec("crm", &reference)).await;
    stage.not_ready("crm", "SfdxAuthUrlMismatch").await;
    assert_eq!(stage.token_calls(), 0);
    write(&url(world::PRODUCTION)).await;
    stage.ready("crm").await;
    assert_nothing_burned(&stage);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_grant_costs_one_refused_call_until_a_new_bootstrap_token_arrives() {
    let stage = Stage::set(SecretWatch::ByName).await;
    brought(&stage, "crm").await;
    stage.ready("crm").await;
    stage
        .sim
        .world(|w| w.revoke_grants(world::ROTATING, world::INTEGRATION_USER));
    let before = stage.token_calls();
    renew(&stage, "crm", "1").await;
    let connector = stage.not_ready("crm", "ReauthorizationRequired").await;
    assert_eq!(condition(&connector, "Stalled").0, "True");
    stage.settle().await;
    stage.settle().await;
    assert_eq!(
        stage.token_calls(),
        before + 1,
        "a dead token is presented once, and not again"
    );

    let token = stage
        .sim
        .world(|w| w.grant_refresh_token(world::ROTATING, world::INTEGRATION_USER));
    stage
        .input(
            "crm-grant",
            &[
                ("refresh-token", &token),
                ("client-secret", world::ROTATING_SECRET),
            ],
        )
        .await;
    stage.ready("crm").await;
    assert_nothing_burned(&stage);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_that_leads_to_another_app_costs_no_grant_once_it_is_taken_back() {
    let stage = Stage::set(SecretWatch::ByName).await;
    brought(&stage, "crm").await;
    stage.ready("crm").await;
    let other = [("client-secret", world::CONNECTED_SECRET)];
    stage.input("other-app", &other).await;
    set_app(&stage, world::CONNECTED, "other-app").await;
    let connector = stage.stalled("crm", "GrantedElsewhere").await;
    assert_eq!(
        condition(&connector, "Ready").2,
        "The stored grant is intact, but it was issued for a different host or app than the connector names (issued for \
         an app with a different client ID). Restore the previous spec.host and spec.app, or provide a refresh token \
         issued for the new ones."
    );
    let token = status(&connector).token.unwrap();
    assert_eq!(
        status(&connector).action_required_time,
        Some(token.expiration_time)
    );

    set_app(&stage, world::ROTATING, "crm-grant").await;
    stage.ready("crm").await;
    assert_eq!(stage.token_calls(), 2, "the import, and the other app");
    renew(&stage, "crm", "after").await;
    stage.ready("crm").await;
    assert_eq!(stage.token_calls(), 3);
    assert_nothing_burned(&stage);
    stage.finish().await;
}

async fn set_app(stage: &Stage, client_id: &str, secret: &str) {
    let reference = json!({ "name": secret, "key": "client-secret" });
    let app = json!({ "clientId": client_id, "clientSecretRef": reference });
    let patch = Patch::Merge(json!({ "spec": { "app": app } }));
    let params = PatchParams::default();
    stage.connectors().patch("crm", &params, &patch).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_reply_is_never_followed_by_the_same_token() {
    let stage = Stage::set(SecretWatch::ByName).await;
    brought(&stage, "crm").await;
    stage.ready("crm").await;
    stage
        .sim
        .fault(FaultRule::once(Fault::ProcessThenDrop).on(Endpoint::Token));
    stage.annotate("crm", RENEW, "1").await;
    let found = stage
        .until("a person is named", "crm", |connector| {
            let (truth, reason, message) = condition(connector, "Ready");
            let named =
                truth == "False" && (reason == "OutcomeUnknown" || reason == "ReauthorizationRequired");
            named.then_some(message)
        })
        .await;
    assert!(found.contains("bootstrap Secret"), "{found}");
    stage.settle().await;
    assert_nothing_burned(&stage);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spent_bootstrap_token_is_rejected_without_being_presented_again() {
    let stage = Stage::set(SecretWatch::ByName).await;
    let token = brought(&stage, "crm").await;
    stage.ready("crm").await;
    renew(&stage, "crm", "1").await;
    let calls = stage.token_calls();
    stage
        .input(
            "copy-grant",
            &[
                ("refresh-token", &token),
                ("client-secret", world::ROTATING_SECRET),
            ],
        )
        .await;
    stage
        .create(
            "copy",
            spec(
                "copy",
                &json!({ "refreshTokenRef": { "name": "copy-grant", "key": "refresh-token" } }),
            ),
        )
        .await;
    stage.not_ready("copy", "BootstrapTokenUsed").await;
    stage.delete("crm").await;
    stage
        .create(
            "again",
            spec(
                "crm",
                &json!({ "refreshTokenRef": { "name": "crm-grant", "key": "refresh-token" } }),
            ),
        )
        .await;
    stage.not_ready("again", "BootstrapTokenUsed").await;
    assert_eq!(stage.token_calls(), calls);
    assert_nothing_burned(&stage);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connector_that_nobody_logged_in_for_says_so() {
    let stage = Stage::set(SecretWatch::ByName).await;
    stage
        .input("crm-grant", &[("client-secret", world::ROTATING_SECRET)])
        .await;
    stage
        .create(
            "crm",
            spec(
                "crm",
                &json!({ "refreshTokenRef": { "name": "crm-grant", "key": "refresh-token" } }),
            ),
        )
        .await;
    // The Secret is there, and its key is not: that is another matter than a login that nobody has made.
    let connector = stage.not_ready("crm", "InputKeyMissing").await;
    let message = condition(&connector, "Ready").2;
    let named =
        "spec.auth.authorizationCode.bootstrap.refreshTokenRef: Secret \"crm-grant\", key \"refresh-token\"";
    assert!(message.contains(named), "{message}");
    let bootstrap = json!({ "refreshTokenRef": { "name": "crm-bootstrap", "key": "refresh-token" } });
    let auth = json!({ "authorizationCode": { "bootstrap": bootstrap } });
    stage.merge("crm", json!({ "spec": { "auth": auth } })).await;
    let connector = stage.not_ready("crm", "AuthorizationRequired").await;
    assert_eq!(condition(&connector, "Stalled").0, "True");
    assert_eq!(stage.sim.log().len(), 0);
    stage.finish().await;
}
