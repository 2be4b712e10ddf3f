//! What does a user declare? The spec of `SalesforceConnector`; doc comments are what `kubectl explain` prints.

#![expect(
    clippy::struct_field_names,
    reason = "client id and client secret are the terms of RFC 6749"
)]
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
pub use secret::{DeletionPolicy, SecretFormat, SecretKeys, SecretSpec};

mod rules;
mod secret;

/// A connection to one Salesforce org. The operator obtains an OAuth access token, keeps it valid in a Secret of the
/// same namespace, tests the connection, and reports the result in the status. Everything that a connector refers to
/// is in its own namespace.
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
    doc = "A connection to one Salesforce org. The operator obtains an OAuth access token, keeps it valid in a Secret of the same namespace, tests the connection, and reports the result in the status.",
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
#[x_kube(validation = Rule::new("!has(self.host) || self.environment == 'Sandbox' || !(self.host == 'test.salesforce.com' || self.host.endsWith('.sandbox.my.salesforce.com') || self.host.endsWith('.scratch.my.salesforce.com'))").message("this host belongs to a sandbox or scratch org: set environment to Sandbox, or give the host of the production org").field_path(".environment"))]
#[x_kube(validation = Rule::new("!has(self.host) || self.environment == 'Live' || !(self.host == 'login.salesforce.com' || self.host.endsWith('.develop.my.salesforce.com'))").message("this host belongs to a production or Developer Edition org: set environment to Live, or give the host of the sandbox, such as acme--uat.sandbox.my.salesforce.com").field_path(".environment"))]
pub struct SalesforceConnectorSpec {
    /// Name for people, such as the one shown in a list of data connectors. It has no effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub display_name: Option<String>,

    /// Whether the org holds live data (production and Developer Edition orgs) or is a sandbox (scratch orgs count as
    /// sandboxes). It chooses the login host where `host` is left out, and it is verified against the org after the
    /// login: a mismatch is an error, and the token is withheld. Default: Live.
    #[serde(default)]
    pub environment: Environment,

    /// Host to log in at: the org's My Domain, as shown in Salesforce under Setup, My Domain; for example
    /// acme.my.salesforce.com, or acme--uat.sandbox.my.salesforce.com. Without scheme, port or path. It may be left out
    /// for connected apps that log in at login.salesforce.com (Live) or test.salesforce.com (Sandbox); clientCredentials
    /// and apps that are local to one org (external client apps) need it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 4, max = 253))]
    #[x_kube(validation = Rule::new("!self.contains('/') && !self.contains(':')").message("host is a bare name, such as acme.my.salesforce.com: remove scheme, port and path"))]
    #[x_kube(validation = rules::host_name())]
    #[x_kube(validation = Rule::new("!self.endsWith('.lightning.force.com') && !self.endsWith('.salesforce-setup.com')").message("this is a host of the user interface; give the My Domain host instead, which ends in .my.salesforce.com"))]
    pub host: Option<String>,

    /// The external client app (or an older connected app) that represents this connector in Salesforce.
    pub app: AppSpec,

    /// How to log in. Exactly one method must be set; write `{}` for a method without settings.
    pub auth: AuthSpec,

    /// Who the token must turn out to belong to. Checked before a token reaches the Secret, so that a mistake in the
    /// settings, or a login by the wrong person, can't hand out somebody else's access.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<ExpectSpec>,

    /// How long a token lives, where Salesforce doesn't say, and how early it is renewed.
    #[serde(default)]
    #[schemars(default = "empty_object")]
    pub token: TokenSpec,

    /// The Secret that the token is written to.
    #[serde(default)]
    #[schemars(default = "empty_object")]
    pub secret: SecretSpec,

    /// How often, and how, the connection is tested. A test never obtains a token.
    #[serde(default)]
    #[schemars(default = "empty_object")]
    pub connection_test: ConnectionTestSpec,

    /// While true, nothing is sent to Salesforce, apart from what keeps a refresh token from lapsing (authorizationCode:
    /// once in about 20 days, which brings a new token), and from what finds out how a renewal ended that broke off.
    /// Otherwise the Secret stays as it is; Ready turns False once its token has expired. Default: false.
    #[serde(default)]
    pub suspend: bool,
}

