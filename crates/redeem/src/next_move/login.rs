//! A login: its code is redeemed once, and its result is stored before anything else.

use super::facts::{LoginStage, Move, SessionFacts};
use crate::deposit::deposit_login;
use crate::ledger::LedgerName;
use crate::protocol::{SessionGoal, SessionInputs};

impl SessionFacts<'_> {
    /// A code to redeem goes before anything else, and so does what it has brought.
    pub(super) fn login(&self) -> Option<Move> {
        let SessionGoal::Login(code) = &self.inputs.goal else {
            return None;
        };
        let (token, answer) = match &self.tried.login {
            LoginStage::NotTried => return Some(Move::ClaimCode(LedgerName::of(code))),
            LoginStage::InHand(login) => &**login,
            LoginStage::Ended(_) => return None,
        };
        let login = (self.inputs.fresh.grant.clone(), token.clone(), answer);
        let SessionInputs {
            connector, cluster, ..
        } = self.inputs;
        let (state, floor) = (self.view.state(), self.view.floor());
        let state = deposit_login(state, connector, cluster, floor, &self.inputs.client, login);
        Some(Move::Write(Box::new(state)))
    }

    /// Whether a login that was written without an answer may have landed, been spent by others and been replaced since.
    /// It can't have where what it was written over still stands, or where somebody else's write took its serial. Then a
    /// person, who is there, logs in once more; to write it again could have a spent token presented.
    pub(crate) fn login_may_be_spent(&self) -> bool {
        let Some((serial, over)) = &self.tried.login_in_doubt else {
            return false;
        };
        let unannounced = self.view.floor() <= *serial;
        let unchanged = self.view.state_version() == over.as_ref() && (over.is_some() || unannounced);
        let taken = self.view.state().is_some_and(|state| state.serial == *serial);
        !unchanged && !taken
    }
}
