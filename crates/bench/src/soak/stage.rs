//! Where it plays: a control plane with the chart, a simulated Salesforce whose time runs fast, two replicas.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt as _};
use salesforce_sim::{Simulator, World};
use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::proxy::TcpProxy;
use testbed::{ControlPlane, TestNamespace};

use super::plan::Plan;
use super::process::{CA, REPLICAS, Replica};
use super::subject::{Subject, world};
use crate::fleet::{connectors, is_ready, secret};
use crate::operator::Mode;
use crate::plane::NAMESPACE;
use crate::{Failed, plane};

/// How long all may take to be Ready at first.
const LIMIT: Duration = Duration::from_mins(2);

pub(super) struct Stage {
    pub(super) subjects: Vec<Subject>,
    pub(super) replicas: Vec<Replica>,
    pub(super) cluster: ControlPlane,
    simulator: Simulator,
    client: Client,
    namespace: TestNamespace,
    _folder: TempDir,
}

impl Stage {
    pub(super) async fn set(program: &Path, plan: Plan, logs: Option<&Path>) -> Result<Self, Failed> {
        let temporary = TempDir::new()?;
        let folder = logs.unwrap_or(temporary.path());
        std::fs::create_dir_all(folder)?;
        let subjects: Vec<_> = (0..plan.connectors).map(Subject::new).collect();
        let simulator = Simulator::start(world(&subjects, plan.speed))?;
        std::fs::write(folder.join(CA), simulator.ca_pem())?;
        let cluster = ControlPlane::start().await;
        plane::install_chart(&cluster, Mode::Watch.as_str(), 1).await?;
        let account = cluster.kubeconfig_for(NAMESPACE, plane::NAME).await;
        let mut replicas = Vec::new();
        for number in 0..REPLICAS {
            let link = TcpProxy::to(cluster.api_server_address()).await;
            let kubeconfig = cluster.kubeconfig_through(&account, link.address());
            let own = folder.join(format!("kubeconfig-{number}"));
            std::fs::copy(kubeconfig, &own)?;
            let salesforce = simulator.https_addr().to_string();
            replicas.push(Replica::new(
                program,
                (own, link),
                salesforce,
                folder,
                (plan.speed, number),
            ));
        }
        let stage = Self {
            client: cluster.client().await,
            namespace: cluster.namespace("soak").await,
            subjects,
            replicas,
            cluster,
            simulator,
            _folder: temporary,
        };
        stage.create().await?;
        Ok(stage)
    }

    async fn create(&self) -> Result<(), Failed> {
        let (secrets, connectors) = (self.secrets(), self.connectors());
        for subject in &self.subjects {
            let values = self.world(|world| subject.inputs(world));
            let input = secret(&subject.input(), &values)?;
            secrets.create(&PostParams::default(), &input).await?;
            connectors
                .create(&PostParams::default(), &subject.connector()?)
                .await?;
        }
        Ok(())
    }

    /// Starts the replicas and waits until all connectors are Ready.
    pub(super) async fn all_ready(&mut self) -> Result<(), Failed> {
        for number in 0..REPLICAS {
            self.start(number)?;
        }
        let began = Instant::now();
        loop {
            let unready = self.not_ready().await?;
            if unready.is_empty() {
                return Ok(());
            }
            if began.elapsed() > LIMIT {
                return Err(format!("after {LIMIT:?} these are not Ready: {unready:?}").into());
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.world(|world| world.clock.now())
    }

    pub(super) fn world<T>(&self, f: impl FnOnce(&mut World) -> T) -> T {
        self.simulator.world(f)
    }

    pub(super) fn start(&mut self, replica: usize) -> Result<(), Failed> {
        let now = self.now();
        self.replicas
            .get_mut(replica)
            .ok_or("there is no such replica")?
            .start(now)
    }

    fn connectors(&self) -> Api<DynamicObject> {
        connectors(self.client.clone(), self.namespace.name())
    }

    fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.client.clone(), self.namespace.name())
    }

    /// All connectors by name; nothing while the API server does not answer.
    pub(super) async fn seen(&self) -> Option<HashMap<String, DynamicObject>> {
        let params = ListParams::default().match_any();
        let list = self.connectors().list(&params).await.ok()?;
        Some(
            list.into_iter()
                .map(|connector| (connector.name_any(), connector))
                .collect(),
        )
    }

    /// Access tokens by connector; nothing while the API server does not answer.
    pub(super) async fn tokens(&self) -> Option<HashMap<String, String>> {
        let list = self
            .secrets()
            .list(&ListParams::default().match_any())
            .await
            .ok()?;
        let token = |secret: Secret| {
            let name = secret.name_any();
            let name = name.strip_suffix("-salesforce")?.to_owned();
            let token = secret.data?.remove("access_token")?;
            Some((name, String::from_utf8(token.0).ok()?))
        };
        Some(list.into_iter().filter_map(token).collect())
    }

    /// What a person writes into an input Secret.
    pub(super) async fn supply(&self, subject: usize, key: &str, value: &str) -> Result<(), Failed> {
        let subject = self.subjects.get(subject).ok_or("there is no such connector")?;
        let patch = Patch::Merge(json!({ "stringData": { key: value } }));
        self.secrets()
            .patch(&subject.input(), &PatchParams::default(), &patch)
            .await?;
        Ok(())
    }

    /// What a person writes who wants a renewal now.
    pub(super) async fn request(&self, subject: usize, now: Timestamp) -> Result<(), Failed> {
        let subject = self.subjects.get(subject).ok_or("there is no such connector")?;
        let annotation = "salesforce-connector.dev/renew-requested-at";
        let patch = Patch::Merge(json!({ "metadata": { "annotations": { annotation: now.to_string() } } }));
        self.connectors()
            .patch(&subject.name, &PatchParams::default(), &patch)
            .await?;
        Ok(())
    }

    /// Who is not Ready, and what the status says.
    pub(super) async fn not_ready(&self) -> Result<Vec<String>, Failed> {
        let list = self.connectors().list(&ListParams::default()).await?;
        let unready = list.into_iter().filter(|connector| !is_ready(connector));
        Ok(unready
            .map(|connector| format!("{}: {}", connector.name_any(), reason(&connector)))
            .collect())
    }

    pub(super) async fn end(&mut self) -> Result<(), Failed> {
        for replica in &mut self.replicas {
            replica.terminate();
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        Ok(())
    }
}

/// The reason of `Ready`.
pub(super) fn reason(connector: &DynamicObject) -> String {
    let conditions = connector
        .data
        .pointer("/status/conditions")
        .and_then(Value::as_array);
    let ready = conditions
        .into_iter()
        .flatten()
        .find(|condition| condition["type"] == "Ready");
    let reason = ready.and_then(|ready| ready["reason"].as_str());
    reason.unwrap_or("no status").to_owned()
}
