//! Where a test plays: a namespace, the simulated Salesforce, an operator in this process, and the plugin as a process.

use std::net::SocketAddr;
use std::ops::Deref;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use salesforce_client::{ClientSettings, Proxies};
use salesforce_connector_operator::clock::Clock;
use salesforce_connector_operator::lease::LeaseState;
use salesforce_connector_operator::server;
use salesforce_connector_operator::settings::{Settings, TOKEN_REQUEST_LIMIT};
use salesforce_connector_operator::shell::context::Context;
use salesforce_connector_operator::shell::{callback, controller};
use salesforce_sim::default_world;
use serde_json::{Value, json};
use testbed::{ControlPlane, Ran};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::context;
use crate::scene::{Scene, client_credentials};
use crate::tenant::{condition, status};

pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

pub(crate) struct Stage {
    scene: Scene<&'static ControlPlane>,
    operator: Option<Running>,
    context: Option<Arc<Context>>,
}

/// An operator, which ends when this is dropped.
pub(crate) struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    pub(crate) fn start(context: Arc<Context>) -> Self {
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(controller::run(context, async move {
            drop(stopped.await);
        }));
        Self { stop, task }
    }

    pub(crate) async fn end(self) {
        drop(self.stop);
        tokio::time::timeout(DEADLINE, self.task).await.unwrap().unwrap();
    }
}

impl Deref for Stage {
    type Target = Scene<&'static ControlPlane>;

    fn deref(&self) -> &Self::Target {
        &self.scene
    }
}

impl Stage {
    /// With a running operator.
    pub(crate) async fn set() -> Self {
        let mut stage = Self::bare().await;
        stage.start_operator().await;
        stage
    }

    pub(crate) async fn start_operator(&mut self) {
        let context = self.operator(LeaseState::sole(), Clock::real()).await;
        self.operator = Some(Running::start(Arc::clone(&context)));
        self.context = Some(context);
    }

    pub(crate) async fn stop_operator(&mut self) {
        self.operator.take().unwrap().end().await;
    }

    /// Serves the operator's callback page for browsers that know it by this URL, and says where.
    pub(crate) async fn serve_page(&self, url: &str) -> SocketAddr {
        serve(self.context.clone().expect("an operator runs"), url).await
    }

    /// The same at a replica that never leads, and whose clock is 20 minutes ahead.
    pub(crate) async fn serve_page_late(&self, url: &str) -> SocketAddr {
        let clock = Clock::real().ahead_by(SignedDuration::from_mins(20));
        let context = self.operator(LeaseState::never(), clock).await;
        tokio::spawn(controller::run(context.clone(), std::future::pending()));
        serve(context, url).await
    }

    async fn operator(&self, lease: LeaseState, clock: Clock) -> Arc<Context> {
        self.operator_on(self.plane, lease, clock, TOKEN_REQUEST_LIMIT)
            .await
    }

    /// An operator on that control plane, in the namespaces that are called as those of this stage. `limit` is how long a token request
    /// may take, and decides how long an attempt of another operator is left alone.
    pub(crate) async fn operator_on(
        &self,
        plane: &ControlPlane,
        lease: LeaseState,
        clock: Clock,
        limit: Duration,
    ) -> Arc<Context> {
        let settings = Settings {
            token_request_limit: limit,
            ..context::settings(self.home.name(), vec![self.namespace.name().to_owned()])
        };
        let salesforce = ClientSettings {
            connect_to: vec![format!("*={}", self.sim.https_addr()).parse().unwrap()],
            extra_ca_pem: vec![self.sim.ca_pem().as_bytes().to_vec()],
            request_timeout: limit,
            proxies: Proxies::Never,
            ..ClientSettings::default()
        };
        context::build(plane.client().await, lease, salesforce, clock, settings).await
    }

    /// Without an operator.
    pub(crate) async fn bare() -> Self {
        Self::on(ControlPlane::shared().await).await
    }

    /// The same on another control plane.
    pub(crate) async fn on(plane: &'static ControlPlane) -> Self {
        Self {
            scene: Scene::set(plane, default_world::build(), DEADLINE).await,
            operator: None,
            context: None,
        }
    }

    /// A connector by client credentials, and its input Secret; `change` is what is different about its spec.
    pub(crate) async fn connector(&self, name: &str, change: &[(&str, Value)]) {
        let secret = format!("{name}-app");
        self.input(&secret, &[("client-secret", default_world::ECA_SECRET)])
            .await;
        let mut spec = client_credentials(&secret);
        for (field, value) in change {
            spec[*field] = value.clone();
        }
        self.create(name, spec).await;
    }

    /// Waits until Ready has this status and reason for the present spec.
    pub(crate) async fn until_ready_is(&self, name: &str, truth: &str, reason: &str) {
        self.until(&format!("Ready is {truth} for {reason}"), name, |connector| {
            let current = status(connector).observed_generation == connector.metadata.generation;
            let (found, why, _) = condition(connector, "Ready");
            (current && found == truth && why == reason).then_some(())
        })
        .await;
    }

    /// Gives a service account these rules in the namespace.
    pub(crate) async fn grant(&self, account: &str, rules: Value) {
        let namespace = self.namespace.name();
        let role = json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": { "name": account, "namespace": namespace }, "rules": rules });
        let binding = json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": { "name": account, "namespace": namespace },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": account },
            "subjects": [{ "kind": "ServiceAccount", "name": account, "namespace": namespace }] });
        let _ = self
            .plane
            .apply(&format!("{role}\n---\n{binding}\n"))
            .await
            .stdout();
    }

    /// The plugin in this namespace, as administrator.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-salesforce"));
        command
            .args(args)
            .env("KUBECONFIG", self.plane.kubeconfig_path())
            .env("NO_PROXY", "127.0.0.1")
            .env_remove("NO_COLOR")
            .stdin(Stdio::null());
        for proxy in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
            command.env_remove(proxy);
        }
        if !args.contains(&"-A") {
            command.args(["--namespace", self.namespace.name()]);
        }
        command
    }

    pub(crate) async fn plugin(&self, args: &[&str]) -> Ran {
        run(self.command(args)).await
    }

    /// What was written, with a fixed name in place of the namespace, as [`settled`].
    pub(crate) fn settled(&self, text: &str) -> String {
        settled(&text.replace(self.namespace.name(), "NAMESPACE"))
    }
}

async fn serve(context: Arc<Context>, url: &str) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = callback::router(context, url.parse().unwrap());
    tokio::spawn(server::pages(listener, router, std::future::pending()));
    address
}

/// Runs a command to its end beside the operator, which shares this process.
pub(crate) async fn run(mut command: Command) -> Ran {
    let shown = format!("{command:?}");
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap();
    Ran {
        command: shown,
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A text whose spans of time are all `TIME`, and whose columns are one blank apart: their width follows the spans.
pub(crate) fn settled(text: &str) -> String {
    let is_span = |word: &str| {
        let digits = word
            .trim_end_matches(',')
            .trim_end_matches(|letter: char| "smhd".contains(letter));
        let within = digits
            .chars()
            .all(|letter| letter.is_ascii_digit() || "mhd".contains(letter));
        within
            && digits.starts_with(|first: char| first.is_ascii_digit())
            && digits.len() < word.trim_end_matches(',').len()
    };
    let line = |line: &str| {
        let words = line
            .split_whitespace()
            .map(|word| match (is_span(word), word.ends_with(',')) {
                (true, true) => "TIME,",
                (true, false) => "TIME",
                (false, _) => word,
            });
        words.collect::<Vec<_>>().join(" ") + "\n"
    };
    text.lines().map(line).collect()
}
