//! Whose is the Secret that stands where the token shall go, and may it be written?

use std::fmt;

use k8s_openapi::api::core::v1::Secret;

use crate::api::names;
use crate::api::reasons::OwnReason;
use crate::core::model::owner::Owner;
use crate::core::model::rejection::Rejection;
use crate::core::secret::template::Template;

/// The Secret of the wanted name, as it was found.
#[derive(Clone)]
pub enum Target {
    Absent,
    /// It belongs to the connector and can be written.
    Ours(Box<Secret>),
    /// It can't be written, and the rejection says why.
    Refused(Rejection),
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("Absent"),
            Self::Ours(secret) => write!(f, "Ours({:?})", secret.metadata.name),
            Self::Refused(rejection) => write!(f, "Refused({rejection:?})"),
        }
    }
}

impl Target {
    /// Judges what was found. Ownership is the annotation with the connector's uid; an owner reference alone proves
    /// nothing, as anybody can write one.
    pub fn judge(found: Option<Secret>, owner: &Owner, template: &Template) -> Self {
        let Some(secret) = found else { return Self::Absent };
        match Self::problem(&secret, owner, template) {
            Some(reason) => Self::Refused(Rejection::new(reason, format!("Secret \"{}\"", template.name))),
            None => Self::Ours(Box::new(secret)),
        }
    }

    fn problem(secret: &Secret, owner: &Owner, template: &Template) -> Option<OwnReason> {
        match owning_connector(secret) {
            None => return Some(OwnReason::SecretNotOwned),
            Some(uid) if uid != owner.uid && was_of_namesake(secret, owner) => {
                return Some(OwnReason::SecretLeftBehind);
            }
            Some(uid) if uid != owner.uid => return Some(OwnReason::SecretConflict),
            Some(_) => {}
        }
        let labels = secret.metadata.labels.as_ref();
        if labels
            .and_then(|labels| labels.get(names::MANAGED_BY))
            .map(String::as_str)
            != Some(names::MANAGED_BY_VALUE)
        {
            return Some(OwnReason::SecretLabelRemoved);
        }
        if secret.immutable == Some(true) {
            return Some(OwnReason::SecretImmutable);
        }
        if secret.type_.as_deref().unwrap_or("Opaque") != template.secret_type() {
            return Some(OwnReason::SecretTypeDiffers);
        }
        None
    }

    /// The Secret, if it is ours.
    pub fn ours(&self) -> Option<&Secret> {
        match self {
            Self::Ours(secret) => Some(secret),
            Self::Absent | Self::Refused(_) => None,
        }
    }
}

/// Whether a Secret that is not ours was made for a connector of our name. There is one of a name at a time, so that one is
/// gone: deleted with `--cascade=orphan`, or with deletion policy Orphan.
fn was_of_namesake(secret: &Secret, owner: &Owner) -> bool {
    let labels = secret.metadata.labels.as_ref();
    labels.and_then(|labels| labels.get(names::CONNECTOR_LABEL)) == Some(&owner.name)
}

/// Uid of the connector that a Secret belongs to, if it belongs to any.
pub fn owning_connector(secret: &Secret) -> Option<&str> {
    secret
        .metadata
        .annotations
        .as_ref()?
        .get(names::CONNECTOR_UID)
        .map(String::as_str)
}

#[cfg(test)]
mod tests;
