//! What does the decision between two looks start from, and what can it come to?

use std::time::Duration;

use crate::answer::{IntrospectionAnswer, TokenAnswer};
use crate::ids::{AttemptId, GrantId, ResourceVersion, Serial};
use crate::ledger::{Bootstrap, LedgerName};
use crate::memory::{Doubt, SessionMemory};
use crate::problem::GrantProblem;
use crate::protocol::{ConnectorSeen, LoginVerdict, SessionEnd, SessionInputs, SessionWait, StateSeen};
use crate::state::{Access, Grant, State};
use crate::time::Now;
use crate::token::RefreshToken;

/// What was read live, in this order: state, connector, consumer. The order matters: whoever announces a serial does
/// so after writing it to state, so a copy read later than the state is never behind it by accident.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct View {
    pub(crate) state: StateSeen,
    pub(crate) connector: Option<ConnectorSeen>,
    pub(crate) consumer: Option<Serial>,
    /// This process's monotonic clock when the state was read; connector and consumer were read after it.
    pub(crate) looked: Duration,
    /// The state was read once more after the copies, and is behind them all the same.
    pub(crate) behind: bool,
}

impl View {
    pub(crate) fn state(&self) -> Option<&State> {
        match &self.state {
            StateSeen::Found(state, _) => Some(state),
            StateSeen::Absent | StateSeen::UnsupportedVersion | StateSeen::Unreadable => None,
        }
    }

    pub(crate) fn state_version(&self) -> Option<&ResourceVersion> {
        match &self.state {
            StateSeen::Found(_, version) => Some(version),
            StateSeen::Absent | StateSeen::UnsupportedVersion | StateSeen::Unreadable => None,
        }
    }

    /// Whether the state is older than its copies, or missing. It may be so by accident: somebody writes both between our reads.
    pub(crate) fn is_behind(&self) -> bool {
        self.state().map_or(Serial::default(), |state| state.serial) < self.floor()
    }

    /// Whether there is a state, and it is older than its copies.
    pub(crate) fn is_old(&self) -> bool {
        self.state().is_some() && self.is_behind()
    }

    /// The highest copy of a serial.
    pub(crate) fn floor(&self) -> Serial {
        let status = self.connector.as_ref().and_then(|connector| connector.serial);
        status.max(self.consumer).unwrap_or_default()
    }
}

/// What this session has found out or tried already.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Tried {
    /// How far the login has come.
    pub(crate) login: LoginStage,
    /// Where the login may have landed, unless it is known: its serial, and what it was written over.
    pub(crate) login_in_doubt: Option<(Serial, Option<ResourceVersion>)>,
    /// How the import of the bootstrap token stands.
    pub(crate) import: Import,
    /// How often a state with the import in it was written.
    pub(crate) imports_written: u8,
    /// The grant in `candidate` can't be redeemed.
    pub(crate) candidate_refused: Option<GrantProblem>,
    /// What introspection said of what is in doubt.
    pub(crate) introspected: Vec<(Doubt, IntrospectionAnswer)>,
    /// The access token derived, or tried to.
    pub(crate) derived: Option<Serial>,
    /// The access tokens with which Salesforce was asked for a username without an answer.
    pub(crate) unnamed: Vec<(Serial, Unnamed)>,
    /// How many intents this session has written, or tried to.
    pub(crate) intents: u8,
    /// The attempts that were sent.
    pub(crate) sent: Vec<AttemptId>,
    /// The grants that this session has redeemed, or tried to; none of them is redeemed again.
    pub(crate) redeemed: Vec<(GrantId, Redeemed)>,
}

/// How far a login has come in this session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum LoginStage {
    #[default]
    NotTried,
    /// Its code is redeemed. What it has brought stands nowhere but here.
    InHand(Box<(RefreshToken, TokenAnswer)>),
    Ended(LoginVerdict),
}

/// How this session's own attempt at a grant ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Redeemed {
    /// Without an access token, and the grant can be presented again: its token is unspent, or was replaced by one that
    /// was rescued.
    Fruitless,
    /// Sent, in any other way.
    Sent,
}

impl Tried {
    pub(crate) fn note_redeemed(&mut self, grant: &GrantId, how: Redeemed) {
        self.redeemed.retain(|(id, _)| id != grant);
        self.redeemed.push((grant.clone(), how));
    }

    pub(super) fn how_redeemed(&self, grant: &Grant) -> Option<Redeemed> {
        let found = self.redeemed.iter().find(|(id, _)| *id == grant.id);
        found.map(|(_, how)| *how)
    }

    pub(super) fn how_unnamed(&self, grant: &Grant) -> Option<Unnamed> {
        let serial = grant.access.as_ref()?.serial;
        let found = self.unnamed.iter().find(|(of, _)| *of == serial);
        found.map(|(_, how)| *how)
    }
}

/// Why asking for a username gave none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Unnamed {
    /// The access token has ended.
    AccessEnded,
    /// No answer.
    NoAnswer,
}

/// How far the import of the bootstrap token has come in this session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Import {
    #[default]
    NotTried,
    /// Ledger and introspection have nothing against it.
    Cleared,
    Refused(GrantProblem),
    /// Introspection gave no answer.
    Unanswered,
}

/// The one move that comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// Read the state once more: it looks older than its copies.
    Confirm,
    Claim(ResourceVersion),
    /// Write this state, then look again.
    Write(Box<State>),
    /// The same, for a state with a bootstrap token taken in.
    WriteImport(Box<State>),
    /// Clear the bootstrap token with ledger and introspection.
    Import(Bootstrap),
    /// Enter the code of a login in the ledger, and redeem it.
    ClaimCode(LedgerName),
    Introspect {
        doubt: Doubt,
        token: RefreshToken,
        limit: Duration,
    },
    Identify(GrantId, Box<Access>),
    Derive,
    Redeem(GrantId),
    Done(SessionEnd),
}

/// Everything a decision is made from.
pub(crate) struct SessionFacts<'a> {
    pub(crate) view: &'a View,
    pub(crate) inputs: &'a SessionInputs,
    pub(crate) memory: &'a SessionMemory,
    pub(crate) tried: &'a Tried,
    pub(crate) now: Now,
}

/// After how long a bootstrap token is asked about again when Salesforce gave no answer.
pub(super) const ASK_IMPORT_AGAIN: Duration = Duration::from_secs(30);

pub(super) fn problem(problem: GrantProblem) -> Move {
    Move::Done(SessionEnd::Problem {
        problem,
        ask_again: None,
    })
}

pub(super) fn waiting(why: SessionWait, length: Duration) -> Move {
    Move::Done(SessionEnd::Waiting { why, length })
}
