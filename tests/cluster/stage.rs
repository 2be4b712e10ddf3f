//! Where a test plays: a namespace of the real API server, a simulated Salesforce, and an operator between them.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use salesforce_client::{ClientSettings, Proxies};
use salesforce_connector_operator::api::SalesforceConnector;
use salesforce_connector_operator::clock::Clock;
use salesforce_connector_operator::lease::LeaseState;
use salesforce_connector_operator::settings::allowed_signers::{AllowedSigner, AllowedSigners};
use salesforce_connector_operator::settings::{SecretWatch, Settings};
use salesforce_connector_operator::shell::context::Context;
use salesforce_connector_operator::shell::controller;
use salesforce_sim::{Endpoint, default_world};
use serde_json::{Value, json};
use testbed::{ControlPlane, TestNamespace, eventually};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use transit_client::SignerTrust;

use crate::scene::Scene;
pub(crate) use crate::scene::client_credentials;
use crate::tenant::object;
pub(crate) use crate::tenant::{condition, status};
use crate::{context, errors, logs};

/// How long a test waits for anything. Generous: a wait ends when its condition comes true.
pub(crate) const DEADLINE: Duration = Duration::from_mins(3);
/// The operator's clock runs this much faster, so that a resync takes two seconds and not a minute.
pub(crate) const SPEED: u32 = 30;

#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub(crate) struct Stage {
    scene: Scene<Plane>,
    pub(crate) mode: SecretWatch,
    pub(crate) speed: u32,
    /// Whether the operator works in all namespaces, as an installation with default values does. On a shared plane it would
    /// work on the connectors of other tests.
    pub(crate) everywhere: bool,
    /// The namespace that the operator works in; the tenant's own unless set.
    pub(crate) watched: Option<String>,
    /// Further ones.
    pub(crate) also_watched: Vec<String>,
    /// How long the operator keeps the state of a connector that is gone, on its own clock.
    pub(crate) state_retention: Duration,
    pub(crate) token_requests_per_hour: u32,
    /// Whether the operator may restart workloads. The right to do so is the chart's to give.
    pub(crate) rollout_restarts: bool,
    /// Whether the operator may rotate credentials of apps. The policy of the chart must admit what it writes.
    pub(crate) credential_rotation: bool,
    /// Whether the operator may copy tokens. The right to do so is the chart's to give.
    pub(crate) sharing: bool,
    /// Entries of `--allow-signer`.
    pub(crate) allowed_signers: Vec<String>,
    /// Whose signers' certificates are trusted.
    pub(crate) signer_trust: SignerTrust,
    /// How long the operator waits for an answer of Salesforce's.
    pub(crate) request_timeout: Duration,
    operator: Option<Operator>,
    /// Metrics of operators that were stopped.
    metrics: Vec<String>,
    /// Where this stage's part of the logs begins.
    pub(crate) logs_from: usize,
    /// The same of what went wrong.
    pub(crate) errors_from: usize,
}

/// A control plane: that of all tests, or one of this stage alone, whose parts it may stop.
pub(crate) enum Plane {
    Shared(&'static ControlPlane),
    Own(Box<ControlPlane>),
}

impl Deref for Plane {
    type Target = ControlPlane;

    fn deref(&self) -> &ControlPlane {
        match self {
            Self::Shared(plane) => plane,
            Self::Own(plane) => plane,
        }
    }
}

/// The account that the chart makes for the operator. Every operator of these tests has its rights, and no others.
pub(crate) const SERVICE_ACCOUNT: &str = "sfc-salesforce-connector-operator";

const CHART: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/charts/salesforce-connector-operator"
);

async fn install_chart(plane: &ControlPlane, home: &TestNamespace, mode: SecretWatch) {
    let mode = match mode {
        SecretWatch::ByName => "secretWatch=ByName",
        SecretWatch::Watch => "secretWatch=Watch",
    };
    let install = ["install", "sfc", CHART, "--namespace", home.name()];
    let set = [
        "--set",
        "crds.install=false",
        "--set",
        "replicas=0",
        "--set",
        mode,
    ];
    let _notes = plane.helm(&[&install[..], &set[..]].concat()).await.stdout();
}

