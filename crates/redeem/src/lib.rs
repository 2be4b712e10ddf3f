//! Pure transition functions for spending single-use refresh tokens without losing the grant.
//!
//! Nothing here reads a clock, a cluster or a network. A [`Session`] says which one thing the caller must do next
//! ([`Effect`]), takes what came of it ([`Reply`]) and ends in an [`Outcome`]. The operator's shell and the model
//! check in `tests/model.rs` drive the same functions. `docs/redeem.md` explains the protocol to a reviewer.
//!
//! Whatever a `Session` or a [`Memory`] holds is lost in a crash; only what an effect wrote remains.
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::unused_async)]

mod answer;
mod attempt;
mod deposit;
mod identity;
mod ids;
mod keep_alive;
mod ledger;
mod memory;
mod session;
mod settle;
mod state;
mod sweep;
mod time;
mod token;
mod trouble;

pub use answer::{Answer, Introspection, Refusal, TokenAnswer, Verdict};
pub use attempt::{ConcludeDecision, Holding, conclude, intent};
pub use deposit::{deposit_import, deposit_login};
pub use identity::{Expect, Identity, Judgement, judge};
pub use ids::{
    AttemptId, ClusterUid, ConnectorRef, GrantId, InstallationUid, OAuthClient, ResourceVersion, Serial,
};
pub use keep_alive::{KeepAlive, keep_alive};
pub use ledger::{
    Bootstrap, Digest, LEDGER_RETENTION, LedgerEntry, LedgerError, LedgerName, LedgerPhase, LedgerVerdict,
    ledger_verdict,
};
pub use memory::{Memory, Sighting};
pub use session::{
    BootstrapNote, Conclusion, ConnectorSeen, Effect, FreshIds, Inputs, Introspectable, Outcome, Read, Reply,
    Session, StateSeen, Username, WaitReason, Want, WriteReply,
};
pub use state::{
    Access, Attempt, Expiration, FORMAT_VERSION, Grant, Origin, Phase, Rotation, Stage, Standing, State,
    StateError,
};
pub use sweep::{ConnectorRead, Revocation, SWEEP_GRACE, SweepDecision, SweepMark, revocation, sweep};
pub use time::{
    HOLD_OFF_MARGIN, HTTP_LIMIT_MAX, Limits, LimitsError, Now, SEND_WINDOW, SHOWN_WITHIN, SendWindow,
    may_send,
};
pub use token::{AccessToken, RefreshToken};
pub use trouble::{Actor, GrantTrouble};
