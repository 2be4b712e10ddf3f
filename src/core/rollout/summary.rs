//! What do status and events say of the restarts?

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::Reason;
use crate::api::reasons::OwnReason;
use crate::api::status::{RolloutRestartStatus, SalesforceConnectorStatus};
use crate::core::conclude::merge::truncate;
use crate::core::model::observed::Observed;
use crate::core::model::outcome::Outcome;
use crate::core::model::rejection::explain;
use crate::core::rollout::due::of_target;
use crate::core::rollout::report::{RolloutEnd, RolloutReport};
use crate::core::schedule::backoff::restart_again_wait;
use crate::core::schedule::time::{later, since, whole_seconds};

/// Most bytes of a message.
const MESSAGE: usize = 1024;

/// What the status shows after a pass.
pub fn rollout_status(observed: &Observed, outcome: &Outcome, now: Timestamp) -> Vec<RolloutRestartStatus> {
    let Some(connector) = observed.connector() else {
        return observed.status.rollout_restarts.clone();
    };
    let entry = |target| {
        let before = of_target(&observed.status, target);
        let report = outcome.rollouts.iter().find(|report| report.target == *target);
        match report {
            Some(report) => Some(of_report(report, before, now)),
            None => before.cloned(),
        }
    };
    connector.rollout_targets.iter().filter_map(entry).collect()
}

fn of_report(
    report: &RolloutReport,
    before: Option<&RolloutRestartStatus>,
    now: Timestamp,
) -> RolloutRestartStatus {
    let now = whole_seconds(now);
    let entry = RolloutRestartStatus {
        kind: report.target.kind,
        name: report.target.name.clone(),
        token_issue_time: Time(report.token),
        restart_time: before.and_then(|before| before.restart_time.clone()),
        reason: None,
        message: None,
        first_failure_time: None,
        next_attempt_time: None,
    };
    match &report.end {
        RolloutEnd::UpToDate => entry,
        RolloutEnd::Restarted => RolloutRestartStatus {
            restart_time: Some(Time(now)),
            ..entry
        },
        RolloutEnd::Failed(reason, particulars) => {
            let reason = Reason::from(*reason);
            let same = before.filter(|before| before.reason.as_deref() == Some(reason.as_str()));
            let first = same
                .and_then(|same| same.first_failure_time.as_ref())
                .map_or(now, |first| first.0.min(now));
            let next = later(now, restart_again_wait(since(first, now)));
            // That costs no request, and changes with the operator only.
            let next = (reason != OwnReason::RolloutRestartsDisabled.into()).then_some(Time(next));
            RolloutRestartStatus {
                reason: Some(reason.as_str().to_owned()),
                message: Some(truncate(&explain(reason, particulars), MESSAGE).to_owned()),
                first_failure_time: Some(Time(first)),
                next_attempt_time: next,
                ..entry
            }
        }
    }
}

/// What events say: the reason, and the particulars. One for the restarts, and one for each reason for which workloads can't be
/// restarted any more: events that differ in their text alone are taken for one.
pub fn rollout_notes(before: &SalesforceConnectorStatus, outcome: &Outcome) -> Vec<(OwnReason, String)> {
    let mut notes: Vec<(OwnReason, String)> = Vec::new();
    for report in &outcome.rollouts {
        let known = of_target(before, &report.target).and_then(|entry| entry.reason.as_deref());
        let (reason, particulars) = match &report.end {
            RolloutEnd::UpToDate => continue,
            RolloutEnd::Failed(reason, _) if known == Some(Reason::from(*reason).as_str()) => continue,
            RolloutEnd::Failed(reason, particulars) => (*reason, particulars.clone()),
            RolloutEnd::Restarted => (OwnReason::WorkloadsRestarted, report.target.to_string()),
        };
        match notes.iter_mut().find(|(of, _)| *of == reason) {
            Some((_, earlier)) => {
                earlier.push_str(", ");
                earlier.push_str(&particulars);
            }
            None => notes.push((reason, particulars)),
        }
    }
    notes
}
