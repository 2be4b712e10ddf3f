//! What is an org, and which of its settings matter to a client?

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

/// What sort of org it is; decides the shared login host and what `Organization` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrgKind {
    /// A paying customer's org: `<MyDomain>.my.salesforce.com`, `login.salesforce.com`.
    Production,
    /// `<MyDomain>--<Sandbox>.sandbox.my.salesforce.com`, `test.salesforce.com`.
    Sandbox,
    /// Developer Edition: `<MyDomain>.develop.my.salesforce.com`, a production-type org on `login.salesforce.com`.
    Developer,
    /// Scratch org: `IsSandbox` with a trial expiration date; `test.salesforce.com`.
    Scratch,
}

impl OrgKind {
    /// The shared login host whose users these are. docs/salesforce.md#shared-login-hosts
    pub fn login_host(self) -> &'static str {
        match self {
            Self::Production | Self::Developer => "login.salesforce.com",
            Self::Sandbox | Self::Scratch => "test.salesforce.com",
        }
    }

    /// What `Organization.IsSandbox` says. docs/salesforce.md#organization-query
    pub fn is_sandbox(self) -> bool {
        matches!(self, Self::Sandbox | Self::Scratch)
    }

    /// What `Organization.OrganizationType` says.
    pub fn edition(self) -> &'static str {
        match self {
            Self::Production | Self::Sandbox => "Enterprise Edition",
            Self::Developer | Self::Scratch => "Developer Edition",
        }
    }
}

/// An org with the settings that an administrator could change.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a checkbox of its own in Salesforce's setup"
)]
pub struct Org {
    /// Organization id, 18 characters; filled in when empty.
    #[serde(default)]
    pub id: String,
    pub name: String,
    pub host: String,
    pub kind: OrgKind,
    /// Hosts of its sites and its custom domains, with OAuth endpoints of their own. docs/salesforce.md#flows-by-host
    #[serde(default)]
    pub sites: Vec<String>,
    #[serde(default = "default_instance")]
    pub instance: String,
    #[serde(default)]
    pub status: OrgStatus,
    /// Names of custom objects that describe global shows besides the standard ones.
    #[serde(default)]
    pub custom_objects: Vec<String>,
    /// Records by object, as `limits/recordCount` counts them. docs/salesforce.md#record-count
    #[serde(default)]
    pub record_counts: BTreeMap<String, u64>,
    /// How much of the data storage is used, in percent.
    #[serde(default)]
    pub data_storage_used_percent: u64,
    /// "Allow OAuth Username-Password Flows"; off in orgs made since Summer '23.
    /// docs/salesforce.md#password-flow-blocked
    #[serde(default)]
    pub allows_password_flow: bool,
    /// Logins from the shared hosts are refused (`canOnlyLoginWithMyDomainUrl`); off by default.
    /// docs/salesforce.md#login-policy
    #[serde(default)]
    pub my_domain_login_only: bool,
    /// API access control: only apps installed and allow-listed may use the API. docs/salesforce.md#api-access-control
    #[serde(default)]
    pub api_access_control: bool,
    /// "Allow access to External Client App consumer secrets via REST API"; off by default.
    /// docs/salesforce.md#credentials-resource
    #[serde(default)]
    pub shows_consumer_secrets: bool,
    /// The edition has the REST API.
    #[serde(default = "yes")]
    pub api_enabled: bool,
    /// Calls from outside the trusted ranges are refused.
    #[serde(default)]
    pub ip_restriction: IpRestriction,
    /// The caller's address is in the org's trusted range: no security token is needed with a password.
    #[serde(default)]
    pub caller_ip_trusted: bool,
    /// "Lock sessions to the IP address from which they originated". docs/salesforce.md#locked-sessions
    #[serde(default)]
    pub locks_sessions_to_address: bool,
    /// Idle session timeout; Salesforce's default is two hours. docs/salesforce.md#session-timeout
    #[serde(default = "two_hours", deserialize_with = "crate::durations::seconds")]
    pub session_timeout: Duration,
    /// Wrong passwords in a row after which a user is locked out; Salesforce's default is 10.
    #[serde(default = "ten")]
    pub failed_logins_before_lockout: u32,
    /// Logins allowed for each user and hour, OAuth grants included; without a limit when absent. Salesforce's figure is 3,600.
    /// docs/salesforce.md#login-rate
    #[serde(default = "login_rate")]
    pub logins_per_hour: Option<u32>,
    /// API calls used in the last 24 hours.
    #[serde(default)]
    pub api_calls_used: u64,
    /// API calls allowed in 24 hours.
    #[serde(default = "fifteen_thousand")]
    pub api_calls_allowed: u64,
    /// The daily allocation is used up, whatever the counters say.
    #[serde(default)]
    pub api_limit_exceeded: bool,
}

