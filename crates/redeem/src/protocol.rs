//! What does a session exchange with its caller: inputs, effects, replies and the outcome?

use std::sync::Arc;
use std::time::Duration;

use crate::answer::{IntrospectionAnswer, RedeemAnswer, TokenAnswer};
use crate::identity::Expect;
use crate::ids::{
    AttemptId, ClusterUid, ConnectorRef, GrantId, InstallationUid, OAuthClient, ResourceVersion, Serial,
    TokenDigest,
};
use crate::ledger::{Bootstrap, LedgerEntry, LedgerName};
use crate::memory::SessionMemory;
use crate::problem::GrantProblem;
use crate::state::{Access, State};
use crate::time::TimeLimits;
use crate::token::RefreshToken;

/// What a session starts from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SessionInputs {
    /// The connector.
    pub connector: ConnectorRef,
    /// This installation of the operator.
    pub installation: InstallationUid,
    /// Another installation whose connectors this one takes over: it can't come back, or an administrator says so.
    pub heir_of: Option<InstallationUid>,
    /// This cluster.
    pub cluster: ClusterUid,
    /// What the session is for.
    pub goal: SessionGoal,
    /// The bootstrap token, if the spec names one and its Secret has it.
    pub bootstrap: Option<Bootstrap>,
    /// `spec.expect`.
    pub expect: Expect,
    /// For which app, and where, tokens are presented and asked about.
    pub client: OAuthClient,
    /// Whether Salesforce can be asked about a token.
    pub introspectable: Introspectable,
    /// Time limits of the caller.
    pub limits: TimeLimits,
    /// Names made for this session.
    pub fresh: FreshIds,
}

/// What a session is for. Whatever it is for, it first settles what stands open.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SessionGoal {
    /// Settle open attempts, take in the bootstrap token, promote, derive.
    Settle,
    /// The same, then redeem the current grant unless somebody else has done so.
    Renew {
        /// [`Access::serial`] of the token that the caller found in need of renewal.
        seen: Option<Serial>,
    },
    /// First redeem the authorization code of a login, once, and store what it brings. The digest is that of the code.
    Login(TokenDigest),
}

/// Whether Salesforce can be asked about a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Introspectable {
    /// There is a client secret.
    Possible,
    /// There is none.
    Impossible,
}

/// Random names made for one session; a session redeems each grant at most once and takes in at most one grant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FreshIds {
    /// For the attempts; each intent adds a number to it.
    pub attempt: AttemptId,
    /// For the grant that comes in; an import adds a number to it.
    pub grant: GrantId,
}

