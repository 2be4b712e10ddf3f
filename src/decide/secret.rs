//! What must the consumer's Secret look like?

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Resource as _;

use super::Rejection;
use super::digest::{Digest, DigestKey};
use super::held::{Expiration, Held, Renewal};
use crate::api::names;
use crate::api::reasons::OwnReason;
use crate::api::spec::{DeletionPolicy, SecretFormat, SecretKeys, SecretSpec};
use crate::api::status::ExpirySource;
use crate::api::{SalesforceConnector, SalesforceConnectorSpec};

/// What the user wants of the Secret, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// Name of the Secret.
    pub name: String,
    r#type: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    keys: SecretKeys,
    formats: Vec<SecretFormat>,
    deletion_policy: DeletionPolicy,
    api_version: String,
}

/// The connector, as far as its Secret mentions it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its uid.
    pub uid: String,
}

impl Template {
    /// The template in a spec, unless two of its keys would have the same name.
    pub fn new(connector: &str, spec: &SalesforceConnectorSpec) -> Result<Self, Rejection> {
        let SecretSpec {
            name,
            r#type,
            labels,
            annotations,
            keys,
            formats,
            deletion_policy,
        } = spec.secret.clone();
        let template = Self {
            name: name.unwrap_or_else(|| names::default_secret_name(connector)),
            r#type,
            labels: labels.unwrap_or_default(),
            annotations: annotations.unwrap_or_default(),
            keys: keys.unwrap_or_default(),
            formats: formats.unwrap_or_default(),
            deletion_policy,
            api_version: spec.connection_test.api_version.clone(),
        };
        template.check_keys()?;
        Ok(template)
    }

    /// The type of the Secret.
    #[must_use]
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

    /// Every data key with what it holds.
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
    #[must_use]
    pub fn render(&self, owner: &Owner, held: &Held, key: &DigestKey) -> Secret {
        let data = self
            .entries()
            .into_iter()
            .map(|(name, content)| (name, ByteString(self.value(content, held))));
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
            data: Some(data.collect()),
            ..Secret::default()
        }
    }

    /// The one place where a token becomes part of an object.
    fn value(&self, content: Content, held: &Held) -> Vec<u8> {
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

    fn annotations(&self, owner: &Owner, held: &Held, key: &DigestKey) -> BTreeMap<String, String> {
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
                token_digest(key, held.token.expose().as_bytes())
                    .as_str()
                    .to_owned(),
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

fn owner_reference(owner: &Owner) -> OwnerReference {
    OwnerReference {
        api_version: SalesforceConnector::api_version(&()).into_owned(),
        kind: SalesforceConnector::kind(&()).into_owned(),
        name: owner.name.clone(),
        uid: owner.uid.clone(),
        controller: Some(true),
        block_owner_deletion: None,
    }
}

fn token_digest(key: &DigestKey, token: &[u8]) -> Digest {
    key.digest("token", [token])
}

const SOURCES: [(ExpirySource, &str); 4] = [
    (ExpirySource::Introspected, "Introspected"),
    (ExpirySource::TokenClaims, "TokenClaims"),
    (ExpirySource::Declared, "Declared"),
    (ExpirySource::Assumed, "Assumed"),
];
const RENEWALS: [(Renewal, &str); 2] = [(Renewal::Ahead, "Ahead"), (Renewal::AtExpiry, "AtExpiry")];

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

/// Reads back the token that a Secret holds. The token is found by its digest, under whatever key it stands; an edited
/// token is therefore no token, while a changed template changes nothing.
#[must_use]
pub fn read_back(secret: &Secret, key: &DigestKey) -> Option<Held> {
    let annotations = secret.metadata.annotations.as_ref()?;
    let noted = |name: &str| annotations.get(name).map(String::as_str);
    let digest = noted(names::TOKEN_DIGEST)?;
    let values = secret.data.as_ref()?.values();
    let token = values
        .map(|ByteString(bytes)| bytes)
        .find(|bytes| token_digest(key, bytes).as_str() == digest)?;
    let source = noted(names::EXPIRY_SOURCE)?;
    let renewal = noted(names::RENEWAL)?;
    Some(Held {
        token: salesforce_client::AccessToken::new(String::from_utf8(token.clone()).ok()?),
        instance_url: noted(names::INSTANCE_URL)?.to_owned(),
        issue_time: noted(names::ISSUE_TIME)?.parse().ok()?,
        expiration: Expiration {
            time: noted(names::EXPIRATION_TIME)?.parse().ok()?,
            source: SOURCES.iter().find(|(_, text)| *text == source)?.0,
            renewal: RENEWALS.iter().find(|(_, text)| *text == renewal)?.0,
        },
        identity: super::held::Identity::from_text(noted(names::IDENTITY)?)?,
        scopes: noted(names::SCOPES)?
            .split_whitespace()
            .map(str::to_owned)
            .collect(),
        inputs_digest: Digest::from_text(noted(names::INPUTS_DIGEST)?),
        serial: noted(names::SERIAL).and_then(|serial| serial.parse().ok()),
    })
}

/// `found`, changed as far as `wanted` asks for. Data is ours alone; of labels and annotations we replace those that we
/// wrote before, which the managed fields tell, and leave those of others.
#[must_use]
pub fn merged(found: &Secret, wanted: &Secret) -> Secret {
    let mut secret = found.clone();
    let metadata = &mut secret.metadata;
    let (found, wanted_meta) = (&found.metadata, &wanted.metadata);
    metadata.managed_fields = None;
    metadata.labels = overlaid(
        found,
        "f:labels",
        found.labels.as_ref(),
        wanted_meta.labels.as_ref(),
    );
    metadata.annotations = overlaid(
        found,
        "f:annotations",
        found.annotations.as_ref(),
        wanted_meta.annotations.as_ref(),
    );
    metadata.owner_references = owners(found, wanted);
    secret.data.clone_from(&wanted.data);
    secret
}

/// Whether nothing needs to be written.
#[must_use]
pub fn in_step(found: &Secret, wanted: &Secret) -> bool {
    let mut as_is = found.clone();
    as_is.metadata.managed_fields = None;
    merged(found, wanted) == as_is
}

type Strings = BTreeMap<String, String>;

fn overlaid(
    found: &ObjectMeta,
    field: &str,
    there: Option<&Strings>,
    wanted: Option<&Strings>,
) -> Option<Strings> {
    let ours = |key: &str| {
        let entries = found.managed_fields.iter().flatten();
        let mut entries = entries.filter(|entry| entry.manager.as_deref() == Some(names::FIELD_MANAGER));
        entries.any(|entry| {
            let fields = entry
                .fields_v1
                .as_ref()
                .and_then(|fields| fields.0.pointer("/f:metadata"));
            fields
                .and_then(|fields| fields.get(field)?.get(format!("f:{key}")))
                .is_some()
        })
    };
    let kept = there.into_iter().flatten().filter(|(key, _)| !ours(key));
    let all: Strings = kept
        .chain(wanted.into_iter().flatten())
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    (!all.is_empty()).then_some(all)
}

/// The owner reference of the connector comes and goes with the deletion policy; those of others stay.
fn owners(found: &ObjectMeta, wanted: &Secret) -> Option<Vec<OwnerReference>> {
    let kind = SalesforceConnector::kind(&());
    let others = found
        .owner_references
        .iter()
        .flatten()
        .filter(|owner| owner.kind != kind);
    let all: Vec<_> = others
        .chain(wanted.metadata.owner_references.iter().flatten())
        .cloned()
        .collect();
    (!all.is_empty()).then_some(all)
}

#[cfg(test)]
mod tests;
