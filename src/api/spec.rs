//! What does a user declare? The spec of `SalesforceConnector`; doc comments are what `kubectl explain` prints.

#![expect(
    clippy::doc_markdown,
    reason = "kubectl explain prints these docs as plain text"
)]
#![expect(
    unreachable_pub,
    reason = "the KubeSchema derive writes helper types as `pub`"
)]

use std::collections::BTreeMap;

use kube::core::Duration;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

pub use super::environment::Environment;
pub use app::{AppSpec, CredentialRotationSpec, PreviousCredentialsSpec};
pub use inventory::{InventoryDetails, InventorySpec};
pub use rollout::{RolloutTarget, WorkloadKind};
pub use secret::{DeletionPolicy, SecretFormat, SecretKeys, SecretSpec};
pub use secret_key_ref::SecretKeyRef;
pub use sharing::SharingSpec;
pub use signer::{SignerSpec, VaultTransitSpec};

mod app;
mod inventory;
mod rollout;
pub(super) mod rules;
mod secret;
mod secret_key_ref;
mod sharing;
mod signer;

/// A connection to one Salesforce org. The operator obtains an OAuth access token, keeps a valid one in a Secret, tests
/// the connection, and reports the result in the status. The connector, the Secret and every Secret that the connector
/// refers to are in the same namespace.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "salesforce-connector.dev",
    version = "v1alpha1",
    kind = "SalesforceConnector",
    plural = "salesforceconnectors",
    namespaced,
    status = "crate::api::status::SalesforceConnectorStatus",
    derive = "PartialEq",
    shortname = "sfc",
    category = "salesforce",
    doc = "A connection to one Salesforce org. The operator obtains an OAuth access token, keeps a valid one in a Secret of the same namespace, tests the connection, and reports the result in the status.",
    selectable = ".spec.environment",
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason"),
    printcolumn(name = "Org", type_ = "string", json_path = ".status.identity.organizationName"),
    printcolumn(name = "Secret", type_ = "string", json_path = ".status.secretName"),
    printcolumn(name = "Expires", type_ = "string", json_path = ".status.token.expirationTime"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].message", priority = 1),
    printcolumn(name = "Test", type_ = "string", json_path = ".status.connectionTest.message", priority = 1),
    validation = Rule::new("self.metadata.name.size() <= 63").message("metadata.name must have at most 63 characters: it becomes a label and part of the Secret's name"),
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::required("has(self.auth.clientCredentials)", "host", "host is required with clientCredentials: Salesforce refuses this flow on the shared login hosts; give your org's My Domain, such as acme.my.salesforce.com"))]
#[x_kube(validation = Rule::new("!has(self.auth.clientCredentials) || !has(self.host) || !(self.host in ['login.salesforce.com', 'test.salesforce.com'])").message("clientCredentials needs the org's My Domain host, such as acme.my.salesforce.com: Salesforce refuses this flow on login.salesforce.com and test.salesforce.com").field_path(".host"))]
#[x_kube(validation = rules::required("has(self.auth.clientCredentials)", "app.clientSecretRef", "app.clientSecretRef is required with clientCredentials"))]
#[x_kube(validation = rules::required("has(self.auth.password)", "app.clientSecretRef", "app.clientSecretRef is required with password"))]
#[x_kube(validation = Rule::new("!has(self.auth.authorizationCode) || !has(self.app.previousCredentials)").message("app.previousCredentials can't be used with authorizationCode, because a refresh token belongs to the consumer key that it was issued for: remove it, and log in again when you have rotated the credentials").field_path(".app.previousCredentials"))]
#[x_kube(validation = Rule::new("!has(self.app.rotation) || has(self.auth.clientCredentials) || has(self.auth.jwtBearer)").message("app.rotation can be used with clientCredentials and jwtBearer only: an external client app has no username-password flow, and a refresh token belongs to the consumer key that it was issued for").field_path(".app.rotation"))]
#[x_kube(validation = Rule::new("!has(self.host) || self.environment == 'Sandbox' || !(self.host == 'test.salesforce.com' || self.host.endsWith('.sandbox.my.salesforce.com') || self.host.endsWith('.scratch.my.salesforce.com'))").message("this host belongs to a sandbox or scratch org: set environment to Sandbox, or give the host of the production org").field_path(".environment"))]
#[x_kube(validation = Rule::new("!has(self.host) || self.environment == 'Live' || !(self.host == 'login.salesforce.com' || self.host.endsWith('.develop.my.salesforce.com'))").message("this host belongs to a production or Developer Edition org: set environment to Live, or give the host of the sandbox, such as acme--uat.sandbox.my.salesforce.com").field_path(".environment"))]
pub struct SalesforceConnectorSpec {
    /// Display name for user interfaces, such as a list of data connections. The operator ignores it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub display_name: Option<String>,

