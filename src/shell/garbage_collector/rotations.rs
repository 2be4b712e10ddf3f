//! When is what is remembered of an app's rotations removed, whose connector is gone? As a stored grant is; at Salesforce, nothing
//! changes.

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use redeem::{GarbageDecision, GarbageMark};

use crate::api::names;
use crate::core::rotation::state::{RotationSeen, RotationState};
use crate::core::schedule::time::signed;
use crate::shell::context::Context;
use crate::shell::error::Error;
use crate::shell::garbage_collector::states::read_connector;
use crate::shell::garbage_collector::store::{Known, Stored, annotate, delete, mark, orphaned};
use crate::shell::garbage_collector::views::Views;
use crate::shell::rotation::seen;

pub(super) async fn collect_rotation(
    context: &Context,
    stored: &Stored,
    known: &Known,
    views: &mut Views,
) -> Result<(), Error> {
    let mark = mark(stored);
    let Some((secret, state)) = orphan(context, stored, known, mark).await? else {
        return Ok(());
    };
    let (of, retention) = (&state.connector, context.settings.state_retention);
    let read = read_connector(context, of).await;
    let (now, ran) = (context.clock.now(), context.clock.running_for());
    match redeem::garbage_collection(&of.uid, &read, mark, now, signed(retention)) {
        GarbageDecision::Keep if mark.is_some() => annotate(context, stored, None).await,
        GarbageDecision::Keep | GarbageDecision::Undecided => Ok(()),
        GarbageDecision::Mark(mark) => {
            tracing::info!(object.name = %of.name, object.namespace = %of.namespace,
                "The connector was deleted; the record of its app's rotations is kept until the retention time is over");
            views.begin(stored, ran);
            annotate(context, stored, Some(mark)).await
        }
        GarbageDecision::Remove if !views.suffice(stored, ran, retention) => Ok(()),
        GarbageDecision::Remove => {
            delete(context, &secret).await?;
            tracing::info!(object.name = %of.name, object.namespace = %of.namespace,
                "Deleted the record of the rotations of a deleted connector's app");
            Ok(())
        }
    }
}

/// A record whose connector may be gone.
async fn orphan(
    context: &Context,
    stored: &Stored,
    known: &Known,
    mark: Option<GarbageMark>,
) -> Result<Option<(Secret, Box<RotationState>)>, Error> {
    let found = orphaned(context, stored, names::ROTATION_PREFIX, known, mark).await?;
    // Another version's, or a damaged one, is not ours to judge.
    Ok(found.and_then(|secret| match seen(&secret) {
        RotationSeen::Found(state, _) if stored.name_any() == names::rotation_name(&state.connector.uid) => {
            Some((secret, state))
        }
        _ => None,
    }))
}
