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

/// What the operator found and did.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SalesforceConnectorStatus {
    /// Generation of the spec that this status speaks of; -1 until the operator has seen the connector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// Ready sums up: the token is valid, the Secret is in step, and no test has failed for good. Authenticated,
    /// SecretSynced and ConnectionTested say which part. Reconciling and Stalled exist only while they are true: Stalled
    /// means that a person must act. docs/reasons.md lists every reason with its remedy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    #[schemars(length(max = 16))]
    pub conditions: Vec<Condition>,

    /// Uid of the namespace of the operator's installation that works on this connector. Other installations leave it alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installation_uid: Option<String>,

    /// Who the token belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentityStatus>,

    /// When the token was issued, expires and is renewed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenStatus>,

    /// By when a person must authorize the app again, or do what Ready says, unless what fails now passes before
    /// (authorizationCode only). A time in the past: since when the connector has been without a token for want of a
    /// person. Absent while the grant can be renewed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_required_time: Option<Time>,

    /// Serial of the stored grant, raised by each step of its renewal (authorizationCode only). A grant that is older than
    /// this was restored from a backup, and is not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_serial: Option<i64>,

    /// Name of the Secret that holds the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_name: Option<String>,

    /// Result of the last connection test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_test: Option<ConnectionTestStatus>,

    /// Failures since the last success; absent when all is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<FailuresStatus>,

    /// Why a grant that was brought beside the one in use is not used, while the connector goes on with the one it has
    /// (authorizationCode only); absent when there is none, or nothing against it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "FailuresStatus")] // else the type's description would stand for the field's
    pub candidate_grant_failures: Option<FailuresStatus>,

    /// Which requests by annotation have been carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled: Option<LastHandledStatus>,
}

/// Who the token belongs to.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct IdentityStatus {
    /// Organization id, 18 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<String>,
    /// Name of the organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_name: Option<String>,
    /// Edition, such as Enterprise Edition or Developer Edition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edition: Option<String>,
    /// Kind of org, as the org itself says; absent while it couldn't be verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Environment")] // else the type's description would stand for the field's
    pub environment: Option<Environment>,
    /// Base URL of REST calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_url: Option<String>,
    /// Instance that the org runs on, such as SWE42; see status.salesforce.com.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_name: Option<String>,
    /// User id, 18 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Username; absent where it came from a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
}

/// Times of the token.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TokenStatus {
    /// When Salesforce issued the token.
    pub issue_time: Time,
    /// When the token is taken to expire. Use of a session can keep it alive for longer.
    pub expiration_time: Time,
    /// Where expirationTime is known from.
    pub expiry_source: ExpirySource,
    /// When the token will be renewed.
    pub renewal_time: Time,
    /// Scopes that Salesforce granted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[schemars(length(max = 64))]
    pub scopes: Vec<String>,
}

/// Where the expiration time of a token is known from.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpirySource {
    /// Salesforce's introspection endpoint.
    Introspected,
    /// The token itself, which is in JWT format.
    TokenClaims,
    /// `spec.token.lifetime`.
    Declared,
    /// Nobody said; the shortest session timeout that Salesforce offers is assumed.
    Assumed,
}

/// Result of a connection test.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionTestStatus {
    /// Whether the test succeeded.
    pub result: TestResult,
    /// `Connection test succeeded`, or what failed and what to do; or, where a test was asked for, why there is no token to test.
    pub message: String,
    /// When the test ran. An unchanged result is recorded at most once an hour, unless the test was asked for.
    pub last_test_time: Time,
    /// Since when tests have failed; absent while they succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_failure_time: Option<Time>,
    /// Before this time no test runs by itself; present where Salesforce has asked for a longer wait than usual (Retry-After).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_test_time: Option<Time>,
    /// The steps of the test, in order, up to the first that failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    #[schemars(length(max = 16))]
    pub steps: Vec<TestStep>,
    /// Use of the org's daily API allocation, as Salesforce last reported it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_usage: Option<ApiUsageStatus>,
}

/// Whether something succeeded.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestResult {
    /// It did.
    Succeeded,
    /// It did not.
    Failed,
}

/// Name of a step of the connection test.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StepName {
    /// The host answers as Salesforce.
    HostAnswers,
    /// Salesforce accepts the token.
    TokenAccepted,
    /// The token belongs to whom `spec.expect` names.
    IdentityExpected,
    /// The user may use the REST API.
    ApiEnabled,
    /// The token has a scope for the API.
    Scopes,
    /// Name, edition and kind of the org could be read.
    OrgFacts,
    /// The kind of org is the one in `spec.environment`.
    EnvironmentMatches,
    /// Salesforce reported the use of the API allocation.
    ApiUsage,
}

/// How a step went.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepResult {
    /// As it should.
    Passed,
    /// The test ends here.
    Failed,
    /// It could not be found out; this is not a failure.
    Unverified,
}

/// A step of the connection test.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TestStep {
    /// Which step.
    pub name: StepName,
    /// How it went.
    pub result: StepResult,
    /// Why it failed, as in docs/reasons.md.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What to change, naming the setting in Salesforce.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// Use of the org's daily API allocation.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ApiUsageStatus {
    /// Calls in the last 24 hours.
    pub used: i64,
    /// Calls that are allowed in 24 hours.
    pub allowed: i64,
}

/// Failures since the last success.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct FailuresStatus {
    /// How many.
    pub count: i32,
    /// When the first of them happened.
    pub first_failure_time: Time,
    /// When the last of them happened.
    pub last_failure_time: Time,
    /// When the operator tries again by itself; absent where it waits until an input changes or renewal is requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt_time: Option<Time>,
    /// The last reason, as in docs/reasons.md.
    pub reason: String,
    /// What happened last, and what to do.
    pub message: String,
    /// Keyed digest of the inputs that failed, by which a changed input is noticed. It tells nothing without the
    /// operator's own key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs_digest: Option<String>,
}

/// Which requests by annotation have been carried out.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct LastHandledStatus {
    /// Value of salesforce-connector.dev/test-requested-at that was last acted on: by a test, or by saying in connectionTest
    /// why there is no token to test. While the connector is suspended, a request waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_requested_at: Option<String>,
    /// Value of salesforce-connector.dev/renew-requested-at that was last acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renew_requested_at: Option<String>,
}
