//! Does the operator have the rights that it needs? The API server is asked at the start, and now and then. A missing right is
//! logged and counted; nothing else depends on it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::authorization::v1::{
    SelfSubjectAccessReview, SelfSubjectAccessReviewSpec, SelfSubjectRulesReview, SelfSubjectRulesReviewSpec,
};
use kube::Client;
use kube::api::{Api, PostParams};
use kube::core::ObjectMeta;

use crate::clock::Clock;
use crate::core::rights::{Right, told};
use crate::error_chain::chain;
use crate::metrics::Metrics;

/// Requests at a time.
const AT_ONCE: usize = 4;
/// Rights that are asked about one by one in a check, where the answer for their namespace is known to be incomplete.
const ONE_BY_ONE: usize = 200;
/// Between two checks while nothing is missing, and otherwise.
const COMPLETE: Duration = Duration::from_hours(1);
const INCOMPLETE: Duration = Duration::from_mins(1);

/// Checks for as long as it is polled.
pub(crate) async fn watch(client: Client, needed: Vec<Right>, clock: Clock, metrics: Arc<Metrics>) {
    let (mut known, mut failed) = (Vec::new(), false);
    loop {
        let pause = match missing(&client, &needed).await {
            Ok(missing) => {
                failed = false;
                metrics.missing_rights(missing.len());
                if missing != known {
                    tell(&missing);
                }
                known = missing;
                if known.is_empty() { COMPLETE } else { INCOMPLETE }
            }
            Err(error) => {
                let error = chain(&error);
                if failed {
                    tracing::debug!(error, "Failed to check the operator's rights again");
                } else {
                    tracing::warn!(error, "Failed to check the operator's rights, retrying");
                }
                failed = true;
                INCOMPLETE
            }
        };
        tokio::time::sleep(clock.sleep_for(pause)).await;
    }
}

fn tell(missing: &[Right]) {
    for right in told(missing) {
        tracing::warn!(
            verb = right.verb,
            resource = right.resource,
            namespace = right.namespace,
            granted_by = right.granted_by,
            "A right is missing. Grant it to the operator's service account, as the chart does"
        );
    }
    if missing.is_empty() {
        tracing::info!("No right is missing any more");
    }
}

/// Those of the rights that the client's account does not have.
pub async fn missing(client: &Client, needed: &[Right]) -> kube::Result<Vec<Right>> {
    let (namespaced, mut single): (Vec<_>, Vec<_>) = needed
        .iter()
        .cloned()
        .partition(|right| right.namespace.is_some());
    let mut of_namespaces: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for right in namespaced {
        of_namespaces
            .entry(right.namespace.clone())
            .or_default()
            .push(right);
    }
    let reviews = of_namespaces
        .into_iter()
        .map(|(namespace, rights)| not_listed(client.clone(), namespace, rights));
    let reviews = stream::iter(reviews).buffered(AT_ONCE);
    let mut missing = Vec::new();
    for (rights, complete) in reviews.try_collect::<Vec<_>>().await? {
        if complete {
            missing.extend(rights);
        } else {
            single.extend(rights);
        }
    }
    // An account that lacks everything in very many namespaces is known by fewer.
    single.truncate(ONE_BY_ONE);
    let single = single.into_iter().map(|right| denied(client.clone(), right));
    let denied: Vec<_> = stream::iter(single).buffered(AT_ONCE).try_collect().await?;
    missing.extend(denied.into_iter().flatten());
    missing.sort();
    Ok(missing)
}

/// Those that the rules for the namespace do not grant, and whether these are all the rules that there are.
async fn not_listed(
    client: Client,
    namespace: Option<String>,
    mut rights: Vec<Right>,
) -> kube::Result<(Vec<Right>, bool)> {
    let review = SelfSubjectRulesReview {
        metadata: ObjectMeta::default(),
        spec: SelfSubjectRulesReviewSpec { namespace },
        status: None,
    };
    let reviewed = Api::all(client).create(&PostParams::default(), &review).await?;
    let status = reviewed.status.unwrap_or_default();
    rights.retain(|right| !right.is_granted_by(&status.resource_rules));
    Ok((rights, !status.incomplete))
}

async fn denied(client: Client, right: Right) -> kube::Result<Option<Right>> {
    let review = SelfSubjectAccessReview {
        metadata: ObjectMeta::default(),
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(right.attributes()),
            non_resource_attributes: None,
        },
        status: None,
    };
    let reviewed = Api::all(client).create(&PostParams::default(), &review).await?;
    let allowed = reviewed.status.is_some_and(|status| status.allowed);
    Ok((!allowed).then_some(right))
}
