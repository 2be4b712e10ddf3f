//! What must the consumer's Secret look like?

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Resource as _;

use crate::api::reasons::OwnReason;
use crate::api::spec::{DeletionPolicy, SecretFormat, SecretKeys, SecretSpec};
use crate::api::status::ExpirySource;
use crate::api::{SalesforceConnector, SalesforceConnectorSpec, names};
use crate::core::model::digest::{Digest, DigestKey};
use crate::core::model::held_token::{Expiration, HeldToken, Renewal};
use crate::core::model::owner::Owner;
use crate::core::model::rejection::Rejection;

/// What the user wants of the Secret, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    pub name: String,
    r#type: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    keys: SecretKeys,
    formats: Vec<SecretFormat>,
    deletion_policy: DeletionPolicy,
    api_version: String,
}

impl Template {
    /// The template in a spec, unless two of its keys would have the same name.
    pub fn new(connector: &str, spec: &SalesforceConnectorSpec) -> Result<Self, Rejection> {
        let template = Self::of(connector, spec);
        template.check_keys()?;
        Ok(template)
    }

    /// The template in a spec, whatever its keys.
    pub fn of(connector: &str, spec: &SalesforceConnectorSpec) -> Self {
        let SecretSpec {
            name,
            r#type,
            labels,
            annotations,
            keys,
            formats,
            deletion_policy,
        } = spec.secret.clone();
        Self {
            name: name.unwrap_or_else(|| names::default_secret_name(connector)),
            r#type,
            labels: labels.unwrap_or_default(),
            annotations: annotations.unwrap_or_default(),
            keys: keys.unwrap_or_default(),
            formats: formats.unwrap_or_default(),
            deletion_policy,
            api_version: spec.connection_test.api_version.clone(),
        }
    }

    /// Whether each key has a name of its own.
    pub fn has_distinct_keys(&self) -> bool {
        self.check_keys().is_ok()
    }

    pub fn secret_type(&self) -> &str {
        &self.r#type
    }

    fn check_keys(&self) -> Result<(), Rejection> {
        let mut seen = std::collections::BTreeSet::new();
        for (key, _) in self.entries() {
            if !seen.insert(key.clone()) {
                return Err(Rejection::new(
                    OwnReason::SecretKeysCollide,
                    format!("spec.secret.keys: \"{key}\""),
                ));
            }
        }
        Ok(())
    }

    fn entries(&self) -> Vec<(String, Content)> {
        let keys = &self.keys;
        let named = |name: &Option<String>, default: &str| name.clone().unwrap_or_else(|| default.to_owned());
        let mut entries = vec![
            (named(&keys.access_token, "access_token"), Content::AccessToken),
            (named(&keys.instance_url, "instance_url"), Content::InstanceUrl),
            (named(&keys.token_type, "token_type"), Content::TokenType),
            (named(&keys.issued_at, "issued_at"), Content::IssuedAt),
            (named(&keys.org_id, "org_id"), Content::OrganizationId),
            (named(&keys.user_id, "user_id"), Content::UserId),
            (named(&keys.api_version, "api_version"), Content::ApiVersion),
        ];
        for format in &self.formats {
            let more: &[(&str, Content)] = match format {
                SecretFormat::Environment => &[
                    ("SALESFORCE_ACCESS_TOKEN", Content::AccessToken),
                    ("SALESFORCE_INSTANCE_URL", Content::InstanceUrl),
                ],
                SecretFormat::SalesforceCli => &[
                    ("SF_ACCESS_TOKEN", Content::AccessToken),
                    ("SF_ORG_INSTANCE_URL", Content::InstanceUrl),
                ],
                SecretFormat::PubSub => &[
                    ("accesstoken", Content::AccessToken),
                    ("instanceurl", Content::InstanceUrl),
                    ("tenantid", Content::OrganizationId),
                ],
            };
            entries.extend(more.iter().map(|(key, content)| ((*key).to_owned(), *content)));
        }
        entries
    }

    /// The Secret for a token, complete, ready to be created or applied.
    pub fn render(&self, owner: &Owner, held: &HeldToken, key: &DigestKey) -> Secret {
        Secret {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                namespace: Some(owner.namespace.clone()),
                labels: Some(self.labels(owner)),
                annotations: Some(self.annotations(owner, held, key)),
                owner_references: (self.deletion_policy == DeletionPolicy::Delete)
                    .then(|| vec![owner_reference(owner)]),
                ..ObjectMeta::default()
            },
            type_: Some(self.r#type.clone()),
            data: Some(self.data(held)),
            ..Secret::default()
        }
    }

    /// What the Secret holds, by its keys.
    pub fn data(&self, held: &HeldToken) -> BTreeMap<String, ByteString> {
        let value = |content| ByteString(self.value(content, held));
        let entries = self.entries().into_iter();
        entries.map(|(name, content)| (name, value(content))).collect()
    }

