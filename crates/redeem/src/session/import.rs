//! Taking in a bootstrap token: ledger entry, introspection, and the mark that goes before its first intent.

use super::{Session, SessionStep};
use crate::answer::IntrospectionAnswer;
use crate::ids::{GrantId, ResourceVersion};
use crate::ledger::{
    BeforeIntent, Bootstrap, LedgerEntry, LedgerName, LedgerPhase, LedgerVerdict, before_intent,
    ledger_verdict,
};
use crate::next_move::Import;
use crate::problem::GrantProblem;
use crate::protocol::{Introspectable, Read, Reply, StateSeen, WriteReply};
use crate::state::Origin;
use crate::time::Now;

impl Session {
    /// Every import begins by creating its ledger entry.
    pub(super) fn begin_import(&mut self, bootstrap: Bootstrap) -> SessionStep {
        let step = SessionStep::CreateLedger(LedgerName::of(&bootstrap.digest), self.importing());
        self.importing = Some(bootstrap);
        step
    }

    fn importing(&self) -> LedgerEntry {
        LedgerEntry {
            connector_uid: self.inputs.connector.uid.clone(),
            phase: LedgerPhase::Importing,
        }
    }

    /// An entry of one's own was created: clear to go on, or to be presented.
    pub(super) fn on_ledger_written(&mut self, name: LedgerName, reply: &WriteReply) {
        match reply {
            WriteReply::Written(_) if self.redeem.is_some() => self.write_intent(),
            WriteReply::Written(_) => self.introspect_import(GrantProblem::BootstrapTokenInactive),
            WriteReply::Conflict => self.step = SessionStep::ReadLedger(name),
            WriteReply::Unknown => {
                self.step = SessionStep::ReadLedger(name);
                self.try_again();
            }
            WriteReply::Refused => self.try_again(),
        }
    }

    /// The replies of an import whose ledger entry stands.
    pub(super) fn on_import(&mut self, step: SessionStep, reply: Reply, now: Now) {
        match (step, reply) {
            (
                SessionStep::FindEntriesOfOtherKeys(_, inactive),
                Reply::EntriesOfOtherKeys(Read::Is(found)),
            ) => {
                self.on_other_keys(found, inactive, now);
            }
            (SessionStep::IntrospectImport(_, inactive, other_keys), Reply::Introspection(said)) => {
                self.on_import_introspected(said, inactive, other_keys, now);
            }
            (SessionStep::IntrospectUsed(_, name, version), Reply::Introspection(said)) => {
                self.on_used_introspected(name, version, said, now);
            }
            (_, _) => self.try_again(),
        }
    }

    /// Nothing was written: the token is as unknown as before.
    pub(super) fn on_too_many_imports(&mut self, now: Now) {
        self.end_import(Import::Refused(GrantProblem::BootstrapTooOften), now);
    }

    pub(super) fn on_ledger(
        &mut self,
        name: LedgerName,
        read: Read<Option<(LedgerEntry, ResourceVersion)>>,
        now: Now,
    ) {
        let Read::Is(found) = read else {
            return self.try_again();
        };
        match self.redeem.as_ref().map(|redeem| redeem.grant.clone()) {
            None => self.judge_entry(name, found.map(|(entry, _)| entry), now),
            Some(grant) => self.mark_entry(name, found, &grant, now),
        }
    }

    fn judge_entry(&mut self, name: LedgerName, entry: Option<LedgerEntry>, now: Now) {
        let Some(entry) = entry else {
            self.step = SessionStep::CreateLedger(name, self.importing());
            return self.count_round();
        };
        match ledger_verdict(&entry, &self.inputs.connector.uid, self.view.state()) {
            LedgerVerdict::Resume => self.introspect_import(GrantProblem::BootstrapTokenInactive),
            LedgerVerdict::Refuse(GrantProblem::GrantLost) => self.ask_about_lost(now),
            LedgerVerdict::Refuse(problem) => self.step = SessionStep::ConfirmRefusal(problem),
        }
    }

    /// `inactive` is what there is to be said where Salesforce doesn't call it active. Its own entry stands by now: of two
    /// sessions with different keys, each finds the other's.
    pub(super) fn introspect_import(&mut self, inactive: GrantProblem) {
        match self.importing.as_ref() {
            Some(bootstrap) => {
                let key_id = bootstrap.digest.key_id().into();
                self.step = SessionStep::FindEntriesOfOtherKeys(key_id, inactive);
            }
            None => self.look_again(),
        }
    }

