//! A release of the chart on the shared API server, in a namespace of its own.

use std::time::Duration;

use salesforce_connector_operator::api::crd;
use testbed::{ControlPlane, TestNamespace};

use crate::files::CHART;

/// How long the API server may take to learn of rights and policies, by its own watches.
pub(crate) const SOON: Duration = Duration::from_secs(30);

const NAME: &str = "sfc";
/// What the chart calls the service account, the Deployment and the like of a release of that name.
pub(crate) const FULL_NAME: &str = "sfc-salesforce-connector-operator";

pub(crate) struct Release {
    pub(crate) plane: &'static ControlPlane,
    pub(crate) namespace: TestNamespace,
    /// What helm said.
    pub(crate) notes: String,
}

impl Release {
    /// Installs the chart, without the CRD: that belongs to one release, and here are several.
    pub(crate) async fn install(args: &[&str]) -> Self {
        let plane = ControlPlane::shared().await;
        for crd in &crd::all() {
            plane.install_crd(crd).await;
        }
        let namespace = plane.namespace("chart").await;
        Self::install_in(plane, namespace, args).await
    }

    pub(crate) async fn install_in(
        plane: &'static ControlPlane,
        namespace: TestNamespace,
        args: &[&str],
    ) -> Self {
        let fixed = [
            "install",
            NAME,
            CHART,
            "--namespace",
            &namespace,
            "--set",
            "crds.install=false",
        ];
        let notes = plane.helm(&[&fixed, args].concat()).await.stdout();
        Self {
            plane,
            namespace,
            notes,
        }
    }

    /// Name of what is not in the release's own namespace.
    pub(crate) fn cluster_name(&self) -> String {
        format!("{FULL_NAME}.{}", self.namespace)
    }

    /// A client with the rights of the operator.
    pub(crate) async fn operator(&self) -> kube::Client {
        self.plane.client_as(&self.namespace, FULL_NAME).await
    }

    /// Removes what is not in the namespace.
    pub(crate) async fn uninstall(self) {
        let _ = self
            .plane
            .helm(&["uninstall", NAME, "--namespace", &self.namespace])
            .await
            .stdout();
    }
}
