//! Redeeming the code of a login: once, by the one session whose ledger entry it is.

use super::{Session, SessionStep};
use crate::ids::{GrantId, ResourceVersion};
use crate::ledger::{LedgerEntry, LedgerName, LedgerPhase};
use crate::next_move::LoginStage;
use crate::protocol::{CodeAnswer, LoginVerdict, Read, Reply, SessionGoal, WriteReply};
use crate::state::State;
use crate::time::Now;

impl Session {
    /// An entry that names the grant of this session: who else finds it leaves the code alone.
    pub(super) fn code_entry(&self) -> LedgerEntry {
        LedgerEntry {
            connector_uid: self.inputs.connector.uid.clone(),
            phase: LedgerPhase::Used(self.inputs.fresh.grant.clone()),
        }
    }

    /// The replies of a login, from its ledger entry to what its code brings.
    pub(super) fn on_login(&mut self, step: SessionStep, reply: Reply, now: Now) {
        match (step, reply) {
            (SessionStep::ClaimCode(name), Reply::Write(reply)) => self.on_code_claimed(name, &reply),
            (SessionStep::FindClaim(name), Reply::Ledger(Read::Is(found))) => {
                self.on_claim_found(name, found, now);
            }
            (SessionStep::FindCodeOfOtherKeys(_), Reply::EntriesOfOtherKeys(Read::Is(found))) => {
                self.on_other_code(found, now);
            }
            (SessionStep::RedeemCode, Reply::Code(CodeAnswer::Granted(login))) => {
                self.tried.login = LoginStage::InHand(login);
                self.decide(now);
            }
            (SessionStep::ClaimCode(_), Reply::ImportedTooOften) => {
                self.end_login(LoginVerdict::TooOften, now);
            }
            (SessionStep::RedeemCode, _) => self.end_login(LoginVerdict::Failed, now),
            (_, _) => self.try_again(),
        }
    }

    fn on_code_claimed(&mut self, name: LedgerName, reply: &WriteReply) {
        match reply {
            WriteReply::Written(_) => self.on_code_mine(),
            WriteReply::Conflict => self.step = SessionStep::FindClaim(name),
            WriteReply::Unknown => {
                self.step = SessionStep::FindClaim(name);
                self.try_again();
            }
            WriteReply::Refused => self.try_again(),
        }
    }

    /// The entry is this session's. Who had another digest key may have presented the code under an entry of another name.
    fn on_code_mine(&mut self) {
        let SessionGoal::Login(code) = &self.inputs.goal else {
            return self.try_again();
        };
        self.step = SessionStep::FindCodeOfOtherKeys(code.key_id().into());
    }

    fn on_other_code(&mut self, found: bool, now: Now) {
        if found || self.facts(now).taken_from().is_some() {
            self.end_login(LoginVerdict::CodeUsed, now);
        } else {
            self.step = SessionStep::RedeemCode;
        }
    }

    /// An entry of this session was written by it alone. A late write can't create one that is there already.
    fn on_claim_found(&mut self, name: LedgerName, found: Option<(LedgerEntry, ResourceVersion)>, now: Now) {
        match found {
            None => {
                self.step = SessionStep::ClaimCode(name);
                self.count_round();
            }
            Some((entry, _)) if entry == self.code_entry() => self.on_code_mine(),
            Some((entry, _)) => {
                let end = if self.is_stored(&entry) {
                    LoginVerdict::Stored
                } else {
                    LoginVerdict::CodeUsed
                };
                self.end_login(end, now);
            }
        }
    }

    /// Whether the grant that a code has brought is in the state: only what came of it was not reported.
    fn is_stored(&self, entry: &LedgerEntry) -> bool {
        match (&entry.phase, self.view.state()) {
            (LedgerPhase::Used(grant), Some(state)) => state.grant(grant).is_some(),
            (LedgerPhase::Used(_) | LedgerPhase::Importing, _) => false,
        }
    }

    fn end_login(&mut self, end: LoginVerdict, now: Now) {
        self.tried.login = LoginStage::Ended(end);
        self.decide(now);
    }

    /// Whether the session redeems a code, or is about to enter it in the ledger.
    pub(super) fn is_redeeming_code(&self) -> bool {
        let mut step = &self.step;
        while let SessionStep::Pause(_, then) = step {
            step = then;
        }
        matches!(
            step,
            SessionStep::ClaimCode(_)
                | SessionStep::FindClaim(_)
                | SessionStep::FindCodeOfOtherKeys(_)
                | SessionStep::RedeemCode
        )
    }

    /// Whether a login may have brought tokens that stand nowhere else.
    pub(super) fn holds_login(&self) -> bool {
        let ended = matches!(self.step, SessionStep::Done(_));
        let in_hand = matches!(self.tried.login, LoginStage::InHand(_));
        self.step == SessionStep::RedeemCode || (in_hand && !ended)
    }

    /// The name of the login in hand.
    fn login(&self) -> Option<&GrantId> {
        matches!(self.tried.login, LoginStage::InHand(_)).then_some(&self.inputs.fresh.grant)
    }

    /// A login that has been in the state once may be spent by others, who put another grant in its place: it is never
    /// written again.
    pub(super) fn note_stored_login(&mut self) {
        let stored = self.view.state().zip(self.login());
        if stored.is_some_and(|(state, login)| state.grant(login).is_some()) {
            self.tried.login = LoginStage::Ended(LoginVerdict::Stored);
        }
    }

    /// Remembers where a login may have been written.
    pub(super) fn doubt_login(&mut self, written: &State) {
        if self.login().is_some_and(|login| written.grant(login).is_some()) {
            let over = self.view.state_version().cloned();
            self.tried.login_in_doubt = Some((written.serial, over));
        }
    }
}
