//! The operator does its whole job in either scope that the chart installs: with rights in the whole cluster, and with those
//! in a list of namespaces.

use std::time::Duration;

use k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicyBinding;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, ResourceExt};
use salesforce_connector_operator::api::SalesforceConnector;
use salesforce_connector_operator::settings::SecretWatch;
use salesforce_sim::default_world as world;
use serde_json::json;
use testbed::{ControlPlane, eventually};

use crate::grants::{assert_nothing_burned, brought, renew};
use crate::healing::tested_daily;
use crate::in_both_modes;
use crate::stage::{DEADLINE, Plane, Stage, client_credentials, condition, value};
use crate::tenant::{Tenant, object};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connector_in_the_operators_own_namespace_is_refused_and_reads_nothing() {
    let mut stage = on_a_plane_of_its_own(SecretWatch::ByName).await;
    stage.start_operator().await;
    let home: Api<SalesforceConnector> = Api::namespaced(stage.client.clone(), stage.home.name());
    let foreign = json!({ "name": "sfc-state-theirs", "key": "refresh-token" });
    let spec = json!({
        "host": world::PRODUCTION,
        "app": { "clientId": world::ECA },
        "auth": { "authorizationCode": { "bootstrap": { "refreshTokenRef": foreign } } },
    });
    let connector = serde_json::from_value(object("crm", &spec)).unwrap();
    without_the_policy_for_connectors(&stage).await;
    eventually(DEADLINE, "the API server admits the connector", async || {
        let created = home.create(&PostParams::default(), &connector).await;
        created.map(drop).map_err(|error| error.to_string())
    })
    .await;
    eventually(DEADLINE, "the connector is refused", async || {
        let ready = condition(&home.get("crm").await.unwrap(), "Ready");
        if (ready.0.as_str(), ready.1.as_str()) == ("False", "NamespaceNotAllowed") {
            return Ok(());
        }
        Err(format!("{ready:?}"))
    })
    .await;
    assert_eq!(stage.token_calls(), 0);
    stage.finish().await;
}

/// As where `admissionPolicy.enabled` is false: nobody but the operator itself refuses.
async fn without_the_policy_for_connectors(stage: &Stage) {
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(stage.client.clone());
    for binding in bindings.list(&ListParams::default()).await.unwrap() {
        if binding.name_any().ends_with("-connectors") {
            let _ = bindings
                .delete(&binding.name_any(), &DeleteParams::default())
                .await
                .unwrap();
        }
    }
}

in_both_modes!(Stage::bare => an_operator_with_roles_in_one_namespace_does_its_job_there,);

mod everywhere {
    use super::*;
    in_both_modes!(on_a_plane_of_its_own => every_namespace_is_served,);
}

async fn on_a_plane_of_its_own(mode: SecretWatch) -> Stage {
    let mut stage = Stage::on(Plane::Own(Box::new(ControlPlane::start().await)), mode).await;
    stage.everywhere = true;
    stage
}

async fn every_namespace_is_served(mut stage: Stage) {
    let other = stage.plane.namespace("tenant").await;
    let other = Tenant::new(stage.client.clone(), other, DEADLINE);
    stage.state_retention = Duration::from_mins(2);
    stage.start_operator().await;
    let granted = brought(&stage, "granted").await;
    stage.ready("granted").await;
    works_in(&stage, &other).await;

    // Gone from the whole cluster: the entry of what it brought is marked, for the time when it may be forgotten.
    stage.delete("granted").await;
    eventually(
        DEADLINE,
        "the ledger entry is marked, the state is gone",
        async || {
            let secrets = stage.own_secrets().list(&ListParams::default()).await;
            let secrets = secrets.map_err(|error| error.to_string())?.items;
            let of = |purpose: &str| -> Vec<&Secret> {
                let labelled = |secret: &&Secret| {
                    secret.labels().get("salesforce-connector.dev/purpose") == Some(&purpose.to_owned())
                };
                secrets.iter().filter(labelled).collect()
            };
            let (states, entries) = (of("state"), of("ledger"));
            let marked = |entry: &&Secret| {
                entry
                    .annotations()
                    .contains_key("salesforce-connector.dev/gone-since")
            };
            let done = states.is_empty() && entries.len() == 1 && entries.iter().all(marked);
            let shown = || {
                format!(
                    "{:?}",
                    secrets.iter().map(|secret| &secret.metadata).collect::<Vec<_>>()
                )
            };
            done.then_some(()).ok_or_else(shown)
        },
    )
    .await;
    assert!(!stage.sim.world(|w| w.refresh_token_is_good(&granted)));
    assert_nothing_burned(&stage);
    stage.finish().await;
}

async fn an_operator_with_roles_in_one_namespace_does_its_job_there(mut stage: Stage) {
    stage.restrict().await;
    stage.start_operator().await;
    brought(&stage, "granted").await;
    stage.ready("granted").await;
    renew(&stage, "granted", "1").await;
    works_in(&stage, &stage).await;
    assert_nothing_burned(&stage);
    stage.finish().await;
}

/// A connector of this tenant becomes Ready, follows a changed input, and has its Secret repaired.
async fn works_in(stage: &Stage, tenant: &Tenant) {
    const TARGET: &str = "crm-salesforce";
    tenant
        .input("crm-app", &[("client-secret", world::ECA_SECRET)])
        .await;
    let mut spec = client_credentials("crm-app");
    tested_daily(&mut spec);
    tenant.create("crm", spec).await;
    let ready = async || {
        let is = |truth: String| (truth == "True").then_some(());
        tenant
            .until("the connector becomes Ready", "crm", |it| {
                is(condition(it, "Ready").0)
            })
            .await;
    };
    ready().await;
    let good = async |what: &str, is_new: &dyn Fn(&Secret) -> bool| {
        eventually(DEADLINE, what, async || {
            let found = tenant.secrets().get(TARGET).await;
            let secret = found.map_err(|error| error.to_string())?;
            let token = value(&secret, "access_token");
            let good = stage.sim.world(|world| world.access_token_is_good(&token));
            let new = is_new(&secret);
            (good && new)
                .then(|| secret.clone())
                .ok_or_else(|| format!("good: {good}, new: {new}"))
        })
        .await
    };
    let first = good("the Secret holds a good token", &|_| true).await;

    let rotated = "rotated-secret-of-the-app";
    stage
        .sim
        .world(|w| w.rotate_client_secret(world::ECA, rotated, Duration::ZERO));
    tenant.input("crm-app", &[("client-secret", rotated)]).await;
    let another = |secret: &Secret| value(secret, "access_token") != value(&first, "access_token");
    let second = good("the Secret holds another token", &another).await;
    ready().await;

    tenant
        .secrets()
        .delete(TARGET, &DeleteParams::default())
        .await
        .unwrap();
    good("the Secret comes back", &|secret| secret.uid() != second.uid()).await;
    ready().await;
}
