//! Where a test plays: namespaces of the real API server, a simulated Salesforce, connectors, and processes.

use std::ops::Deref;
use std::path::PathBuf;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::api::DeleteParams;
use kube::{Api, ResourceExt as _};
use redeem::State;
use salesforce_connector_operator::api::{SalesforceConnector, names};
use salesforce_sim::{Endpoint, default_world as world};
use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::{ControlPlane, eventually};

use crate::leak::{self, Leak};
use crate::operator::{LOG, Operator, PROGRAM, Setup};
use crate::scene::{Scene, client_credentials};
pub(crate) use crate::tenant::status;
use crate::tenant::{Tenant, condition};

/// How long a test waits for anything: a lease has to run out, then a hold-off, then what failed is tried again.
pub(crate) const DEADLINE: Duration = Duration::from_mins(4);

pub(crate) struct Stage {
    scene: Scene<&'static ControlPlane>,
    /// For the names of points, and logs.
    pub(crate) folder: TempDir,
}

impl Deref for Stage {
    type Target = Scene<&'static ControlPlane>;

    fn deref(&self) -> &Self::Target {
        &self.scene
    }
}

impl Stage {
    pub(crate) async fn set() -> Self {
        Self::on(ControlPlane::shared().await).await
    }

    pub(crate) async fn on(plane: &'static ControlPlane) -> Self {
        let mut world = world::build();
        world.switches.approval_limit = 1000;
        let scene = Scene::set(plane, world, DEADLINE).await;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), scene.sim.ca_pem()).unwrap();
        Self { scene, folder }
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A process with direct ways to Kubernetes and Salesforce.
    pub(crate) fn start(&self, name: &'static str) -> Operator {
        Operator::start(self, &self.setup(name))
    }

    pub(crate) fn setup(&self, name: &'static str) -> Setup {
        Setup {
            name,
            program: PROGRAM.into(),
            kubeconfig: self.plane.kubeconfig_path().to_owned(),
            salesforce: self.sim.https_addr(),
            clock_speed: 1,
            clock_ahead_seconds: 0,
            retention_hours: 24,
            log: LOG,
            further: Vec::new(),
            shards: 1,
        }
    }

    /// Has the process stop where it comes to `point` with `connector`.
    pub(crate) fn pause(&self, connector: &str, point: &str) {
        std::fs::write(self.folder.path().join(format!("{connector}.{point}")), "").unwrap();
    }

    fn reached_file(&self, connector: &str, point: &str) -> PathBuf {
        self.folder.path().join(format!("{connector}.{point}.reached"))
    }

    pub(crate) async fn reached(&self, connector: &str, point: &str) {
        self.reached_at(self, connector, point).await;
    }

    /// The same in a namespace of another tenant.
    pub(crate) async fn reached_at(&self, tenant: &Tenant, connector: &str, point: &str) {
        let file = self.reached_file(connector, point);
        eventually(DEADLINE, &format!("{connector} to come to {point}"), async || {
            if file.exists() {
                return Ok(());
            }
            let found = tenant.connectors().get(connector).await;
            Err(format!("{:?}", found.map(|connector| connector.status)))
        })
        .await;
    }

    pub(crate) fn resume(&self, connector: &str, point: &str) {
        std::fs::remove_file(self.reached_file(connector, point)).unwrap();
    }

    pub(crate) async fn lease(&self) -> Lease {
        let leases: Api<Lease> = Api::namespaced(self.client.clone(), self.home.name());
        leases.get(names::LEASE).await.unwrap()
    }

    /// A connector with a grant that rotates, brought as a refresh token. Returns the number of the grant.
    pub(crate) async fn bring(&self, name: &str) -> u64 {
        self.bring_to(self, name).await
    }

    /// The same in a namespace of another tenant.
    pub(crate) async fn bring_to(&self, tenant: &Tenant, name: &str) -> u64 {
        let (token, grant) = self.sim.world(|world| {
            let token = world.grant_refresh_token(world::ROTATING, world::INTEGRATION_USER);
            (token, world.grants().last().unwrap().number)
        });
        let secret = format!("{name}-input");
        let values = [
            ("refresh-token", token.as_str()),
            ("client-secret", world::ROTATING_SECRET),
        ];
        tenant.input(&secret, &values).await;
        let bootstrap = json!({ "refreshTokenRef": { "name": secret, "key": "refresh-token" } });
        let auth = json!({ "authorizationCode": { "bootstrap": bootstrap } });
        let app = json!({
            "clientId": world::ROTATING,
            "clientSecretRef": { "name": secret, "key": "client-secret" },
        });
        let spec = json!({ "host": world::PRODUCTION, "app": app, "auth": auth });
        tenant.create(name, spec).await;
        grant
    }

    /// A connector by client credentials.
    pub(crate) async fn client_credentials(&self, name: &str) {
        self.input(&format!("{name}-input"), &[("client-secret", world::ECA_SECRET)])
            .await;
        Tenant::create(self, name, client_credentials(&format!("{name}-input"))).await;
    }

    pub(crate) async fn create(&self, name: &str, client_id: &str, auth: Value) {
        let secret = json!({ "name": format!("{name}-input"), "key": "client-secret" });
        let app = json!({ "clientId": client_id, "clientSecretRef": secret });
        self.create_with(name, app, auth).await;
    }

    pub(crate) async fn create_with(&self, name: &str, app: Value, auth: Value) {
        let spec = json!({ "host": world::PRODUCTION, "app": app, "auth": auth });
        Tenant::create(self, name, spec).await;
    }

    pub(crate) async fn delete_secret(&self, name: &str) {
        self.secrets()
            .delete(name, &DeleteParams::default())
            .await
            .unwrap();
    }

    pub(crate) async fn request_renewal(&self, name: &str, request: &str) {
        self.annotate(name, names::RENEW_REQUESTED_AT, request).await;
    }

    pub(crate) async fn until_ready(&self, name: &str) {
        self.until("it is Ready", name, |connector| {
            (ready(connector).0 == "True").then_some(())
        })
        .await;
    }

    pub(crate) async fn not_ready(&self, name: &str, reason: &str) {
        self.until(&format!("Ready is False with {reason}"), name, |connector| {
            let (truth, found) = ready(connector);
            (truth == "False" && found == reason).then_some(())
        })
        .await;
    }

    /// Waits until the connector is Ready and says that it has dealt with `renewal`, with the newest tokens of its
    /// grant stored and delivered.
    pub(crate) async fn healthy(&self, name: &str, renewal: Option<&str>) {
        self.healthy_at(self, name, renewal).await;
    }

    /// The same in a namespace of another tenant.
    pub(crate) async fn healthy_at(&self, tenant: &Tenant, name: &str, renewal: Option<&str>) {
        eventually(
            DEADLINE,
            &format!("{name} to be Ready with tokens that work, renewed as asked ({renewal:?})"),
            async || {
                let found = tenant.connectors().get(name).await;
                let connector = found.map_err(|error| error.to_string())?;
                let status = status(&connector);
                let handled = status.last_handled.as_ref();
                let handled = handled.and_then(|handled| handled.renew_requested_at.as_deref());
                let shown = serde_json::to_string_pretty(&status).unwrap();
                let good = ready(&connector).0 == "True" && (renewal.is_none() || handled == renewal);
                let tokens = self.tokens_are_good(tenant, &connector).await;
                (good && tokens == Ok(()))
                    .then_some(())
                    .ok_or_else(|| format!("{tokens:?} {shown}"))
            },
        )
        .await;
    }

    async fn tokens_are_good(&self, tenant: &Tenant, connector: &SalesforceConnector) -> Result<(), String> {
        let told = |error: kube::Error| error.to_string();
        let name = format!("{}-salesforce", connector.name_any());
        let delivered = tenant.secrets().get(&name).await.map_err(told)?;
        let access = delivered.data.unwrap_or_default().remove("access_token");
        let access = String::from_utf8(access.ok_or("no access_token")?.0).unwrap();
        let state = self.state(connector).await?;
        let grant = state.current.as_ref().ok_or("no grant in use")?;
        if grant.attempt.is_some() {
            return Err("an attempt is open".to_owned());
        }
        let newest = grant.access.as_ref().map(|access| access.token.expose_secret());
        if newest != Some(&access) {
            return Err("the newest access token is not delivered".to_owned());
        }
        let refresh = grant.refresh_token.expose_secret();
        let good = self.sim.world(|world| {
            (
                world.access_token_is_good(&access),
                world.refresh_token_is_good(refresh),
            )
        });
        (good == (true, true))
            .then_some(())
            .ok_or_else(|| format!("access token and refresh token good: {good:?}"))
    }

    /// What the operator has stored of the connector's grant.
    pub(crate) async fn state(&self, connector: &SalesforceConnector) -> Result<State, String> {
        let name = format!("{}{}", names::STATE_PREFIX, connector.uid().unwrap());
        let stored = self.own_secrets().get(&name).await;
        let data = stored
            .map_err(|error| error.to_string())?
            .data
            .unwrap_or_default();
        let data = data.into_iter().map(|(key, value)| (key, value.0)).collect();
        State::from_data(&data).map_err(|error| error.to_string())
    }

    /// How often a token of this grant was presented to be redeemed.
    pub(crate) fn presented(&self, grant: u64) -> usize {
        let log = self.sim.log();
        let of_grant = |label: salesforce_sim::RefreshTokenLabel| label.grant == grant;
        log.iter()
            .filter(|entry| entry.endpoint == Endpoint::Token && entry.refresh_token.is_some_and(of_grant))
            .count()
    }

    /// No spent token was presented, and no family of tokens was revoked for it.
    pub(crate) fn assert_nothing_burned(&self) {
        let burned = self
            .sim
            .world(|world| (world.replays(), world.revoked_families()));
        assert_eq!(burned, (0, 0), "{:#?}", self.sim.log());
    }

    /// Ends the test: no secret may have left its place.
    pub(crate) async fn finish(self) {
        let leaks = self.leaks().await;
        assert!(leaks.is_empty(), "secrets leaked: {leaks:#?}");
    }

    /// Every channel in which a secret shows.
    async fn leaks(&self) -> Vec<Leak> {
        let mut channels = self.logs();
        channels.extend(self.shown().await);
        leak::leaks(&self.confidential().await, channels)
    }

    /// What each process wrote.
    fn logs(&self) -> Vec<(String, String)> {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        let logs: Vec<_> = files
            .map(|file| file.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
            .map(|path| (path.display().to_string(), std::fs::read(path).unwrap()))
            .map(|(name, bytes)| (name, String::from_utf8_lossy(&bytes).into_owned()))
            .collect();
        assert!(
            logs.iter().any(|(_, text)| !text.is_empty()),
            "no process wrote a log"
        );
        logs
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_in_the_log_of_a_process_is_found() {
    let stage = Stage::set().await;
    let operator = stage.start("first");
    stage.client_credentials("crm").await;
    stage.until_ready("crm").await;
    operator.kill();
    assert_eq!(stage.leaks().await, [], "nothing is planted yet");
    let log = stage.folder.path().join("first.log");
    let clean = std::fs::read(&log).unwrap();
    let token = stage.sim.world(|world| world.issued_secrets().pop().unwrap());
    let key = leak::digest_key(&stage.own_secrets()).await.unwrap();
    for planted in [token, format!("{key:?}")] {
        std::fs::write(&log, [&clean[..], planted.as_bytes()].concat()).unwrap();
        let found: Vec<_> = stage.leaks().await.into_iter().map(|leak| leak.channel).collect();
        assert_eq!(found, [log.display().to_string()]);
    }
}

/// Status and reason of condition Ready; empty where there is none.
pub(crate) fn ready(connector: &SalesforceConnector) -> (String, String) {
    let (truth, reason, _) = condition(connector, "Ready");
    (truth, reason)
}
