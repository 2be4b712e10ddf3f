//! What is to be done with a copy of a token: written, removed, or left as it is?

use k8s_openapi::api::core::v1::Secret;

use crate::api::copy::CopySource;
use crate::core::model::held_token::HeldToken;
use crate::core::model::owner::Owner;
use crate::core::secret::merge::in_step;
use crate::core::sharing::copy_secret::{copied_from, copy_secret, is_of};
use crate::core::sharing::offer::{Offer, OfferedToken};

/// What there is of both sides.
pub struct CopySeen {
    /// The `SalesforceTokenCopy`.
    pub taker: Owner,
    /// The connector that it names.
    pub from: CopySource,
    /// The Secret that it names.
    pub secret_name: String,
    pub offer: Offer,
    /// That Secret, whosever it is.
    pub found: Option<Box<Secret>>,
}

/// The one next thing to do.
pub enum CopyStep {
    /// Create the Secret, if both sides still consent.
    Create(Box<Secret>),
    /// Replace the Secret at the version that was read, if both sides still consent.
    Update {
        found: Box<Secret>,
        wanted: Box<Secret>,
    },
    /// Delete the Secret at the version that was read.
    Remove(Box<Secret>),
    Done(CopyState),
}

/// How it stands with a copy, where nothing is left to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopyState {
    /// The Secret holds the token.
    Copied(CopiedToken),
    /// Nobody offers a token, and there is no copy.
    NotShared,
    /// There is no token to copy, or it is not known whether there is. A copy of before stays.
    NotAvailable,
    /// The Secret of that name is somebody else's.
    Foreign,
}

/// The times of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedToken {
    pub issue_time: jiff::Timestamp,
    pub expiration_time: jiff::Timestamp,
}

/// The next step. The same things seen give the same step.
pub fn decide(seen: &CopySeen) -> CopyStep {
    let ours = seen.found.as_ref().filter(|found| is_of(found, &seen.taker.uid));
    match (&seen.offer, ours) {
        (Offer::Unknown, _) => CopyStep::Done(CopyState::NotAvailable),
        (Offer::Nothing, Some(found)) => CopyStep::Remove(found.clone()),
        (Offer::Nothing, None) => CopyStep::Done(CopyState::NotShared),
        (Offer::Token(_), None) if seen.found.is_some() => CopyStep::Done(CopyState::Foreign),
        // The token of an earlier connector of that name: nobody has consented to that one.
        (Offer::Token(offered), Some(found)) if copied_from(found) != Some(&offered.connector) => {
            CopyStep::Remove(found.clone())
        }
        (Offer::Token(offered), ours) => match &offered.held {
            Some(held) => keep(seen, offered, held, ours.map(|found| &**found)),
            None => CopyStep::Done(CopyState::NotAvailable),
        },
    }
}

fn keep(seen: &CopySeen, offered: &OfferedToken, held: &HeldToken, ours: Option<&Secret>) -> CopyStep {
    let wanted = copy_secret(&seen.taker, &seen.secret_name, &seen.from, offered, held);
    match ours {
        None => CopyStep::Create(Box::new(wanted)),
        // Neither can be changed in a Secret.
        Some(found) if found.immutable == Some(true) || !is_of_type(found, &wanted) => {
            CopyStep::Remove(Box::new(found.clone()))
        }
        Some(found) if in_step(found, &wanted) => CopyStep::Done(CopyState::Copied(CopiedToken {
            issue_time: held.issue_time,
            expiration_time: held.expiration.time,
        })),
        Some(found) => CopyStep::Update {
            found: Box::new(found.clone()),
            wanted: Box::new(wanted),
        },
    }
}

fn is_of_type(found: &Secret, wanted: &Secret) -> bool {
    found.type_.as_deref().unwrap_or("Opaque") == wanted.type_.as_deref().unwrap_or("Opaque")
}

#[cfg(test)]
mod tests;
