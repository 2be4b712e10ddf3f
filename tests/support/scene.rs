//! Where does an operator of a test work? On a real API server, for a tenant, against a simulated Salesforce.

use std::ops::Deref;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use salesforce_connector_operator::api::crd;
use salesforce_sim::{Addresses, Endpoint, Simulator, World, default_world};
use serde_json::{Value, json};
use testbed::{ControlPlane, TestNamespace};

use crate::leak;
use crate::tenant::Tenant;

/// What every stage has, whatever runs on it. `P` is the control plane, or what stands for it.
pub(crate) struct Scene<P> {
    pub(crate) plane: P,
    tenant: Tenant,
    pub(crate) sim: Simulator,
    /// The operator's own namespace.
    pub(crate) home: TestNamespace,
}

impl<P> Deref for Scene<P> {
    type Target = Tenant;

    fn deref(&self) -> &Tenant {
        &self.tenant
    }
}

impl<P: Deref<Target = ControlPlane>> Scene<P> {
    /// With the CRD installed; `deadline` is how long the tenant waits for anything.
    pub(crate) async fn set(plane: P, world: World, deadline: Duration) -> Self {
        for crd in &crd::all() {
            plane.install_crd(crd).await;
        }
        let addresses = Addresses {
            control: Some(([127, 0, 0, 1], 0).into()),
            ..Addresses::default()
        };
        Self {
            tenant: Tenant::new(plane.client().await, plane.namespace("tenant").await, deadline),
            sim: Simulator::start_on(world, addresses).unwrap(),
            home: plane.namespace("operator").await,
            plane,
        }
    }

    /// The Secrets in the operator's own namespace.
    pub(crate) fn own_secrets(&self) -> Api<Secret> {
        Api::namespaced(self.client.clone(), self.home.name())
    }

    /// How many token requests Salesforce has seen.
    pub(crate) fn token_calls(&self) -> u64 {
        self.sim.count(Endpoint::Token)
    }

    /// All that must not be seen outside its place: fixed credentials of the simulated world, what was put into input
    /// Secrets, every token that was issued, and the operator's digest key.
    pub(crate) async fn confidential(&self) -> Vec<Vec<u8>> {
        let mut confidential = leak::fixed();
        confidential.extend(self.given());
        confidential.sort();
        confidential.dedup();
        let issued = self.sim.world(|world| world.issued_secrets());
        confidential.extend(issued.into_iter().map(String::into_bytes));
        confidential.extend(leak::digest_key(&self.own_secrets()).await);
        confidential
    }
}

/// The spec of a connector by client credentials, with the Secret that has the app's.
pub(crate) fn client_credentials(app_secret: &str) -> Value {
    json!({
        "host": default_world::PRODUCTION,
        "app": {
            "clientId": default_world::ECA,
            "clientSecretRef": { "name": app_secret, "key": "client-secret" },
        },
        "auth": { "clientCredentials": {} },
    })
}
