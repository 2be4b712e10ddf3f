//! What can a pass ask for, and what can come of it?

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::core::DynamicObject;
use redeem::{Bootstrap, Expect, InstallationUid, Introspectable, OAuthClient, ResourceVersion, SessionGoal};
use salesforce_client::{
    AccessToken, Failure, Introspection, TokenRequest, TokenResponse, UnsignedAssertion,
};
use transit_client::{Signature, SignerFailure};

use crate::api::SalesforceConnectorStatus;
use crate::api::spec::RolloutTarget;
use crate::core::conclude::EventDraft;
use crate::core::grant::session_report::SessionReport;
use crate::core::inventory::calls::{InventoryAnswer, InventoryCall};
use crate::core::inventory::findings::DetailsFault;
use crate::core::model::connector::{Connector, RemoteKey};
use crate::core::model::decision::Decision;
use crate::core::model::digest::Digest;
use crate::core::model::login_request::{LoginCode, LoginSecret};
use crate::core::model::outcome::Outcome;
use crate::core::model::rejection::Rejection;
use crate::core::pass::connection_test::{TestAnswer, TestCall};
use crate::core::rollout::workload::{Restart, WorkloadFault};
use crate::core::rotation::calls::{CredentialsAnswer, CredentialsCall};
use crate::core::rotation::input::InputFault;
use crate::core::rotation::state::RotationState;
use crate::core::schedule::password_memory::{PasswordAttempt, PasswordMemory, PasswordOutcome};
use crate::core::sharing::report::SharingReport;

/// The one next thing that a pass needs. The shell carries it out and answers with the [`PassReply`] that its documentation names.
pub enum PassEffect {
    /// Bring the annotation of the stored grant in step that says where to revoke it: at this host, or nowhere. Outside of
    /// any session, so only at this version of the state. [`PassReply::Done`], also where it could not be written.
    RecordRevocation {
        host: Option<String>,
        /// Version of the state Secret that was read.
        version: ResourceVersion,
    },
    /// Delete the Secret of a login that is over. [`PassReply::Done`], also where it could not be deleted.
    DeleteLoginSecret(LoginSecret),
    /// Let no other login of this user begin. [`PassReply::Done`], or [`PassReply::UserBusy`], which ends the pass.
    ReserveUser {
        username: String,
    },
    /// Let other logins of the reserved user go on. [`PassReply::Done`].
    ReleaseUser,
    /// Say what is remembered of a user's passwords. [`PassReply::Passwords`].
    RecallPassword {
        user: Digest,
    },
    /// Note that a password is about to be sent, unless the memory has changed since it was read. [`PassReply::PasswordNoted`].
    NotePassword {
        user: Digest,
        /// With the attempt in it.
        memory: PasswordMemory,
        /// Version that was read; none where there was no memory.
        version: Option<ResourceVersion>,
    },
    /// Remember what came of a password. [`PassReply::Done`], also where the Secret could not be written.
    RecordPassword {
        user: Digest,
        attempt: PasswordAttempt,
        outcome: PasswordOutcome,
    },
    /// Have an assertion signed by its signer. [`PassReply::Signature`].
    Sign {
        key: Box<RemoteKey>,
        assertion: UnsignedAssertion,
    },
    /// Send a token request, if the login host's budget allows it. [`PassReply::Token`].
    RequestToken {
        /// Host and app.
        connector: Arc<Connector>,
        request: Box<TokenRequest>,
    },
    /// Ask Salesforce about an access token. [`PassReply::Introspection`].
    Introspect {
        /// Host and app.
        connector: Arc<Connector>,
        token: AccessToken,
    },
    /// Make one call of the connection test. [`PassReply::Test`].
    Test {
        call: TestCall,
        /// Time limit of the whole test, counted from its first call.
        limit: Duration,
    },
    /// Make one call about the credentials of the app, unless it changes something and another replica leads.
    /// [`PassReply::AppCredentials`].
    CallAppCredentials(Box<CredentialsCall>),
    /// Store what is remembered of the app's rotations, in the place of this version. [`PassReply::RotationStored`].
    StoreRotation {
        state: Box<RotationState>,
        /// Version that was read; none where there was none.
        version: Option<ResourceVersion>,
    },
    /// Read the Secret that is to take the app's credentials. [`PassReply::Input`].
    ReadInput {
        name: String,
    },
    /// Replace that Secret at the version that was read. [`PassReply::InputWritten`].
    WriteInput(Box<Secret>),
    /// Read a workload that is to be restarted. [`PassReply::Workload`].
    ReadWorkload(RolloutTarget),
    /// Apply a restart to the workload of its uid, and take no field from another manager. [`PassReply::WorkloadRestarted`].
    RestartWorkload(Box<Restart>),
    /// Bring all copies of the token in other namespaces in step with the consumer's Secret. [`PassReply::Copied`].
    CopyToken,
    /// Read the ConfigMap with the details of the inventory of before. [`PassReply::Details`].
    ReadDetails,
    /// Make one call of the inventory. [`PassReply::Inventory`].
    TakeInventory(Box<InventoryCall>),
    /// Write the ConfigMap: where it has a uid, the one of that uid. [`PassReply::DetailsWritten`].
    WriteDetails(Arc<ConfigMap>),
    /// Run a session of the redeem protocol to its end. [`PassReply::Session`].
    RunSession(Box<SessionOrder>),
    /// Find out whether the consumer's Secret can be written, by a dry run. [`PassReply::Secret`].
    ProbeSecret {
        /// Its template.
        connector: Arc<Connector>,
        /// As it was read, if it exists.
        found: Option<Box<Secret>>,
        /// What stands in for the Secret that is to be written.
        wanted: Box<Secret>,
    },
    /// Create the consumer's Secret. [`PassReply::Secret`].
    CreateSecret {
        connector: Arc<Connector>,
        wanted: Box<Secret>,
    },
    /// Update the consumer's Secret at the version that was read. [`PassReply::Secret`].
    UpdateSecret {
        found: Box<Secret>,
        wanted: Box<Secret>,
    },
    /// The consumer's Secret is in step: delete those that the connector had under other names. [`PassReply::Done`].
    DeleteFormerSecrets {
        current: String,
        former: Vec<String>,
    },
    /// Read the connector's status live: the redeem protocol has written a part of it. [`PassReply::Status`].
    ReadStatus,
    /// Note in logs, metrics and memory what was done. [`PassReply::Done`].
    Record(Arc<PassReport>),
    /// Replace the connector's status. [`PassReply::Done`].
    WriteStatus {
        status: Box<SalesforceConnectorStatus>,
        /// The version to replace, where it is not the one that was observed.
        resource_version: Option<String>,
    },
    Done(Box<PassEnd>),
}

