//! Which token is held, and what is known about it?

use jiff::Timestamp;
use salesforce_client::{AccessToken, Host};

use crate::api::status::ExpirySource;
use crate::core::model::digest::Digest;

/// A token that was obtained earlier, with what was remembered about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldToken {
    pub token: AccessToken,
    /// Base of REST calls.
    pub instance_url: String,
    pub issue_time: Timestamp,
    /// When it expires, and how that is known.
    pub expiration: Expiration,
    pub identity: Identity,
    pub scopes: Vec<String>,
    /// The inputs it was obtained with.
    pub inputs_digest: Digest,
    /// Serial of the grant it came from (authorizationCode only).
    pub serial: Option<u64>,
}

impl HeldToken {
    /// Whether the instance is one of Salesforce's own hosts. What a further host says of org and user is not to be shown.
    #[must_use]
    pub fn is_of_salesforces_host(&self) -> bool {
        let name = self.instance_url.strip_prefix("https://");
        let host = name.and_then(|name| name.parse::<Host>().ok());
        host.is_some_and(|host| host.is_salesforces())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiration {
    pub time: Timestamp,
    pub source: ExpirySource,
    pub renewal: Renewal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    Ahead,
    /// At its expiration: an attempt ahead of it returned the same token again.
    AtExpiry,
}

/// Org and user of a token, 18 characters each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub organization_id: String,
    pub user_id: String,
}

impl Identity {
    /// As it stands in an annotation.
    pub fn to_text(&self) -> String {
        format!("{}/{}", self.organization_id, self.user_id)
    }

    /// Read back from an annotation.
    pub fn from_text(text: &str) -> Option<Self> {
        let (organization_id, user_id) = text.split_once('/')?;
        Some(Self {
            organization_id: organization_id.to_owned(),
            user_id: user_id.to_owned(),
        })
    }
}
