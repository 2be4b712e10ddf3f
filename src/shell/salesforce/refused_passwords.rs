//! Which passwords were refused, or may have been? Remembered across connectors and restarts, so that no user is ever
//! locked out.
//!
//! Each is a Secret in the operator's namespace, named by a keyed digest of user and password. It holds nothing but,
//! for one whose answer was lost, the time from which it may be sent again. While one attempt is under way, another one with
//! the same user waits for it.

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt};

use crate::api::names;
use crate::core::model::digest::Digest;
use crate::core::schedule::password_memory::PasswordMemory;
use crate::shell::context::Context;
use crate::shell::error::Error;
use crate::shell::kubernetes::{consumer_secret as secrets, own_secret};

fn name(digest: &Digest) -> String {
    format!("{}{}", names::REFUSED_PASSWORD_PREFIX, digest.object_name_part())
}

/// What speaks against sending this password now.
pub(crate) async fn recall(context: &Context, digest: &Digest) -> Result<Option<PasswordMemory>, Error> {
    if let Some(memory) = context
        .passwords
        .recall(digest)
        .filter(|it| it.forbids(context.clock.now()))
    {
        return Ok(Some(memory));
    }
    let found = secrets::read(context, &context.settings.namespace, &name(digest)).await?;
    Ok(found
        .map(|secret| noted(&secret))
        .filter(|it| it.forbids(context.clock.now())))
}

/// What a Secret tells. One that was written by an earlier version, or edited, is a refusal.
fn noted(secret: &Secret) -> PasswordMemory {
    let until = secret.annotations().get(names::UNCLEAR_UNTIL);
    until
        .and_then(|until| until.parse().ok())
        .map_or(PasswordMemory::Refused, |until| PasswordMemory::Unclear { until })
}

/// Remembers what came of this password, in a Secret. Where that can't be written, the status of the connector and this process
/// still know; where it can, this process doesn't: another one that leads meanwhile may forget it.
pub(crate) async fn remember(context: &Context, digest: &Digest, memory: PasswordMemory) {
    context.passwords.remember(digest, memory);
    match write(context, digest, memory).await {
        Ok(()) => context.passwords.forget(digest),
        Err(error) => tracing::error!(error = %crate::error_chain::chain(&error),
            "Failed to record a refused password in a Secret; after a restart another connector may send it once more"),
    }
}

/// By a forced apply: the name is ours alone, and what was unclear may have become a refusal.
async fn write(context: &Context, digest: &Digest, memory: PasswordMemory) -> Result<(), Error> {
    let name = name(digest);
    let mut secret = own_secret::labelled(&name, names::REFUSED_PASSWORD, []);
    if let PasswordMemory::Unclear { until } = memory {
        secret
            .annotations_mut()
            .insert(names::UNCLEAR_UNTIL.to_owned(), until.to_string());
    }
    let api: Api<Secret> = Api::namespaced(context.client.clone(), &context.settings.namespace);
    let params = PatchParams::apply(names::FIELD_MANAGER).force();
    match api.patch(&name, &params, &Patch::Apply(&secret)).await {
        Ok(_) => Ok(()),
        Err(source) => Err(Error::WriteSecret { name, source }),
    }
}

/// Forgets a refusal: the password has just been accepted.
pub(crate) async fn forget(context: &Context, digest: &Digest) -> Result<(), Error> {
    context.passwords.forget(digest);
    let name = name(digest);
    let api: Api<Secret> = Api::namespaced(context.client.clone(), &context.settings.namespace);
    let deleted = own_secret::delete_any(&api, &name).await;
    deleted.map_err(|source| Error::DeleteSecret { name, source })
}
