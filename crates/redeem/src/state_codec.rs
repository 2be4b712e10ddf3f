//! Writes a state into a Secret's data and reads it back; an unknown format version is refused.
//!
//! The four tokens have keys of their own, so that the JSON beside them may be looked at.
//!
//! The format version says who can read it. A newer version may add fields to the record, a grant, an access token or an
//! attempt, that an older one keeps and can do without; it writes them under the same format version. Whatever an older
//! version must not overlook, such as another phase of an attempt, takes a new format version.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::identity::GrantIdentity;
use crate::ids::{AttemptId, ClusterUid, ConnectorRef, GrantId, OAuthClient, Serial, TokenDigest};
use crate::state::{Access, AccessExpiration, Attempt, Grant, GrantValidity, Origin, Rotation, State};
use crate::token::{AccessToken, RefreshToken};
use crate::unknown_fields::UnknownFields;

/// Version of the format written.
pub const FORMAT_VERSION: &str = "1";

const FORMAT: &str = "format";
const RECORD: &str = "record.json";
const CURRENT: Keys = Keys {
    refresh: "refresh-token",
    access: "access-token",
};
const CANDIDATE: Keys = Keys {
    refresh: "candidate-refresh-token",
    access: "candidate-access-token",
};

struct Keys {
    refresh: &'static str,
    access: &'static str,
}