pub enum PassReply {
    Done,
    /// Another login of the user is in progress. A later pass is begun when it has ended.
    UserBusy,
    /// What is remembered of a user's passwords, and the version that was read, if there was anything.
    Passwords(PasswordMemory, Option<ResourceVersion>),
    PasswordNoted(PasswordNote),
    Signature(Result<Signature, SignerFailure>),
    Token(TokenReply),
    /// What Salesforce says of a token, if it says anything.
    Introspection(Option<Introspection>),
    /// What a call of the connection test was answered, and after how long.
    Test(TestAnswer, Duration),
    /// What a call about the app's credentials was answered.
    AppCredentials(Box<CredentialsAnswer>),
    /// The new version; nothing where somebody else has changed it meanwhile; or why the API server refuses it.
    RotationStored(Result<Option<ResourceVersion>, String>),
    /// The Secret, if there is one.
    Input(Result<Option<Box<Secret>>, InputFault>),
    InputWritten(Result<(), InputFault>),
    /// The workload, if there is one.
    Workload(Result<Option<Box<DynamicObject>>, WorkloadFault>),
    WorkloadRestarted(Result<(), WorkloadFault>),
    Copied(SharingReport),
    /// The ConfigMap of that name, whosever it is.
    Details(Result<Option<Box<ConfigMap>>, DetailsFault>),
    Inventory(Box<InventoryAnswer>),
    DetailsWritten(Result<(), DetailsFault>),
    Session(Box<SessionReply>),
    /// Whether the Secret was written, or why the API server or its owner does not let us.
    Secret(Result<(), Rejection>),
    /// The connector as it is now; nothing if it is gone.
    Status(Option<Box<LiveStatus>>),
}

