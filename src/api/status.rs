//! What does the operator report? The status of `SalesforceConnector`; nothing in it is a secret or a plain hash of one.

#![expect(
    clippy::doc_markdown,
    reason = "kubectl explain prints these docs as plain text"
)]
#![expect(
    unreachable_pub,
    reason = "the KubeSchema derive writes helper types as `pub`"
)]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::environment::Environment;
use crate::api::newer::{known, known_list};

pub use failures::FailuresStatus;
pub use inventory::{
    FailedPartStatus, InventoryPart, InventoryResult, InventoryStatus, LimitStatus, OrgType,
    RecordCountStatus,
};
pub use rollout::RolloutRestartStatus;
pub use rotation::CredentialRotationStatus;
pub use sharing::SharingStatus;

mod failures;
mod inventory;
mod rollout;
mod rotation;
mod sharing;

/// Observed state of the connector.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SalesforceConnectorStatus {
    /// Generation of the spec that this status describes; -1 until the operator has processed the connector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// Ready is the summary: the token is valid, the Secret is up to date, and no test has failed permanently.
    /// Authenticated, SecretSynced and ConnectionTested report the parts. Reconciling and Stalled exist only while they
    /// are True; Stalled means that someone must act. `https://salesforce-connector.dev/docs/reasons` lists every
    /// reason with its remedy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    #[schemars(length(max = 16))]
    pub conditions: Vec<Condition>,

    /// UID of the namespace of the operator installation that manages this connector. Other installations ignore it, unless
    /// that namespace no longer exists, or they are told to take its connectors over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installation_uid: Option<String>,

    /// Name of that namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installation_namespace: Option<String>,

    /// UID of the installation that this one took the connector over from, or `unknown`. If it is set, the operator imports a
    /// bootstrap token only if Salesforce reports that it is active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_installation_uid: Option<String>,

    /// Org and user that the token belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentityStatus>,

    /// Issue, expiration and renewal times of the token.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    pub token: Option<TokenStatus>,

    /// When someone must act (re-authorize the app, or follow the Ready message) to keep the connector working. A time
    /// in the past means it is already without a token. Absent while the operator can renew the grant by itself
    /// (authorizationCode only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_required_time: Option<Time>,

    /// Serial number of the stored grant; every step of a refresh increments it (authorizationCode only). A stored
    /// grant with a lower serial comes from a backup, and the operator does not use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_serial: Option<i64>,

    /// Name of the Secret that holds the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_name: Option<String>,

    /// Result of the last connection test. A test makes at most three calls: the list of API versions, the identity of
    /// the user, and one query on Organization. The query counts against the org's daily API allocation; the list of
    /// versions does not. A test never obtains a token.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    #[schemars(with = "ConnectionTestStatus")] // else the type's description would replace the field's
    pub connection_test: Option<ConnectionTestStatus>,

    /// What the org holds, as of the last run. Present if spec.inventory is set.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    #[schemars(with = "InventoryStatus")] // else the type's description would replace the field's
    pub inventory: Option<InventoryStatus>,

    /// Restarts of the workloads in spec.rolloutRestartTargets.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "known_list"
    )]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["kind".into(), "name".into()]))]
    #[schemars(length(max = 8))]
    pub rollout_restarts: Vec<RolloutRestartStatus>,

    /// Rotations of the app's credentials. Present if spec.app.rotation is set, or if only the operator has the credentials of the last
    /// rotation.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    #[schemars(with = "CredentialRotationStatus")]
    // else the type's description would replace the field's
    pub credential_rotation: Option<CredentialRotationStatus>,

    /// Copies of the token in other namespaces. Present if spec.sharing names a namespace.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    #[schemars(with = "SharingStatus")] // else the type's description would replace the field's
    pub sharing: Option<SharingStatus>,

    /// Failures since the last success. Absent if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<FailuresStatus>,

    /// Why a candidate grant, from the bootstrap token or from a login, was not accepted. The connector keeps using
    /// its current grant. Absent if there is no candidate grant or nothing is wrong with it (authorizationCode only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "FailuresStatus")] // else the type's description would replace the field's
    pub candidate_grant_failures: Option<FailuresStatus>,

    /// Why Salesforce does not accept the app's current credentials. The connector logs in with
    /// spec.app.previousCredentials. Absent if the current ones are in use or were not tried yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "FailuresStatus")] // else the type's description would replace the field's
    pub credentials_failures: Option<FailuresStatus>,

    /// What came of the last login by `kubectl salesforce login` (authorizationCode only).
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    #[schemars(with = "LoginStatus")] // else the type's description would replace the field's
    pub last_login: Option<LoginStatus>,

    /// Annotation requests that the operator has carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled: Option<LastHandledStatus>,
}

/// Org and user that the token belongs to.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct IdentityStatus {
    /// Organization ID (18 characters).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<String>,
    /// Name of the organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 120))]
    pub organization_name: Option<String>,
    /// Edition of the org, such as Enterprise Edition or Developer Edition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 120))]
    pub edition: Option<String>,
    /// Type of the org as Salesforce reports it. Absent if it could not be verified.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    #[schemars(with = "Environment")] // else the type's description would replace the field's
    pub environment: Option<Environment>,
    /// Base URL of REST calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_url: Option<String>,
    /// Salesforce instance that hosts the org, such as SWE42; see status.salesforce.com.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 120))]
    pub instance_name: Option<String>,
    /// User ID (18 characters).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Username. Absent if it comes from a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 120))]
    pub username: Option<String>,
}

