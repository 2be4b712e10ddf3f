//! Connectors that a backup tool creates again on another control plane: what `preview-restore` says beforehand is what then happens,
//! by the steps of docs/operations.md, and nothing of it ends a grant.

use std::process::Command;
use std::time::Duration;

use jiff::SignedDuration;
use kube::api::{Patch, PatchParams};
use salesforce_connector_operator::api::{crd, names};
use salesforce_connector_operator::clock::Clock;
use salesforce_connector_operator::lease::LeaseState;
use salesforce_sim::default_world as world;
use serde_json::{Value, json};
use testbed::{ControlPlane, TestNamespace};

use crate::stage::{DEADLINE, Running, Stage};
use crate::tenant::{Tenant, VERIFIER, condition, status};

/// The operator's clock runs so much faster where connectors are restored, so that hold-offs and resyncs are short.
const SPEED: u32 = 30;

/// A connector with authorizationCode.
pub(crate) fn by_code(client_id: &str, client_secret: Option<&str>, bootstrap: Option<&str>) -> Value {
    let reference = |name: &str, key: &str| json!({ "name": name, "key": key });
    let secret = client_secret.map(|name| reference(name, "client-secret"));
    let bootstrap = bootstrap.map(|name| json!({ "refreshTokenRef": reference(name, "refresh-token") }));
    json!({
        "host": world::PRODUCTION,
        "app": { "clientId": client_id, "clientSecretRef": secret },
        "auth": { "authorizationCode": { "bootstrap": bootstrap } },
    })
}

/// Connectors of every kind, all of them Ready.
async fn source() -> Stage {
    let stage = Stage::set().await;
    stage.connector("app", &[]).await;
    stage.input("key", &[("key.pem", world::JWT_KEY_PKCS8)]).await;
    let jwt = json!({
        "host": world::PRODUCTION,
        "app": { "clientId": world::JWT },
        "auth": { "jwtBearer": {
            "username": world::INTEGRATION_USER, "privateKeyRef": { "name": "key", "key": "key.pem" } } },
    });
    stage.create("key", jwt).await;
    for (name, client_id, secret) in [
        ("lasting", world::CONNECTED, Some(world::CONNECTED_SECRET)),
        ("rotating", world::ROTATING, Some(world::ROTATING_SECRET)),
        ("public", world::ROTATING, None),
    ] {
        bootstrapped(&stage, name, client_id, secret).await;
    }
    stage
        .create("browser", by_code(world::ROTATING, Some("rotating-grant"), None))
        .await;
    stage
        .until_ready_is("browser", "False", "AuthorizationRequired")
        .await;
    log_in(&stage, &stage, "browser", "login").await;
    stage.until_ready_is("browser", "True", "TokenValid").await;
    secret_is_gone(&stage, "login").await;
    // The plugin takes it away itself.
    stage
        .merge(
            "browser",
            json!({ "metadata": { "annotations": { (names::LOGIN_SECRET): null } } }),
        )
        .await;
    for name in ["app", "browser", "key", "lasting", "public", "rotating"] {
        stage.until_ready_is(name, "True", "TokenValid").await;
    }
    stage
}

/// A connector with a bootstrap token, and with the client secret if there is one.
pub(crate) async fn bootstrapped(stage: &Stage, name: &str, client_id: &str, secret: Option<&str>) {
    let token = stage.sim.world(|w| {
        let app = w.app(client_id);
        app.secret_for_refresh_flow = app.secret_for_refresh_flow && secret.is_some();
        w.grant_refresh_token(client_id, world::INTEGRATION_USER)
    });
    let input = format!("{name}-grant");
    let values = [
        ("refresh-token", &*token),
        ("client-secret", secret.unwrap_or("none")),
    ];
    stage.input(&input, &values).await;
    let spec = by_code(client_id, secret.map(|_| &*input), Some(&input));
    stage.create(name, spec).await;
}

pub(crate) async fn log_in(stage: &Stage, tenant: &Tenant, name: &str, secret: &str) {
    let code = stage
        .sim
        .world(|w| w.approved_code(world::ROTATING, world::INTEGRATION_USER, VERIFIER));
    tenant.hand_over_login(name, secret, &code).await;
}