/// Marks a parent whose members carry the defaults: the API server fills them in for an absent parent.
fn empty_object() -> BTreeMap<String, String> {
    BTreeMap::new()
}

/// The app that the connector logs in as.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.clientId) != has(self.clientIdRef)").message("exactly one of clientId and clientIdRef must be set"))]
pub struct AppSpec {
    /// Consumer key of the app. Mutually exclusive with clientIdRef.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub client_id: Option<String>,

    /// Key of a Secret that holds the consumer key. Mutually exclusive with clientId. The value is never shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id_ref: Option<SecretKeyRef>,

    /// Key of a Secret that holds the consumer secret. Required with clientCredentials and password. With jwtBearer it is
    /// optional and lets the operator ask Salesforce when a token expires. With authorizationCode it may be left out only
    /// where the app doesn't require it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret_ref: Option<SecretKeyRef>,
}

/// A key of a Secret in the connector's namespace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct SecretKeyRef {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = rules::object_name("name"))]
    pub name: String,
    /// Key within the Secret's data. White space around the value is ignored.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = rules::secret_key("key"))]
    pub key: String,
}

/// The login methods; exactly one is set.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.clientCredentials), has(self.jwtBearer), has(self.authorizationCode), has(self.password)].filter(x, x).size() == 1").message("exactly one of clientCredentials, jwtBearer, authorizationCode and password must be set"))]
pub struct AuthSpec {
    /// OAuth client credentials: the app logs in as its run-as user. The first choice for a server; nobody has to approve
    /// anything in a browser. Needs app.clientSecretRef and the My Domain host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_credentials: Option<ClientCredentialsSpec>,

    /// OAuth JWT bearer: the app proves itself with a private key and names the user. Needs no shared secret; the user
    /// must be pre-authorized for the app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwt_bearer: Option<JwtBearerSpec>,

    /// OAuth authorization code: a person logs in once, and the operator keeps and renews the refresh token in its own
    /// namespace. For access as that person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_code: Option<AuthorizationCodeSpec>,

    /// OAuth username and password. Deprecated: Salesforce blocks it in orgs created since Summer '23, doesn't offer it in
    /// external client apps, and retires it on 2027-02-20. Use clientCredentials or jwtBearer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<PasswordSpec>,
}

/// Client credentials have no settings: the user is the run-as user in the app's policies.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct ClientCredentialsSpec {}

/// Settings of the JWT bearer flow.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct JwtBearerSpec {
    /// Username (not e-mail address) of the user to log in as.
    #[schemars(length(min = 1, max = 80))]
    pub username: String,
    /// Key of a Secret that holds the RSA private key in PEM form (PKCS#8 or PKCS#1, not encrypted) that belongs to the
    /// certificate uploaded to the app.
    pub private_key_ref: SecretKeyRef,
    /// Audience of the assertion. Default: `https://login.salesforce.com` for Live, `https://test.salesforce.com` for Sandbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(validation = Rule::new("self.startsWith('https://')").message("audience must begin with https://"))]
    pub audience: Option<String>,
}

/// Settings of the authorization code flow.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizationCodeSpec {
    /// Scopes to ask for at a login. Default: all scopes of the app. refresh_token must be among the app's scopes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 64)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[x_kube(validation = Rule::new("self.all(s, s.matches('^[!#-~]+$'))").message("scopes must have one scope in each entry, such as api, without spaces"))]
    #[x_kube(validation = Rule::new("self.exists(s, s in ['refresh_token', 'offline_access'])").message("scopes must include refresh_token: without it a login brings nothing that the operator could renew"))]
    pub scopes: Option<Vec<String>>,
    /// A refresh token that was obtained elsewhere, to begin with. The operator imports it once into its own namespace;
    /// afterwards the Secret that brought it can be deleted. A changed value is imported again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bootstrap: Option<BootstrapSpec>,
    /// How long Salesforce lets a refresh token of the app live unused (refresh token policy of the app: "Expire refresh
    /// token if not used for"): 1h to 87600h. The operator uses it once within this time even where nobody needs a token,
    /// also while suspended. Default: 720h, which are 30 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = rules::duration_between("authorizationCode.refreshTokenIdleLimit", "1h", "87600h"))]
    pub refresh_token_idle_limit: Option<Duration>,
    /// After how long Salesforce ends a grant however often it is used (refresh token policy of the app: "Expire refresh
    /// token after"): 1h to 87600h. A person must then authorize the app again; status.actionRequiredTime says by when.
    /// Default: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = rules::duration_between("authorizationCode.refreshTokenLifetime", "1h", "87600h"))]
    pub refresh_token_lifetime: Option<Duration>,
    /// Whether the refresh token is revoked in Salesforce after the connector was deleted. With it dies every access token
    /// that came from it, also where a copy is in use elsewhere, or where Salesforce has given the same session to another
    /// connector with this user and app: the message of Ready warns of those that the operator knows. The deletion doesn't wait: the operator does it before it removes the stored
    /// grant, about a day later, and gives up after five tries. Default: false.
    #[serde(default)]
    pub revoke_on_delete: bool,
}

