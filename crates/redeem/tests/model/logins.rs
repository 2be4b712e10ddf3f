//! Codes of logins, and what the ledger knows of codes and bootstrap tokens under either digest key.

use redeem::{CodeAnswer, LedgerName, Reply};

use crate::driver::{Fault, told};
use crate::salesforce::{Family, token};
use crate::tally::{Event, Tally};
use crate::transitions::Heard;
use crate::world::{DigestKey, Violation, World, bootstrap_of};

impl World {
    /// Whether an entry of a bootstrap token was written with another key.
    pub(crate) fn has_entries_of_other_keys(&self, installation: usize, key_id: &str) -> bool {
        let of_code = |name: &LedgerName| {
            let families = (0..self.salesforce.lines.len())
                .filter(|family| self.salesforce.lines[*family].code.is_some());
            let mut names = families.flat_map(entry_names);
            names.any(|of_code| of_code == *name)
        };
        let prefix = format!("ledger-{key_id}-");
        let mut entries = self.cluster.ledger.iter().filter(|(at, ..)| *at == installation);
        entries.any(|(_, name, ..)| !name.as_str().starts_with(&prefix) && !of_code(name))
    }

    /// Whether the code of the login that the session is for was entered with another key.
    pub(crate) fn has_code_of_other_keys(&self, c: usize, key_id: &str) -> bool {
        let code = self.controllers[c].cache.login;
        let names = code.into_iter().flat_map(entry_names);
        let other = names.filter(|name| !name.as_str().starts_with(&format!("ledger-{key_id}-")));
        let mut other = other.filter(|name| self.cluster.ledger_entry(self.installation(c), name).is_some());
        other.next().is_some()
    }

    /// Salesforce redeems the code of the login that the session is for.
    pub(crate) fn redeem_code(&mut self, c: usize, fault: Fault, tally: &mut Tally) -> Option<Heard> {
        let family = self.controllers[c].cache.login?;
        if matches!(fault, Fault::None | Fault::LostReply) && self.salesforce.redeem_code(family) {
            self.violate(Violation::CodeReplayed);
        }
        let answer = match fault {
            Fault::None => {
                let mut answer = self.salesforce.token_answer(family, 0);
                answer.refresh_token = None;
                CodeAnswer::Granted(Box::new((token(family, 0), answer)))
            }
            Fault::LostReply | Fault::LostRequest | Fault::Refused => {
                tally.count(Event::LoginFailed);
                CodeAnswer::Failed
            }
            Fault::Failed | Fault::Delayed => return None,
        };
        told(Reply::Code(answer))
    }

    /// The status says what came of a login.
    pub(crate) fn end_login(&mut self, c: usize) {
        let ended = self.controllers[c].cache.login;
        self.login = self.login.filter(|login| Some(*login) != ended);
    }
}

/// The ledger entries that a token or a code may have, one for each digest key.
fn entry_names(family: Family) -> [LedgerName; 2] {
    [DigestKey::First, DigestKey::Second].map(|key| LedgerName::of(&bootstrap_of(family, key).digest))
}