/// Times of the token.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TokenStatus {
    /// When Salesforce issued the token.
    pub issue_time: Time,
    /// When the operator expects the token to expire. Use of the session can keep it alive for longer.
    pub expiration_time: Time,
    /// Source of expirationTime.
    pub expiry_source: ExpirySource,
    /// When the operator renews the token.
    pub renewal_time: Time,
    /// OAuth scopes that Salesforce granted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[schemars(length(max = 64))]
    pub scopes: Vec<String>,
}

/// Source of the expiration time of a token.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpirySource {
    /// Salesforce's introspection endpoint.
    Introspected,
    /// The claims of the token, which is in JWT format.
    TokenClaims,
    /// `spec.token.lifetime`.
    Declared,
    /// Unknown: the shortest session timeout that Salesforce offers is assumed.
    Assumed,
}

/// Result of a connection test.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionTestStatus {
    /// Whether the test succeeded.
    pub result: TestResult,
    /// `Connection test succeeded`, or what failed and what to do. If a test was requested and there is no token, it
    /// says why.
    pub message: String,
    /// When the test ran. The operator records an unchanged result at most once an hour, unless the test was requested.
    pub last_test_time: Time,
    /// When the first test of the current series of failures failed. Absent if the last test succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_failure_time: Option<Time>,
    /// The operator runs no test before this time, unless one is requested. Present only if Salesforce asked for a
    /// longer wait than usual (Retry-After).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_test_time: Option<Time>,
    /// Steps of the test in order, up to the first that failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    #[schemars(length(max = 16))]
    pub steps: Vec<TestStep>,
    /// Usage of the org's daily API allocation, as Salesforce last reported it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_usage: Option<ApiUsageStatus>,
}

/// Result of a test.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestResult {
    /// It succeeded.
    Succeeded,
    /// It failed.
    Failed,
}

/// Name of a step of the connection test.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StepName {
    /// The host answers as Salesforce.
    HostAnswers,
    /// Salesforce accepts the token.
    TokenAccepted,
    /// The token belongs to the org and user in `spec.expect`.
    IdentityExpected,
    /// The user may use the REST API.
    ApiEnabled,
    /// The token has a scope for the API. Scopes that are wider than needed, or a missing refresh_token, are reported but
    /// do not fail the step.
    Scopes,
    /// The name, edition and type of the org could be read.
    OrgFacts,
    /// The type of the org matches `spec.environment`.
    EnvironmentMatches,
    /// Salesforce reported the usage of the API allocation.
    ApiUsage,
}

/// Result of a step.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepResult {
    /// The step passed.
    Passed,
    /// The step failed; the test ends here.
    Failed,
    /// The result is unknown; this is not a failure.
    Unverified,
}

/// A step of the connection test.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TestStep {
    /// Name of the step.
    pub name: StepName,
    /// Result of the step.
    pub result: StepResult,
    /// Reason of the failure; see `https://salesforce-connector.dev/docs/reasons`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Details of the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What to change, naming the setting in Salesforce. A step that passed can have one too; it is then a recommendation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// How long Salesforce took to answer the call that this step was judged by, with the connection if a new one was
    /// made. One call answers TokenAccepted and IdentityExpected, and one answers the steps after them. A value that
    /// changes alone is not recorded. Absent if no call was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_milliseconds: Option<i32>,
}

impl TestStep {
    /// Whether it says the same of the connection, however long the answers took.
    pub fn says_the_same(&self, other: &Self) -> bool {
        let latency_milliseconds = other.latency_milliseconds;
        let timed = Self {
            latency_milliseconds,
            ..self.clone()
        };
        timed == *other
    }
}

/// Use of the org's daily API allocation.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ApiUsageStatus {
    /// API calls in the last 24 hours.
    pub used: i64,
    /// API calls that the org may make in 24 hours.
    pub allowed: i64,
}

/// What came of a login.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct LoginStatus {
    /// Value of the annotation salesforce-connector.dev/login-secret: the Secret that held the login.
    #[schemars(length(max = 253))]
    pub secret_name: String,
    /// Whether its grant was stored.
    pub result: LoginResult,
    /// Why it failed; see `https://salesforce-connector.dev/docs/reasons`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What happened, and what to do.
    pub message: String,
    /// When the operator carried it out.
    pub login_time: Time,
}

/// Result of a login.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginResult {
    /// The grant is stored.
    Succeeded,
    /// It brought no grant that the connector can use.
    Failed,
}

/// Annotation requests that the operator has carried out.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct LastHandledStatus {
    /// Last value of the annotation salesforce-connector.dev/test-requested-at that the operator acted on: it ran a
    /// test, or reported in connectionTest why there is no token to test. A request waits while the connector is
    /// suspended, and for 10 seconds after the one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub test_requested_at: Option<String>,
    /// Last value of the annotation salesforce-connector.dev/renew-requested-at that the operator acted on: it tried to
    /// obtain a token, or reported in Ready why it cannot try. A request waits while the connector is suspended, while an
    /// input for the next renewal is missing, and for 10 seconds after the one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub renew_requested_at: Option<String>,
}
