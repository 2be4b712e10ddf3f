//! How is a copy of a token written and removed? Step by step, as the core decides.

use k8s_openapi::api::core::v1::Secret;
use kube::Api;

use crate::api::SalesforceTokenCopy;
use crate::core::model::rejection::Rejection;
use crate::core::sharing::copy_secret::copied_from;
use crate::core::sharing::decide::{CopySeen, CopyState, CopyStep, decide};
use crate::core::sharing::finding::CopyEnd;
use crate::core::sharing::offer::Offer;
use crate::shell::context::Context;
use crate::shell::error::Error;
use crate::shell::kubernetes::consumer_secret::{self, Write, refused_or_failed};
use crate::shell::kubernetes::own_secret;
use crate::shell::sharing::seen::{consent, observe, offering};

/// A copy takes three at most: an outdated Secret goes, another comes, and nothing is left to do.
const MOST_STEPS: usize = 4;

/// Brings a copy in step with the offer.
pub(super) async fn settle(context: &Context, copy: &SalesforceTokenCopy) -> Result<CopyEnd, Error> {
    let mut seen = observe(context, copy).await?;
    for _ in 0..MOST_STEPS {
        let step = decide(&seen);
        seen.found = match step {
            CopyStep::Done(state) => return Ok(CopyEnd::State(state)),
            CopyStep::Remove(found) => match remove(context, copy, &seen, &found).await? {
                Ok(()) => None,
                Err(rejection) => return Ok(CopyEnd::Refused(rejection)),
            },
            CopyStep::Create(wanted) => {
                agreed(context, copy, &wanted).await?;
                match create(context, &wanted).await? {
                    Ok(()) => Some(wanted),
                    Err(rejection) => return Ok(CopyEnd::Refused(rejection)),
                }
            }
            CopyStep::Update { found, wanted } => {
                agreed(context, copy, &wanted).await?;
                match consumer_secret::update(context, &found, &wanted, Write::ForReal).await? {
                    Ok(()) => Some(wanted),
                    Err(rejection) => return Ok(CopyEnd::Refused(rejection)),
                }
            }
        };
    }
    Ok(CopyEnd::State(CopyState::NotAvailable))
}

/// An error where one side has withdrawn meanwhile: the watch is about to say so.
async fn agreed(context: &Context, copy: &SalesforceTokenCopy, wanted: &Secret) -> Result<(), Error> {
    let connector = copied_from(wanted).unwrap_or_default();
    if consent(context, copy, connector).await? {
        return Ok(());
    }
    Err(Error::Withdrawn)
}

/// A Secret that is there already is looked at again: it may be somebody else's.
async fn create(context: &Context, wanted: &Secret) -> Result<Result<(), Rejection>, Error> {
    let namespace = wanted.metadata.namespace.clone().unwrap_or_default();
    let api: Api<Secret> = Api::namespaced(context.client.clone(), &namespace);
    match api.create(&Write::ForReal.params(), wanted).await {
        Ok(_) => Ok(Ok(())),
        Err(error) => refused_or_failed(wanted, error),
    }
}

/// Deletes the version of the Secret that was looked at. Where the watch shows no offer, that is asked of the API server first: a
/// watch that is behind must not take a token from a workload.
async fn remove(
    context: &Context,
    copy: &SalesforceTokenCopy,
    seen: &CopySeen,
    found: &Secret,
) -> Result<Result<(), Rejection>, Error> {
    if matches!(seen.offer, Offer::Nothing) && offering(context, copy).await?.is_some() {
        return Err(Error::Withdrawn);
    }
    let api: Api<Secret> = Api::namespaced(context.client.clone(), &seen.taker.namespace);
    match own_secret::delete_version(&api, found).await {
        Ok(()) => Ok(Ok(())),
        Err(error) => refused_or_failed(found, error),
    }
}