    /// Type of the org: Live (production and Developer Edition orgs) or Sandbox (sandboxes and scratch orgs). It
    /// selects the login host if `host` is not set. After the login, the operator compares it with the org's actual
    /// type; if they differ, it reports EnvironmentMismatch and does not publish the token. Default: Live.
    #[serde(default)]
    pub environment: Environment,

    /// Login host: the org's My Domain, as shown in Setup > My Domain, without scheme, port or path. Examples:
    /// acme.my.salesforce.com, acme--uat.sandbox.my.salesforce.com. Required with auth.clientCredentials, and for an
    /// app that is local to one org (external client app). Default: login.salesforce.com (Live) or test.salesforce.com
    /// (Sandbox).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 4, max = 253))]
    #[x_kube(validation = Rule::new("!self.contains('/') && !self.contains(':')").message("host is a bare name, such as acme.my.salesforce.com: remove scheme, port and path"))]
    #[x_kube(validation = rules::host_name())]
    #[x_kube(validation = Rule::new("!self.endsWith('.lightning.force.com') && !self.endsWith('.salesforce-setup.com')").message("this is a host of the user interface; give the My Domain host instead, which ends in .my.salesforce.com"))]
    pub host: Option<String>,

    /// The external client app (or connected app) that the operator logs in with.
    pub app: AppSpec,

    /// OAuth flow. Set exactly one of its fields; write `{}` for a flow without settings.
    pub auth: AuthSpec,

    /// Expected org and user. The operator checks them before it publishes a token, so that a wrong setting, or a login
    /// as the wrong user, does not expose another user's access.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<ExpectSpec>,

    /// Lifetime of the access token, and how early the operator renews it.
    #[serde(default)]
    #[schemars(default = "empty_object")]
    pub token: TokenSpec,

    /// The Secret that receives the access token.
    #[serde(default)]
    #[schemars(default = "empty_object")]
    pub secret: SecretSpec,

    /// Interval and settings of the connection test. A test never obtains a token.
    #[serde(default)]
    #[schemars(default = "empty_object")]
    pub connection_test: ConnectionTestSpec,

    /// If set, the operator reads once a day what the org holds, with at most five calls: its type, API versions, objects,
    /// record counts and limits. status.inventory shows it; it has no influence on Ready. The operator skips a run while the
    /// org has used 80 percent of its API calls. Write `{}` for the defaults. Default: no inventory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "InventorySpec")] // else the type's description would replace the field's
    pub inventory: Option<InventorySpec>,

    /// Workloads of the connector's namespace that can't read a changed Secret while they run, at most 8. After the token
    /// was replaced, the operator restarts each of them once, as kubectl rollout restart does. A workload must consent: its
    /// annotation salesforce-connector.dev/restarted-by names the connector. The first token restarts nothing. The
    /// operator needs the right to patch workloads: value rolloutRestarts.enabled of its chart. status.rolloutRestarts
    /// shows the result; it has no influence on Ready. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["kind".into(), "name".into()]))]
    pub rollout_restart_targets: Option<Vec<RolloutTarget>>,

    /// Namespaces that are offered copies of the token. A copy is made where an object SalesforceTokenCopy accepts it, renewed
    /// together with the connector's Secret, and removed when either side withdraws. The operator needs the value
    /// sharing.enabled of its chart. status.sharing shows the result; it has no influence on Ready. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "SharingSpec")] // else the type's description would replace the field's
    pub sharing: Option<SharingSpec>,

    /// While true, the operator sends nothing to Salesforce, with two exceptions (authorizationCode only): it refreshes
    /// a stored grant before it expires from inactivity, about once in 20 days, and it checks the outcome of an
    /// interrupted refresh. Such a refresh also updates the Secret. Ready becomes False when the token expires.
    /// Default: false.
    #[serde(default)]
    pub suspend: bool,
}

/// Marks a parent whose members carry the defaults: the API server fills them in for an absent parent.
fn empty_object() -> BTreeMap<String, String> {
    BTreeMap::new()
}

/// OAuth flow of the connector; exactly one field is set.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.clientCredentials), has(self.jwtBearer), has(self.authorizationCode), has(self.password)].filter(x, x).size() == 1").message("exactly one of clientCredentials, jwtBearer, authorizationCode and password must be set"))]
pub struct AuthSpec {
    /// OAuth client credentials flow: the app logs in as its run-as user, and no user has to approve anything in a
    /// browser. Preferred for server-to-server access. Requires app.clientSecretRef and host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_credentials: Option<ClientCredentialsSpec>,

