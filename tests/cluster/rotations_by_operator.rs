//! Does the operator rotate an app's credentials while a good token is always there, and write them only where it may?

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use kube::api::{ListParams, Patch, PatchParams};
use salesforce_connector_operator::api::status::CredentialRotationStatus;
use salesforce_connector_operator::api::{SalesforceConnector, names};
use salesforce_connector_operator::settings::SecretWatch;
use salesforce_sim::{Endpoint, Fault, FaultRule, World, default_world as world};
use serde_json::{Value, json};

use crate::rotations::first_failure;
use crate::stage::{Stage, client_credentials, condition, status, value};

/// The user of the token may manage the credentials of apps.
fn permit(world: &mut World) {
    world.org(world::PRODUCTION).shows_consumer_secrets = true;
    world.user(world::INTEGRATION_USER).manages_app_credentials = true;
}

async fn stage() -> Stage {
    let mut stage = Stage::bare(SecretWatch::ByName).await;
    stage.sim.world(permit);
    stage.credential_rotation = true;
    stage.upgrade("credentialRotation.enabled=true").await;
    stage.start_operator().await;
    stage
}

fn spec(stage: &Stage) -> Value {
    let reference = |key: &str| json!({ "name": "app", "key": key });
    let id = stage.sim.world(|world| world.app(world::ECA).id.clone());
    let mut spec = client_credentials("app");
    spec["app"] = json!({
        "clientIdRef": reference("client-id"),
        "clientSecretRef": reference("client-secret"),
        "rotation": { "appId": id },
    });
    spec
}

/// The Secret with the app's credentials, and something else; it consents to these connectors.
async fn input(stage: &Stage, consent: Option<&str>) {
    let values = [
        ("client-id", world::ECA),
        ("client-secret", world::ECA_SECRET),
        ("other", "kept"),
    ];
    stage.input("app", &values).await;
    let annotations = json!({ names::ROTATED_BY: consent });
    let patch = Patch::Merge(json!({ "metadata": { "annotations": annotations } }));
    let params = PatchParams::default();
    stage.secrets().patch("app", &params, &patch).await.unwrap();
}

async fn app(stage: &Stage) -> Secret {
    stage.secrets().get("app").await.unwrap()
}

fn rotation(connector: &SalesforceConnector) -> Option<CredentialRotationStatus> {
    status(connector).credential_rotation
}

async fn until(
    stage: &Stage,
    what: &str,
    fits: impl Fn(&CredentialRotationStatus) -> bool,
) -> CredentialRotationStatus {
    stage
        .until(what, "crm", |connector| rotation(connector).filter(&fits))
        .await
}

fn written(rotation: &CredentialRotationStatus) -> bool {
    rotation.secret_update_time.is_some()
}

fn trouble(rotation: &CredentialRotationStatus) -> Option<&str> {
    Some(rotation.failures.as_ref()?.reason.as_str())
}

/// Whether Salesforce accepts what is in the Secret.
fn is_accepted(stage: &Stage, secret: &Secret) -> bool {
    let (id, given) = (value(secret, "client-id"), value(secret, "client-secret"));
    stage.sim.world(|world| world.accepts_client(&id, &given))
}

