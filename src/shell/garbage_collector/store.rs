//! What does garbage collection see of the operator's Secrets, and how does it change them?

use std::collections::HashSet;

use futures::FutureExt as _;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ListParams, PartialObjectMeta, Patch, PatchParams};
use kube::{Api, ResourceExt};
use redeem::GarbageMark;
use serde_json::json;

use crate::api::names;
use crate::shell::context::Context;
use crate::shell::error::Error;
use crate::shell::kubernetes::own_secret;

/// Secrets in one answer of the API server.
const PAGE: u32 = 500;

/// A Secret of the operator as it is listed.
pub(super) type Stored = PartialObjectMeta<Secret>;

/// The Secrets with a purpose, page by page.
pub(super) struct Pages {
    purpose: &'static str,
    params: Option<ListParams>,
    count: usize,
}

impl Pages {
    pub(super) fn of(purpose: &'static str) -> Self {
        let labels = format!("{}={purpose}", names::PURPOSE);
        Self {
            purpose,
            params: Some(ListParams::default().labels(&labels).limit(PAGE)),
            count: 0,
        }
    }

    pub(super) async fn next(&mut self, context: &Context) -> Result<Option<Vec<Stored>>, Error> {
        let purpose = self.purpose;
        let Some(params) = self.params.take() else {
            context.metrics.stored_secrets(purpose, self.count);
            return Ok(None);
        };
        let page = own_secrets(context).list_metadata(&params).await;
        let page = page.map_err(|source| Error::ListSecrets { purpose, source })?;
        self.count += page.items.len();
        let more = page.metadata.continue_.filter(|more| !more.is_empty());
        self.params = more.map(|more| params.continue_token(&more));
        Ok(Some(page.items))
    }
}

pub(super) struct Known {
    pub(super) uids: HashSet<String>,
    /// Namespaces with a connector.
    pub(super) namespaces: HashSet<String>,
    /// Whether a uid or a namespace that is not among them is nowhere in the cluster.
    pub(super) complete: bool,
}

impl Known {
    pub(super) fn of(context: &Context) -> Self {
        let stores = context.connectors.stores();
        let ready = stores
            .iter()
            .all(|store| matches!(store.wait_until_ready().now_or_never(), Some(Ok(()))));
        let mut known = Self {
            uids: HashSet::new(),
            namespaces: HashSet::new(),
            complete: ready && !stores.is_empty() && context.settings.watch_namespaces.is_empty(),
        };
        for connector in stores.iter().flat_map(kube::runtime::reflector::Store::state) {
            known.uids.extend(connector.uid());
            known.namespaces.extend(connector.namespace());
        }
        known
    }

    pub(super) fn has(&self, uid: &str) -> bool {
        self.uids.contains(uid)
    }
}

pub(super) fn mark(stored: &Stored) -> Option<GarbageMark> {
    let text = stored.annotations().get(names::GONE_SINCE)?;
    let gone_since: Timestamp = text.parse().ok()?;
    Some(GarbageMark { gone_since })
}

pub(super) fn own_secrets(context: &Context) -> Api<Secret> {
    Api::namespaced(context.client.clone(), &context.settings.namespace)
}

/// Sets the mark, or takes it away, on the very version that was looked at.
pub(super) async fn annotate(
    context: &Context,
    stored: &Stored,
    mark: Option<GarbageMark>,
) -> Result<(), Error> {
    let text = mark.map(|mark| mark.gone_since.to_string());
    let patch = Patch::Merge(json!({ "metadata": {
        "uid": stored.uid(),
        "resourceVersion": stored.resource_version(),
        "annotations": { names::GONE_SINCE: text },
    } }));
    let params = PatchParams {
        field_manager: Some(names::FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let name = stored.name_any();
    match own_secrets(context).patch_metadata(&name, &params, &patch).await {
        Ok(_) => Ok(()),
        Err(source) => Err(Error::WriteSecret { name, source }),
    }
}

/// Deletes the very version that was looked at: one that was written or created again meanwhile stays.
pub(super) async fn delete(context: &Context, stored: &(impl ResourceExt + Sync)) -> Result<(), Error> {
    let deleted = own_secret::delete_version(&own_secrets(context), stored).await;
    deleted.map_err(|source| Error::DeleteSecret {
        name: stored.name_any(),
        source,
    })
}

/// The Secret of a connector that may be gone, whose uid follows `prefix` in its name. It is read only then, and alone; one that was
/// written meanwhile is for the next run.
pub(super) async fn orphaned(
    context: &Context,
    stored: &Stored,
    prefix: &str,
    known: &Known,
    mark: Option<GarbageMark>,
) -> Result<Option<Secret>, Error> {
    let name = stored.name_any();
    if mark.is_none() && name.strip_prefix(prefix).is_some_and(|uid| known.has(uid)) {
        return Ok(None);
    }
    let found = own_secrets(context).get_opt(&name).await;
    let found = found.map_err(|source| Error::ReadSecret { name, source })?;
    Ok(found.filter(|secret| secret.resource_version() == stored.resource_version()))
}
