//! What is a connected or external client app, and which of its settings matter to a client?

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use crate::Secret;
use crate::credentials::Rotations;
use crate::network::{AddressRange, IpRelaxation};

/// The two kinds of app. docs/salesforce.md#app-kinds
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppKind {
    /// Local to one org; the only kind that can still be made.
    ExternalClientApp,
    /// The older kind, known on the shared login hosts too.
    ConnectedApp,
}

/// The flows an administrator can switch on or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flow {
    AuthorizationCode,
    RefreshToken,
    ClientCredentials,
    JwtBearer,
    Password,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PermittedUsers {
    #[default]
    AllMaySelfAuthorize,
    AdminApproved,
}

/// Whether the app may be used at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppStanding {
    #[default]
    Enabled,
    /// Blocked by an administrator: `app_blocked`.
    Blocked,
    /// The external client app or its OAuth plugin is switched off: `oauth_flow_disabled`.
    Disabled,
}

/// Policy on refresh tokens. docs/salesforce.md#refresh-token-policy
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefreshTokenPolicy {
    #[default]
    UntilRevoked,
    Immediately,
    /// Expire if not used for so many seconds; 30 days is the idle limit of 2026. docs/salesforce.md#idle-limit
    Idle(#[serde(deserialize_with = "crate::durations::seconds")] Duration),
    /// Expire so many seconds after they were issued.
    After(#[serde(deserialize_with = "crate::durations::seconds")] Duration),
}

/// The format of access tokens. docs/salesforce.md#jwt-access-tokens
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenFormat {
    /// `00D…!…`, a session id.
    #[default]
    Opaque,
    /// A signed JWT that carries its own expiry, so many seconds ahead, and does not slide.
    Jwt(#[serde(deserialize_with = "crate::durations::seconds")] Duration),
}

/// An app with the settings that an administrator could change.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a checkbox of its own in Salesforce's setup"
)]
pub struct App {
    /// Id of an external client app, 18 characters; filled in when empty.
    #[serde(default)]
    pub id: String,
    /// `connected_app_name`, shown on the consent page.
    pub name: String,
    pub client_id: String,
    pub client_secret: Secret,
    pub kind: AppKind,
    /// My Domain host of the org it was made in.
    pub org_host: String,
    /// Further orgs a connected app was installed in, by My Domain host.
    #[serde(default)]
    pub installed_in: HashSet<String>,
    /// The app was uninstalled from, or never installed in, its own org: `app must be installed into org`.
    /// docs/salesforce.md#uninstalled-apps
    #[serde(default)]
    pub uninstalled: bool,
    #[serde(default)]
    pub standing: AppStanding,
    pub flows: HashSet<Flow>,
    pub scopes: Vec<String>,
    /// Run-as user of the client credentials flow, by username.
    #[serde(default)]
    pub run_as: Option<String>,
    #[serde(default)]
    pub permitted_users: PermittedUsers,
    /// Usernames approved by the administrator through a profile or permission set.
    #[serde(default)]
    pub pre_authorized: HashSet<String>,
    #[serde(default)]
    pub callbacks: Vec<String>,
    /// PKCE is demanded; default for external client apps and for connected apps since Winter '23.
    #[serde(default = "yes")]
    pub requires_pkce: bool,
    #[serde(default = "yes")]
    pub secret_for_web_server_flow: bool,
    #[serde(default = "yes")]
    pub secret_for_refresh_flow: bool,
    /// Certificate or public key (PEM) of the JWT bearer flow; at most 4 KB.
    #[serde(default)]
    pub certificate_pem: Option<String>,
    #[serde(default)]
    pub rotates_refresh_tokens: bool,
    #[serde(default)]
    pub refresh_token_policy: RefreshTokenPolicy,
    /// "Enforce Refresh Token IP Allowlist", with what is on it; not enforced when absent.
    /// docs/salesforce.md#refresh-token-ip-allowlist
    #[serde(default)]
    pub refresh_token_ip_allowlist: Option<Vec<AddressRange>>,
    #[serde(default)]
    pub ip_relaxation: IpRelaxation,
    /// The idle limit of refresh tokens, which ends them whatever the policy says: on and locked for new apps.
    /// docs/salesforce.md#idle-limit
    #[serde(default, deserialize_with = "crate::durations::optional_seconds")]
    pub idle_limit: Option<Duration>,
    /// Session timeout of this app; the org's when absent.
    #[serde(default, deserialize_with = "crate::durations::optional_seconds")]
    pub session_timeout: Option<Duration>,
    #[serde(default)]
    pub token_format: TokenFormat,
    /// "Introspect all tokens": may ask about other apps' tokens. docs/salesforce.md#introspection-own-tokens
    #[serde(default)]
    pub introspects_all: bool,
    #[serde(default = "yes")]
    pub api_allow_listed: bool,
    /// The app's sessions may use REST. Where not: `Connected app is not attached to Agent`.
    /// docs/salesforce.md#rest-errors
    #[serde(default)]
    pub not_attached_to_agent: bool,
    /// Until then the token endpoint does not know the app: changes take 2 to 10 minutes to take effect.
    #[serde(skip)]
    pub known_from: Option<Timestamp>,
    /// A rotated secret and how long both are accepted on and off. docs/salesforce.md#secret-rotation
    #[serde(skip)]
    pub(crate) previous_secret: Option<PreviousSecret>,
    /// Further credentials. The app goes on by the consumer key that it was made with in all that the simulator keeps and answers.
    #[serde(skip)]
    pub(crate) rotations: Rotations,
}

#[derive(Debug, Clone)]
pub(crate) struct PreviousSecret {
    pub(crate) secret: Secret,
    pub(crate) until: Timestamp,
    pub(crate) attempts: u64,
}

/// docs/salesforce.md#idle-limit
const IDLE_LIMIT: Duration = Duration::from_hours(30 * 24);

impl App {
    /// A new app with all flows on that its kind can have, and the scopes `api` and `refresh_token`. Refresh tokens of an external
    /// client app rotate, and end when they are not used for 30 days. docs/salesforce.md#new-app-defaults
    pub fn new(
        kind: AppKind,
        org_host: impl Into<String>,
        client_id: impl Into<String>,
        secret: &str,
    ) -> Self {
        let client_id = client_id.into();
        let mut flows: HashSet<Flow> = [
            Flow::AuthorizationCode,
            Flow::RefreshToken,
            Flow::ClientCredentials,
            Flow::JwtBearer,
        ]
        .into();
        // External client apps do not offer the username-password flow. docs/salesforce.md#password-flow-blocked
        if kind == AppKind::ConnectedApp {
            flows.insert(Flow::Password);
        }
        Self {
            id: String::new(),
            name: client_id.clone(),
            client_id,
            client_secret: Secret::new(secret),
            kind,
            org_host: org_host.into(),
            installed_in: HashSet::new(),
            uninstalled: false,
            standing: AppStanding::Enabled,
            flows,
            scopes: ["api", "refresh_token"].map(str::to_owned).to_vec(),
            run_as: None,
            permitted_users: PermittedUsers::AllMaySelfAuthorize,
            pre_authorized: HashSet::new(),
            callbacks: Vec::new(),
            requires_pkce: true,
            secret_for_web_server_flow: true,
            secret_for_refresh_flow: true,
            certificate_pem: None,
            rotates_refresh_tokens: kind == AppKind::ExternalClientApp,
            refresh_token_policy: RefreshTokenPolicy::UntilRevoked,
            refresh_token_ip_allowlist: None,
            ip_relaxation: IpRelaxation::Enforce,
            idle_limit: (kind == AppKind::ExternalClientApp).then_some(IDLE_LIMIT),
            session_timeout: None,
            token_format: TokenFormat::Opaque,
            introspects_all: false,
            api_allow_listed: true,
            not_attached_to_agent: false,
            known_from: None,
            previous_secret: None,
            rotations: Rotations::default(),
        }
    }

    /// The same app if it is older than these defaults.
    #[must_use]
    pub fn from_before_2026(mut self) -> Self {
        self.rotates_refresh_tokens = false;
        self.idle_limit = None;
        self
    }

    /// Has it a scope that lets it keep a refresh token?
    pub(crate) fn may_refresh(&self) -> bool {
        offers_refresh(&self.scopes)
    }
}

/// `refresh_token` and `offline_access` are one scope by two names. docs/salesforce.md#scopes
pub(crate) fn offers_refresh(scopes: &[String]) -> bool {
    scopes
        .iter()
        .any(|scope| matches!(scope.as_str(), "refresh_token" | "offline_access"))
}

fn yes() -> bool {
    true
}
