//! How is a Secret updated that carries what others have put there?

use crate::api::{SalesforceConnector, SalesforceTokenCopy, names};
use kube::Resource as _;
use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

type Strings = BTreeMap<String, String>;

/// `found`, changed as far as `wanted` asks for. Data is ours alone; of labels and annotations we replace those that we
/// wrote before, which the managed fields tell, and leave those of others.
pub fn merged(found: &Secret, wanted: &Secret) -> Secret {
    let mut secret = found.clone();
    let metadata = &mut secret.metadata;
    let (found, wanted_meta) = (&found.metadata, &wanted.metadata);
    metadata.managed_fields = None;
    metadata.labels = overlaid(
        found,
        "f:labels",
        found.labels.as_ref(),
        wanted_meta.labels.as_ref(),
    );
    metadata.annotations = overlaid(
        found,
        "f:annotations",
        found.annotations.as_ref(),
        wanted_meta.annotations.as_ref(),
    );
    metadata.owner_references = owners(found, wanted);
    secret.data.clone_from(&wanted.data);
    secret
}

pub fn in_step(found: &Secret, wanted: &Secret) -> bool {
    let mut as_is = found.clone();
    as_is.metadata.managed_fields = None;
    merged(found, wanted) == as_is
}

fn overlaid(
    found: &ObjectMeta,
    field: &str,
    there: Option<&Strings>,
    wanted: Option<&Strings>,
) -> Option<Strings> {
    let ours = |key: &str| {
        let entries = found.managed_fields.iter().flatten();
        let mut entries = entries.filter(|entry| entry.manager.as_deref() == Some(names::FIELD_MANAGER));
        entries.any(|entry| {
            let fields = entry
                .fields_v1
                .as_ref()
                .and_then(|fields| fields.0.pointer("/f:metadata"));
            fields
                .and_then(|fields| fields.get(field)?.get(format!("f:{key}")))
                .is_some()
        })
    };
    let kept = there.into_iter().flatten().filter(|(key, _)| !ours(key));
    let all: Strings = kept
        .chain(wanted.into_iter().flatten())
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    (!all.is_empty()).then_some(all)
}

/// Owner references of our kinds are as wanted: that of a connector comes and goes with the deletion policy. Those of others stay.
fn owners(found: &ObjectMeta, wanted: &Secret) -> Option<Vec<OwnerReference>> {
    let kinds = [SalesforceConnector::kind(&()), SalesforceTokenCopy::kind(&())];
    let others = found
        .owner_references
        .iter()
        .flatten()
        .filter(|owner| !kinds.contains(&owner.kind.as_str().into()));
    let all: Vec<_> = others
        .chain(wanted.metadata.owner_references.iter().flatten())
        .cloned()
        .collect();
    (!all.is_empty()).then_some(all)
}
