//! How are Secrets read and written? By name, each once, and never somebody else's.

use k8s_openapi::api::core::v1::Secret;
use kube::api::PostParams;
use kube::{Api, ResourceExt};

use crate::api::names;
use crate::api::reasons::OwnReason;
use crate::core::conclude::merge::truncate;
use crate::core::model::connector::Connector;
use crate::core::model::owner::Owner;
use crate::core::model::rejection::Rejection;
use crate::core::secret::merge::merged;
use crate::core::secret::ownership::{Target, owning_connector};
use crate::shell::context::Context;
use crate::shell::error::Error;
use crate::shell::kubernetes::own_secret;

/// Longest text of the API server that is shown.
const REFUSAL_BYTES: usize = 300;

pub(crate) async fn read(context: &Context, namespace: &str, name: &str) -> Result<Option<Secret>, Error> {
    let api: Api<Secret> = Api::namespaced(context.client.clone(), namespace);
    api.get_opt(name).await.map_err(|source| Error::ReadSecret {
        name: name.to_owned(),
        source,
    })
}

/// Creates the consumer's Secret. `AlreadyExists` is foreign until proven ours: an update here could take one over.
pub(crate) async fn create(
    context: &Context,
    owner: &Owner,
    connector: &Connector,
    wanted: &Secret,
) -> Result<Result<(), Rejection>, Error> {
    let api: Api<Secret> = Api::namespaced(context.client.clone(), &owner.namespace);
    let params = PostParams {
        field_manager: Some(names::FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    };
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
) -> Result<Result<(), Rejection>, Error> {
    let api: Api<Secret> = Api::namespaced(context.client.clone(), &found.namespace().unwrap_or_default());
    let params = PostParams {
        field_manager: Some(names::FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    };
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

/// A refusal by admission, quota or rights is for a person; anything else may be cured by trying again.
fn refused_or_failed(wanted: &Secret, error: kube::Error) -> Result<Result<(), Rejection>, Error> {
    match error {
        kube::Error::Api(status) if matches!(status.code, 403 | 422) => {
            let subject = format!(
                "Secret \"{}\": {}",
                wanted.name_any(),
                truncate(&status.message, REFUSAL_BYTES)
            );
            Ok(Err(Rejection::new(OwnReason::SecretWriteRefused, subject)))
        }
        error => Err(write_error(wanted, error)),
    }
}

fn write_error(wanted: &Secret, source: kube::Error) -> Error {
    Error::WriteSecret {
        name: wanted.name_any(),
        source,
    }
}
