//! How are workloads read and restarted? By name, one field of them. Whatever fails is for the status, never a reason to fail.

use std::time::Duration;

use kube::api::{Api, Patch, PatchParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind, Status};

use crate::api::spec::{RolloutTarget, WorkloadKind};
use crate::core::conclude::merge::truncate;
use crate::core::rollout::workload::{Restart, WorkloadFault};
use crate::error_chain::chain;
use crate::shell::context::Context;

/// Longest text of the API server that is shown.
const REFUSAL_BYTES: usize = 250;
/// A call that takes longer is given up, such as one that waits for an admission webhook: a pass has a limit of its own.
const CALL_LIMIT: Duration = Duration::from_secs(10);

/// The workload of that name, whosever it is.
pub(crate) async fn read(
    context: &Context,
    namespace: &str,
    target: &RolloutTarget,
) -> Result<Option<Box<DynamicObject>>, WorkloadFault> {
    let api = api(context, namespace, target.kind)?;
    let found = in_time(api.get_opt(&target.name)).await?;
    Ok(found.map(Box::new))
}

/// Applies the annotation of a restart, without force: who else owns it keeps it.
pub(crate) async fn restart(
    context: &Context,
    namespace: &str,
    restart: &Restart,
) -> Result<(), WorkloadFault> {
    let api = api(context, namespace, restart.target.kind)?;
    let params = PatchParams::apply(&restart.field_manager());
    let applied = Patch::Apply(restart.applied());
    in_time(api.patch(&restart.target.name, &params, &applied)).await?;
    tracing::info!(workload = %restart.target, "Restarted a workload, because its token was replaced");
    Ok(())
}

fn api(context: &Context, namespace: &str, kind: WorkloadKind) -> Result<Api<DynamicObject>, WorkloadFault> {
    if !context.settings.rollout_restarts {
        return Err(WorkloadFault::Disabled);
    }
    let resource =
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("apps", "v1", kind.as_str()), kind.plural());
    Ok(Api::namespaced_with(context.client.clone(), namespace, &resource))
}

async fn in_time<T>(call: impl Future<Output = kube::Result<T>>) -> Result<T, WorkloadFault> {
    let words = match tokio::time::timeout(CALL_LIMIT, call).await {
        Ok(Ok(answer)) => return Ok(answer),
        Ok(Err(kube::Error::Api(status))) if is_outdated(&status) => return Err(WorkloadFault::Outdated),
        Ok(Err(kube::Error::Api(status))) => status.message,
        Ok(Err(error)) => chain(&error),
        Err(_) => format!("no answer within {} s", CALL_LIMIT.as_secs()),
    };
    tracing::warn!(error = words, "Failed to read or restart a workload");
    let words = truncate(&words, REFUSAL_BYTES).chars();
    Err(WorkloadFault::Refused(
        words.map(salesforce_client::visible).collect(),
    ))
}

/// Whether the workload is another one by now, or another version. A field that another manager owns is a conflict, too.
fn is_outdated(status: &Status) -> bool {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    status.is_conflict()
        && causes
            .into_iter()
            .all(|cause| cause.reason != "FieldManagerConflict")
}