/// The one thing to do next. All reads are live, all writes are tried once, and no layer below may retry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Read the state Secret. Answer with [`Reply::State`].
    ReadState,
    /// Read the connector. Answer with [`Reply::Connector`].
    ReadConnector,
    /// Read the serial on the consumer's Secret, if it is this connector's. Answer with [`Reply::Consumer`].
    ReadConsumer,
    /// Set `status.installationUid` to this installation, and the serial. Answer with [`Reply::Write`].
    Claim {
        /// The higher of those in status and state, zero without any.
        serial: Serial,
        /// Whose connector it was before, to be recorded.
        taken_from: Option<InstallationUid>,
        /// Precondition.
        resource_version: ResourceVersion,
    },
    /// Create a ledger entry. Answer with [`Reply::Write`], `Conflict` for `AlreadyExists`, or with
    /// [`Reply::ImportedTooOften`] where an import or a login would begin.
    CreateLedger {
        /// Name of the Secret.
        name: LedgerName,
        /// Content.
        entry: LedgerEntry,
    },
    /// Read a ledger entry. Answer with [`Reply::Ledger`].
    ReadLedger {
        /// Name of the Secret.
        name: LedgerName,
    },
    /// Look for ledger entries of bootstrap tokens that were written with another key than this: what they know can't be found
    /// any more. Answer with [`Reply::EntriesOfOtherKeys`].
    FindEntriesOfOtherKeys {
        /// Id of the key in use.
        key_id: Box<str>,
    },
    /// Look for a ledger entry of this connector's that holds the code of the present login under another key than this. Its own
    /// entry stands by now: of two sessions with different keys, each finds the other's. Answer with
    /// [`Reply::EntriesOfOtherKeys`].
    FindCodeOfOtherKeys {
        /// Id of the key in use.
        key_id: Box<str>,
    },
    /// Replace a ledger entry. Answer with [`Reply::Write`].
    MarkLedgerUsed {
        /// Name of the Secret.
        name: LedgerName,
        /// New content.
        entry: LedgerEntry,
        /// Precondition.
        resource_version: ResourceVersion,
    },
    /// Create the state Secret. Answer with [`Reply::Write`], `Conflict` for `AlreadyExists`.
    CreateState {
        /// Content.
        state: Box<State>,
    },
    /// Replace the state Secret. Answer with [`Reply::Write`], `Conflict` also for 404.
    WriteState {
        /// New content.
        state: Box<State>,
        /// Precondition.
        resource_version: ResourceVersion,
    },
    /// Ask Salesforce about a refresh token. Answer with [`Reply::Introspection`].
    Introspect {
        /// The token.
        token: RefreshToken,
        /// Bound of the whole request.
        limit: Duration,
    },
    /// Ask Salesforce for the username behind an access token. Answer with [`Reply::Username`].
    Identify {
        /// The token and where to ask.
        access: Box<Access>,
    },
    /// Copy the serial of an intent to the connector's status. Answer with [`Reply::Write`].
    Announce {
        /// The serial.
        serial: Serial,
        /// Precondition.
        resource_version: ResourceVersion,
    },
    /// The irreversible step: present the token, now. Answer with [`Reply::Answer`], whatever happens.
    Send {
        /// The token.
        token: RefreshToken,
        /// The attempt, for logs.
        attempt: AttemptId,
        /// Bound of the whole request.
        limit: Duration,
    },
    /// Irreversible as well: exchange the authorization code of [`SessionGoal::Login`] for tokens, now. Answer with
    /// [`Reply::Code`], whatever happens.
    RedeemCode {
        /// Bound of the whole request.
        limit: Duration,
    },
    /// Write the consumer's Secret, then status, from this state. Answer with [`Reply::Derived`].
    Derive {
        /// The state; its current grant has an access token.
        state: Box<State>,
    },
    /// Wait that long. Answer with [`Reply::Paused`].
    Pause {
        /// How long.
        length: Duration,
    },
    /// The session is over.
    Done(Box<SessionOutcome>),
}

/// What came of an effect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reply {
    /// To [`Effect::ReadState`].
    State(Read<StateSeen>),
    /// To [`Effect::ReadConnector`]; `None` for 404.
    Connector(Read<Option<ConnectorSeen>>),
    /// To [`Effect::ReadConsumer`]; `None` when there is no Secret of this connector, or no serial on it.
    Consumer(Read<Option<Serial>>),
    /// To [`Effect::ReadLedger`]; `None` for 404.
    Ledger(Read<Option<(LedgerEntry, ResourceVersion)>>),
    /// To [`Effect::FindEntriesOfOtherKeys`] and [`Effect::FindCodeOfOtherKeys`]: whether there are any.
    EntriesOfOtherKeys(Read<bool>),
    /// To every write.
    Write(WriteReply),
    /// To [`Effect::CreateLedger`]: nothing was written, as too many imports have begun lately.
    ImportedTooOften,
    /// To [`Effect::Introspect`].
    Introspection(IntrospectionAnswer),
    /// To [`Effect::Identify`].
    Username(Username),
    /// To [`Effect::Send`].
    Answer(RedeemAnswer),
    /// To [`Effect::RedeemCode`].
    Code(CodeAnswer),
    /// To [`Effect::Derive`], done or failed: it can be done again at any time.
    Derived,
    /// To [`Effect::Pause`].
    Paused,
}