impl Deref for Stage {
    type Target = Scene<Plane>;

    fn deref(&self) -> &Scene<Plane> {
        &self.scene
    }
}

struct Operator {
    context: Arc<Context>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Stage {
    /// A stage with a running operator.
    pub(crate) async fn set(mode: SecretWatch) -> Self {
        let mut stage = Self::bare(mode).await;
        stage.start_operator().await;
        stage
    }

    /// A stage with a running operator that notices a changed Secret in the way of `mode` before the deadline of a test,
    /// and in no other: in mode `Watch`, where that is at once, time does not run faster, and every timer is then too late.
    /// The connectors must be tested daily, or their tests would notice it in mode `ByName`.
    pub(crate) async fn noticing(mode: SecretWatch) -> Self {
        Self::noticing_on(Plane::Shared(ControlPlane::shared().await), mode).await
    }

    /// The same on a control plane of its own.
    pub(crate) async fn noticing_on(plane: Plane, mode: SecretWatch) -> Self {
        let mut stage = Self::on(plane, mode).await;
        stage.speed = match mode {
            SecretWatch::ByName => SPEED,
            SecretWatch::Watch => 1,
        };
        stage.start_operator().await;
        stage
    }

    /// A stage with a running operator whose clock runs at another speed.
    pub(crate) async fn at_speed(speed: u32) -> Self {
        let mut stage = Self::bare(SecretWatch::ByName).await;
        stage.speed = speed;
        stage.start_operator().await;
        stage
    }

    /// A stage without an operator.
    pub(crate) async fn bare(mode: SecretWatch) -> Self {
        Self::on(Plane::Shared(ControlPlane::shared().await), mode).await
    }

    /// A stage without an operator on a control plane of its own.
    pub(crate) async fn on(plane: Plane, mode: SecretWatch) -> Self {
        logs::collect();
        let scene = Scene::set(plane, default_world::build(), DEADLINE).await;
        install_chart(&scene.plane, &scene.home, mode).await;
        Self {
            scene,
            mode,
            speed: SPEED,
            everywhere: false,
            watched: None,
            also_watched: Vec::new(),
            state_retention: Duration::from_hours(24),
            token_requests_per_hour: 3600,
            rollout_restarts: false,
            credential_rotation: false,
            sharing: false,
            allowed_signers: Vec::new(),
            signer_trust: SignerTrust::Nobody,
            request_timeout: Duration::from_secs(5),
            operator: None,
            metrics: Vec::new(),
            logs_from: logs::length(),
            errors_from: errors::length(),
        }
    }

    pub(crate) async fn start_operator(&mut self) {
        assert!(self.operator.is_none(), "an operator is running already");
        // A client of its own, as a process has: a connection lives and dies with its runtime.
        let client = self.plane.client_as(&self.home, SERVICE_ACCOUNT).await;
        let settings = Settings {
            secret_watch: self.mode,
            token_requests_per_hour: self.token_requests_per_hour,
            rollout_restarts: self.rollout_restarts,
            credential_rotation: self.credential_rotation,
            sharing: self.sharing,
            state_retention: self.state_retention,
            allowed_signers: AllowedSigners::new(&self.allowed_signers()),
            ..context::settings(self.home.name(), self.watch_namespaces())
        };
        let (lease, clock) = (LeaseState::sole(), Clock::faster(self.speed));
        let (salesforce, trust) = (self.client_settings(), &self.signer_trust);
        let context = context::build_trusting(client, lease, salesforce, clock, settings, trust).await;
        let (stop, stopped) = oneshot::channel();
        let running = context.clone();
        let task = tokio::spawn(async move {
            controller::run(running, async move { drop(stopped.await) }).await;
        });
        self.operator = Some(Operator { context, stop, task });
    }

    /// A second replica of the operator, which never leads; it runs as long as the test.
    pub(crate) async fn follower(&self) -> Arc<Context> {
        let client = self.plane.client_as(&self.home, SERVICE_ACCOUNT).await;
        let settings = Settings {
            secret_watch: self.mode,
            ..context::settings(self.home.name(), self.watch_namespaces())
        };
        let (lease, clock) = (LeaseState::never(), Clock::faster(self.speed));
        let context = context::build(client, lease, self.client_settings(), clock, settings).await;
        tokio::spawn(controller::run(context.clone(), std::future::pending()));
        context
    }

    fn allowed_signers(&self) -> Vec<AllowedSigner> {
        let entries = self.allowed_signers.iter();
        entries.map(|entry| entry.parse().unwrap()).collect()
    }

    fn watch_namespaces(&self) -> Vec<String> {
        if self.everywhere {
            return Vec::new();
        }
        let own = || self.namespace.name().to_owned();
        let mut namespaces = self.also_watched.clone();
        namespaces.push(self.watched.clone().unwrap_or_else(own));
        namespaces
    }

    /// Leaves the operator no right outside the tenant's namespace and its own, as a chart with `watchNamespaces` does.
    pub(crate) async fn restrict(&self) {
        self.upgrade(&format!("watchNamespaces={{{}}}", self.namespace.name()))
            .await;
    }

    /// Gives the operator the rights that go with a value of the chart.
    pub(crate) async fn upgrade(&self, value: &str) {
        let upgrade = ["upgrade", "sfc", CHART, "--namespace", self.home.name()];
        let set = ["--reuse-values", "--set", value];
        let _notes = self.plane.helm(&[&upgrade[..], &set].concat()).await.stdout();
    }

    fn client_settings(&self) -> ClientSettings {
        ClientSettings {
            connect_to: vec![format!("*={}", self.sim.https_addr()).parse().unwrap()],
            extra_ca_pem: vec![self.sim.ca_pem().as_bytes().to_vec()],
            request_timeout: self.request_timeout,
            proxies: Proxies::Never,
            ..ClientSettings::default()
        }
    }

    /// Stops the operator as SIGTERM does, and waits for it.
    pub(crate) async fn stop_operator(&mut self) {
        let operator = self.operator.take().expect("an operator should be running");
        self.metrics.push(operator.context.metrics.encode());
        drop(operator.stop);
        tokio::time::timeout(DEADLINE, operator.task)
            .await
            .expect("the operator should stop")
            .unwrap();
    }

    /// Applies a connector that the API server refuses, as `kubectl apply` does.
    pub(crate) async fn refused(&self, name: &str, spec: &Value) {
        let mut object = object(name, spec);
        object["metadata"]["namespace"] = json!(self.namespace.name());
        errors::note(&self.plane.apply(&object.to_string()).await.refusal());
    }

    /// A connector by client credentials that becomes Ready, with its input Secret.
    pub(crate) async fn good_connector(&self, name: &str) {
        self.input(
            &format!("{name}-app"),
            &[("client-secret", default_world::ECA_SECRET)],
        )
        .await;
        self.create(name, client_credentials(&format!("{name}-app")))
            .await;
    }

    /// Waits until the connector is Ready for its present generation.
    pub(crate) async fn ready(&self, name: &str) -> SalesforceConnector {
        self.until("the connector becomes Ready", name, |connector| {
            let current = status(connector).observed_generation == connector.metadata.generation;
            (current && condition(connector, "Ready").0 == "True").then(|| connector.clone())
        })
        .await
    }

    /// Waits until Ready is False for this reason.
    pub(crate) async fn not_ready(&self, name: &str, reason: &str) -> SalesforceConnector {
        self.until(&format!("Ready is False with {reason}"), name, |connector| {
            let current = status(connector).observed_generation == connector.metadata.generation;
            let (truth, found, _) = condition(connector, "Ready");
            (current && truth == "False" && found == reason).then(|| connector.clone())
        })
        .await
    }

    /// Waits until Ready is False for this reason, and a person must act.
    pub(crate) async fn stalled(&self, name: &str, reason: &str) -> SalesforceConnector {
        let connector = self.not_ready(name, reason).await;
        assert_eq!(
            condition(&connector, "Stalled").0,
            "True",
            "{:?}",
            connector.status
        );
        assert_eq!(condition(&connector, "Reconciling").0, "");
        connector
    }

    /// Waits for a Secret in which `look` finds what it looks for.
    pub(crate) async fn until_secret<T>(
        &self,
        what: &str,
        name: &str,
        mut look: impl FnMut(&Secret) -> Option<T>,
    ) -> T {
        eventually(DEADLINE, what, async || {
            let secret = self
                .secrets()
                .get(name)
                .await
                .map_err(|error| error.to_string())?;
            look(&secret).ok_or_else(|| format!("{:?}", secret.metadata))
        })
        .await
    }

    pub(crate) async fn secret(&self, name: &str) -> Secret {
        self.secrets().get(name).await.unwrap()
    }

    pub(crate) async fn has_secret(&self, name: &str) -> bool {
        self.secrets().get_metadata_opt(name).await.unwrap().is_some()
    }

    /// Waits until there is no Secret of this name.
    pub(crate) async fn secret_gone(&self, name: &str) {
        eventually(DEADLINE, "the Secret is gone", async || {
            let found = self.secrets().get_metadata_opt(name).await;
            match found.map_err(|error| error.to_string())? {
                None => Ok(()),
                Some(found) => Err(format!("{:?}", found.metadata)),
            }
        })
        .await;
    }

    /// Changes a Secret as a person would, by a merge patch.
    pub(crate) async fn merge_secret(&self, name: &str, patch: Value) {
        self.secrets()
            .patch(name, &PatchParams::default(), &Patch::Merge(patch))
            .await
            .unwrap();
    }

    /// Waits until Salesforce has seen so many token requests.
    pub(crate) async fn until_token_calls(&self, calls: u64) {
        let what = format!("Salesforce has seen {calls} token requests");
        let waited = self
            .sim
            .wait_until(&what, DEADLINE, |world| world.count(Endpoint::Token) >= calls)
            .await;
        waited.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(self.token_calls(), calls);
    }

    /// Lets time pass on the operator's clock.
    pub(crate) async fn pass(&self, duration: Duration) {
        tokio::time::sleep(self.speed_adjusted(duration)).await;
    }

    /// Sets Salesforce's clock to the operator's, which runs faster.
    pub(crate) fn let_salesforce_catch_up(&self) {
        let now = self.context().clock.now();
        self.sim.world(|world| {
            let behind = now.duration_since(world.clock.now());
            world.advance(Duration::try_from(behind).unwrap_or_default());
        });
    }

    /// What the running operator works with.
    pub(crate) fn context(&self) -> &Arc<Context> {
        &self
            .operator
            .as_ref()
            .expect("an operator should be running")
            .context
    }

    fn speed_adjusted(&self, duration: Duration) -> Duration {
        duration / self.speed
    }

    /// Metrics of the running operator and of those before it.
    pub(crate) fn metrics(&self) -> String {
        let mut metrics = self.metrics.join("\n");
        if let Some(operator) = &self.operator {
            metrics.push_str(&operator.context.metrics.encode());
        }
        metrics
    }

    /// Ends the test: no secret may have left its place, and nothing stays in a cluster that outlives the tests.
    pub(crate) async fn finish(self) {
        crate::canary::assert_no_leak(&self).await;
        if self.plane.is_existing() {
            let uninstall = ["uninstall", "sfc", "--namespace", self.home.name()];
            let _notes = self.plane.helm(&uninstall).await.stdout();
        }
    }
}

/// The text under a key of a Secret.
pub(crate) fn value(secret: &Secret, key: &str) -> String {
    let data = secret.data.as_ref().and_then(|data| data.get(key));
    let Some(bytes) = data else {
        panic!("Secret {} has no key {key}", secret.name_any())
    };
    String::from_utf8(bytes.0.clone()).unwrap()
}
