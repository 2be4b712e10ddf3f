//! Pure transition functions for spending single-use refresh tokens without losing the grant.
//!
//! Nothing here reads a clock, a cluster or a network. A [`Session`] says which one thing the caller must do next
//! ([`Effect`]), takes what came of it ([`Reply`]) and ends in a [`SessionOutcome`]. The operator's shell and the model
//! check in `tests/model` drive the same functions. `docs/redeem.md` explains the protocol to a reviewer.
//!
//! Whatever a `Session` or a [`SessionMemory`] holds is lost in a crash; only what an effect wrote remains.
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::unused_async)]

mod answer;
mod attempt;
mod deposit;
mod garbage_collection;
mod identity;
mod ids;
mod keep_alive;
mod ledger;
mod memory;
mod next_move;
mod problem;
mod protocol;
mod session;
mod state;
mod state_codec;
mod time;
mod token;
mod unknown_fields;

pub use answer::{AnswerVerdict, IntrospectionAnswer, RedeemAnswer, RedeemRefusal, TokenAnswer};
pub use attempt::{ConcludeDecision, PendingVerdict, conclude, intent};
pub use deposit::{deposit_import, deposit_login};
pub use garbage_collection::{
    ConnectorRead, GarbageDecision, GarbageMark, Revocation, garbage_collection, revocation,
};
pub use identity::{Expect, GrantIdentity, Judgement, judge};
pub use ids::{
    AttemptId, ClusterUid, ConnectorRef, GrantId, InstallationUid, LedgerKey, OAuthClient, ResourceVersion,
    Serial, TokenDigest,
};
pub use keep_alive::{KeepAlive, keep_alive};
pub use ledger::{
    Bootstrap, LEDGER_RETENTION, LedgerEntry, LedgerError, LedgerName, LedgerPhase, LedgerVerdict,
    UNPRESENTED_RETENTION, ledger_verdict,
};
pub use memory::{ASK_AGAIN_MAX, ASK_AGAIN_MIN, Doubt, SessionMemory, Sighting};
pub use problem::GrantProblem;
pub use protocol::{
    BootstrapNote, CodeAnswer, ConnectorSeen, Effect, FreshIds, Introspectable, LoginVerdict, Read, Reply,
    SessionEnd, SessionGoal, SessionInputs, SessionOutcome, SessionWait, StateSeen, Username, WriteReply,
};
pub use session::Session;
pub use state::{
    Access, AccessExpiration, Attempt, AttemptPhase, Grant, GrantValidity, Origin, Rotation, Stage, State,
};
pub use state_codec::{FORMAT_VERSION, StateError};
pub use time::{
    HOLD_OFF_MARGIN, HTTP_LIMIT_MAX, Now, SEND_WINDOW, SHOWN_WITHIN, SendWindow, TimeLimits, TimeLimitsError,
    may_send,
};
pub use token::{AccessToken, RefreshToken};
pub use unknown_fields::UnknownFields;
