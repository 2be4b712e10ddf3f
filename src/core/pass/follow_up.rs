//! What follows once a token is where it belongs? Other namespaces get their copies, workloads that can't read the Secret again
//! are restarted, the app's credentials are rotated, and what the org holds is looked at. None of this ever fails a pass.

use jiff::Timestamp;

use crate::core::inventory::findings::InventoryReport;
use crate::core::model::observed::Observed;
use crate::core::model::outcome::Outcome;
use crate::core::pass::effect::{PassEffect, PassReply};
use crate::core::pass::inventory::InventoryRun;
use crate::core::pass::progress::PartProgress;
use crate::core::pass::rollout::RolloutRun;
use crate::core::pass::rotation::RotationRun;
use crate::core::pass::unexpected::UnexpectedReply;
use crate::core::rollout::report::RolloutReport;
use crate::core::rotation::report::RotationReport;

pub(super) struct FollowUp {
    outcome: Box<Outcome>,
    step: FollowUpStep,
}

enum FollowUpStep {
    CopyingToken,
    RestartingWorkloads(RolloutRun),
    RotatingCredentials(Box<RotationRun>),
    TakingInventory(Box<InventoryRun>),
}

pub(super) type FollowUpProgress = PartProgress<FollowUp, Outcome>;

impl FollowUp {
    pub(super) fn begin(outcome: Outcome, observed: &Observed, now: Timestamp) -> FollowUpProgress {
        if observed.connector().is_some_and(|connector| connector.is_shared) {
            let follow_up = Self::asks(outcome, FollowUpStep::CopyingToken);
            return PartProgress::Asks(follow_up, PassEffect::CopyToken);
        }
        restart_workloads(outcome, observed, now)
    }

    /// Takes the reply to the last effect, and goes on.
    pub(super) fn on(
        self,
        reply: PassReply,
        observed: &Observed,
        now: Timestamp,
    ) -> Result<FollowUpProgress, UnexpectedReply> {
        let outcome = *self.outcome;
        Ok(match (self.step, reply) {
            (FollowUpStep::CopyingToken, PassReply::Copied(report)) => {
                let sharing = Some(report);
                restart_workloads(Outcome { sharing, ..outcome }, observed, now)
            }
            (FollowUpStep::CopyingToken, _) => return Err(UnexpectedReply),
            (FollowUpStep::RestartingWorkloads(run), reply) => {
                restarting_workloads(run.on(reply, now)?, outcome, observed, now)
            }
            (FollowUpStep::RotatingCredentials(run), reply) => {
                rotating_credentials(run.on(reply, now)?, outcome, observed, now)
            }
            (FollowUpStep::TakingInventory(run), reply) => {
                taking_inventory(run.on(reply, observed, now)?, outcome)
            }
        })
    }

    fn asks(outcome: Outcome, step: FollowUpStep) -> Self {
        Self {
            outcome: Box::new(outcome),
            step,
        }
    }
}

fn restart_workloads(outcome: Outcome, observed: &Observed, now: Timestamp) -> FollowUpProgress {
    match RolloutRun::begin(observed, &outcome, now) {
        Some(progress) => restarting_workloads(progress, outcome, observed, now),
        None => rotate_credentials(outcome, observed, now),
    }
}

fn restarting_workloads(
    progress: PartProgress<RolloutRun, Vec<RolloutReport>>,
    outcome: Outcome,
    observed: &Observed,
    now: Timestamp,
) -> FollowUpProgress {
    match progress {
        PartProgress::Asks(run, effect) => {
            let step = FollowUpStep::RestartingWorkloads(run);
            PartProgress::Asks(FollowUp::asks(outcome, step), effect)
        }
        PartProgress::Ended(rollouts) => rotate_credentials(Outcome { rollouts, ..outcome }, observed, now),
    }
}

fn rotate_credentials(outcome: Outcome, observed: &Observed, now: Timestamp) -> FollowUpProgress {
    match RotationRun::begin(observed, &outcome, now) {
        Some(progress) => rotating_credentials(progress, outcome, observed, now),
        None => look_around(outcome, observed, now),
    }
}

fn rotating_credentials(
    progress: PartProgress<RotationRun, RotationReport>,
    outcome: Outcome,
    observed: &Observed,
    now: Timestamp,
) -> FollowUpProgress {
    match progress {
        PartProgress::Asks(run, effect) => {
            let step = FollowUpStep::RotatingCredentials(Box::new(run));
            PartProgress::Asks(FollowUp::asks(outcome, step), effect)
        }
        PartProgress::Ended(report) => {
            let rotation = Some(report);
            look_around(Outcome { rotation, ..outcome }, observed, now)
        }
    }
}

/// What the org holds comes last.
fn look_around(outcome: Outcome, observed: &Observed, now: Timestamp) -> FollowUpProgress {
    match InventoryRun::begin(observed, &outcome, now) {
        Some(progress) => taking_inventory(progress, outcome),
        None => PartProgress::Ended(outcome),
    }
}

fn taking_inventory(
    progress: PartProgress<InventoryRun, InventoryReport>,
    outcome: Outcome,
) -> FollowUpProgress {
    match progress {
        PartProgress::Asks(run, effect) => {
            let step = FollowUpStep::TakingInventory(Box::new(run));
            PartProgress::Asks(FollowUp::asks(outcome, step), effect)
        }
        PartProgress::Ended(report) => {
            let inventory = Some(Box::new(report));
            PartProgress::Ended(Outcome { inventory, ..outcome })
        }
    }
}
