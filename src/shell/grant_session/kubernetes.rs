//! What a session reads from and writes to Kubernetes: state and claim. Live reads; each write is tried once.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use redeem::{
    ClusterUid, ConnectorSeen, InstallationUid, Read, Reply, ResourceVersion, Serial, State, StateError,
    StateSeen, WriteReply,
};
use serde_json::json;

use crate::api::names::state_name;
use crate::api::{SalesforceConnector, names};
use crate::core::grant::claim::{Claim, Claimant, NamespaceSeen};
use crate::core::secret::ownership::owning_connector;
use crate::core::secret::read_back::read_back;
use crate::shell::context::Context;
use crate::shell::error::Error;
use crate::shell::grant_session::driver::SessionDriver;
use crate::shell::grant_session::memory::Place;
use crate::shell::grant_session::replies::{KUBERNETES_LIMIT, mapped};
use crate::shell::kubernetes::own_secret;

/// Which installation this is, on which cluster; read once.
pub(crate) async fn place(context: &Context) -> Result<Place, Error> {
    let found = context.place.get_or_try_init(|| async {
        let installation = uid_of_namespace(context, &context.settings.namespace).await?;
        let cluster = uid_of_namespace(context, "kube-system").await?;
        Ok(Place {
            installation: InstallationUid::new(installation),
            cluster: ClusterUid::new(cluster),
        })
    });
    found.await.cloned()
}

/// Who manages a connector. The namespace of another installation is read live: what a cache shows may come from before.
pub(crate) async fn claim(context: &Context, connector: &SalesforceConnector) -> Result<Claim, Error> {
    let own = place(context).await?.installation;
    let Some(claimant) = Claimant::of(connector.status.as_ref(), &own) else {
        return Ok(Claim::Open);
    };
    let namespace = match claimant.namespace.as_deref() {
        // Whoever may write the status may write anything here, and it becomes a part of an address.
        Some(name) if names::is_object_name(name) => namespace_now(context, name).await?,
        Some(_) | None => NamespaceSeen::Hidden,
    };
    Ok(claimant.judge(&context.settings.take_over_claims_of, &namespace))
}

async fn namespace_now(context: &Context, name: &str) -> Result<NamespaceSeen, Error> {
    let api: Api<Namespace> = Api::all(context.client.clone());
    match api.get_opt(name).await {
        Ok(found) => Ok(NamespaceSeen::Now(found.and_then(|namespace| namespace.uid()))),
        Err(kube::Error::Api(status)) if status.is_forbidden() => Ok(NamespaceSeen::Hidden),
        Err(source) => Err(Error::ReadNamespace {
            name: name.to_owned(),
            source,
        }),
    }
}

async fn uid_of_namespace(context: &Context, name: &str) -> Result<String, Error> {
    let api: Api<Namespace> = Api::all(context.client.clone());
    let failed = |source| Error::ReadNamespace {
        name: name.to_owned(),
        source,
    };
    Ok(api.get(name).await.map_err(failed)?.uid().unwrap_or_default())
}

/// Reads the state of a connector, as far as it can be understood, and where it is to be revoked.
pub(crate) async fn read_state(context: &Context, uid: &str) -> Result<(StateSeen, Option<String>), Error> {
    let name = state_name(uid);
    let api: Api<Secret> = Api::namespaced(context.once.clone(), &context.settings.namespace);
    let found = api
        .get_opt(&name)
        .await
        .map_err(|source| Error::ReadSecret { name, source })?;
    Ok(found.map_or((StateSeen::Absent, None), |secret| {
        let revoke_at = secret.annotations().get(names::REVOKE_AT).cloned();
        (understood(&secret), revoke_at)
    }))
}

/// Records in the state Secret of this version where garbage collection is to revoke the grant. Outside of any session: a
/// version that was written meanwhile stays as it is.
pub(crate) async fn record_revocation(
    context: &Context,
    uid: &str,
    host: Option<&str>,
    version: &ResourceVersion,
) -> Result<(), Error> {
    let patch = Patch::Merge(json!({ "metadata": {
        "resourceVersion": version.as_str(),
        "annotations": { names::REVOKE_AT: host },
    } }));
    let name = state_name(uid);
    let api: Api<Secret> = Api::namespaced(context.once.clone(), &context.settings.namespace);
    match api.patch_metadata(&name, &PatchParams::default(), &patch).await {
        Ok(_) => Ok(()),
        Err(source) => Err(Error::WriteSecret { name, source }),
    }
}