/// Whether anybody may enter the org.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrgStatus {
    #[default]
    Active,
    /// Locked, closed or suspended: `inactive_org`. docs/salesforce.md#token-endpoint-errors
    Inactive,
}

/// How calls from an untrusted address are refused; the same rule shows in different words.
/// docs/salesforce.md#ip-restriction-texts
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IpRestriction {
    /// All addresses are welcome.
    #[default]
    None,
    /// The token endpoint says `ip restricted`.
    TokenEndpoint,
    /// The token endpoint says `authentication failure` although only the address is wrong.
    TokenEndpointUnnamed,
    /// Tokens are issued, but REST says `This session is not valid for use with the REST API`.
    Rest,
}

impl Org {
    /// The shared login host that stands for the org in identity URLs and JWT audiences. docs/salesforce.md#shared-login-hosts
    pub fn login_host(&self) -> &'static str {
        match (self.is_on_alibaba_cloud(), self.kind.is_sandbox()) {
            (false, _) => self.kind.login_host(),
            (true, false) => "login.sfcrmproducts.cn",
            (true, true) => "test.sfcrmproducts.cn",
        }
    }

    /// Whether its users may log in at this shared host. That `welcome.salesforce.com` takes the same users as
    /// `login.salesforce.com` is a guess. docs/salesforce.md#government-cloud
    pub(crate) fn is_served_at(&self, shared: &str) -> bool {
        let in_government_cloud = self.host.ends_with(".salesforce.mil");
        let same = shared == self.login_host()
            || (shared == "welcome.salesforce.com" && self.login_host() == "login.salesforce.com");
        same && !in_government_cloud && !self.my_domain_login_only
    }

    /// The name of a sandbox, which usernames and e-mail addresses end with. docs/salesforce.md#sandbox-refresh
    pub(crate) fn sandbox(&self) -> Option<&str> {
        let (_, name) = self
            .host
            .split_once(".sandbox.")
            .and(self.host.split_once("--"))?;
        name.split('.').next()
    }

    fn is_on_alibaba_cloud(&self) -> bool {
        self.host.ends_with(".sfcrmproducts.cn")
    }

    pub fn new(name: impl Into<String>, host: impl Into<String>, kind: OrgKind) -> Self {
        Self {
            id: String::new(),
            name: name.into(),
            host: host.into(),
            kind,
            sites: Vec::new(),
            instance: default_instance(),
            status: OrgStatus::Active,
            custom_objects: Vec::new(),
            record_counts: BTreeMap::new(),
            data_storage_used_percent: 0,
            allows_password_flow: false,
            my_domain_login_only: false,
            api_access_control: false,
            shows_consumer_secrets: false,
            api_enabled: true,
            ip_restriction: IpRestriction::None,
            caller_ip_trusted: false,
            locks_sessions_to_address: false,
            session_timeout: two_hours(),
            failed_logins_before_lockout: ten(),
            logins_per_hour: login_rate(),
            api_calls_used: 0,
            api_calls_allowed: fifteen_thousand(),
            api_limit_exceeded: false,
        }
    }
}

fn default_instance() -> String {
    "EUZ12".to_owned()
}
fn yes() -> bool {
    true
}
fn ten() -> u32 {
    10
}
fn two_hours() -> Duration {
    Duration::from_secs(7200)
}
// The smallest daily allocation, that of a Developer Edition. docs/salesforce.md#api-allocation
fn fifteen_thousand() -> u64 {
    15_000
}

#[expect(clippy::unnecessary_wraps, reason = "the field can be without a value")]
fn login_rate() -> Option<u32> {
    Some(3_600)
}
