//! A new API server with the chart installed, and a simulated Salesforce beside it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::Client;
use kube::client::Body;
use tempfile::TempDir;
use testbed::{ControlPlane, TestNamespace};

use crate::audit::Audit;
use crate::fleet::Fleet;
use crate::salesforce::Salesforce;
use crate::{Failed, parallel};

/// The operator's own namespace, as the README has it.
pub(crate) const NAMESPACE: &str = "salesforce-connector-system";
pub(crate) const NAME: &str = "salesforce-connector-operator";
const CHART: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../charts/salesforce-connector-operator"
);

/// Where one stage of the measurement plays.
pub(crate) struct Plane {
    pub(crate) salesforce: Salesforce,
    pub(crate) audit: Audit,
    /// The operator's, with the rights that the chart grants.
    pub(crate) kubeconfig: PathBuf,
    pub(crate) clients: Vec<Client>,
    pub(crate) namespace: TestNamespace,
    cluster: ControlPlane,
    dir: TempDir,
}

impl Plane {
    /// Starts everything but the operator, whose mode of `secretWatch` the chart is given.
    pub(crate) async fn start(simulator: &Path, secret_watch: &str, apps: usize) -> Result<Self, Failed> {
        Self::start_with_shards(simulator, secret_watch, apps, 1).await
    }

    /// The same, for replicas that share so many shards.
    pub(crate) async fn start_with_shards(
        simulator: &Path,
        secret_watch: &str,
        apps: usize,
        shards: u8,
    ) -> Result<Self, Failed> {
        let dir = TempDir::new()?;
        let user = format!("system:serviceaccount:{NAMESPACE}:{NAME}");
        let (audit, flags) = Audit::flags(dir.path(), &user)?;
        let control_plane = ControlPlane::start_with(flags).await;
        let salesforce = Salesforce::start(simulator, dir.path(), apps).await?;
        install_chart(&control_plane, secret_watch, shards).await?;
        let mut clients = Vec::new();
        for _ in 0..parallel::CLIENTS {
            clients.push(control_plane.client().await);
        }
        Ok(Self {
            kubeconfig: control_plane.kubeconfig_for(NAMESPACE, NAME).await,
            namespace: control_plane.namespace("bench").await,
            salesforce,
            audit,
            clients,
            cluster: control_plane,
            dir,
        })
    }

    /// A namespace of its own for what is not to be measured.
    pub(crate) async fn another_namespace(&self) -> TestNamespace {
        self.cluster.namespace("other").await
    }

    /// Connectors in a namespace.
    pub(crate) fn fleet_in(&self, namespace: &TestNamespace) -> Fleet {
        Fleet::new(self.clients.clone(), namespace.name().to_owned())
    }

    pub(crate) fn fleet(&self) -> Fleet {
        Fleet::new(self.clients.clone(), self.namespace.name().to_owned())
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A profile of the API server's CPU over so long, as `go tool pprof` reads it.
    pub(crate) async fn profile(&self, length: Duration) -> Result<Vec<u8>, Failed> {
        let client = self.clients.first().ok_or("there is no client")?;
        let path = format!("/debug/pprof/profile?seconds={}", length.as_secs());
        let request = http::Request::get(path).body(Body::empty())?;
        let answer = client.send(request).await?;
        if !answer.status().is_success() {
            return Err(format!("the API server gave no profile: {}", answer.status()).into());
        }
        Ok(answer.into_body().collect_bytes().await?.to_vec())
    }

    pub(crate) async fn version(&self) -> Result<String, Failed> {
        let client = self.clients.first().ok_or("there is no client")?;
        Ok(client.apiserver_version().await?.git_version)
    }
}

/// Installs the chart, without a replica.
pub(crate) async fn install_chart(
    cluster: &ControlPlane,
    secret_watch: &str,
    shards: u8,
) -> Result<(), Failed> {
    let shards = format!("shards={shards}");
    let mode = format!("secretWatch={secret_watch}");
    let install = [
        "install",
        NAME,
        CHART,
        "--namespace",
        NAMESPACE,
        "--create-namespace",
    ];
    let values = ["--set", "replicas=0", "--set", &mode, "--set", &shards];
    let installed = cluster
        .helm(&[install.as_slice(), values.as_slice()].concat())
        .await;
    if !installed.succeeded() {
        return Err(installed.to_string().into());
    }
    let crd = [
        "wait",
        "--for=condition=Established",
        "crd/salesforceconnectors.salesforce-connector.dev",
    ];
    let established = cluster.kubectl(&crd).await;
    if !established.succeeded() {
        return Err(established.to_string().into());
    }
    Ok(())
}
