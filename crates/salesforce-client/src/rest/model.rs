//! What do the REST calls answer, as types?

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Deserialize;

use crate::ids::{OrganizationId, UserId};

/// The longest API name that is believed, in bytes. Salesforce's are shorter: 15 for a namespace, 40 for a name, and a suffix.
const LONGEST_API_NAME: usize = 80;

/// An answer to an authenticated REST call, with what came along with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestAnswer<T> {
    /// What was asked for.
    pub value: T,
    /// The org's API usage, from the `Sforce-Limit-Info` header.
    pub api_usage: Option<ApiUsage>,
}

impl<T> RestAnswer<T> {
    /// The same answer about another value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> RestAnswer<U> {
        RestAnswer {
            value: f(self.value),
            api_usage: self.api_usage,
        }
    }
}

/// API calls of the org in the last 24 hours. Salesforce updates the figure with delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiUsage {
    /// Calls that the org has made.
    pub used: u64,
    /// Calls that Salesforce allows the org.
    pub allowed: u64,
}

impl ApiUsage {
    /// Reads `api-usage=18/5000; per-app-api-usage=17/250(appName=sample)`.
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
    /// The version, as paths name it.
    pub version: ApiVersion,
    /// The release it came with, such as `Spring '24`.
    pub label: String,
}

/// The answer of the identity URL.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct UserIdentity {
    /// The org that the token belongs to.
    #[serde(deserialize_with = "super::parse::parsed")]
    pub organization_id: OrganizationId,
    /// The user that the token acts as.
    #[serde(deserialize_with = "super::parse::parsed")]
    pub user_id: UserId,
    /// The Salesforce username, which has the form of a mail address.
    pub username: String,
    /// Whether the user is active, where the answer says it.
    pub active: Option<bool>,
}

/// The facts of an org, from its only row of `Organization`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Organization {
    /// The org's id, in 18 characters.
    #[serde(deserialize_with = "super::parse::parsed")]
    pub id: OrganizationId,
    /// The name of the company or org, as Setup > Company Information shows it.
    pub name: String,
    /// Its edition, such as `Enterprise Edition`.
    pub organization_type: String,
    /// The instance it runs on; may change.
    pub instance_name: Option<String>,
    /// Whether it is a sandbox or scratch org.
    pub is_sandbox: bool,
    /// When a trial, or a scratch org, ends.
    #[serde(default, deserialize_with = "super::parse::salesforce_time")]
    pub trial_expiration_date: Option<Timestamp>,
    /// The namespace of a packaging org.
    pub namespace_prefix: Option<String>,
}

/// The objects that a user sees, from describe global.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectList {
    /// How many objects there are.
    pub total: u32,
    /// How many of them are custom.
    pub custom: u32,
    /// Names of standard objects: with those of custom objects, at most 10,000.
    pub standard_names: BTreeSet<String>,
    /// Names of custom objects.
    pub custom_names: BTreeSet<String>,
}

/// One of an org's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrgLimit {
    /// What the org may use.
    pub max: u64,
    /// What is left of it.
    pub remaining: u64,
}

/// Whether a text can be the API name of an object or a limit: letters, digits and underscores.
pub fn is_api_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=LONGEST_API_NAME).contains(&text.len()) && text.bytes().all(plain)
}
