//! What does a workload say of its restarts, and what is a restart?
//!
//! A restart is an annotation of the pod template, whose value is the issue time of the token: the same one twice is one restart,
//! however often it is written.

use jiff::Timestamp;
use kube::core::DynamicObject;
use serde_json::{Value, json};

use crate::api::names;
use crate::api::spec::RolloutTarget;

/// What was read of a workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    pub uid: String,
    /// resourceVersion that was read.
    pub version: String,
    /// Whether it names the connector among those that may restart it.
    pub consents: bool,
    /// The token that it was last restarted for, as its pod template has it.
    pub restarted_for: Option<String>,
}

/// A restart that is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restart {
    pub target: RolloutTarget,
    /// Of the workload that consents: another one of its name is left alone.
    pub uid: String,
    /// The version that was read: somebody may have restarted it since, or withdrawn its consent.
    pub version: String,
    pub connector: String,
    /// Issue time of the token.
    pub token: Timestamp,
}

/// Why a workload could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkloadFault {
    /// The operator was told not to.
    Disabled,
    /// It has changed since it was read.
    Outdated,
    /// The API server refused or failed, in these words.
    Refused(String),
}

impl Workload {
    /// What the object says of restarts by this connector.
    #[must_use]
    pub fn of(found: &DynamicObject, connector: &str) -> Self {
        let annotations = found.metadata.annotations.as_ref();
        let named = annotations.and_then(|annotations| annotations.get(names::RESTARTED_BY));
        let template = found.data.pointer("/spec/template/metadata/annotations");
        let restarted = template.and_then(|annotations| annotations.get(annotation(connector)));
        Self {
            uid: found.metadata.uid.clone().unwrap_or_default(),
            version: found.metadata.resource_version.clone().unwrap_or_default(),
            consents: named.is_some_and(|named| named.split(',').any(|name| name.trim() == connector)),
            restarted_for: restarted.and_then(Value::as_str).map(str::to_owned),
        }
    }
}

impl Restart {
    /// What is applied: this one field, to this version of the workload.
    #[must_use]
    pub fn applied(&self) -> Value {
        json!({
            "apiVersion": "apps/v1",
            "kind": self.target.kind.as_str(),
            "metadata": { "name": self.target.name, "uid": self.uid, "resourceVersion": self.version },
            "spec": { "template": { "metadata": { "annotations": {
                annotation(&self.connector): self.token.to_string(),
            } } } },
        })
    }

    /// One for each connector: what one of them applies takes nothing away that another has applied.
    #[must_use]
    pub fn field_manager(&self) -> String {
        format!("{}/{}", names::FIELD_MANAGER, self.connector)
    }
}

/// Key of the annotation by which a connector restarts workloads.
fn annotation(connector: &str) -> String {
    format!("{}{connector}", names::RESTART_PREFIX)
}

#[cfg(test)]
mod tests;
