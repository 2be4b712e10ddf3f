//! What is different about a connector that another installation managed before?
//!
//! That installation may have left a request under way, and knew which bootstrap tokens and codes are spent.

use std::time::Duration;

use super::facts::{LoginStage, Move, SessionFacts};
use crate::ids::InstallationUid;
use crate::ledger::LedgerName;
use crate::protocol::{Introspectable, SessionGoal};

impl SessionFacts<'_> {
    /// Whose connector it is before this installation claims it. A claim that somebody removed was our own where we have the
    /// state that belongs to the copies.
    pub(crate) fn taken_from(&self) -> Option<InstallationUid> {
        let connector = self.view.connector.as_ref()?;
        let state = self.view.state();
        let is_ours =
            state.is_some_and(|state| !state.is_rolled_back(&self.inputs.cluster, self.view.floor()));
        match &connector.controller {
            Some(owner) => (*owner != self.inputs.installation).then(|| owner.clone()),
            None => (connector.serial.is_some() && !is_ours).then(InstallationUid::unknown),
        }
    }

    /// The code of a login is entered in the ledger before the connector is taken over, and not redeemed: the installation of
    /// before may have presented it.
    pub(super) fn code_of_before(&self) -> Option<Move> {
        let SessionGoal::Login(code) = &self.inputs.goal else {
            return None;
        };
        let untried = self.tried.login == LoginStage::NotTried && self.taken_from().is_some();
        untried.then(|| Move::ClaimCode(LedgerName::of(code)))
    }

    /// For how long no bootstrap token is asked about: the installation of before may be presenting it. One that nobody can ask
    /// about is refused anyway.
    pub(super) fn held_off(&self) -> Option<Duration> {
        let asks = self.inputs.introspectable == Introspectable::Possible;
        let since = self.memory.taken_over().filter(|_| asks)?;
        let passed = self.view.looked.saturating_sub(since);
        let left = self.inputs.limits.hold_off().saturating_sub(passed);
        (left > Duration::ZERO).then_some(left)
    }
}