async fn assert_told(stage: &Stage, expected: &[&str]) {
    let events = stage.events().list(&ListParams::default()).await.unwrap();
    let mut told: Vec<_> = events
        .items
        .iter()
        .filter_map(|event| event.reason.as_deref())
        .collect();
    told.sort_unstable();
    told.dedup();
    assert_eq!(told, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_are_rotated_and_written_to_the_secret_that_consents() {
    let stage = stage().await;
    input(&stage, Some("billing, crm")).await;
    let before = app(&stage).await;
    stage.create("crm", spec(&stage)).await;
    stage.ready("crm").await;
    tokio::select! {
        rotation = until(&stage, "the Secret is updated", written) => {
            let (last, next) = (rotation.last_rotation_time.unwrap().0, rotation.next_rotation_time.unwrap().0);
            assert_eq!(next.duration_since(last).as_hours(), 2160);
            assert_eq!(rotation.failures, None);
        }
        failure = first_failure(&stage) => panic!("{failure}"),
    }
    let after = app(&stage).await;
    assert_ne!(value(&after, "client-id"), world::ECA);
    assert!(is_accepted(&stage, &after));
    let mut expected = before.clone();
    for key in ["client-id", "client-secret"] {
        let value = ByteString(value(&after, key).into_bytes());
        expected.data.as_mut().unwrap().insert(key.to_owned(), value);
    }
    assert_eq!(
        (after.data, after.metadata.annotations),
        (expected.data, expected.metadata.annotations)
    );

    // What the former credentials brought is of no use any more.
    stage.sim.world(|world| world.end_former_credentials(world::ECA));
    stage.annotate("crm", names::RENEW_REQUESTED_AT, "1").await;
    stage
        .until("a requested renewal is carried out", "crm", |connector| {
            let handled = status(connector).last_handled?.renew_requested_at?;
            (handled == "1" && condition(connector, "Ready").0 == "True").then_some(())
        })
        .await;
    assert_told(&stage, &["AppCredentialsRotated", "InputSecretUpdated"]).await;
    let metrics = stage.metrics();
    let counted = "salesforce_connector_credential_rotations_total{result=\"Rotated\"} 1";
    assert!(metrics.contains(counted), "{metrics}");
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_consent_the_secret_stays_and_the_operator_logs_in_with_what_it_keeps() {
    let stage = stage().await;
    input(&stage, None).await;
    let before = app(&stage).await;
    stage.create("crm", spec(&stage)).await;
    let not_consenting =
        |rotation: &CredentialRotationStatus| trouble(rotation) == Some("InputSecretNotConsenting");
    until(&stage, "the Secret does not consent", not_consenting).await;
    assert_eq!(app(&stage).await, before);
    assert!(stage.own_secrets().get(&record(&stage).await).await.is_ok());

    stage.sim.world(|world| world.end_former_credentials(world::ECA));
    assert!(!is_accepted(&stage, &before));
    stage.annotate("crm", names::RENEW_REQUESTED_AT, "1").await;
    stage
        .until("a requested renewal is carried out", "crm", |connector| {
            let status = status(connector);
            let handled = status.last_handled?.renew_requested_at?;
            (handled == "1" && status.failures.is_none()).then_some(())
        })
        .await;
    assert_eq!(condition(&stage.get("crm").await, "Ready").1, "TokenValid");

    let patch = Patch::Merge(json!({ "metadata": { "annotations": { names::ROTATED_BY: "crm" } } }));
    let params = PatchParams::default();
    stage.secrets().patch("app", &params, &patch).await.unwrap();
    until(&stage, "the Secret is updated", written).await;
    assert!(is_accepted(&stage, &app(&stage).await));
    stage.finish().await;
}

async fn record(stage: &Stage) -> String {
    names::rotation_name(&stage.get("crm").await.uid().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_goes_on_whose_answers_were_lost() {
    for shown_again in [true, false] {
        let stage = stage().await;
        stage
            .sim
            .world(|world| world.switches.staged_secrets_are_shown_again = shown_again);
        for endpoint in [Endpoint::StageCredentials, Endpoint::RotateCredentials] {
            stage
                .sim
                .fault(FaultRule::once(Fault::ProcessThenDrop).on(endpoint));
        }
        input(&stage, Some("crm")).await;
        stage.create("crm", spec(&stage)).await;
        until(&stage, "the Secret is updated", written).await;
        assert!(is_accepted(&stage, &app(&stage).await));
        let log = stage.sim.log();
        let staged = log
            .iter()
            .filter(|entry| entry.endpoint == Endpoint::StageCredentials);
        let rotated = log
            .iter()
            .filter(|entry| entry.endpoint == Endpoint::RotateCredentials);
        let expected = if shown_again { (1, 1) } else { (2, 1) };
        assert_eq!((staged.count(), rotated.count()), expected);
        stage.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_rotation_lacks_is_told_and_the_token_stays() {
    let stage = stage().await;
    stage
        .sim
        .world(|world| world.user(world::INTEGRATION_USER).manages_app_credentials = false);
    input(&stage, Some("crm")).await;
    stage.create("crm", spec(&stage)).await;
    let refused = until(&stage, "it is refused", |rotation| rotation.failures.is_some()).await;
    let failures = refused.failures.unwrap();
    assert_eq!(failures.reason, "InsufficientAccess");
    assert!(
        failures.message.contains("External Client App Developer"),
        "{}",
        failures.message
    );
    assert_eq!(condition(&stage.get("crm").await, "Ready").0, "True");
    stage.sim.world(permit);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_that_may_not_rotate_says_so_and_the_policy_of_its_chart_refuses_the_secret() {
    let mut stage = Stage::bare(SecretWatch::ByName).await;
    stage.sim.world(permit);
    stage.start_operator().await;
    input(&stage, Some("crm")).await;
    stage.create("crm", spec(&stage)).await;
    let disabled =
        |rotation: &CredentialRotationStatus| trouble(rotation) == Some("CredentialRotationDisabled");
    until(&stage, "rotations are disabled", disabled).await;
    assert!(stage.own_secrets().get(&record(&stage).await).await.is_err());
    stage.stop_operator().await;

    // The operator is told to rotate, and its chart does not admit what it writes.
    stage.credential_rotation = true;
    stage.start_operator().await;
    let refused = |rotation: &CredentialRotationStatus| trouble(rotation) == Some("InputSecretWriteRefused");
    until(&stage, "the write is refused", refused).await;
    assert_eq!(value(&app(&stage).await, "client-id"), world::ECA);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_record_of_a_deleted_connector_is_removed() {
    let mut stage = Stage::bare(SecretWatch::ByName).await;
    stage.sim.world(permit);
    stage.credential_rotation = true;
    stage.state_retention = std::time::Duration::from_secs(60);
    stage.start_operator().await;
    input(&stage, None).await;
    stage.create("crm", spec(&stage)).await;
    until(&stage, "it is rotated", |rotation| {
        rotation.last_rotation_time.is_some()
    })
    .await;
    let name = record(&stage).await;
    assert!(stage.own_secrets().get(&name).await.is_ok());
    stage.delete("crm").await;
    testbed::eventually(crate::stage::DEADLINE, "the record to be removed", async || {
        let found = stage.own_secrets().get_opt(&name).await;
        match found.map_err(|error| error.to_string())? {
            None => Ok(()),
            Some(secret) => Err(format!("{:?}", secret.metadata)),
        }
    })
    .await;
    stage.finish().await;
}