    /// OAuth JWT bearer flow: the app signs an assertion with a private key and names the user. It needs no shared
    /// secret; the user must be pre-authorized for the app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwt_bearer: Option<JwtBearerSpec>,

    /// OAuth authorization code flow: a user authorizes the app once, and the operator stores the refresh token in its
    /// own namespace and refreshes with it. Use it for access as that user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_code: Option<AuthorizationCodeSpec>,

    /// OAuth username-password flow. Deprecated: Salesforce blocks it in orgs created since Summer '23, does not offer
    /// it in external client apps, and retires it on 2027-02-20. Use clientCredentials or jwtBearer instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<PasswordSpec>,
}

/// Settings of the client credentials flow. There are none: the app's policies name the run-as user.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct ClientCredentialsSpec {}

/// Settings of the JWT bearer flow.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.privateKeyRef) != has(self.signer)").message("exactly one of privateKeyRef and signer must be set"))]
pub struct JwtBearerSpec {
    /// Username of the user to log in as. This is not the email address.
    #[schemars(length(min = 1, max = 80))]
    #[x_kube(validation = rules::no_white_space("jwtBearer.username"))]
    pub username: String,
    /// Key of a Secret that holds the RSA private key in PEM format (PKCS#8 or PKCS#1, not encrypted). It must match
    /// the certificate that is uploaded to the app. Mutually exclusive with signer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_key_ref: Option<SecretKeyRef>,
    /// A signer outside the cluster that has the RSA private key and signs the assertions. The key never reaches the
    /// operator. Mutually exclusive with privateKeyRef.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "SignerSpec")] // else the type's description would replace the field's
    pub signer: Option<SignerSpec>,
    /// Audience (aud) of the assertion. Default: `https://login.salesforce.com` for Live, `https://test.salesforce.com`
    /// for Sandbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(validation = Rule::new("self.startsWith('https://')").message("audience must begin with https://"))]
    #[x_kube(validation = rules::no_white_space("audience"))]
    pub audience: Option<String>,
}

/// Settings of the authorization code flow.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizationCodeSpec {
    /// OAuth scopes that kubectl salesforce login requests. If set, it must include refresh_token. Default: all scopes of
    /// the app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 64)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[x_kube(validation = Rule::new("self.all(s, s.matches('^[!#-~]+$'))").message("scopes must have one scope in each entry, such as api, without spaces"))]
    #[x_kube(validation = Rule::new("self.exists(s, s in ['refresh_token', 'offline_access'])").message("scopes must include refresh_token: without it, Salesforce issues no refresh token"))]
    pub scopes: Option<Vec<String>>,
    /// Bootstrap token: a refresh token that you obtained elsewhere. The operator imports it once into its own
    /// namespace; afterwards you can delete the Secret that holds it. The operator imports a changed value again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bootstrap: Option<BootstrapSpec>,
    /// How long Salesforce keeps an unused refresh token valid: 1h to 87600h. Copy the value from the app's refresh
    /// token policy "Expire refresh token if not used for". The operator refreshes at least once within this time, even
    /// if no token is needed or the connector is suspended. Default: 720h (30 days).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = rules::duration_between("authorizationCode.refreshTokenIdleLimit", "1h", "87600h"))]
    pub refresh_token_idle_limit: Option<Duration>,
    /// How long Salesforce keeps a grant valid, however often it is used: 1h to 87600h. Copy the value from the app's
    /// refresh token policy "Expire refresh token after". Before this time a user must re-authorize the app;
    /// status.actionRequiredTime shows when. Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = rules::duration_between("authorizationCode.refreshTokenLifetime", "1h", "87600h"))]
    pub refresh_token_lifetime: Option<Duration>,
    /// Whether the operator revokes the refresh token in Salesforce after the connector is deleted. Revocation also
    /// ends every access token that was issued from it, including copies, and the sessions that Salesforce shares with
    /// other connectors of the same user and app. The Ready message names such connectors if the operator knows them.
    /// The deletion does not wait for the revocation: the operator revokes before it removes the stored grant, about a
    /// day later, and stops after five failed attempts. Default: false.
    #[serde(default)]
    pub revoke_on_delete: bool,
}

