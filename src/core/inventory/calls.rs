//! What does an inventory ask of Salesforce, and what can come of it?

use std::collections::{BTreeMap, VecDeque};

use salesforce_client::{
    AccessToken, ApiVersion, AvailableVersion, Failure, InstanceUrl, ObjectList, OrgLimit, Organization,
    RestAnswer, is_api_name,
};

use crate::api::spec::InventorySpec;
use crate::api::status::InventoryPart;
use crate::core::model::connector::Connector;
use crate::core::model::held_token::HeldToken;

/// One call of an inventory.
#[derive(Debug, Clone)]
pub struct InventoryCall {
    pub part: InventoryPart,
    pub instance: InstanceUrl,
    pub version: ApiVersion,
    pub token: AccessToken,
    /// Objects whose records are counted.
    pub objects: Vec<String>,
}

/// What a call was answered.
#[derive(Debug)]
pub enum InventoryAnswer {
    ApiVersions(Result<Vec<AvailableVersion>, Failure>),
    /// What the org says, or nothing where the user may not read it.
    Organization(Box<Result<RestAnswer<Option<Organization>>, Failure>>),
    Objects(Result<RestAnswer<ObjectList>, Failure>),
    RecordCounts(Result<RestAnswer<BTreeMap<String, u64>>, Failure>),
    Limits(Result<RestAnswer<BTreeMap<String, OrgLimit>>, Failure>),
    /// The call took longer than it may.
    TimedOut,
}

/// The calls of a run in order: at most five, of which four count against the API allocation.
pub fn calls(connector: &Connector, spec: &InventorySpec, held: &HeldToken) -> VecDeque<InventoryCall> {
    let (Ok(instance), Ok(version)) = (held.instance_url.parse(), connector.api_version.parse()) else {
        return VecDeque::new();
    };
    let instance: InstanceUrl = instance;
    let objects = chosen(spec);
    let mut parts = vec![
        InventoryPart::ApiVersions,
        InventoryPart::Organization,
        InventoryPart::Objects,
        InventoryPart::Limits,
    ];
    if !objects.is_empty() {
        parts.push(InventoryPart::RecordCounts);
    }
    let call = |part| InventoryCall {
        part,
        instance: instance.clone(),
        version,
        token: held.token.clone(),
        objects: objects.clone(),
    };
    parts.into_iter().map(call).collect()
}

/// The objects to count. A connector that was written under another version of the CRD may name anything.
fn chosen(spec: &InventorySpec) -> Vec<String> {
    let names = spec.record_counts.iter().flatten();
    names.filter(|name| is_api_name(name)).take(20).cloned().collect()
}