    /// What entries of other keys know can't be found. Whoever is presenting the token after such an entry has its time, before
    /// Salesforce is asked.
    pub(super) fn on_other_keys(&mut self, found: bool, inactive: GrantProblem, now: Now) {
        let Some(bootstrap) = &self.importing else {
            return self.look_again();
        };
        let token = bootstrap.token.clone();
        if self.inputs.introspectable == Introspectable::Impossible {
            return self.import_unasked(inactive, found, now);
        }
        if found {
            let doubt = self.memory.see_other_keys(self.view.state(), self.view.looked);
            if let Some((why, length)) = self.wait_for(&doubt, now) {
                return self.wait(why, length);
            }
        }
        self.step = SessionStep::IntrospectImport(token, inactive, found);
    }

    /// Salesforce can't be asked. The ledger alone tells whether the token is spent, if it is the one that knows.
    fn import_unasked(&mut self, inactive: GrantProblem, other_keys: bool, now: Now) {
        if inactive != GrantProblem::BootstrapTokenInactive {
            self.step = SessionStep::ConfirmRefusal(inactive);
            return;
        }
        let taken_over = self.view.connector.as_ref().is_some_and(|seen| seen.taken_over);
        let key_id = self.importing.as_ref().map(|bootstrap| bootstrap.digest.key_id());
        let imported = self.view.state().and_then(|state| state.imported.as_ref());
        let same_key = imported.is_none_or(|imported| Some(imported.key_id()) == key_id);
        if same_key && !taken_over && !other_keys {
            self.end_import(Import::Cleared, now);
        } else {
            self.step = SessionStep::ConfirmRefusal(GrantProblem::BootstrapTokenUnverified);
        }
    }

    pub(super) fn on_import_introspected(
        &mut self,
        said: IntrospectionAnswer,
        inactive: GrantProblem,
        other_keys: bool,
        now: Now,
    ) {
        match said {
            IntrospectionAnswer::Active => self.end_import(Import::Cleared, now),
            IntrospectionAnswer::Impossible => self.import_unasked(inactive, other_keys, now),
            IntrospectionAnswer::Inactive => self.on_inactive_import(inactive, now),
            IntrospectionAnswer::NoAnswer => self.end_import(Import::Unanswered, now),
        }
    }

    /// A bootstrap token is refused where the state is still the one that ledger and introspection were asked about: otherwise
    /// another session may have taken it in meanwhile.
    pub(super) fn on_refusal_confirmed(&mut self, problem: GrantProblem, seen: StateSeen, now: Now) {
        let before = self.view.state_version().cloned();
        self.see(seen, now);
        let unchanged = self.view.state_version() == before.as_ref();
        let next = self.redeem.take();
        match (unchanged, next) {
            (false, _) => self.look_again(),
            (true, None) => self.end_import(Import::Refused(problem), now),
            (true, Some(_)) => {
                self.tried.candidate_refused = Some(problem);
                self.decide(now);
            }
        }
    }

    pub(super) fn end_import(&mut self, import: Import, now: Now) {
        self.tried.import = import;
        self.decide(now);
    }

    /// The entry that a grant must pass before its intent, if it is an import that was never redeemed.
    pub(super) fn ledger_before_intent(&self, grant: &GrantId) -> Option<LedgerName> {
        let grant = self
            .view
            .state()?
            .grant(grant)
            .filter(|grant| grant.access.is_none())?;
        match &grant.origin {
            Origin::Import(digest) => Some(LedgerName::of(digest)),
            Origin::Login => None,
        }
    }

    fn mark_entry(
        &mut self,
        name: LedgerName,
        found: Option<(LedgerEntry, ResourceVersion)>,
        grant: &GrantId,
        now: Now,
    ) {
        let (entry, version) = found.unzip();
        match (
            before_intent(entry.as_ref(), &self.inputs.connector.uid, grant),
            version,
        ) {
            (BeforeIntent::Go, _) => self.write_intent(),
            (BeforeIntent::Mark(entry), Some(version)) => {
                self.step = SessionStep::MarkLedger(name, entry, version);
                self.count_round();
            }
            (BeforeIntent::Create(entry) | BeforeIntent::Mark(entry), _) => {
                self.step = SessionStep::CreateLedger(name, entry);
                self.count_round();
            }
            (BeforeIntent::Refuse(GrantProblem::GrantLost), Some(version)) => {
                self.ask_before_intent(grant, name, version, now);
            }
            (BeforeIntent::Refuse(problem), _) => self.step = SessionStep::ConfirmRefusal(problem),
        }
    }
}
