//! The answers of the REST calls a connection test makes.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use crate::ids::{OrganizationId, UserId};

/// An answer to an authenticated REST call, with what came along with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestAnswer<T> {
    /// What was asked for.
    pub value: T,
    /// The org's API usage, from the `Sforce-Limit-Info` header.
    pub api_usage: Option<ApiUsage>,
    /// From sending the request to having read the answer.
    pub latency: Duration,
}

impl<T> RestAnswer<T> {
    /// The same answer about another value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> RestAnswer<U> {
        RestAnswer {
            value: f(self.value),
            api_usage: self.api_usage,
            latency: self.latency,
        }
    }
}

/// API calls of the org in the last 24 hours. Salesforce updates the figure with delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiUsage {
    /// Calls made.
    pub used: u64,
    /// Calls allowed.
    pub allowed: u64,
}

impl ApiUsage {
    /// Reads `api-usage=18/5000; per-app-api-usage=17/250(appName=sample)`.
    #[must_use]
    pub fn from_header(value: &str) -> Option<Self> {
        let usage = value
            .split([';', ','])
            .find_map(|part| part.trim().strip_prefix("api-usage="))?;
        let (used, allowed) = usage.split_once('/')?;
        Some(Self {
            used: used.trim().parse().ok()?,
            allowed: allowed.trim().parse().ok()?,
        })
    }
}

/// A version of the API, such as `60.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ApiVersion {
    major: u16,
    minor: u16,
}

/// A text that is no API version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an API version; write for example v60.0 or 60.0")]
pub struct InvalidApiVersion;

impl ApiVersion {
    /// A version with the minor number 0, as all of Salesforce's are.
    #[must_use]
    pub const fn new(major: u16) -> Self {
        Self { major, minor: 0 }
    }
}

impl FromStr for ApiVersion {
    type Err = InvalidApiVersion;

    fn from_str(text: &str) -> Result<Self, InvalidApiVersion> {
        let (major, minor) = text
            .strip_prefix('v')
            .unwrap_or(text)
            .split_once('.')
            .ok_or(InvalidApiVersion)?;
        let number = |digits: &str| {
            let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            if plain {
                digits.parse().map_err(|_| InvalidApiVersion)
            } else {
                Err(InvalidApiVersion)
            }
        };
        Ok(Self {
            major: number(major)?,
            minor: number(minor)?,
        })
    }
}

impl fmt::Display for ApiVersion {
    /// Without the `v`, as Salesforce lists versions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// One entry of the list of API versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AvailableVersion {
    /// The version.
    pub version: ApiVersion,
    /// The release it came with, such as `Spring '24`.
    pub label: String,
}

/// The answer of the userinfo endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct UserInfo {
    /// The org.
    #[serde(deserialize_with = "super::wire::parsed")]
    pub organization_id: OrganizationId,
    /// The user.
    #[serde(deserialize_with = "super::wire::parsed")]
    pub user_id: UserId,
    /// Usually the username, yet not reliably so.
    pub preferred_username: Option<String>,
    /// Whether the user is active, where the answer says it.
    pub active: Option<bool>,
}

/// The answer of the identity URL.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct UserIdentity {
    /// The org.
    #[serde(deserialize_with = "super::wire::parsed")]
    pub organization_id: OrganizationId,
    /// The user.
    #[serde(deserialize_with = "super::wire::parsed")]
    pub user_id: UserId,
    /// The Salesforce username.
    pub username: String,
    /// Whether the user is active, where the answer says it.
    pub active: Option<bool>,
}

/// The resources of an API version: that there are any proves API access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resources {
    /// Their names, such as `sobjects`, `query`, `limits`, with their paths.
    pub paths: BTreeMap<String, String>,
}

/// The facts of an org, from its only row of `Organization`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Organization {
    /// The org's id.
    #[serde(deserialize_with = "super::wire::parsed")]
    pub id: OrganizationId,
    /// Its name.
    pub name: String,
    /// Its edition, such as `Enterprise Edition`.
    pub organization_type: String,
    /// The instance it runs on; may change.
    pub instance_name: Option<String>,
    /// Whether it is a sandbox or scratch org.
    pub is_sandbox: bool,
    /// When a trial, or a scratch org, ends.
    #[serde(default, deserialize_with = "super::wire::salesforce_time")]
    pub trial_expiration_date: Option<Timestamp>,
    /// The namespace of a packaging org.
    pub namespace_prefix: Option<String>,
}

impl Organization {
    /// Whether it is a scratch org: a sandbox that ends by itself.
    #[must_use]
    pub fn is_scratch(&self) -> bool {
        self.is_sandbox && self.trial_expiration_date.is_some()
    }
}

/// The objects a user may see, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectCounts {
    /// All.
    pub visible: u64,
    /// Those made in the org or by packages.
    pub custom: u64,
    /// Those that can be queried.
    pub queryable: u64,
}

/// One limit of an org.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Limit {
    /// What is allowed.
    pub max: i64,
    /// What is left.
    pub remaining: i64,
}

/// The limits of an org, by Salesforce's names: `DailyApiRequests`, `DataStorageMB`, `FileStorageMB`, …
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrgLimits {
    /// Each limit.
    pub by_name: BTreeMap<String, Limit>,
}

/// The OIDC discovery document, as far as it is of use.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Discovery {
    /// The issuer: the My Domain, or the shared login host.
    pub issuer: String,
    /// The token endpoint.
    pub token_endpoint: String,
    /// The authorize endpoint.
    pub authorization_endpoint: String,
    /// The introspection endpoint.
    pub introspection_endpoint: Option<String>,
    /// The revocation endpoint.
    pub revocation_endpoint: Option<String>,
}
