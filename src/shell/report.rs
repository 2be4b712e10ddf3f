//! How do people hear of it? One status write where something changed, events on transitions, metrics always.

use kube::api::PostParams;
use kube::runtime::controller::Action;
use kube::runtime::events::{Event, EventType};
use kube::{Api, Resource as _, ResourceExt};

use crate::api::SalesforceConnector;
use crate::core::conclude::Conclusion;
use crate::core::conclude::merge::truncate;
use crate::core::conclude::{EventDraft, EventKind};
use crate::core::model::decision::Decision;
use crate::core::model::outcome::{Minted, Outcome};
use crate::failpoints::{Failpoint, Side};
use crate::shell::context::Context;
use crate::shell::context::namespace;
use crate::shell::error::Error;
use crate::shell::watch::object::Unparsable;

/// Longest note that the API server accepts.
const NOTE_BYTES: usize = 1024;

/// Reports a conclusion, and says when to look again.
pub(crate) async fn report(
    context: &Context,
    connector: &SalesforceConnector,
    decision: &Decision,
    outcome: &Outcome,
    conclusion: Conclusion,
) -> Result<Action, Error> {
    log(decision, outcome);
    if outcome.tested.is_some() {
        context.remember_test(connector, context.clock.now());
    }
    let elsewhere = conclusion.claimed_elsewhere;
    context.remember_claim(connector, elsewhere);
    context
        .metrics
        .claimed_elsewhere(&namespace(connector), &connector.name_any(), elsewhere);
    let current = conclusion.status.as_ref().or(connector.status.as_ref());
    context
        .metrics
        .connector(&namespace(connector), &connector.name_any(), current);
    if let Some(status) = conclusion.status {
        let mut written = connector.clone();
        written.status = Some(status);
        let api: Api<SalesforceConnector> = Api::namespaced(context.client.clone(), &namespace(connector));
        // The body carries the uid and resourceVersion that were observed: a re-created connector can't inherit this.
        let failpoints = &context.settings.failpoints;
        failpoints
            .at(&connector.name_any(), Side::Before, Failpoint::StatusWrite)
            .await;
        let result = api
            .replace_status(&connector.name_any(), &PostParams::default(), &written)
            .await;
        // Written or refused for a conflict: the version that we started from is not the latest any more.
        context.remember_replaced(connector.uid(), connector.resource_version());
        result.map_err(Error::WriteStatus)?;
        failpoints
            .at(&connector.name_any(), Side::After, Failpoint::StatusWrite)
            .await;
    }
    for event in conclusion.events {
        publish(context, connector, event).await;
    }
    context.forget_errors(connector);
    Ok(Action::requeue(context.clock.sleep_for(conclusion.next)))
}

fn log(decision: &Decision, outcome: &Outcome) {
    match (decision, &outcome.minted) {
        (_, Some(Minted::Obtained { why })) => tracing::info!(why = why.as_str(), "Obtained a token"),
        (_, Some(Minted::Failed { why, trouble })) => {
            tracing::warn!(
                why = why.as_str(),
                reason = trouble.reason.as_str(),
                "Could not obtain a token"
            );
        }
        (_, Some(Minted::Waiting { length })) => {
            tracing::info!(
                wait_ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX),
                "The grant has to wait"
            );
        }
        (Decision::Reject(rejection), None) => {
            tracing::warn!(
                reason = rejection.reason.as_str(),
                "The connector can't be worked on as it is"
            );
        }
        (Decision::Wait(_) | Decision::Keep { .. } | Decision::Mint { .. }, None) => {
            tracing::debug!(decision = ?decision, "Nothing to obtain");
        }
    }
}

/// A lost event is no reason to fail: the status says the same.
async fn publish(context: &Context, connector: &SalesforceConnector, draft: EventDraft) {
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
        tracing::debug!(error = %crate::error_chain::chain(&error), "Could not publish an event");
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
        "This connector can't be parsed by this version of the operator; compare it with the CRD");
    context.metrics.reconcile_errors("ParseConnector");
    Action::await_change()
}
