//! How is the ConfigMap with the details of an inventory read and written? Whatever fails is for the status, never a reason to fail.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};

use crate::api::names;
use crate::core::inventory::findings::DetailsFault;
use crate::core::model::owner::Owner;
use crate::error_chain::chain;
use crate::shell::context::Context;

/// The ConfigMap of that name, whosever it is.
pub(crate) async fn read(context: &Context, owner: &Owner) -> Result<Option<Box<ConfigMap>>, DetailsFault> {
    let api: Api<ConfigMap> = Api::namespaced(context.client.clone(), &owner.namespace);
    let found = api.get_opt(&names::inventory_config_map_name(&owner.name)).await;
    found
        .map(|found| found.map(Box::new))
        .map_err(|error| fault("read", &error))
}

/// Creates the ConfigMap, so that one which exists is never taken over, or applies it to the one of its uid.
pub(crate) async fn write(context: &Context, wanted: &ConfigMap) -> Result<(), DetailsFault> {
    let (name, namespace) = (wanted.name_any(), wanted.namespace().unwrap_or_default());
    let api: Api<ConfigMap> = Api::namespaced(context.client.clone(), &namespace);
    let written = if wanted.metadata.uid.is_some() {
        let params = PatchParams::apply(names::FIELD_MANAGER).force();
        api.patch(&name, &params, &Patch::Apply(wanted)).await
    } else {
        let params = PostParams {
            field_manager: Some(names::FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        api.create(&params, wanted).await
    };
    written.map(drop).map_err(|error| fault("write", &error))
}

fn fault(what: &'static str, error: &kube::Error) -> DetailsFault {
    tracing::warn!(error = %chain(error), "Failed to {what} the ConfigMap with the details of the inventory");
    match error {
        kube::Error::Api(status) if status.code == 403 => DetailsFault::Forbidden,
        _ => DetailsFault::Failed,
    }
}
