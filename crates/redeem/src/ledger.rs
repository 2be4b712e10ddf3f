//! Whether a bootstrap token may be imported: each one exactly once, by one connector.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;

use crate::ids::{GrantId, LedgerKey, TokenDigest};
use crate::problem::GrantProblem;
use crate::state::State;
use crate::token::RefreshToken;

/// How long a ledger entry outlives its connector.
pub const LEDGER_RETENTION: SignedDuration = SignedDuration::from_hours(400 * 24);
/// How old an entry gets whose token nobody has presented. Removed sooner or later, it only lets another connector begin.
pub const UNPRESENTED_RETENTION: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A refresh token found in a bootstrap Secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bootstrap {
    /// The token.
    pub token: RefreshToken,
    /// Its digest under the operator's key.
    pub digest: TokenDigest,
}

impl Bootstrap {
    /// A bootstrap token with its digest.
    #[must_use]
    pub fn new(key: &LedgerKey, token: RefreshToken) -> Self {
        Self {
            digest: TokenDigest::of(key, &token),
            token,
        }
    }
}

/// Name of a ledger entry's Secret in the operator's own namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LedgerName(String);

impl LedgerName {
    /// The name for a digest.
    #[must_use]
    pub fn of(digest: &TokenDigest) -> Self {
        Self(format!("ledger-{}", digest.as_str()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What the ledger knows of one bootstrap token.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LedgerEntry {
    /// The only connector that may import it.
    pub connector_uid: Arc<str>,
    /// How far the import has come.
    pub phase: LedgerPhase,
}

/// How far an import has come.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LedgerPhase {
    /// Not presented by anyone.
    Importing,
    /// May have been presented, as this grant and no other.
    Used(GrantId),
}

/// Why a ledger Secret can't be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// A key is missing, not text or not one of the known values.
    #[error("key {0} of the ledger Secret is missing or unknown")]
    Key(&'static str),
}

const UID: &str = "connector-uid";
const PHASE: &str = "phase";
const GRANT: &str = "grant-id";
const IMPORTING: &str = "importing";
const USED: &str = "used";

impl LedgerPhase {
    /// The phase as it stands in the Secret.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Importing => IMPORTING,
            Self::Used(_) => USED,
        }
    }
}

impl LedgerEntry {
    /// The data of the ledger Secret.
    #[must_use]
    pub fn to_data(&self) -> BTreeMap<String, Vec<u8>> {
        let grant = match &self.phase {
            LedgerPhase::Importing => None,
            LedgerPhase::Used(grant) => Some((GRANT, grant.as_str())),
        };
        let entries = [(UID, &*self.connector_uid), (PHASE, self.phase.as_str())];
        let entries = entries.into_iter().chain(grant);
        entries
            .map(|(key, value)| (key.to_owned(), value.as_bytes().to_vec()))
            .collect()
    }

    /// Reads the data of a ledger Secret.
    pub fn from_data(data: &BTreeMap<String, Vec<u8>>) -> Result<Self, LedgerError> {
        let text = |key: &'static str| {
            data.get(key)
                .and_then(|bytes| std::str::from_utf8(bytes).ok())
                .ok_or(LedgerError::Key(key))
        };
        let phase = match text(PHASE)? {
            IMPORTING => LedgerPhase::Importing,
            USED => LedgerPhase::Used(GrantId::new(text(GRANT)?)),
            _ => return Err(LedgerError::Key(PHASE)),
        };
        Ok(Self {
            connector_uid: Arc::from(text(UID)?),
            phase,
        })
    }
}

/// Whether an import may go on past an entry that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerVerdict {
    /// The entry is this connector's own, and nobody has presented the token.
    Resume,
    /// The token stays unpresented.
    Refuse(GrantProblem),
}

/// Judges an entry that was there already. `state` is this connector's state, read live.
#[must_use]
pub fn ledger_verdict(entry: &LedgerEntry, connector_uid: &str, state: Option<&State>) -> LedgerVerdict {
    let mine = *entry.connector_uid == *connector_uid;
    match &entry.phase {
        LedgerPhase::Importing if mine => LedgerVerdict::Resume,
        LedgerPhase::Used(_) if mine && state.is_none() => LedgerVerdict::Refuse(GrantProblem::GrantLost),
        LedgerPhase::Importing | LedgerPhase::Used(_) => {
            LedgerVerdict::Refuse(GrantProblem::BootstrapTokenUsed)
        }
    }
}

/// What the ledger asks for before the first intent of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BeforeIntent {
    /// Somebody deleted the entry: write it again, as used.
    Create(LedgerEntry),
    /// Mark it as used by this grant.
    Mark(LedgerEntry),
    /// It is marked as used by this grant.
    Go,
    /// The token was, or may have been, presented as another grant.
    Refuse(GrantProblem),
}

pub(crate) fn before_intent(
    entry: Option<&LedgerEntry>,
    connector_uid: &Arc<str>,
    grant: &GrantId,
) -> BeforeIntent {
    let used = LedgerEntry {
        connector_uid: connector_uid.clone(),
        phase: LedgerPhase::Used(grant.clone()),
    };
    match entry {
        None => BeforeIntent::Create(used),
        Some(entry) if entry.connector_uid != *connector_uid => {
            BeforeIntent::Refuse(GrantProblem::BootstrapTokenUsed)
        }
        Some(entry) => match &entry.phase {
            LedgerPhase::Importing => BeforeIntent::Mark(used),
            LedgerPhase::Used(by) if by == grant => BeforeIntent::Go,
            LedgerPhase::Used(_) => BeforeIntent::Refuse(GrantProblem::GrantLost),
        },
    }
}

#[cfg(test)]
mod tests;
