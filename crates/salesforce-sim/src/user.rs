//! Who may log in to an org, and what may they do there?

use serde::Deserialize;

use crate::Secret;
use crate::network::AddressRange;
use crate::org::Org;

/// A user of one org. Usernames are unique across all of Salesforce.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a checkbox of its own in Salesforce's setup"
)]
pub struct User {
    /// User id, 18 characters; filled in when empty.
    #[serde(default)]
    pub id: String,
    /// My Domain host of the user's org.
    pub org_host: String,
    pub username: String,
    #[serde(default)]
    pub name: String,
    pub password: Secret,
    /// Security token, to be appended to the password where the caller's address is not trusted.
    /// docs/salesforce.md#security-token
    #[serde(default)]
    pub security_token: Secret,
    #[serde(default)]
    pub standing: Standing,
    /// Wrong passwords since the last good one.
    #[serde(default)]
    pub failed_logins: u32,
    #[serde(default)]
    pub password_expired: bool,
    /// Logins are refused at this hour by the profile.
    #[serde(default)]
    pub outside_login_hours: bool,
    /// Login IP Ranges of the profile; none means that all addresses may log in. docs/salesforce.md#login-ip-ranges
    #[serde(default)]
    pub login_ip_ranges: Vec<AddressRange>,
    #[serde(default = "yes")]
    pub api_enabled: bool,
    /// Read on `Organization`; some API-only users lack it. docs/salesforce.md#organization-query
    #[serde(default = "yes")]
    pub reads_organization: bool,
    /// Permission "View Setup and Configuration". docs/salesforce.md#limits-permission
    #[serde(default)]
    pub views_setup: bool,
    /// Permission "Approve Uninstalled Connected Apps". docs/salesforce.md#uninstalled-apps
    #[serde(default)]
    pub approves_uninstalled_apps: bool,
    /// Permissions "External Client App Developer" and "View Client Secret". docs/salesforce.md#credentials-resource
    #[serde(default)]
    pub manages_app_credentials: bool,
    /// Permission "Use Any API Client", the bypass of API access control. docs/salesforce.md#api-access-control
    #[serde(default)]
    pub uses_any_api_client: bool,
    /// The profile demands a High Assurance session for the API. docs/salesforce.md#invalid-session-id
    #[serde(default)]
    pub needs_high_assurance: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    #[default]
    Active,
    /// Locked out after too many wrong passwords.
    Locked,
    Frozen,
    Inactive,
}

impl User {
    /// In a sandbox it carries the sandbox's suffix. docs/salesforce.md#sandbox-refresh
    pub(crate) fn email(&self, org: &Org) -> String {
        let suffix = org.sandbox().map(|name| format!(".{name}")).unwrap_or_default();
        format!("{}@example.com{suffix}", self.name)
    }

    /// A user with API Enabled and nothing special.
    pub fn new(org_host: impl Into<String>, username: impl Into<String>, password: &str) -> Self {
        let username = username.into();
        Self {
            id: String::new(),
            org_host: org_host.into(),
            name: username.split('@').next().unwrap_or_default().to_owned(),
            username,
            password: Secret::new(password),
            security_token: Secret::default(),
            standing: Standing::Active,
            failed_logins: 0,
            password_expired: false,
            outside_login_hours: false,
            login_ip_ranges: Vec::new(),
            api_enabled: true,
            reads_organization: true,
            views_setup: false,
            approves_uninstalled_apps: false,
            manages_app_credentials: false,
            uses_any_api_client: false,
            needs_high_assurance: false,
        }
    }
}

fn yes() -> bool {
    true
}