/// The state in a Secret, as far as it can be understood.
pub(crate) fn understood(secret: &Secret) -> StateSeen {
    match State::from_data(&bytes(secret)) {
        Ok(state) => StateSeen::Found(Box::new(state), version(secret)),
        Err(StateError::UnsupportedVersion) => StateSeen::UnsupportedVersion,
        Err(_) => StateSeen::Unreadable,
    }
}

pub(super) fn bytes(secret: &Secret) -> BTreeMap<String, Vec<u8>> {
    secret
        .data
        .iter()
        .flatten()
        .map(|(key, value)| (key.clone(), value.0.clone()))
        .collect()
}

pub(super) fn version(secret: &Secret) -> ResourceVersion {
    ResourceVersion::new(secret.resource_version().unwrap_or_default())
}

/// A Secret of the operator's namespace, to be created or to replace this version.
pub(super) fn versioned(
    name: String,
    purpose: &str,
    data: BTreeMap<String, Vec<u8>>,
    version: Option<&ResourceVersion>,
) -> Secret {
    let mut secret = own_secret::labelled(name, purpose, data);
    secret.metadata.resource_version = version.map(|version| version.as_str().to_owned());
    secret
}

impl SessionDriver {
    pub(super) fn own_secrets(&self) -> Api<Secret> {
        Api::namespaced(self.context.once.clone(), &self.context.settings.namespace)
    }

    fn connectors(&self) -> Api<SalesforceConnector> {
        Api::namespaced(self.context.once.clone(), &self.owner.namespace)
    }

    pub(super) async fn get(&mut self, api: Api<Secret>, name: &str) -> Read<Option<Secret>> {
        let result = tokio::time::timeout(KUBERNETES_LIMIT, api.get_opt(name)).await;
        self.read(result)
    }

    pub(crate) async fn read_state(&mut self) -> Reply {
        let found = self.get(self.own_secrets(), &state_name(&self.owner.uid)).await;
        let seen = mapped(found, |secret| {
            secret.map_or(StateSeen::Absent, |secret| understood(&secret))
        });
        if let Read::Is(StateSeen::Found(state, _)) = &seen {
            self.known = Some((**state).clone());
        }
        Reply::State(seen)
    }

    pub(crate) async fn read_connector(&mut self) -> Reply {
        let api = self.connectors();
        let result = tokio::time::timeout(KUBERNETES_LIMIT, api.get_opt(&self.owner.name)).await;
        let found = self.read(result);
        Reply::Connector(mapped(found, |connector| {
            connector.map(|connector| seen(&connector))
        }))
    }

    pub(crate) async fn read_consumer(&mut self) -> Reply {
        let api: Api<Secret> = Api::namespaced(self.context.once.clone(), &self.owner.namespace);
        let name = self.connector.template.name.clone();
        let found = self.get(api, &name).await;
        Reply::Consumer(mapped(found, |secret| {
            secret.and_then(|secret| self.copied_serial(&secret))
        }))
    }

    fn copied_serial(&self, secret: &Secret) -> Option<Serial> {
        if owning_connector(secret) != Some(&self.owner.uid) {
            return None;
        }
        Serial::of_copy(read_back(secret, &self.context.digest_key)?.serial?)
    }

    pub(crate) async fn claim(
        &mut self,
        serial: Serial,
        taken_from: Option<&InstallationUid>,
        version: &ResourceVersion,
    ) -> Reply {
        let Ok(place) = place(&self.context).await else {
            return Reply::Write(WriteReply::Refused);
        };
        if let Some(from) = taken_from {
            tracing::info!(namespace = %self.owner.namespace, name = %self.owner.name, from = %from,
                "Taking the connector over from another installation");
        }
        let previous = taken_from.map(|from| ("previousInstallationUid", json!(from.as_str())));
        let claim = [
            ("installationUid", json!(place.installation.as_str())),
            ("installationNamespace", json!(self.context.settings.namespace)),
            ("grantSerial", json!(serial.0)),
        ];
        // A claim that follows another one leaves what that one has recorded.
        let status = claim.into_iter().chain(previous);
        let status = status.map(|(key, value)| (key.to_owned(), value)).collect();
        self.patch_status(&status, version).await
    }

