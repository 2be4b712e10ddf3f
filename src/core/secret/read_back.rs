//! Which token does the consumer's Secret carry?

use crate::api::names;
use crate::core::model::digest::{Digest, DigestKey};
use crate::core::model::held_token::{Expiration, HeldToken, Identity};
use crate::core::secret::template::{RENEWALS, SOURCES, earlier_token_digest, token_digest};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use salesforce_client::AccessToken;

/// Reads back the token that a Secret holds. The token is found by its digest, under whatever key it stands; an edited
/// token, or one whose annotations were edited, is therefore no token, while a changed template changes nothing.
pub fn read_back(secret: &Secret, key: &DigestKey) -> Option<HeldToken> {
    let annotations = secret.metadata.annotations.as_ref()?;
    let noted = |name: &str| annotations.get(name).map(String::as_str);
    let (uid, digest) = (noted(names::CONNECTOR_UID)?, noted(names::TOKEN_DIGEST)?);
    let source = noted(names::EXPIRY_SOURCE)?;
    let renewal = noted(names::RENEWAL)?;
    let without_token = HeldToken {
        token: AccessToken::new(String::new()),
        instance_url: noted(names::INSTANCE_URL)?.to_owned(),
        issue_time: noted(names::ISSUE_TIME)?.parse().ok()?,
        expiration: Expiration {
            time: noted(names::EXPIRATION_TIME)?.parse().ok()?,
            source: SOURCES.iter().find(|(_, text)| *text == source)?.0,
            renewal: RENEWALS.iter().find(|(_, text)| *text == renewal)?.0,
        },
        identity: Identity::from_text(noted(names::IDENTITY)?)?,
        scopes: noted(names::SCOPES)?
            .split_whitespace()
            .map(str::to_owned)
            .collect(),
        inputs_digest: Digest::from_text(noted(names::INPUTS_DIGEST)?),
        serial: noted(names::SERIAL).and_then(|serial| serial.parse().ok()),
    };
    secret.data.as_ref()?.values().find_map(|ByteString(bytes)| {
        let held = HeldToken {
            token: AccessToken::new(String::from_utf8(bytes.clone()).ok()?),
            ..without_token.clone()
        };
        if token_digest(key, uid, &held).as_str() == digest {
            return Some(held);
        }
        let earlier = earlier_token_digest(key, bytes).as_str() == digest;
        earlier.then_some(HeldToken { serial: None, ..held })
    })
}
