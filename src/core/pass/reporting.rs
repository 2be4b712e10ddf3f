//! How does a pass come to its end? What it came to is concluded, recorded, and written into the status if that changes it.

use std::sync::Arc;

use jiff::Timestamp;

use crate::api::SalesforceConnectorStatus;
use crate::core::conclude::conclude;
use crate::core::model::decision::Decision;
use crate::core::model::observed::{GrantSource, Observed, Requests};
use crate::core::model::outcome::{Minted, Outcome};
use crate::core::pass::effect::{PassEffect, PassEnd, PassReply, PassReport};
use crate::core::pass::progress::PartProgress;
use crate::core::pass::unexpected::UnexpectedReply;

/// What a pass came to.
pub(super) struct PassFindings {
    pub(super) outcome: Outcome,
    pub(super) decision: Decision,
    /// How each connection test of the pass has ended, as labels in metrics.
    pub(super) tests: Vec<&'static str>,
}

pub(super) enum Reporting {
    ReadingStatus(Box<PassFindings>),
    Recording {
        report: Arc<PassReport>,
        changed: bool,
        resource_version: Option<String>,
    },
    WritingStatus(Arc<PassReport>),
}

pub(super) type ReportingProgress = PartProgress<Reporting, PassEnd>;

impl Reporting {
    /// The redeem protocol writes a part of the status itself: where it was at work, the status is read again.
    pub(super) fn begin(findings: PassFindings, observed: &Observed, now: Timestamp) -> (Self, PassEffect) {
        let outcome = &findings.outcome;
        let at_work = |source: &GrantSource| {
            let took_over = source.view.claim.inherited().is_some();
            took_over || outcome.minted.is_some() || outcome.login.is_some()
        };
        if observed.grant().is_some_and(at_work) {
            return (Self::ReadingStatus(Box::new(findings)), PassEffect::ReadStatus);
        }
        Self::conclude(findings, observed, None, now)
    }

    /// Takes the reply to the last effect, and goes on.
    pub(super) fn on(
        self,
        reply: PassReply,
        observed: &mut Observed,
        now: Timestamp,
    ) -> Result<ReportingProgress, UnexpectedReply> {
        match (self, reply) {
            (Self::ReadingStatus(_), PassReply::Status(None)) => Ok(PartProgress::Ended(PassEnd::Gone)),
            (Self::ReadingStatus(findings), PassReply::Status(Some(live)))
                if !live.leads && !matches!(findings.outcome.minted, Some(Minted::Obtained { .. })) =>
            {
                Ok(PartProgress::Ended(PassEnd::Deposed))
            }
            (Self::ReadingStatus(findings), PassReply::Status(Some(live))) => {
                take_over(observed, live.status);
                let (reporting, effect) = Self::conclude(*findings, observed, live.resource_version, now);
                Ok(PartProgress::Asks(reporting, effect))
            }
            (
                Self::Recording {
                    report,
                    changed: true,
                    resource_version,
                },
                PassReply::Done,
            ) => {
                let effect = PassEffect::WriteStatus {
                    status: Box::new(report.status.clone()),
                    resource_version,
                };
                Ok(PartProgress::Asks(Self::WritingStatus(report), effect))
            }
            (Self::Recording { report, .. } | Self::WritingStatus(report), PassReply::Done) => {
                Ok(PartProgress::Ended(PassEnd::Reported(report)))
            }
            _ => Err(UnexpectedReply),
        }
    }

    fn conclude(
        findings: PassFindings,
        observed: &Observed,
        resource_version: Option<String>,
        now: Timestamp,
    ) -> (Self, PassEffect) {
        let conclusion = conclude(observed, &findings.decision, &findings.outcome, now);
        let before = &observed.status;
        let report = Arc::new(PassReport {
            decision: findings.decision,
            outcome: findings.outcome,
            tests: findings.tests,
            status: conclusion.status.clone().unwrap_or_else(|| before.clone()),
            events: conclusion.events,
            next: conclusion.next,
            claimed_elsewhere: conclusion.claimed_elsewhere,
        });
        let reporting = Self::Recording {
            report: report.clone(),
            changed: conclusion.status.is_some() || observed.status_unwritten,
            resource_version,
        };
        (reporting, PassEffect::Record(report))
    }
}

/// The status as it stands. Where another leader has carried out requests meanwhile, its echo stays: what this pass observed
/// may be older.
fn take_over(observed: &mut Observed, live: SalesforceConnectorStatus) {
    if live.last_handled != observed.status.last_handled {
        let handled = live.last_handled.clone().unwrap_or_default();
        observed.requests = Requests {
            test: handled.test_requested_at,
            renew: handled.renew_requested_at,
        };
    }
    observed.status = live;
    observed.status_unwritten = false;
}
