//! How are workloads restarted? Each is read first: it must consent, and may have been restarted by a process that died before it
//! could report. Whatever fails is told in the status, and is no reason to fail.

use std::collections::VecDeque;

use jiff::Timestamp;

use crate::api::names;
use crate::api::reasons::OwnReason;
use crate::core::model::observed::Observed;
use crate::core::model::outcome::Outcome;
use crate::core::pass::effect::{PassEffect, PassReply};
use crate::core::pass::progress::PartProgress;
use crate::core::pass::unexpected::UnexpectedReply;
use crate::core::rollout::due::{DueTarget, due};
use crate::core::rollout::report::{RolloutEnd, RolloutReport};
use crate::core::rollout::workload::{Restart, Workload, WorkloadFault};

pub(super) struct RolloutRun {
    connector: String,
    /// Issue time of the token in the Secret.
    token: Timestamp,
    left: VecDeque<DueTarget>,
    current: Option<(DueTarget, RolloutStep)>,
    /// How often in a row a workload has changed before it could be restarted.
    outrun: usize,
    reports: Vec<RolloutReport>,
}

/// A workload that changes all the time is left for later.
const MOST_OUTRUN: usize = 3;

#[derive(Clone, Copy)]
enum RolloutStep {
    Reading,
    /// Where it fails, its pods have this token.
    Restarting(Timestamp),
}

type RolloutProgress = PartProgress<RolloutRun, Vec<RolloutReport>>;

impl RolloutRun {
    /// Begins a run, if there is a workload to be looked at.
    pub(super) fn begin(observed: &Observed, outcome: &Outcome, now: Timestamp) -> Option<RolloutProgress> {
        let (token, due) = due(observed, outcome, now)?;
        let run = Self {
            connector: observed.owner.name.clone(),
            token,
            left: due.into(),
            current: None,
            outrun: 0,
            reports: Vec::new(),
        };
        (!run.left.is_empty()).then(|| run.next())
    }

    /// Takes the reply to the last effect, and goes on.
    pub(super) fn on(mut self, reply: PassReply, now: Timestamp) -> Result<RolloutProgress, UnexpectedReply> {
        match (self.current.take(), reply) {
            (Some((due, RolloutStep::Reading)), PassReply::Workload(Ok(found))) => {
                let found = found.map(|found| Workload::of(&found, &self.connector));
                Ok(self.judge(due, found, now))
            }
            (Some((due, RolloutStep::Reading)), PassReply::Workload(Err(fault))) => {
                let since = due.known.unwrap_or(due.assumed);
                Ok(self.failed(&due, since, fault))
            }
            (Some((due, RolloutStep::Restarting(_))), PassReply::WorkloadRestarted(Ok(()))) => {
                let token = self.token;
                Ok(self.ended(&due, token, RolloutEnd::Restarted))
            }
            (
                Some((due, RolloutStep::Restarting(_))),
                PassReply::WorkloadRestarted(Err(WorkloadFault::Outdated)),
            ) if self.outrun + 1 < MOST_OUTRUN => {
                self.outrun += 1;
                self.left.push_front(due);
                Ok(self.next())
            }
            (Some((due, RolloutStep::Restarting(since))), PassReply::WorkloadRestarted(Err(fault))) => {
                Ok(self.failed(&due, since, fault))
            }
            _ => Err(UnexpectedReply),
        }
    }

    fn next(mut self) -> RolloutProgress {
        let Some(due) = self.left.pop_front() else {
            return PartProgress::Ended(self.reports);
        };
        let target = due.target.clone();
        self.current = Some((due, RolloutStep::Reading));
        PartProgress::Asks(self, PassEffect::ReadWorkload(target))
    }

    fn judge(mut self, due: DueTarget, found: Option<Workload>, now: Timestamp) -> RolloutProgress {
        let token = self.token;
        let Some(workload) = found else {
            // Whatever comes under this name later starts with the token of then.
            let missing = RolloutEnd::Failed(OwnReason::WorkloadMissing, due.target.to_string());
            return self.ended(&due, token, missing);
        };
        let noted: Option<Timestamp> = workload.restarted_for.as_ref().and_then(|text| text.parse().ok());
        let since = due.known.or(noted).unwrap_or(due.assumed);
        if !workload.consents {
            let (target, connector) = (&due.target, &self.connector);
            let particulars = format!("{target}: {}={connector} is missing", names::RESTARTED_BY);
            let end = RolloutEnd::Failed(OwnReason::WorkloadNotConsenting, particulars);
            return self.ended(&due, since, end);
        }
        if since == token {
            return self.ended(&due, token, RolloutEnd::UpToDate);
        }
        // Another leader has obtained a later token since. One of the future is of a clock that was ahead.
        if noted.is_some_and(|noted| noted == token || (token..=now).contains(&noted)) {
            return self.ended(&due, token, RolloutEnd::Restarted);
        }
        let restart = Restart {
            target: due.target.clone(),
            uid: workload.uid,
            version: workload.version,
            connector: self.connector.clone(),
            token,
        };
        self.current = Some((due, RolloutStep::Restarting(since)));
        PartProgress::Asks(self, PassEffect::RestartWorkload(Box::new(restart)))
    }

    fn failed(self, due: &DueTarget, since: Timestamp, fault: WorkloadFault) -> RolloutProgress {
        let end = match fault {
            WorkloadFault::Disabled => {
                RolloutEnd::Failed(OwnReason::RolloutRestartsDisabled, due.target.to_string())
            }
            WorkloadFault::Outdated => RolloutEnd::Failed(
                OwnReason::WorkloadRestartRefused,
                format!("{}: it keeps changing", due.target),
            ),
            WorkloadFault::Refused(words) => RolloutEnd::Failed(
                OwnReason::WorkloadRestartRefused,
                format!("{}: {words}", due.target),
            ),
        };
        self.ended(due, since, end)
    }

    fn ended(mut self, due: &DueTarget, token: Timestamp, end: RolloutEnd) -> RolloutProgress {
        self.outrun = 0;
        self.reports.push(RolloutReport {
            target: due.target.clone(),
            token,
            end,
        });
        self.next()
    }
}
