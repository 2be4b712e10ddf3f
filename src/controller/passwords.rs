//! Which passwords were refused? Remembered across connectors and restarts, so that no user is ever locked out.
//!
//! Each refusal is a Secret in the operator's namespace, named by a keyed digest of host, user and password. It holds
//! nothing else. While one attempt is under way, another one with the same user at the same host waits for it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{DeleteParams, PostParams};

use super::{Context, Error, secrets};
use crate::api::names;
use crate::decide::digest::Digest;

/// Attempts under way, by host and user.
#[derive(Default)]
pub(super) struct InFlight {
    locks: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    refused: Mutex<HashSet<String>>,
}

impl InFlight {
    /// The lock for attempts of this user at this host.
    pub(super) fn of(&self, host: &str, username: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        locks.retain(|_, lock| Arc::strong_count(lock) > 1);
        locks
            .entry(format!("{host}\n{}", username.to_lowercase()))
            .or_default()
            .clone()
    }

    fn remember(&self, digest: &Digest) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.insert(digest.as_str().to_owned());
    }

    fn forget(&self, digest: &Digest) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.remove(digest.as_str());
    }

    fn knows(&self, digest: &Digest) -> bool {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.contains(digest.as_str())
    }
}

fn name(digest: &Digest) -> String {
    format!("{}{}", names::REFUSED_PASSWORD_PREFIX, digest.object_name_part())
}

/// Whether this password was refused before.
pub(super) async fn was_refused(context: &Context, digest: &Digest) -> Result<bool, Error> {
    if context.passwords.knows(digest) {
        return Ok(true);
    }
    let found = secrets::read(context, &context.settings.namespace, &name(digest)).await?;
    Ok(found.is_some())
}

/// Remembers that this password was refused: here at once, and for others and for later in a Secret. Where that can't be
/// written, the status of the connector and this process still know.
pub(super) async fn remember_refusal(context: &Context, digest: &Digest) {
    context.passwords.remember(digest);
    if let Err(error) = write_refusal(context, digest).await {
        tracing::error!(error = %super::error::chain(&error),
            "A refused password could not be remembered in a Secret; after a restart another connector may try it once more");
    }
}

async fn write_refusal(context: &Context, digest: &Digest) -> Result<(), Error> {
    let name = name(digest);
    let labels = [
        (names::MANAGED_BY, names::MANAGED_BY_VALUE),
        (names::PURPOSE, names::REFUSED_PASSWORD),
    ];
    let secret = Secret {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            labels: Some(
                labels
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .collect(),
            ),
            ..ObjectMeta::default()
        },
        ..Secret::default()
    };
    let api: Api<Secret> = Api::namespaced(context.client.clone(), &context.settings.namespace);
    match api.create(&PostParams::default(), &secret).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
        Err(source) => Err(Error::WriteSecret { name, source }),
    }
}

/// Forgets a refusal: the password has just been accepted.
pub(super) async fn forget_refusal(context: &Context, digest: &Digest) -> Result<(), Error> {
    context.passwords.forget(digest);
    let name = name(digest);
    let api: Api<Secret> = Api::namespaced(context.client.clone(), &context.settings.namespace);
    match api.delete(&name, &DeleteParams::default()).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(source) => Err(Error::DeleteSecret { name, source }),
    }
}