/// Why a state Secret can't be used. Names keys, never contents.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Written by another version of the operator: to be left alone.
    #[error("unknown format version of the state Secret")]
    UnsupportedVersion,
    /// A key is missing, or isn't text.
    #[error("key {0} of the state Secret is missing or not text")]
    Key(&'static str),
    /// The record isn't what this version writes.
    #[error("failed to parse key {RECORD} of the state Secret")]
    Record(#[source] serde_json::Error),
}

impl PartialEq for StateError {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::UnsupportedVersion, Self::UnsupportedVersion) => true,
            (Self::Key(a), Self::Key(b)) => a == b,
            (Self::Record(a), Self::Record(b)) => a.to_string() == b.to_string(),
            (Self::UnsupportedVersion | Self::Key(_) | Self::Record(_), _) => false,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    connector: ConnectorRef,
    cluster: ClusterUid,
    serial: Serial,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pin: Option<GrantIdentity>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    imported: Option<TokenDigest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    current: Option<GrantRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    candidate: Option<GrantRecord>,
    #[serde(default)]
    revocation_tries: u32,
    #[serde(flatten)]
    unknown: UnknownFields,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GrantRecord {
    id: GrantId,
    origin: Origin,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    granted_to: Option<OAuthClient>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    access: Option<AccessRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    identity: Option<GrantIdentity>,
    rotation: Rotation,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attempt: Option<Attempt>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stored_attempt: Option<AttemptId>,
    validity: GrantValidity,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused_as: Option<OAuthClient>,
    #[serde(flatten)]
    unknown: UnknownFields,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccessRecord {
    serial: Serial,
    instance_url: String,
    scopes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issued_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expiration: Option<AccessExpiration>,
    received_at: Timestamp,
    begun_at: Timestamp,
    #[serde(flatten)]
    unknown: UnknownFields,
}

impl State {
    /// The data of the state Secret.
    pub fn to_data(&self) -> Result<BTreeMap<String, Vec<u8>>, StateError> {
        let record = Record {
            connector: self.connector.clone(),
            cluster: self.cluster.clone(),
            serial: self.serial,
            pin: self.pin.clone(),
            imported: self.imported.clone(),
            current: self.current.as_ref().map(GrantRecord::of),
            candidate: self.candidate.as_ref().map(GrantRecord::of),
            revocation_tries: self.revocation_tries,
            unknown: self.unknown.clone(),
        };
        let mut data = BTreeMap::from([
            (FORMAT.to_owned(), FORMAT_VERSION.as_bytes().to_vec()),
            (
                RECORD.to_owned(),
                serde_json::to_vec(&record).map_err(StateError::Record)?,
            ),
        ]);
        for (grant, keys) in [(&self.current, CURRENT), (&self.candidate, CANDIDATE)] {
            let Some(grant) = grant else { continue };
            data.insert(
                keys.refresh.to_owned(),
                grant.refresh_token.expose_secret().as_bytes().to_vec(),
            );
            if let Some(access) = &grant.access {
                data.insert(
                    keys.access.to_owned(),
                    access.token.expose_secret().as_bytes().to_vec(),
                );
            }
        }
        Ok(data)
    }

    /// Reads the data of a state Secret.
    pub fn from_data(data: &BTreeMap<String, Vec<u8>>) -> Result<Self, StateError> {
        if text(data, FORMAT)? != FORMAT_VERSION {
            return Err(StateError::UnsupportedVersion);
        }
        let record: Record = serde_json::from_str(text(data, RECORD)?).map_err(StateError::Record)?;
        Ok(Self {
            connector: record.connector,
            cluster: record.cluster,
            serial: record.serial,
            pin: record.pin,
            imported: record.imported,
            current: record
                .current
                .map(|grant| grant.with_tokens(data, &CURRENT))
                .transpose()?,
            candidate: record
                .candidate
                .map(|grant| grant.with_tokens(data, &CANDIDATE))
                .transpose()?,
            revocation_tries: record.revocation_tries,
            unknown: record.unknown,
        })
    }
}

fn text<'a>(data: &'a BTreeMap<String, Vec<u8>>, key: &'static str) -> Result<&'a str, StateError> {
    let bytes = data.get(key).ok_or(StateError::Key(key))?;
    std::str::from_utf8(bytes).map_err(|_| StateError::Key(key))
}

impl GrantRecord {
    fn of(grant: &Grant) -> Self {
        Self {
            id: grant.id.clone(),
            origin: grant.origin.clone(),
            granted_to: grant.granted_to.clone(),
            access: grant.access.as_ref().map(AccessRecord::of),
            identity: grant.identity.clone(),
            rotation: grant.rotation,
            attempt: grant.attempt.clone(),
            stored_attempt: grant.stored_attempt.clone(),
            validity: grant.validity,
            refused_as: grant.refused_as.clone(),
            unknown: grant.unknown.clone(),
        }
    }

    fn with_tokens(self, data: &BTreeMap<String, Vec<u8>>, keys: &Keys) -> Result<Grant, StateError> {
        Ok(Grant {
            id: self.id,
            refresh_token: RefreshToken::new(text(data, keys.refresh)?),
            origin: self.origin,
            granted_to: self.granted_to,
            access: self
                .access
                .map(|access| access.with_token(data, keys.access))
                .transpose()?,
            identity: self.identity,
            rotation: self.rotation,
            attempt: self.attempt,
            stored_attempt: self.stored_attempt,
            validity: self.validity,
            refused_as: self.refused_as,
            unknown: self.unknown,
        })
    }
}

impl AccessRecord {
    fn of(access: &Access) -> Self {
        Self {
            serial: access.serial,
            instance_url: access.instance_url.clone(),
            scopes: access.scopes.clone(),
            issued_at: access.issued_at,
            expiration: access.expiration.clone(),
            received_at: access.received_at,
            begun_at: access.begun_at,
            unknown: access.unknown.clone(),
        }
    }

    fn with_token(self, data: &BTreeMap<String, Vec<u8>>, key: &'static str) -> Result<Access, StateError> {
        Ok(Access {
            token: AccessToken::new(text(data, key)?),
            serial: self.serial,
            instance_url: self.instance_url,
            scopes: self.scopes,
            issued_at: self.issued_at,
            expiration: self.expiration,
            received_at: self.received_at,
            begun_at: self.begun_at,
            unknown: self.unknown,
        })
    }
}

#[cfg(test)]
mod tests;
