//! Where is it remembered which passwords were refused, or may have been? Across connectors and restarts, so that no user is ever
//! locked out.
//!
//! What is remembered of a user is a Secret in the operator's namespace, named by a keyed digest of the username. It is created, or
//! replaced at the version that was read: of two processes that are about to send a password, one is first.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ListParams, PostParams};
use kube::{Api, ResourceExt};
use redeem::ResourceVersion;

use crate::api::names;
use crate::core::model::digest::Digest;
use crate::core::pass::PasswordNote;
use crate::core::schedule::password_memory::{PasswordAttempt, PasswordMemory, PasswordOutcome};
use crate::error_chain::chain;
use crate::shell::context::Context;
use crate::shell::error::Error;
use crate::shell::kubernetes::{consumer_secret as secrets, own_secret};

const MEMORY: &str = "memory";
/// Users with failed logins that one namespace may have remembered at a time.
const MOST_USERS: u32 = 50;
/// Tries to record an outcome that others' writes come in the way of.
const TRIES: u32 = 5;

fn name(user: &Digest) -> String {
    format!("{}{}", names::REFUSED_PASSWORD_PREFIX, user.object_name_part())
}

fn own_secrets(context: &Context) -> Api<Secret> {
    Api::namespaced(context.client.clone(), &context.settings.namespace)
}

/// What is remembered of the user's passwords, and the version of the Secret.
pub(crate) async fn recall(
    context: &Context,
    user: &Digest,
) -> Result<(PasswordMemory, Option<ResourceVersion>), Error> {
    let found = secrets::read(context, &context.settings.namespace, &name(user)).await?;
    let version = found.as_ref().and_then(ResourceExt::resource_version);
    let memory = context.passwords.recall(user).unwrap_or_else(|| {
        let now = context.clock.now();
        found.map(|secret| read(&secret, now)).unwrap_or_default()
    });
    Ok((memory, version.map(ResourceVersion::new)))
}

fn read(secret: &Secret, now: Timestamp) -> PasswordMemory {
    let bytes = secret.data.as_ref().and_then(|data| data.get(MEMORY));
    let memory = bytes.and_then(|bytes| serde_json::from_slice(&bytes.0).ok());
    memory.unwrap_or_else(|| PasswordMemory::unreadable(now))
}

/// The Secret with what is remembered. Its labels and annotations are all that garbage collection and counts look at.
fn secret(
    user: &Digest,
    memory: &PasswordMemory,
    version: Option<&ResourceVersion>,
) -> Result<Secret, serde_json::Error> {
    let data = [(MEMORY.to_owned(), serde_json::to_vec(memory)?)];
    let mut secret = own_secret::labelled(name(user), names::REFUSED_PASSWORD, data);
    if let Some(latest) = memory.latest() {
        let namespace = latest.password.namespace.clone();
        secret
            .labels_mut()
            .insert(names::NAMESPACE_LABEL.to_owned(), namespace);
        let time = latest.time.to_string();
        secret
            .annotations_mut()
            .insert(names::LAST_ATTEMPT_TIME.to_owned(), time);
    }
    secret.metadata.resource_version = version.map(|version| version.as_str().to_owned());
    Ok(secret)
}

/// Notes that a password is about to be sent, unless the memory is another one by now.
pub(crate) async fn note(
    context: &Context,
    user: &Digest,
    memory: &PasswordMemory,
    version: Option<&ResourceVersion>,
) -> Result<PasswordNote, Error> {
    if version.is_none() && is_full(context, memory).await? {
        return Ok(PasswordNote::TooMany);
    }
    write(context, user, memory, version).await
}

async fn write(
    context: &Context,
    user: &Digest,
    memory: &PasswordMemory,
    version: Option<&ResourceVersion>,
) -> Result<PasswordNote, Error> {
    let secret = secret(user, memory, version).map_err(Error::Encode)?;
    let (api, name, params) = (own_secrets(context), secret.name_any(), PostParams::default());
    let written = match (version, memory.is_empty()) {
        (None, true) => Ok(()),
        (Some(_), true) => own_secret::delete_version(&api, &secret).await,
        (None, false) => api.create(&params, &secret).await.map(drop),
        (Some(_), false) => api.replace(&name, &params, &secret).await.map(drop),
    };
    match written {
        Ok(()) => {
            context.passwords.forget(user);
            Ok(PasswordNote::Noted)
        }
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(PasswordNote::Outdated),
        Err(source) => Err(Error::WriteSecret { name, source }),
    }
}

/// Whether the namespace that makes the latest attempt has too many users remembered.
async fn is_full(context: &Context, memory: &PasswordMemory) -> Result<bool, Error> {
    let namespace = memory.latest().map_or("", |latest| &latest.password.namespace);
    let purpose = names::REFUSED_PASSWORD;
    let labels = format!(
        "{}={purpose},{}={namespace}",
        names::PURPOSE,
        names::NAMESPACE_LABEL
    );
    let list = ListParams::default().labels(&labels).limit(MOST_USERS);
    let found = own_secrets(context).list_metadata(&list).await;
    let found = found.map_err(|source| Error::ListSecrets { purpose, source })?;
    Ok(found.items.len() >= MOST_USERS as usize)
}

/// Remembers what came of a password. Where that can't be written, this process still knows.
pub(crate) async fn record(
    context: &Context,
    user: &Digest,
    attempt: &PasswordAttempt,
    outcome: PasswordOutcome,
) {
    let mut known = PasswordMemory::default();
    for _ in 0..TRIES {
        match try_to_record(context, user, attempt, outcome, &mut known).await {
            Ok(PasswordNote::Outdated) => {}
            Ok(PasswordNote::Noted | PasswordNote::TooMany) => return,
            Err(error) => {
                tracing::error!(error = %chain(&error), "Failed to record the outcome of a password in a Secret");
                break;
            }
        }
    }
    let known = known.ended(attempt, outcome, context.clock.now());
    context.passwords.remember(user, known);
}

async fn try_to_record(
    context: &Context,
    user: &Digest,
    attempt: &PasswordAttempt,
    outcome: PasswordOutcome,
    known: &mut PasswordMemory,
) -> Result<PasswordNote, Error> {
    let (memory, version) = recall(context, user).await?;
    known.clone_from(&memory);
    let ended = memory.ended(attempt, outcome, context.clock.now());
    write(context, user, &ended, version.as_ref()).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::schedule::password_memory::PasswordId;

    #[test]
    fn the_memory_of_a_user_is_read_back_and_names_neither_user_nor_password() {
        let now = Timestamp::UNIX_EPOCH;
        let attempt = PasswordAttempt {
            password: PasswordId {
                namespace: "sales".to_owned(),
                digest: Digest::from_text("digest"),
            },
            time: now,
            requested: true,
            unclear_until: Some(now),
        };
        let memory = PasswordMemory::default().begun(attempt);
        let written = secret(&Digest::from_text("AAAA"), &memory, None).unwrap();
        assert_eq!(read(&written, now), memory);
        assert_eq!(
            serde_json::to_value(&written.metadata).unwrap(),
            json!({
                "name": "sfc-refused-password-000000",
                "labels": {
                    "app.kubernetes.io/managed-by": "salesforce-connector-operator",
                    "salesforce-connector.dev/purpose": "refused-password",
                    "salesforce-connector.dev/namespace": "sales",
                },
                "annotations": { "salesforce-connector.dev/last-attempt-time": "1970-01-01T00:00:00Z" },
            })
        );
        let unreadable = Secret::default();
        assert_eq!(read(&unreadable, now), PasswordMemory::unreadable(now));
    }
}