    pub(crate) async fn announce(&mut self, serial: Serial, version: &ResourceVersion) -> Reply {
        self.patch_status(&json!({ "grantSerial": serial.0 }), version)
            .await
    }

    /// Merges fields into the status. The uid is a precondition too: a stale one would be accepted silently.
    async fn patch_status(&mut self, status: &serde_json::Value, version: &ResourceVersion) -> Reply {
        let patch = Patch::Merge(json!({
            "metadata": { "resourceVersion": version.as_str(), "uid": self.owner.uid },
            "status": status,
        }));
        let api = self.connectors();
        let params = PatchParams {
            field_manager: Some(names::FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let result = tokio::time::timeout(
            KUBERNETES_LIMIT,
            api.patch_status(&self.owner.name, &params, &patch),
        )
        .await;
        // Whatever came of it, the cache may go on showing this version for a while.
        let (uid, version) = (self.owner.uid.clone(), version.as_str().to_owned());
        self.context.remember_replaced(Some(uid), Some(version));
        self.written(result, |connector| connector.resource_version())
    }

    pub(crate) async fn create_state(&mut self, state: State) -> Reply {
        let Ok(data) = state.to_data() else {
            return Reply::Write(WriteReply::Refused);
        };
        let reply = self.create(self.state_secret(data, None)).await;
        self.note(state, &reply);
        reply
    }

    pub(crate) async fn write_state(&mut self, state: State, version: &ResourceVersion) -> Reply {
        let Ok(data) = state.to_data() else {
            return Reply::Write(WriteReply::Refused);
        };
        let reply = self.replace(self.state_secret(data, Some(version))).await;
        self.note(state, &reply);
        reply
    }

    /// Every write of the state carries what is to become of it: a replaced Secret keeps no annotation of before.
    fn state_secret(&self, data: BTreeMap<String, Vec<u8>>, version: Option<&ResourceVersion>) -> Secret {
        let mut secret = versioned(state_name(&self.owner.uid), names::STATE, data, version);
        if let Some(host) = &self.revoke_at {
            secret
                .annotations_mut()
                .insert(names::REVOKE_AT.to_owned(), host.clone());
        }
        secret
    }

    fn note(&mut self, state: State, reply: &Reply) {
        if let Reply::Write(WriteReply::Written(_)) = reply {
            self.known = Some(state);
        }
    }

    pub(super) async fn create(&mut self, secret: Secret) -> Reply {
        let api = self.own_secrets();
        let params = PostParams::default();
        let result = tokio::time::timeout(KUBERNETES_LIMIT, api.create(&params, &secret)).await;
        self.written(result, |secret| secret.resource_version())
    }

    pub(super) async fn replace(&mut self, secret: Secret) -> Reply {
        let api = self.own_secrets();
        let (params, name) = (PostParams::default(), secret.name_any());
        let result = tokio::time::timeout(KUBERNETES_LIMIT, api.replace(&name, &params, &secret)).await;
        self.written(result, |secret| secret.resource_version())
    }
}

fn seen(connector: &SalesforceConnector) -> ConnectorSeen {
    let status = connector.status.as_ref();
    let serial = status
        .and_then(|status| status.grant_serial)
        .and_then(|serial| Serial::of_copy(u64::try_from(serial).ok()?));
    ConnectorSeen {
        uid: connector.uid().unwrap_or_default().into(),
        resource_version: ResourceVersion::new(connector.resource_version().unwrap_or_default()),
        controller: status
            .and_then(|status| status.installation_uid.as_deref())
            .map(InstallationUid::new),
        serial,
        taken_over: status.is_some_and(|status| status.previous_installation_uid.is_some()),
    }
}
