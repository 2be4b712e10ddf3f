//! How is an inventory taken? The ConfigMap of the run before, the calls in order, and the ConfigMap of this run. Whatever fails is
//! told in the status, and is no reason to fail.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;

use crate::api::spec::InventoryDetails;
use crate::api::status::InventoryPart;
use crate::core::inventory::calls::{InventoryCall, calls};
use crate::core::inventory::detail::{DetailDocument, FoundDetails, judge};
use crate::core::inventory::due::may_run;
use crate::core::inventory::findings::{
    DetailsFault, DetailsOutcome, InventoryFindings, InventoryReport, ObjectChanges,
};
use crate::core::model::observed::Observed;
use crate::core::model::outcome::Outcome;
use crate::core::pass::effect::{PassEffect, PassReply};
use crate::core::pass::progress::PartProgress;
use crate::core::pass::unexpected::UnexpectedReply;

pub(super) struct InventoryRun {
    calls: VecDeque<InventoryCall>,
    stage: RunStage,
    findings: InventoryFindings,
    /// The details of the run before; nothing where nobody wants them.
    found: Option<Result<Option<FoundDetails>, DetailsFault>>,
    changes: Option<ObjectChanges>,
}

#[derive(Clone, Copy)]
enum RunStage {
    ReadingDetails,
    Calling(InventoryPart),
    WritingDetails,
}

type InventoryProgress = PartProgress<InventoryRun, InventoryReport>;

impl InventoryRun {
    /// Begins a run, if one takes place now.
    pub(super) fn begin(observed: &Observed, outcome: &Outcome, now: Timestamp) -> Option<InventoryProgress> {
        if !may_run(observed, outcome, now) {
            return None;
        }
        let (connector, held) = (observed.connector()?, outcome.held.as_ref()?);
        let spec = connector.inventory.as_ref()?;
        let run = Self {
            calls: calls(connector, spec, held),
            stage: RunStage::ReadingDetails,
            findings: InventoryFindings::default(),
            found: None,
            changes: None,
        };
        Some(match spec.details {
            InventoryDetails::ConfigMap => PartProgress::Asks(run, PassEffect::ReadDetails),
            InventoryDetails::None => run.next(observed, now),
        })
    }

    /// Takes the reply to the last effect, and goes on.
    pub(super) fn on(
        mut self,
        reply: PassReply,
        observed: &Observed,
        now: Timestamp,
    ) -> Result<InventoryProgress, UnexpectedReply> {
        match (self.stage, reply) {
            (RunStage::ReadingDetails, PassReply::Details(found)) => {
                let judged = |found: Option<_>| found.map(|found| judge(&found, &observed.owner)).transpose();
                self.found = Some(found.map(|found| found.map(|found| *found)).and_then(judged));
                Ok(self.next(observed, now))
            }
            (RunStage::Calling(part), PassReply::Inventory(answer)) => {
                if !self.findings.take(part, *answer) {
                    let left = std::mem::take(&mut self.calls);
                    self.findings.not_asked(left.into_iter().map(|call| call.part));
                }
                Ok(self.next(observed, now))
            }
            (RunStage::WritingDetails, PassReply::DetailsWritten(written)) => {
                let details = written.map_or_else(DetailsOutcome::Refused, |()| DetailsOutcome::Stored);
                Ok(self.ended(details))
            }
            _ => Err(UnexpectedReply),
        }
    }

    fn next(mut self, observed: &Observed, now: Timestamp) -> InventoryProgress {
        match self.calls.pop_front() {
            Some(call) => {
                self.stage = RunStage::Calling(call.part);
                PartProgress::Asks(self, PassEffect::TakeInventory(Box::new(call)))
            }
            None => self.store(observed, now),
        }
    }

    /// Without the objects the details stay those of the run before.
    fn store(mut self, observed: &Observed, now: Timestamp) -> InventoryProgress {
        let found = match &self.found {
            None => return self.ended(DetailsOutcome::Unwanted),
            Some(Err(fault)) => {
                let fault = *fault;
                return self.ended(DetailsOutcome::Refused(fault));
            }
            Some(Ok(found)) => found.as_ref(),
        };
        let org = observed
            .held
            .as_ref()
            .map_or("", |held| &held.identity.organization_id);
        let document = self
            .findings
            .objects
            .as_ref()
            .map(|objects| DetailDocument::new(&self.findings, objects, org, now));
        let wanted = document
            .as_ref()
            .and_then(|document| document.config_map(&observed.owner, found));
        let Some(wanted) = wanted else {
            let kept = if found.is_some() {
                DetailsOutcome::Stored
            } else {
                DetailsOutcome::Nothing
            };
            return self.ended(kept);
        };
        self.changes = document
            .zip(found)
            .and_then(|(document, found)| document.changes_since(found));
        self.stage = RunStage::WritingDetails;
        PartProgress::Asks(self, PassEffect::WriteDetails(Arc::new(wanted)))
    }

    fn ended(self, details: DetailsOutcome) -> InventoryProgress {
        PartProgress::Ended(InventoryReport {
            findings: self.findings,
            changes: self.changes,
            details,
        })
    }
}
