//! A bootstrap token that was imported before and whose state is gone: is it unspent, and good for another grant?
//!
//! Whoever may be presenting it has its time first. Then Salesforce's word counts, before the import is written and again
//! before its intent.

use std::time::Duration;

use super::{Session, SessionStep};
use crate::answer::IntrospectionAnswer;
use crate::ids::{GrantId, ResourceVersion};
use crate::ledger::{LedgerEntry, LedgerName, LedgerPhase};
use crate::memory::{Doubt, Sighting};
use crate::problem::GrantProblem;
use crate::protocol::{Introspectable, SessionEnd, SessionWait, StateSeen};
use crate::time::{Now, TimeLimits};

impl Session {
    pub(super) fn ask_about_lost(&mut self, now: Now) {
        let Some(bootstrap) = &self.importing else {
            return self.look_again();
        };
        let doubt = Doubt::Lost(bootstrap.digest.clone());
        self.memory.see(doubt.clone(), self.view.looked);
        match (self.inputs.introspectable, self.wait_for(&doubt, now)) {
            (Introspectable::Possible, Some((why, length))) => self.wait(why, length),
            (Introspectable::Possible | Introspectable::Impossible, _) => {
                self.introspect_import(GrantProblem::GrantLost);
            }
        }
    }

    /// A single answer does not end what was lost. Of a token that was not presented it is told at once, and asked again.
    pub(super) fn on_inactive_import(&mut self, problem: GrantProblem, now: Now) {
        let Some(bootstrap) = &self.importing else {
            return self.look_again();
        };
        let lost = Doubt::Lost(bootstrap.digest.clone());
        if self.memory.sighting(&lost).is_some() {
            self.memory
                .note_answer(&lost, IntrospectionAnswer::Inactive, now.monotonic);
            let believed = self.memory.sighting(&lost).is_none_or(Sighting::is_inactive);
            if let (false, Some((why, length))) = (believed, self.wait_for(&lost, now)) {
                return self.wait(why, length);
            }
        } else {
            self.memory
                .note_inactive_bootstrap(&bootstrap.digest, now.monotonic);
        }
        self.step = SessionStep::ConfirmRefusal(problem);
    }

    /// The ledger entry of an import names another grant.
    pub(super) fn ask_before_intent(
        &mut self,
        grant: &GrantId,
        name: LedgerName,
        version: ResourceVersion,
        now: Now,
    ) {
        let state = self.view.state();
        let token = state
            .and_then(|state| state.grant(grant))
            .map(|grant| grant.refresh_token.clone());
        let (Introspectable::Possible, Some(token)) = (self.inputs.introspectable, token) else {
            self.step = SessionStep::ConfirmRefusal(GrantProblem::GrantLost);
            return;
        };
        match self.wait_for(&Doubt::Import(grant.clone()), now) {
            Some((why, length)) => self.wait(why, length),
            None => self.step = SessionStep::IntrospectUsed(token, name, version),
        }
    }

    pub(super) fn on_used_introspected(
        &mut self,
        name: LedgerName,
        version: ResourceVersion,
        said: IntrospectionAnswer,
        now: Now,
    ) {
        let Some(grant) = self.redeem.as_ref().map(|redeem| redeem.grant.clone()) else {
            return self.look_again();
        };
        let doubt = Doubt::Import(grant.clone());
        self.memory.note_answer(&doubt, said, now.monotonic);
        let believed = self.memory.sighting(&doubt).is_none_or(Sighting::is_inactive);
        match (said, self.wait_for(&doubt, now)) {
            (IntrospectionAnswer::Active, _) => {
                let entry = LedgerEntry {
                    connector_uid: self.inputs.connector.uid.clone(),
                    phase: LedgerPhase::Used(grant),
                };
                self.step = SessionStep::MarkLedger(name, entry, version);
                self.count_round();
            }
            (IntrospectionAnswer::Inactive | IntrospectionAnswer::NoAnswer, Some((why, length)))
                if !believed =>
            {
                self.wait(why, length);
            }
            (
                IntrospectionAnswer::Inactive
                | IntrospectionAnswer::NoAnswer
                | IntrospectionAnswer::Impossible,
                _,
            ) => self.step = SessionStep::ConfirmRefusal(GrantProblem::GrantLost),
        }
    }

    /// What must be waited for before Salesforce is asked about a doubt.
    pub(super) fn wait_for(&self, doubt: &Doubt, now: Now) -> Option<(SessionWait, Duration)> {
        let facts = self.facts(now);
        let held_off = facts.left_of(TimeLimits::longest_hold_off(), doubt);
        let due = facts.question_due(doubt).unwrap_or_default();
        let waits = [
            (SessionWait::ForeignAttempt, held_off),
            (SessionWait::Salesforce, due),
        ];
        waits.into_iter().find(|(_, length)| *length > Duration::ZERO)
    }

    pub(super) fn wait(&mut self, why: SessionWait, length: Duration) {
        self.redeem = None;
        self.step = SessionStep::ConfirmWait(why, length);
    }

    /// Another session may have written a state meanwhile.
    pub(super) fn on_wait_confirmed(
        &mut self,
        why: SessionWait,
        length: Duration,
        seen: StateSeen,
        now: Now,
    ) {
        let before = self.view.state_version().cloned();
        self.see(seen, now);
        if self.view.state_version() == before.as_ref() {
            self.step = SessionStep::Done(SessionEnd::Waiting { why, length });
        } else {
            self.look_again();
        }
    }
}
