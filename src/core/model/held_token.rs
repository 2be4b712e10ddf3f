//! Which token is held, and what is known about it?

use jiff::Timestamp;
use salesforce_client::AccessToken;

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