pub enum TokenReply {
    Granted(Box<TokenResponse>),
    Refused(Box<Failure>),
    /// Nothing was sent: the login host has used up its budget, for so long.
    BudgetSpent(Duration),
}

/// What came of noting that a password is about to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordNote {
    Noted,
    /// Somebody else has changed the memory meanwhile.
    Outdated,
    /// The namespace has brought too many passwords that are remembered.
    TooMany,
}

/// What a session is to do. The shell adds what is the same for all sessions of the process.
pub struct SessionOrder {
    /// Host and app.
    pub connector: Arc<Connector>,
    pub goal: SessionGoal,
    /// Another installation, from which the connector is taken over.
    pub heir_of: Option<InstallationUid>,
    /// The bootstrap token to import, if there is one to be taken in.
    pub bootstrap: Option<Bootstrap>,
    /// The login whose code is to be redeemed, where that is the goal.
    pub login: Option<LoginCode>,
    pub expect: Expect,
    pub client: OAuthClient,
    /// Whether Salesforce can be asked about a refresh token.
    pub introspectable: Introspectable,
    /// Login host that the state names to revoke the grant at once the connector is gone.
    pub revoke_at: Option<String>,
    /// Whether to take a request out of the login host's budget beforehand. What it comes to is settled afterwards.
    pub prepaid: bool,
}

/// What came of the order for a session.
#[expect(clippy::large_enum_variant, reason = "it is always in a box")]
pub enum SessionReply {
    Ended(SessionReport),
    /// It was not begun: the login host has used up its budget, for so long.
    BudgetSpent(Duration),
}

pub struct LiveStatus {
    /// Whether this replica leads, so that the status is its own to write.
    pub leads: bool,
    pub status: SalesforceConnectorStatus,
    pub resource_version: Option<String>,
}

pub enum PassEnd {
    /// The connector is gone; there is nothing to report.
    Gone,
    /// Another replica leads by now, and knows more than this one, which has obtained nothing.
    Deposed,
    /// Nothing is done before another login of the same user has ended.
    UserBusy,
    /// What was done is recorded and in the status. Its events are to be published.
    Reported(Arc<PassReport>),
}

pub struct PassReport {
    pub decision: Decision,
    pub outcome: Outcome,
    /// How each connection test of the pass ended, as labels in metrics.
    pub tests: Vec<&'static str>,
    pub status: SalesforceConnectorStatus,
    pub events: Vec<EventDraft>,
    /// When to look again.
    pub next: Duration,
    /// Another installation manages the connector.
    pub claimed_elsewhere: bool,
}

impl PassEffect {
    /// Name for logs and tests.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::RecordRevocation { .. } => "RecordRevocation",
            Self::DeleteLoginSecret(_) => "DeleteLoginSecret",
            Self::ReserveUser { .. } => "ReserveUser",
            Self::ReleaseUser => "ReleaseUser",
            Self::RecallPassword { .. } => "RecallPassword",
            Self::NotePassword { .. } => "NotePassword",
            Self::RecordPassword { .. } => "RecordPassword",
            Self::Sign { .. } => "Sign",
            Self::RequestToken { .. } => "RequestToken",
            Self::Introspect { .. } => "Introspect",
            Self::Test { call, .. } => call.name(),
            Self::CallAppCredentials(call) => call.request.name(),
            Self::StoreRotation { .. } => "StoreRotation",
            Self::ReadInput { .. } => "ReadInput",
            Self::WriteInput(_) => "WriteInput",
            Self::ReadWorkload(_) => "ReadWorkload",
            Self::RestartWorkload(_) => "RestartWorkload",
            Self::CopyToken => "CopyToken",
            Self::ReadDetails => "ReadDetails",
            Self::TakeInventory(_) => "TakeInventory",
            Self::WriteDetails(_) => "WriteDetails",
            Self::RunSession(_) => "RunSession",
            Self::ProbeSecret { .. } => "ProbeSecret",
            Self::CreateSecret { .. } => "CreateSecret",
            Self::UpdateSecret { .. } => "UpdateSecret",
            Self::DeleteFormerSecrets { .. } => "DeleteFormerSecrets",
            Self::ReadStatus => "ReadStatus",
            Self::Record(_) => "Record",
            Self::WriteStatus { .. } => "WriteStatus",
            Self::Done(_) => "Done",
        }
    }
}
