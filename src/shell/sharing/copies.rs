//! How is one copy of a token looked after, and how are all those of one connector, in its pass?

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use kube::api::PostParams;
use kube::runtime::controller::Action;
use kube::{Api, ResourceExt as _};

use crate::api::copy::SalesforceTokenCopyStatus;
use crate::api::{SalesforceTokenCopy, names};
use crate::core::model::owner::Owner;
use crate::core::sharing::decide::CopyState;
use crate::core::sharing::finding::{CopyEnd, copy_status, is_ready, next_look, ready};
use crate::core::sharing::report::{CopyReport, SharingReport};
use crate::shell::context::Context;
use crate::shell::error::Error;
use crate::shell::sharing::seen;
use crate::shell::sharing::steps::settle;
use crate::shell::turns::Object;
use crate::shell::watch::copies::{CopyObject, GuardedCopy};
use crate::shell::watch::object::Guarded;

/// Copies that a pass works on at a time.
const AT_ONCE: usize = 4;
/// How long a pass works on the copies of its token. Their own controller does what is left.
const PASS_PART: Duration = Duration::from_secs(10);

/// One look at one copy, by its own controller.
pub(super) async fn look(context: &Context, copy: &SalesforceTokenCopy) -> Result<Action, Error> {
    let (end, status) = bring_in_step(context, copy).await?;
    let was_ready = copy.status.as_ref().is_some_and(is_ready);
    if was_ready != is_ready(&status)
        && let Some(Guarded(Ok(connector))) = seen::connector(context, copy).as_deref()
    {
        // Its status counts its copies.
        context
            .turns
            .wake(Object::new(&connector.name_any()).within(&copy.spec.from.namespace));
    }
    let next = next_look(&status, &end, context.clock.now());
    Ok(Action::requeue(context.clock.sleep_for(next)))
}

/// Brings all copies of a connector's token in step, after its own Secret. Whatever fails is told, and tried again by the
/// controller of copies.
pub(crate) async fn of_connector(context: &Context, owner: &Owner) -> SharingReport {
    if !context.settings.sharing {
        return SharingReport::Disabled;
    }
    let named = context.copies.naming(&owner.namespace, &owner.name);
    let mut reports: Vec<CopyReport> = Vec::new();
    let deadline = tokio::time::Instant::now() + PASS_PART;
    let looks = named.into_iter().map(|copy| report(context, copy, deadline));
    let mut looks = stream::iter(looks).buffer_unordered(AT_ONCE);
    while let Some(report) = looks.next().await {
        reports.extend(report);
    }
    reports.sort();
    SharingReport::Copies(reports)
}

/// What is to be told of a copy, if the connector offers its token to it.
async fn report(
    context: &Context,
    copy: Arc<GuardedCopy>,
    deadline: tokio::time::Instant,
) -> Option<CopyReport> {
    let copy = copy.0.as_ref().ok()?;
    let report = |problem| {
        Some(CopyReport {
            namespace: copy.namespace().unwrap_or_default(),
            name: copy.name_any(),
            problem,
        })
    };
    match tokio::time::timeout_at(deadline, bring_in_step(context, copy)).await {
        Ok(Ok((CopyEnd::State(CopyState::NotShared), _))) => None,
        Ok(Ok((_, status))) => report(problem(&status)),
        failed => {
            context
                .copies
                .wake(CopyObject::new(&copy.name_any()).within(&copy.namespace()?));
            match failed {
                // Its own controller was faster.
                Ok(Err(error)) if error.is_conflict() => report(copy.status.as_ref().and_then(problem)),
                Ok(Err(error)) => report(Some(error.operation().to_owned())),
                _ => report(Some(Error::TookTooLong.operation().to_owned())),
            }
        }
    }
}

/// Why a copy has not the token.
fn problem(status: &SalesforceTokenCopyStatus) -> Option<String> {
    let ready = ready(status).filter(|_| !is_ready(status))?;
    Some(ready.reason.clone())
}

/// Brings a copy in step, and writes its status if that has changed.
async fn bring_in_step(
    context: &Context,
    copy: &SalesforceTokenCopy,
) -> Result<(CopyEnd, SalesforceTokenCopyStatus), Error> {
    // One that is being deleted goes by itself, and its Secret with it.
    let end = if copy.namespace().as_deref() == Some(&context.settings.namespace) {
        CopyEnd::OwnNamespace
    } else {
        settle(context, copy).await?
    };
    let before = copy.status.clone().unwrap_or_default();
    let status = copy_status(
        &before,
        &end,
        &copy.spec.from,
        &copy.secret_name(),
        copy.metadata.generation.unwrap_or_default(),
        context.clock.now(),
    );
    if status != before {
        write_status(context, copy, status.clone()).await?;
    }
    Ok((end, status))
}

/// Replaces the status at the version that was seen.
async fn write_status(
    context: &Context,
    copy: &SalesforceTokenCopy,
    status: SalesforceTokenCopyStatus,
) -> Result<(), Error> {
    let mut written = copy.clone();
    written.status = Some(status);
    let params = PostParams {
        field_manager: Some(names::FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    };
    let api: Api<SalesforceTokenCopy> =
        Api::namespaced(context.client.clone(), &copy.namespace().unwrap_or_default());
    let replaced = api.replace_status(&copy.name_any(), &params, &written).await;
    replaced.map(drop).map_err(Error::WriteCopyStatus)
}