/// Source of the bootstrap token; exactly one field is set.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.refreshTokenRef) != has(self.sfdxAuthUrlRef)").message("exactly one of refreshTokenRef and sfdxAuthUrlRef must be set"))]
pub struct BootstrapSpec {
    /// Key of a Secret that holds a refresh token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token_ref: Option<SecretKeyRef>,
    /// Key of a Secret that holds an sfdx auth URL (force://clientId:clientSecret:refreshToken@host), or the JSON
    /// output of the Salesforce CLI that contains it. Its client ID and host must match app and host of this connector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sfdx_auth_url_ref: Option<SecretKeyRef>,
}

/// Settings of the username-password flow.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.username) != has(self.usernameRef)").message("exactly one of username and usernameRef must be set"))]
pub struct PasswordSpec {
    /// Username of the user to log in as. Mutually exclusive with usernameRef.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 80))]
    #[x_kube(validation = rules::no_white_space("password.username"))]
    pub username: Option<String>,
    /// Key of a Secret that holds the username. Mutually exclusive with username. The operator never shows the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username_ref: Option<SecretKeyRef>,
    /// Key of a Secret that holds the password. The operator sends a password that Salesforce refused only once, and
    /// again only on request, so that the user is not locked out. After two failed logins of the user within a day, any
    /// new password waits for a request.
    pub password_ref: SecretKeyRef,
    /// Key of a Secret that holds the user's security token. Required unless Salesforce trusts the cluster's egress IP
    /// address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_token_ref: Option<SecretKeyRef>,
}

/// Expected org and user of the token.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ExpectSpec {
    /// Organization ID, 15 or 18 characters, as shown in Setup > Company Information.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 18))]
    #[x_kube(validation = Rule::new("self.matches('^00D[a-zA-Z0-9]{12}([a-zA-Z0-9]{3})?$')").message("expect.organizationId must have 15 or 18 letters and digits and begin with 00D; see Setup, Company Information"))]
    pub organization_id: Option<String>,
    /// Username of the user; letter case is ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 80))]
    #[x_kube(validation = rules::no_white_space("expect.username"))]
    pub username: Option<String>,
}

/// Lifetime and renewal of the access token. Write durations like 90m or 1h30m.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::renewal_within_lifetime())]
pub struct TokenSpec {
    /// Session timeout as configured in Salesforce for the app, the user's profile or the org: 15m to 24h. The operator
    /// uses it only if Salesforce does not report when the token expires. Salesforce reports it for apps with a client
    /// secret and for tokens in JWT format. Default: 15m, the shortest timeout that Salesforce offers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = rules::duration_between("token.lifetime", "15m", "24h"))]
    pub lifetime: Option<Duration>,
    /// How long before its expiration the operator renews a token: 2m to 12h. It must be shorter than lifetime.
    /// Default: a third of the token's lifetime, between 5m and 1h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = rules::duration_between("token.renewBefore", "2m", "12h"))]
    pub renew_before: Option<Duration>,
}

/// Interval and settings of the connection test.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionTestSpec {
    /// Longest time between two tests: 1m to 24h. Within this time the operator notices that a session was ended in
    /// Salesforce, and replaces the token. It repeats a failed test sooner, after 2m at first (see
    /// `https://salesforce-connector.dev/docs/reasons`), and later only if Salesforce asks for it (Retry-After). Each
    /// test costs one call of the org's API allocation. Default: 15m.
    #[serde(default = "default_interval")]
    #[schemars(default = "default_interval_text")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = rules::duration_between("connectionTest.interval", "1m", "24h"))]
    pub interval: Duration,
    /// Timeout of a whole test: 1s to 2m. Default: 30s.
    #[serde(default = "default_timeout")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = rules::duration_between("connectionTest.timeout", "1s", "2m"))]
    pub timeout: Duration,
    /// REST API version that the test uses and that the operator writes to the Secret as api_version. Default: 66.0.
    #[serde(default = "default_api_version")]
    #[schemars(length(max = 5))]
    #[x_kube(validation = Rule::new("self.matches('^[0-9]{2,3}[.]0$') && int(self.split('.')[0]) >= 31").message("connectionTest.apiVersion must be written like 66.0 and be 31.0 or later: Salesforce has retired the earlier ones"))]
    pub api_version: String,
}

impl Default for ConnectionTestSpec {
    fn default() -> Self {
        Self {
            interval: default_interval(),
            timeout: default_timeout(),
            api_version: default_api_version(),
        }
    }
}

fn default_interval() -> Duration {
    std::time::Duration::from_mins(15).into()
}

/// The default as people write it; the type would print 900s.
fn default_interval_text() -> &'static str {
    "15m"
}

fn default_timeout() -> Duration {
    std::time::Duration::from_secs(30).into()
}

fn default_api_version() -> String {
    "66.0".to_owned()
}