/// Where a refresh token to begin with is found; exactly one.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.refreshTokenRef) != has(self.sfdxAuthUrlRef)").message("exactly one of refreshTokenRef and sfdxAuthUrlRef must be set"))]
pub struct BootstrapSpec {
    /// Key of a Secret that holds a refresh token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token_ref: Option<SecretKeyRef>,
    /// Key of a Secret that holds an sfdx auth URL (force://clientId:clientSecret:refreshToken@host), or the JSON that the
    /// Salesforce CLI prints around it. Its client id and host must be those of this connector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sfdx_auth_url_ref: Option<SecretKeyRef>,
}

/// Settings of the username and password flow.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.username) != has(self.usernameRef)").message("exactly one of username and usernameRef must be set"))]
pub struct PasswordSpec {
    /// Username of the user to log in as. Mutually exclusive with usernameRef.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 80))]
    pub username: Option<String>,
    /// Key of a Secret that holds the username. Mutually exclusive with username. The value is never shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username_ref: Option<SecretKeyRef>,
    /// Key of a Secret that holds the password. A password that Salesforce refuses is tried once, and again only when it
    /// changes, so that no user is locked out.
    pub password_ref: SecretKeyRef,
    /// Key of a Secret that holds the user's security token. Needed unless the cluster's egress address is trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_token_ref: Option<SecretKeyRef>,
}

/// Who the token must belong to.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ExpectSpec {
    /// Organization id, 15 or 18 characters, as shown in Salesforce under Setup, Company Information.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 18))]
    #[x_kube(validation = Rule::new("self.matches('^00D[a-zA-Z0-9]{12}([a-zA-Z0-9]{3})?$')").message("expect.organizationId must have 15 or 18 letters and digits and begin with 00D; see Setup, Company Information"))]
    pub organization_id: Option<String>,
    /// Username of the user. Compared without regard to case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 80))]
    pub username: Option<String>,
}

/// Life of a token. Durations are written as 90m, 1h30m and the like.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::renewal_within_lifetime())]
pub struct TokenSpec {
    /// Session timeout that is set in Salesforce for the app, the user's profile or the org: 15m to 24h. Used where
    /// Salesforce itself doesn't tell when the token expires (it does so for apps with a client secret, and for tokens in
    /// JWT format). Default: 15m is assumed, the shortest that can be set in Salesforce.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = rules::duration_between("token.lifetime", "15m", "24h"))]
    pub lifetime: Option<Duration>,
    /// How long before its expiration a token is renewed. Default: a third of its life, at least 5m and at most 1h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = rules::duration_between("token.renewBefore", "2m", "12h"))]
    pub renew_before: Option<Duration>,
}

/// When and how the connection is tested.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionTestSpec {
    /// Longest time between two tests: 1m to 24h. A session that was ended in Salesforce is noticed, and replaced, within
    /// this time. A test that failed is repeated sooner: after 2m at first, then ever later (see docs/reasons.md); later than
    /// this only where Salesforce asks for it (Retry-After). Each test costs one call of the org's API allocation. Default: 15m.
    #[serde(default = "default_interval")]
    #[schemars(default = "default_interval_text")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = rules::duration_between("connectionTest.interval", "1m", "24h"))]
    pub interval: Duration,
    /// Time limit of a whole test: 1s to 2m. Default: 30s.
    #[serde(default = "default_timeout")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = rules::duration_between("connectionTest.timeout", "1s", "2m"))]
    pub timeout: Duration,
    /// Version of the REST API that the test uses, and that is written to the Secret as api_version. Default: 66.0.
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
