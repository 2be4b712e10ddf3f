//! Does a token belong to whom it should?

use crate::api::reasons::OwnReason;
use crate::api::spec::ExpectSpec;
use crate::core::model::held_token::Identity;
use crate::core::model::rejection::Rejection;

/// Compares an org id with `spec.expect`. Ids have 15 or 18 characters; the first 15 decide.
pub fn check_organization(identity: &Identity, expect: &ExpectSpec) -> Result<(), Rejection> {
    match &expect.organization_id {
        Some(expected) if expected.get(..15) != identity.organization_id.get(..15) => {
            let subject = format!("expected {expected}, found {}", identity.organization_id);
            Err(Rejection::new(OwnReason::UnexpectedOrganization, subject))
        }
        Some(_) | None => Ok(()),
    }
}

/// Compares a username with `spec.expect`, without regard to case, as Salesforce does. The name found is not shown:
/// it may have come from a Secret.
pub fn check_username(found: &str, expect: &ExpectSpec) -> Result<(), Rejection> {
    match &expect.username {
        Some(expected) if !expected.eq_ignore_ascii_case(found) => Err(Rejection::new(
            OwnReason::UnexpectedUser,
            format!("expected {expected}"),
        )),
        Some(_) | None => Ok(()),
    }
}
