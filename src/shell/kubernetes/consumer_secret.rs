//! How are Secrets read and written? By name, each once, and never somebody else's.

use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::{Api, ResourceExt};

use crate::api::names;
use crate::api::reasons::OwnReason;
use crate::core::conclude::merge::truncate;
use crate::core::model::connector::Connector;
use crate::core::model::login_request::LoginSecret;
use crate::core::model::owner::Owner;
use crate::core::model::rejection::Rejection;
use crate::core::secret::merge::merged;
use crate::core::secret::ownership::{Target, owning_connector};
use crate::error_chain::chain;
use crate::shell::context::Context;
use crate::shell::error::Error;
use crate::shell::kubernetes::found_secret::FoundSecret;
use crate::shell::kubernetes::own_secret;

/// Longest text of the API server that is shown.
const REFUSAL_BYTES: usize = 300;

/// Whether a write is carried out, or only tried.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Write {
    /// It is.
    ForReal,
    /// Admission and quota judge it, and nothing is stored.
    DryRun,
}

impl Write {
    pub(crate) fn params(self) -> PostParams {
        PostParams {
            field_manager: Some(names::FIELD_MANAGER.to_owned()),
            dry_run: matches!(self, Self::DryRun),
        }
    }
}

/// The Secret, without values that are far too long for any input.
pub(crate) async fn find(
    context: &Context,
    namespace: &str,
    name: &str,
) -> Result<Option<FoundSecret>, Error> {
    let found = context.secrets.find(namespace, name).await;
    found.map_err(|source| Error::ReadSecret {
        name: name.to_owned(),
        source,
    })
}

/// The same, where a value that was left out matters only by its key.
pub(crate) async fn read(context: &Context, namespace: &str, name: &str) -> Result<Option<Secret>, Error> {
    let found = find(context, namespace, name).await?;
    Ok(found.map(FoundSecret::with_empty_values))
}

/// Creates the consumer's Secret. `AlreadyExists` is foreign until proven ours: an update here could take one over.
pub(crate) async fn create(
    context: &Context,
    owner: &Owner,
    connector: &Connector,
    wanted: &Secret,
    write: Write,
) -> Result<Result<(), Rejection>, Error> {
    let api: Api<Secret> = Api::namespaced(context.client.clone(), &owner.namespace);
    let params = write.params();
    match api.create(&params, wanted).await {
        Ok(_) => Ok(Ok(())),
        Err(kube::Error::Api(status)) if status.is_already_exists() => {
            let found = read(context, &owner.namespace, &connector.template.name).await?;
            match Target::judge(found, owner, &connector.template) {
                Target::Refused(rejection) => Ok(Err(rejection)),
                // Ours, or gone again: the next look finds out.
                Target::Ours(_) | Target::Absent => Err(write_error(wanted, kube::Error::Api(status))),
            }
        }
        Err(error) => refused_or_failed(wanted, error),
    }
}

/// Updates the consumer's Secret, which is known to be ours, at the version that was read.
pub(crate) async fn update(
    context: &Context,
    found: &Secret,
    wanted: &Secret,
    write: Write,
) -> Result<Result<(), Rejection>, Error> {
    let api: Api<Secret> = Api::namespaced(context.client.clone(), &found.namespace().unwrap_or_default());
    let params = write.params();
    match api
        .replace(&wanted.name_any(), &params, &merged(found, wanted))
        .await
    {
        Ok(_) => Ok(Ok(())),
        Err(error) => refused_or_failed(wanted, error),
    }
}

/// Deletes a Secret that an earlier template named, if it is ours. Anything else under that name is not our business.
pub(crate) async fn delete_former(context: &Context, owner: &Owner, name: &str) -> Result<(), Error> {
    let Some(found) = read(context, &owner.namespace, name).await? else {
        return Ok(());
    };
    if owning_connector(&found) != Some(&owner.uid) {
        return Ok(());
    }
    let api: Api<Secret> = Api::namespaced(context.client.clone(), &owner.namespace);
    let deleted = own_secret::delete_version(&api, &found).await;
    deleted.map_err(|source| Error::DeleteSecret {
        name: name.to_owned(),
        source,
    })
}

/// Deletes the Secret of a login that is over. It is the one that was looked at, by its uid; if the API server does not let us,
/// because it lacks the label, it stays for the garbage collection of its connector.
pub(crate) async fn delete_login(context: &Context, namespace: &str, secret: &LoginSecret) {
    let api: Api<Secret> = Api::namespaced(context.client.clone(), namespace);
    let params = DeleteParams::default().preconditions(Preconditions {
        uid: Some(secret.uid.clone()),
        resource_version: None,
    });
    if let Err(error) = api.delete(&secret.name, &params).await {
        tracing::debug!(secret = %secret.name, error = %chain(&error), "Failed to delete the Secret of a login");
    }
}

/// Both are for the status: a refusal by admission, quota or rights, and an API server that failed, for example because an
/// admission webhook does not answer. A denial without a code of its own comes as 400. Who only was too late looks again.
pub(crate) fn refused_or_failed(wanted: &Secret, error: kube::Error) -> Result<Result<(), Rejection>, Error> {
    let status = match &error {
        kube::Error::Api(status) if !status.is_conflict() && !status.is_not_found() => status,
        _ => return Err(write_error(wanted, error)),
    };
    let reason = match status.code {
        400 | 403 | 405 | 413 | 422 => OwnReason::SecretWriteRefused,
        _ => OwnReason::SecretWriteFailed,
    };
    let said = truncate(&status.message, REFUSAL_BYTES);
    let subject = format!("Secret \"{}\": {said}", wanted.name_any());
    Ok(Err(Rejection::new(reason, subject)))
}

fn write_error(wanted: &Secret, source: kube::Error) -> Error {
    Error::WriteSecret {
        name: wanted.name_any(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn judged(code: u16, reason: &str) -> Option<(&'static str, String)> {
        let wanted = Secret {
            metadata: kube::core::ObjectMeta {
                name: Some("crm-salesforce".to_owned()),
                ..kube::core::ObjectMeta::default()
            },
            ..Secret::default()
        };
        let status = Status::failure("denied by policy", reason)
            .with_code(code)
            .boxed();
        let judged = refused_or_failed(&wanted, kube::Error::Api(status)).ok()?;
        let rejection = judged.err()?;
        Some((rejection.reason.as_str(), rejection.subject))
    }

    #[test]
    fn what_the_api_server_will_not_or_can_not_write_is_said_and_a_race_is_looked_at_again() {
        let subject = || "Secret \"crm-salesforce\": denied by policy".to_owned();
        for (code, reason, expected) in [
            (400, "BadRequest", Some("SecretWriteRefused")),
            (403, "Forbidden", Some("SecretWriteRefused")),
            (422, "Invalid", Some("SecretWriteRefused")),
            (429, "TooManyRequests", Some("SecretWriteFailed")),
            (500, "InternalError", Some("SecretWriteFailed")),
            (504, "Timeout", Some("SecretWriteFailed")),
            (409, "Conflict", None),
            (404, "NotFound", None),
        ] {
            assert_eq!(
                judged(code, reason),
                expected.map(|reason| (reason, subject())),
                "{code}"
            );
        }
    }
}
