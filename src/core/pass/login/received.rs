//! What is held of a token that a login has brought?

use jiff::Timestamp;
use salesforce_client::{Introspection, TokenResponse};

use crate::core::model::connector::Connector;
use crate::core::model::held_token::{HeldToken, Identity};
use crate::core::model::observed::Observed;
use crate::core::schedule::expiry;
use crate::core::schedule::time::{is_ahead, whole_seconds};

pub(super) fn identity(token: &TokenResponse) -> Identity {
    Identity {
        organization_id: token.id.organization_id.to_string(),
        user_id: token.id.user_id.to_string(),
    }
}

pub(super) fn held(
    connector: &Connector,
    observed: &Observed,
    token: TokenResponse,
    identity: Identity,
    introspection: Option<Introspection>,
    now: Timestamp,
) -> HeldToken {
    // Salesforce may return the token that is held. What was recorded of it with a clock that was ahead doesn't count.
    let earlier = observed
        .held
        .as_ref()
        .filter(|held| !is_ahead(held.issue_time, now));
    let expiration = expiry::of_new_token(&token, introspection.as_ref(), connector.lifetime, earlier, now);
    let issue_time = match earlier {
        Some(earlier) if earlier.token == token.access_token => earlier.issue_time,
        Some(_) | None => whole_seconds(now),
    };
    let scopes = if token.scopes.is_empty() {
        introspection.map(|answer| answer.scopes).unwrap_or_default()
    } else {
        token.scopes
    };
    HeldToken {
        token: token.access_token,
        instance_url: token.instance_url.to_string(),
        issue_time,
        expiration,
        identity,
        scopes: scopes.into_iter().collect(),
        inputs_digest: connector.inputs_digest.clone(),
        serial: None,
    }
}
