//! How is what a rotation asks for carried out? Salesforce is called, and two Secrets are read and written, each call once.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::api::PostParams;
use kube::{Api, ResourceExt};
use redeem::ResourceVersion;
use salesforce_client::{Client, Failure};

use crate::api::SalesforceConnector;
use crate::api::names;
use crate::core::conclude::merge::truncate;
use crate::core::model::observed::RotationView;
use crate::core::model::owner::Owner;
use crate::core::rotation::calls::{CredentialsAnswer, CredentialsCall, CredentialsRequest};
use crate::core::rotation::input::InputFault;
use crate::core::rotation::state::{RotationSeen, RotationState};
use crate::error_chain::chain;
use crate::shell::context::Context;
use crate::shell::error::Error;
use crate::shell::kubernetes::own_secret;

/// Longest text of the API server that is shown.
const REFUSAL_BYTES: usize = 250;
/// A call of the API server that takes longer is given up: a pass has a limit of its own.
const CALL_LIMIT: Duration = Duration::from_secs(10);

/// What is remembered of the connector's rotations. It is read where the spec asks for rotations, or the status tells of one.
pub(crate) async fn look(context: &Context, connector: &SalesforceConnector) -> Result<RotationView, Error> {
    let permitted = context.settings.credential_rotation;
    let told = connector.status.as_ref();
    let told = told.is_some_and(|status| status.credential_rotation.is_some());
    if connector.spec.app.rotation.is_none() && !told {
        return Ok(RotationView {
            permitted,
            seen: RotationSeen::Absent,
        });
    }
    let name = names::rotation_name(&connector.uid().unwrap_or_default());
    let found = own_secrets(context).get_opt(&name).await;
    let found = found.map_err(|source| Error::ReadSecret { name, source })?;
    let seen = found.map_or(RotationSeen::Absent, |secret| seen(&secret));
    Ok(RotationView { permitted, seen })
}

fn own_secrets(context: &Context) -> Api<Secret> {
    Api::namespaced(context.once.clone(), &context.settings.namespace)
}

/// The state in a Secret, as far as it can be understood.
pub(crate) fn seen(secret: &Secret) -> RotationSeen {
    let data: BTreeMap<String, Vec<u8>> = secret
        .data
        .iter()
        .flatten()
        .map(|(key, value)| (key.clone(), value.0.clone()))
        .collect();
    match RotationState::from_data(&data) {
        Ok(state) => {
            let version = ResourceVersion::new(secret.resource_version().unwrap_or_default());
            RotationSeen::Found(Box::new(state), version)
        }
        Err(fault) => RotationSeen::Unreadable(fault),
    }
}

/// Stores the state: a new one is created, another one is replaced at the version that was read.
pub(crate) async fn store(
    context: &Context,
    owner: &Owner,
    state: &RotationState,
    version: Option<&ResourceVersion>,
) -> Result<Result<Option<ResourceVersion>, String>, Error> {
    let data = state.to_data().map_err(Error::Encode)?;
    let mut secret = own_secret::labelled(names::rotation_name(&owner.uid), names::ROTATION, data);
    secret.metadata.resource_version = version.map(|version| version.as_str().to_owned());
    let (api, params, name) = (own_secrets(context), PostParams::default(), secret.name_any());
    let written = match version {
        None => in_time(api.create(&params, &secret)).await,
        Some(_) => in_time(api.replace(&name, &params, &secret)).await,
    };
    Ok(match written {
        Ok(written) => Ok(written.resource_version().map(ResourceVersion::new)),
        Err(InputFault::Outdated) => Ok(None),
        Err(InputFault::Refused(words)) => Err(words),
    })
}

/// Makes a call. What changes something at Salesforce is for the replica that works on the namespace.
pub(crate) async fn call(
    context: &Context,
    namespace: &str,
    salesforce: &Client,
    call: CredentialsCall,
) -> CredentialsAnswer {
    let CredentialsCall { at, token, request } = &call;
    let answered = match request {
        CredentialsRequest::Consumers => {
            let answer = salesforce.consumers(at, token).await;
            answer.map(|answer| CredentialsAnswer::Consumers(answer.value))
        }
        CredentialsRequest::Staged { consumer } => {
            let answer = salesforce.staged_credentials(at, consumer, token).await;
            answer.map(|answer| CredentialsAnswer::Staged(answer.value))
        }
        _ if !context.ownership.owns(namespace) => Ok(CredentialsAnswer::Deposed),
        _ => change(salesforce, &call).await,
    };
    answered.unwrap_or_else(|failure| CredentialsAnswer::Refused(Box::new(failure)))
}

async fn change(salesforce: &Client, call: &CredentialsCall) -> Result<CredentialsAnswer, Failure> {
    let CredentialsCall { at, token, request } = call;
    match request {
        CredentialsRequest::Stage { consumer } => {
            let staged = salesforce.stage_credentials(at, consumer, token).await?;
            return Ok(CredentialsAnswer::Credentials(staged));
        }
        CredentialsRequest::Rotate { consumer, staged } => {
            salesforce
                .rotate_credentials(at, (consumer, staged), token)
                .await?;
        }
        CredentialsRequest::Delete { consumer, staged } => {
            salesforce
                .delete_staged_credentials(at, (consumer, staged), token)
                .await?;
        }
        // They change nothing.
        CredentialsRequest::Consumers | CredentialsRequest::Staged { .. } => {}
    }
    Ok(CredentialsAnswer::Done)
}

/// The Secret that is to take the credentials, with all its values.
pub(crate) async fn read_input(
    context: &Context,
    namespace: &str,
    name: &str,
) -> Result<Option<Box<Secret>>, InputFault> {
    let api: Api<Secret> = Api::namespaced(context.client.clone(), namespace);
    Ok(in_time(api.get_opt(name)).await?.map(Box::new))
}

/// Replaces that Secret at the version that was read.
pub(crate) async fn write_input(
    context: &Context,
    namespace: &str,
    wanted: &Secret,
) -> Result<(), InputFault> {
    let api: Api<Secret> = Api::namespaced(context.client.clone(), namespace);
    let params = PostParams {
        field_manager: Some(names::FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    };
    in_time(api.replace(&wanted.name_any(), &params, wanted)).await?;
    tracing::info!(secret = %wanted.name_any(), "Wrote rotated credentials of the app to the Secret that the connector names");
    Ok(())
}

async fn in_time<T>(call: impl Future<Output = kube::Result<T>>) -> Result<T, InputFault> {
    let words = match tokio::time::timeout(CALL_LIMIT, call).await {
        Ok(Ok(answer)) => return Ok(answer),
        Ok(Err(kube::Error::Api(status))) if matches!(status.code, 404 | 409) => {
            return Err(InputFault::Outdated);
        }
        Ok(Err(kube::Error::Api(status))) => status.message,
        Ok(Err(error)) => chain(&error),
        Err(_) => format!("no answer within {} s", CALL_LIMIT.as_secs()),
    };
    tracing::warn!(error = words, "Failed to read or write a Secret of a rotation");
    let words = truncate(&words, REFUSAL_BYTES).chars();
    Err(InputFault::Refused(
        words.map(salesforce_client::visible).collect(),
    ))
}