    /// The one place where a token becomes part of an object.
    fn value(&self, content: Content, held: &HeldToken) -> Vec<u8> {
        match content {
            Content::AccessToken => held.token.expose().as_bytes().to_vec(),
            Content::InstanceUrl => held.instance_url.clone().into_bytes(),
            Content::TokenType => b"Bearer".to_vec(),
            Content::IssuedAt => held.issue_time.to_string().into_bytes(),
            Content::OrganizationId => held.identity.organization_id.clone().into_bytes(),
            Content::UserId => held.identity.user_id.clone().into_bytes(),
            Content::ApiVersion => self.api_version.clone().into_bytes(),
        }
    }

    fn labels(&self, owner: &Owner) -> BTreeMap<String, String> {
        let mut labels = self.labels.clone();
        labels.insert(names::MANAGED_BY.to_owned(), names::MANAGED_BY_VALUE.to_owned());
        labels.insert(names::CONNECTOR_LABEL.to_owned(), owner.name.clone());
        labels
    }

    fn annotations(&self, owner: &Owner, held: &HeldToken, key: &DigestKey) -> BTreeMap<String, String> {
        let mut annotations = self.annotations.clone();
        let own = [
            (names::CONNECTOR_UID, owner.uid.clone()),
            (names::ISSUE_TIME, held.issue_time.to_string()),
            (names::EXPIRATION_TIME, held.expiration.time.to_string()),
            (
                names::EXPIRY_SOURCE,
                source_text(held.expiration.source).to_owned(),
            ),
            (names::RENEWAL, renewal_text(held.expiration.renewal).to_owned()),
            (names::IDENTITY, held.identity.to_text()),
            (names::INSTANCE_URL, held.instance_url.clone()),
            (names::SCOPES, held.scopes.join(" ")),
            (names::INPUTS_DIGEST, held.inputs_digest.as_str().to_owned()),
            (
                names::TOKEN_DIGEST,
                token_digest(key, &owner.uid, held).as_str().to_owned(),
            ),
        ];
        annotations.extend(own.map(|(name, value)| (name.to_owned(), value)));
        if let Some(serial) = held.serial {
            annotations.insert(names::SERIAL.to_owned(), serial.to_string());
        }
        annotations
    }
}

#[derive(Clone, Copy)]
enum Content {
    AccessToken,
    InstanceUrl,
    TokenType,
    IssuedAt,
    OrganizationId,
    UserId,
    ApiVersion,
}

/// The reference by which Kubernetes deletes what belongs to a connector.
pub fn owner_reference(owner: &Owner) -> OwnerReference {
    OwnerReference {
        api_version: SalesforceConnector::api_version(&()).into_owned(),
        kind: SalesforceConnector::kind(&()).into_owned(),
        name: owner.name.clone(),
        uid: owner.uid.clone(),
        controller: Some(true),
        block_owner_deletion: None,
    }
}

/// Covers the token and what is remembered of it, so that no annotation can be edited without the token.
pub(super) fn token_digest(key: &DigestKey, uid: &str, held: &HeldToken) -> Digest {
    let Expiration {
        time,
        source,
        renewal,
    } = held.expiration;
    let serial = held.serial.map(|serial| serial.to_string());
    let parts = [
        uid,
        held.token.expose(),
        &held.instance_url,
        &held.issue_time.to_string(),
        &time.to_string(),
        source_text(source),
        renewal_text(renewal),
        &held.identity.to_text(),
        &held.scopes.join(" "),
        held.inputs_digest.as_str(),
        serial.as_deref().unwrap_or_default(),
    ];
    key.digest("held-token", parts.map(str::as_bytes))
}

/// The digest of earlier versions, which covers the token alone. A Secret with it counts, without its serial, until the next
/// pass writes the digest of today: nobody has to log in for an upgrade.
pub(super) fn earlier_token_digest(key: &DigestKey, token: &[u8]) -> Digest {
    key.digest("token", [token])
}

pub(super) const SOURCES: [(ExpirySource, &str); 4] = [
    (ExpirySource::Introspected, "Introspected"),
    (ExpirySource::TokenClaims, "TokenClaims"),
    (ExpirySource::Declared, "Declared"),
    (ExpirySource::Assumed, "Assumed"),
];
pub(super) const RENEWALS: [(Renewal, &str); 2] =
    [(Renewal::Ahead, "Ahead"), (Renewal::AtExpiry, "AtExpiry")];

fn source_text(source: ExpirySource) -> &'static str {
    SOURCES
        .iter()
        .find(|(each, _)| *each == source)
        .map_or("", |(_, text)| text)
}

fn renewal_text(renewal: Renewal) -> &'static str {
    RENEWALS
        .iter()
        .find(|(each, _)| *each == renewal)
        .map_or("", |(_, text)| text)
}

#[cfg(test)]
mod tests;