pub(crate) async fn secret_is_gone(tenant: &Tenant, name: &str) {
    testbed::eventually(DEADLINE, &format!("the Secret {name} is gone"), async || {
        let found = tenant.secrets().get_metadata_opt(name).await;
        let found = found.map_err(|error| error.to_string())?;
        found.map_or(Ok(()), |found| Err(format!("{:?}", found.metadata)))
    })
    .await;
}

/// What is said beforehand of the connectors of [`source`].
const PREVIEW: &str = "\
NAMESPACE NAME LOGS IN SECRETS WHY
NAMESPACE app by itself app-app Its login needs nobody.
NAMESPACE browser a person rotating-grant Its grant belongs to the uid that it has now, and stays behind.
NAMESPACE key by itself key Its login needs nobody.
NAMESPACE lasting perhaps a person lasting-grant Salesforce is asked whether the bootstrap token still works. \
It does not if the app rotates refresh tokens.
NAMESPACE public a person public-grant Remove spec.auth.authorizationCode.bootstrap before you restore it. \
Without a client secret the operator can't ask whether the token is spent, and presenting a spent one ends the grant.
NAMESPACE rotating perhaps a person rotating-grant Salesforce is asked whether the bootstrap token still works. \
It does not if the app rotates refresh tokens.

By themselves: 2. Perhaps by a person: 2. By a person: 2.
";

/// Where the connectors are restored.
struct Elsewhere {
    plane: ControlPlane,
    tenant: Tenant,
    _home: TestNamespace,
    operator: Running,
}

/// Does what docs/operations.md says, in its order.
async fn restored_elsewhere(stage: &mut Stage, with_status: bool) -> Elsewhere {
    let (plane, tenant, home) = created_elsewhere(stage, with_status).await;
    started(stage, plane, tenant, home).await
}

async fn started(stage: &Stage, plane: ControlPlane, tenant: Tenant, home: TestNamespace) -> Elsewhere {
    let clock = Clock::faster(SPEED);
    let limit = Duration::from_secs(5);
    let context = stage.operator_on(&plane, LeaseState::sole(), clock, limit).await;
    Elsewhere {
        plane,
        tenant,
        _home: home,
        operator: Running::start(context),
    }
}

/// All of it before the operator there is started.
async fn created_elsewhere(stage: &mut Stage, with_status: bool) -> (ControlPlane, Tenant, TestNamespace) {
    let kinds = "salesforceconnectors,secrets";
    let get = [
        "get",
        kinds,
        "--namespace",
        stage.namespace.name(),
        "--output",
        "json",
    ];
    let backup = stage.plane.kubectl(&get).await.stdout();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup.json");
    std::fs::write(&file, &backup).unwrap();
    for args in [
        vec!["preview-restore"],
        vec!["preview-restore", file.to_str().unwrap()],
    ] {
        let ran = stage.plugin(&args).await;
        assert_eq!(
            (ran.code, stage.settled(&ran.stdout)),
            (Some(1), PREVIEW.to_owned()),
            "{ran}"
        );
    }
    stage.stop_operator().await;

    let plane = ControlPlane::start().await;
    plane.install_crd(&crd::crd()).await;
    let home = plane.namespace_named(stage.home.name()).await;
    let namespace = plane.namespace_named(stage.namespace.name()).await;
    let tenant = Tenant::new(plane.client().await, namespace, DEADLINE);
    let backup: Value = serde_json::from_str(&backup).unwrap();
    for object in backup["items"].as_array().unwrap() {
        let _ = plane.apply(&created_again(object).to_string()).await.stdout();
        let name = object["metadata"]["name"].as_str().unwrap();
        if with_status && object["kind"] == "SalesforceConnector" {
            let patch = Patch::Merge(json!({ "status": object["status"] }));
            let connectors = tenant.connectors();
            let patched = connectors
                .patch_status(name, &PatchParams::default(), &patch)
                .await;
            patched.unwrap();
        }
    }
    delete_secrets_left_behind(&plane);
    (plane, tenant, home)
}

/// What a backup tool makes of an object: another one of the same name, without owners; and what a person has done as the preview
/// says.
fn created_again(object: &Value) -> Value {
    let mut created = object.clone();
    created["metadata"]
        .as_object_mut()
        .unwrap()
        .retain(|key, _| ["name", "namespace", "labels", "annotations"].contains(&key.as_str()));
    created.as_object_mut().unwrap().remove("status");
    if created["kind"] == "SalesforceConnector" && created["metadata"]["name"] == "public" {
        created["spec"]["auth"]["authorizationCode"] = json!({});
    }
    created
}

