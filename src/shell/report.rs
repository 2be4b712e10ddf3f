//! How do people hear of it? One status write where something changed, events on transitions, metrics always.

use std::time::Duration;

use kube::api::PostParams;
use kube::runtime::controller::Action;
use kube::runtime::events::{Event, EventType};
use kube::{Api, Resource as _, ResourceExt};

use crate::api::{SalesforceConnector, SalesforceConnectorStatus, names};
use crate::core::conclude::merge::truncate;
use crate::core::conclude::{EventDraft, EventKind};
use crate::core::model::decision::Decision;
use crate::core::model::outcome::{Minted, Outcome};
use crate::core::pass::PassReport;
use crate::failpoints::{Failpoint, Side};
use crate::shell::context::{Context, namespace};
use crate::shell::error::Error;
use crate::shell::watch::object::Unparsable;

/// Longest note that the API server accepts.
const NOTE_BYTES: usize = 1024;

/// Notes in logs, metrics and memory what a pass has done, before the status is written: that may fail. `tested` is how long the
/// connection tests took that made a call; results and durations are not matched.
pub(crate) fn record(
    context: &Context,
    connector: &SalesforceConnector,
    report: &PassReport,
    tested: &[Duration],
) {
    log(&report.decision, &report.outcome);
    if report.outcome.tested.is_some() {
        context.remember_test(connector, context.clock.now());
    }
    let before = connector
        .status
        .as_ref()
        .and_then(|status| status.last_handled.as_ref());
    if let Some(handled) = report
        .status
        .last_handled
        .as_ref()
        .filter(|handled| Some(*handled) != before)
    {
        context.note_carried_out(connector, handled);
    }
    let (namespace, name) = (namespace(connector), connector.name_any());
    let metrics = &context.metrics;
    let durations = tested.iter().copied().chain(std::iter::repeat(Duration::ZERO));
    for (result, taken) in report.tests.iter().zip(durations) {
        metrics.connection_test(result, taken);
    }
    for result in report
        .outcome
        .rollouts
        .iter()
        .filter_map(|rollout| rollout.end.result())
    {
        metrics.rollout_restart(result);
    }
    let rotation = report.outcome.rotation.as_ref();
    if let Some(result) = rotation.and_then(|rotation| rotation.end.result()) {
        metrics.credential_rotation(result);
    }
    context.remember_claim(connector, report.claimed_elsewhere);
    // Nobody is to be alarmed by what was suspended.
    let shown = Some(&report.status).filter(|_| !connector.spec.suspend);
    if shown.is_none() {
        metrics.forget(&namespace, &name);
    }
    metrics.claimed_elsewhere(&namespace, &name, report.claimed_elsewhere);
    metrics.connector(&namespace, &name, shown);
}

/// Replaces the status. The body carries the uid, and the resourceVersion that was observed or read since: a re-created
/// connector can't inherit this.
pub(crate) async fn write_status(
    context: &Context,
    connector: &SalesforceConnector,
    status: SalesforceConnectorStatus,
    resource_version: Option<String>,
) -> Result<(), Error> {
    let mut written = connector.clone();
    written.status = Some(status);
    written.metadata.resource_version = resource_version.or(written.metadata.resource_version);
    let replaced = written.resource_version();
    let (name, failpoints) = (connector.name_any(), &context.settings.failpoints);
    let api: Api<SalesforceConnector> = Api::namespaced(context.client.clone(), &namespace(connector));
    failpoints.at(&name, Side::Before, Failpoint::StatusWrite).await;
    let params = PostParams {
        field_manager: Some(names::FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    };
    let result = api.replace_status(&name, &params, &written).await;
    // Written or refused for a conflict: the version that we started from is not the latest any more.
    context.remember_replaced(connector.uid(), replaced);
    context.remember_unwritten(connector, written.status.filter(|_| result.is_err()));
    result.map_err(Error::WriteStatus)?;
    failpoints.at(&name, Side::After, Failpoint::StatusWrite).await;
    Ok(())
}

/// Publishes the events of a pass that has ended, and says when to look again.
pub(crate) async fn conclude(
    context: &Context,
    connector: &SalesforceConnector,
    report: &PassReport,
) -> Action {
    for event in &report.events {
        publish(context, connector, event).await;
    }
    context.forget_errors(connector);
    Action::requeue(context.clock.sleep_for(report.next))
}

fn log(decision: &Decision, outcome: &Outcome) {
    if let Some(problem) = &outcome.credentials_refused {
        tracing::warn!(
            reason = problem.reason.as_str(),
            "Salesforce refuses the app's current credentials"
        );
    }
    match (decision, &outcome.minted) {
        (_, Some(Minted::Obtained { why })) => tracing::info!(why = why.as_str(), "Obtained a token"),
        (_, Some(Minted::Failed { why, problem })) => {
            tracing::warn!(
                why = why.as_str(),
                reason = problem.reason.as_str(),
                "Failed to obtain a token"
            );
        }
        (_, Some(Minted::Waiting { length })) => {
            tracing::info!(
                wait_ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX),
                "Waiting before the grant can be used"
            );
        }
        (Decision::Reject(rejection), None) => {
            tracing::warn!(
                reason = rejection.reason.as_str(),
                "The connector can't be reconciled"
            );
        }
        (Decision::Wait(_) | Decision::Keep { .. } | Decision::Mint { .. }, None) => {
            tracing::debug!(decision = ?decision, "Nothing to obtain");
        }
    }
}

/// A lost event is no reason to fail: the status says the same.
async fn publish(context: &Context, connector: &SalesforceConnector, draft: &EventDraft) {
    let event = Event {
        type_: match draft.kind {
            EventKind::Normal => EventType::Normal,
            EventKind::Warning => EventType::Warning,
        },
        reason: draft.reason.as_str().to_owned(),
        note: Some(truncate(&draft.note, NOTE_BYTES).to_owned()),
        action: "Reconcile".to_owned(),
        secondary: None,
    };
    if let Err(error) = context.recorder.publish(&event, &connector.object_ref(&())).await {
        tracing::debug!(error = %crate::error_chain::chain(&error), "Failed to publish an event");
    }
}

/// An object that this version of the operator can't parse: said, and left alone until it changes.
pub(crate) fn unparsable(context: &Context, invalid: &Unparsable) -> Action {
    let metadata = &invalid.metadata;
    let (name, namespace) = (
        metadata.name.clone().unwrap_or_default(),
        metadata.namespace.clone().unwrap_or_default(),
    );
    tracing::error!(object.name = %name, object.namespace = %namespace, error = %invalid.error,
        "Failed to parse the connector; compare it with the CRD of this version");
    context.metrics.reconcile_errors("ParseConnector");
    Action::await_change()
}