/// What became of the authorization code of a login.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CodeAnswer {
    /// A readable 200 with a refresh token.
    Granted(Box<(RefreshToken, TokenAnswer)>),
    /// Anything else. The code may be spent, and is never presented again.
    Failed,
}

/// What came of asking for a username.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Username {
    /// The username.
    Is(String),
    /// Salesforce does not accept the access token, which has ended: a new one may be told.
    AccessEnded,
    /// No answer, or another refusal; asking again can help.
    NoAnswer,
}

/// What came of a live read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Read<T> {
    /// An answer.
    Is(T),
    /// No answer, or a refusal.
    Failed,
}

/// The state Secret as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StateSeen {
    /// 404.
    Absent,
    /// There, and understood.
    Found(Box<State>, ResourceVersion),
    /// There, in an unknown format version.
    UnsupportedVersion,
    /// There, and not understood.
    Unreadable,
}

/// The connector as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConnectorSeen {
    /// `metadata.uid`.
    pub uid: Arc<str>,
    /// `metadata.resourceVersion`.
    pub resource_version: ResourceVersion,
    /// `status.installationUid`.
    pub controller: Option<InstallationUid>,
    /// The serial in status.
    pub serial: Option<Serial>,
    /// Whether another installation managed it before, whose ledger this one may not have.
    pub taken_over: bool,
}

/// What came of a write.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum WriteReply {
    /// It landed; the new resourceVersion.
    Written(ResourceVersion),
    /// It did not land: another version is there (409), or none (404).
    Conflict,
    /// It did not land: refused (403, 422) or never sent.
    Refused,
    /// It may have landed or not, or may land yet: time-out, reset, 5xx.
    Unknown,
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SessionOutcome {
    /// What the connector's grant has come to.
    pub end: SessionEnd,
    /// What is to be said of the bootstrap token.
    pub bootstrap: Option<BootstrapNote>,
    /// What came of the login that the session was for, if it got that far.
    pub login: Option<LoginVerdict>,
    /// What is to be said of a grant that came in and waits as `candidate`.
    pub candidate: Option<GrantProblem>,
    /// State as last known, to derive status from.
    pub state: Option<Box<State>>,
    /// To be handed to this connector's next session in this process.
    pub memory: SessionMemory,
}

/// What the connector's grant has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionEnd {
    /// The current grant stands and its access token was derived.
    Ready,
    /// No access token came of it, and the grant can be presented again: try again with back-off. The shell knows
    /// Salesforce's refusal.
    Unspent,
    /// A person must act; `ask_again` says when a further session could mend it by itself.
    Problem {
        /// What is wrong.
        problem: GrantProblem,
        /// When introspection is due again, from now.
        ask_again: Option<Duration>,
    },
    /// Nothing wrong, nothing to do yet.
    Waiting {
        /// For what.
        why: SessionWait,
        /// How long, from now.
        length: Duration,
    },
    /// The connector is gone or was created again: garbage collection sees to its state.
    ConnectorGone,
}

/// What a session waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionWait {
    /// An attempt of somebody else: it is left alone until the hold-off is over.
    ForeignAttempt,
    /// More lease time than is left, or any.
    Lease,
    /// The API server.
    Kubernetes,
    /// Salesforce, to tell about a token.
    Salesforce,
    /// Others who write the same objects.
    Contention,
}

/// What came of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LoginVerdict {
    /// Its grant is in the state, or was; whether it is the one in use is another question.
    Stored,
    /// The code was presented before, or may have been, by a session that has not recorded a result.
    CodeUsed,
    /// The code was presented and brought no grant.
    Failed,
    /// The connector, or its namespace, has brought too many grants for now; the code was not presented.
    TooOften,
}

/// What is to be said of a bootstrap token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BootstrapNote {
    /// Imported: the bootstrap Secret can be deleted.
    Imported,
    /// Not imported, and why.
    Refused(GrantProblem),
}