/// Runs the command of docs/operations.md.
fn delete_secrets_left_behind(plane: &ControlPlane) {
    let page = include_str!("../../../../docs/operations.md");
    let command = page.split("<!-- left-behind -->\n").nth(1).unwrap();
    let command = command
        .split("```sh\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let kubectl = plane.program("kubectl");
    let path = std::env::var("PATH").unwrap_or_default();
    let ran = Command::new("bash")
        .args(["-euo", "pipefail", "-c", command])
        .env("PATH", format!("{}:{path}", kubectl.parent().unwrap().display()))
        .env("KUBECONFIG", plane.kubeconfig_path())
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let deleted = String::from_utf8_lossy(&ran.stdout);
    assert_eq!(deleted.lines().count(), 6, "{deleted}");
}

impl Elsewhere {
    async fn ready(&self, name: &str) {
        // The status that came along may say so of the former cluster: what counts is the token.
        let secrets = self.tenant.secrets();
        testbed::eventually(DEADLINE, &format!("the token of {name}"), async || {
            let found = secrets.get_metadata_opt(&format!("{name}-salesforce")).await;
            let found = found.map_err(|error| error.to_string())?;
            found.map(drop).ok_or_else(|| "none".to_owned())
        })
        .await;
        let what = "it becomes Ready";
        self.tenant
            .until(what, name, |connector| {
                (condition(connector, "Ready").0 == "True").then_some(())
            })
            .await;
    }

    /// Waits until a person must act for this reason, and is told how.
    async fn awaits_a_person(&self, name: &str, reason: &str) {
        let what = format!("a person is called for {reason}");
        let message = self.tenant.until(&what, name, |connector| {
            let (truth, why, message) = condition(connector, "Ready");
            let stalled = condition(connector, "Stalled").0 == "True";
            (truth == "False" && why == reason && stalled).then_some(message)
        });
        let message = message.await;
        assert!(message.contains("kubectl salesforce login"), "{name}: {message}");
    }

    /// Waits until everybody is Ready who needs no person, and who has no grant any more says so for this reason.
    async fn has_come_as_far_as_it_can(&self, without_grant: &str) {
        for name in ["app", "key", "lasting"] {
            self.ready(name).await;
        }
        self.awaits_a_person("rotating", "BootstrapTokenInactive").await;
        for name in ["browser", "public"] {
            self.awaits_a_person(name, without_grant).await;
        }
    }

    /// Ends the test: nothing was presented that was spent, and every grant of the former cluster lives.
    async fn finish(self, stage: &Stage) {
        self.operator.end().await;
        let (replays, revoked, grants) = stage
            .sim
            .world(|w| (w.replays(), w.revoked_families(), w.grants()));
        assert_eq!((replays, revoked), (0, 0));
        assert!(grants.iter().all(|grant| grant.ended.is_none()), "{grants:?}");
        drop(self.plane);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restore_with_new_uids_those_alone_log_in_whom_the_preview_names_and_no_grant_ends() {
    let mut stage = source().await;
    let elsewhere = restored_elsewhere(&mut stage, false).await;
    elsewhere.has_come_as_far_as_it_can("AuthorizationRequired").await;
    log_in(&stage, &elsewhere.tenant, "rotating", "again").await;
    elsewhere.ready("rotating").await;
    elsewhere.finish(&stage).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_that_is_restored_with_a_connector_of_a_new_uid_changes_nothing_for_who_must_log_in() {
    let mut stage = source().await;
    let former = status(&stage.get("rotating").await).installation_uid;
    let elsewhere = restored_elsewhere(&mut stage, true).await;
    elsewhere.has_come_as_far_as_it_can("GrantLost").await;
    let taken_from = status(&elsewhere.tenant.get("rotating").await).previous_installation_uid;
    assert_eq!(
        taken_from, former,
        "the operator of the namespace of this name takes it over"
    );
    elsewhere.finish(&stage).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grants_that_are_moved_need_nobody_and_are_never_in_two_places() {
    let mut stage = source().await;
    let home_here = stage.home.name().to_owned();
    let (plane, tenant, home) = created_elsewhere(&mut stage, false).await;
    let kubeconfig = plane.kubeconfig_path().to_str().unwrap().to_owned();
    let to = [
        "move-grants",
        "--to-kubeconfig",
        &kubeconfig,
        "--operator-namespace",
        &home_here,
    ];
    let ran = stage.plugin(&to).await;
    assert_eq!(
        (ran.code, stage.settled(&ran.stdout)),
        (Some(0), MOVED.to_owned()),
        "{ran}"
    );
    let again = stage.plugin(&to).await;
    assert_eq!(
        again.stdout.matches("it has no stored grant").count(),
        4,
        "{again}"
    );
    let elsewhere = started(&stage, plane, tenant, home).await;
    for name in ["app", "browser", "key", "lasting", "public", "rotating"] {
        elsewhere.ready(name).await;
    }
    renewed(&elsewhere.tenant, "rotating", "there").await;
    elsewhere.ready("rotating").await;
    // Somebody starts the former operator again.
    stage.start_operator().await;
    stage.until_ready_is("browser", "False", "GrantLost").await;
    stage.stop_operator().await;
    elsewhere.finish(&stage).await;
}

const MOVED: &str = "\
NAMESPACE/browser: moved.
NAMESPACE/lasting: moved.
NAMESPACE/public: moved.
NAMESPACE/rotating: moved.
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_snapshot_of_etcd_the_preview_names_the_grants_that_were_refreshed_since_and_no_other_is_lost() {
    let plane: &'static ControlPlane = Box::leak(Box::new(ControlPlane::start().await)); // its etcd goes back
    let mut stage = Stage::on(plane).await;
    stage.start_operator().await;
    stage.connector("app", &[]).await;
    bootstrapped(&stage, "lasting", world::CONNECTED, Some(world::CONNECTED_SECRET)).await;
    for name in ["rotating", "unused"] {
        bootstrapped(&stage, name, world::ROTATING, Some(world::ROTATING_SECRET)).await;
    }
    let all = ["app", "lasting", "rotating", "unused"];
    for name in all {
        stage.until_ready_is(name, "True", "TokenValid").await;
    }
    stage.stop_operator().await;
    let mut issued = Vec::new();
    for name in all {
        issued.push(status(&stage.get(name).await).token.unwrap().issue_time.0);
    }
    // Times in a status have whole seconds.
    let time = *issued.iter().max().unwrap() + SignedDuration::from_secs(1);
    stage.sim.world(|w| w.advance(Duration::from_secs(2)));
    let snapshot = plane.snapshot().await;

    stage.start_operator().await;
    for name in ["app", "lasting", "rotating"] {
        renewed(&stage, name, "before").await;
    }
    stage.stop_operator().await;
    let ran = stage
        .plugin(&["preview-restore", "--snapshot-time", &time.to_string()])
        .await;
    assert_eq!(
        (ran.code, stage.settled(&ran.stdout)),
        (Some(1), PREVIEW_OF_A_SNAPSHOT.to_owned()),
        "{ran}"
    );
    plane.restore_snapshot(&snapshot).await;
    stage.start_operator().await;
    for name in all {
        renewed(&stage, name, "after").await;
    }
    for name in ["app", "lasting", "unused"] {
        stage.until_ready_is(name, "True", "TokenValid").await;
    }
    stage
        .until_ready_is("rotating", "False", "ReauthorizationRequired")
        .await;
    log_in(&stage, &stage, "rotating", "login").await;
    stage.until_ready_is("rotating", "True", "TokenValid").await;
    stage.stop_operator().await;
}

/// Requests a renewal, and waits until it has been carried out.
pub(crate) async fn renewed(tenant: &Tenant, name: &str, request: &str) {
    tenant.annotate(name, names::RENEW_REQUESTED_AT, request).await;
    tenant
        .until("the renewal is carried out", name, |connector| {
            (status(connector).last_handled?.renew_requested_at? == request).then_some(())
        })
        .await;
}

const PREVIEW_OF_A_SNAPSHOT: &str = "\
NAMESPACE NAME LOGS IN SECRETS WHY
NAMESPACE app by itself app-app Its login needs nobody.
NAMESPACE lasting perhaps a person lasting-grant Its grant has been refreshed since the snapshot. \
If the app rotates refresh tokens, the snapshot has a spent one.
NAMESPACE rotating perhaps a person rotating-grant Its grant has been refreshed since the snapshot. \
If the app rotates refresh tokens, the snapshot has a spent one.
NAMESPACE unused by itself unused-grant Its grant has not been refreshed since the snapshot.

By themselves: 2. Perhaps by a person: 2. By a person: 0.
";
