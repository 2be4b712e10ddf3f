//! The token endpoint's success: Salesforce's fields besides the standard ones.

use jiff::Timestamp;
use oauth2::{ExtraTokenFields, TokenResponse as _};
use serde::{Deserialize, Serialize};

use super::TokenBody;
use crate::grant::{TokenFormat, TokenResponse};
use crate::jwt;
use crate::secrets::{AccessToken, RefreshToken};

/// What Salesforce adds. None of it is secret.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SalesforceFields {
    instance_url: String,
    id: String,
    issued_at: Milliseconds,
    token_format: Option<String>,
    api_instance_url: Option<String>,
}

impl ExtraTokenFields for SalesforceFields {}

/// Milliseconds since 1970: a string in every sample, a number for all we know some day.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Milliseconds {
    Text(String),
    Number(i64),
}

impl Milliseconds {
    fn timestamp(&self) -> Option<Timestamp> {
        let milliseconds = match self {
            Self::Text(text) => text.parse().ok()?,
            Self::Number(number) => *number,
        };
        Timestamp::from_millisecond(milliseconds).ok()
    }
}

/// The typed response, or which field of it can't be understood.
pub(super) fn understood(answer: &TokenBody) -> Result<TokenResponse, &'static str> {
    let (access_token, extra) = (answer.access_token().secret(), answer.extra_fields());
    let claims_exp = jwt::expiry_of(access_token);
    let is_jwt = extra
        .token_format
        .as_deref()
        .map_or(claims_exp.is_some(), |it| it.eq_ignore_ascii_case("jwt"));
    Ok(TokenResponse {
        instance_url: extra
            .instance_url
            .parse()
            .map_err(|_| "instance_url is not a base address")?,
        id: extra.id.parse().map_err(|_| "id is not an identity URL")?,
        issued_at: extra
            .issued_at
            .timestamp()
            .ok_or("issued_at is not a time in milliseconds")?,
        scopes: answer
            .scopes()
            .into_iter()
            .flatten()
            .map(|scope| scope.to_string())
            .collect(),
        refresh_token: answer
            .refresh_token()
            .map(|token| RefreshToken::new(token.secret().clone())),
        token_format: if is_jwt {
            TokenFormat::Jwt
        } else {
            TokenFormat::Opaque
        },
        // Of use for few, so no reason to refuse the token.
        api_instance_url: extra.api_instance_url.as_deref().and_then(|url| url.parse().ok()),
        expires_in: answer.expires_in(),
        claims_exp: if is_jwt { claims_exp } else { None },
        access_token: AccessToken::new(access_token.clone()),
    })
}

/// The refresh token in a body that can't be understood, were it cut off in the middle: it may be the only valid one.
pub(crate) fn salvage_refresh_token(body: &[u8]) -> Option<RefreshToken> {
    const KEY: &str = "\"refresh_token\"";
    let text = std::str::from_utf8(body).ok()?;
    let after = text
        .get(text.find(KEY)? + KEY.len()..)?
        .trim_start()
        .strip_prefix(':')?;
    let mut values = serde_json::Deserializer::from_str(after).into_iter::<String>();
    values
        .next()?
        .ok()
        .filter(|token| !token.is_empty())
        .map(RefreshToken::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refresh_token_is_found_in_a_body_that_is_cut_off_behind_it() {
        let found =
            |body: &str| salvage_refresh_token(body.as_bytes()).map(|token| token.expose().to_owned());
        assert_eq!(
            found(r#"{"access_token":"00D!x","refresh_token" : "5Aep861","sig"#).as_deref(),
            Some("5Aep861")
        );
        assert_eq!(
            found(r#"{"refresh_token":"5Aep861"#),
            None,
            "cut off within the token"
        );
        assert_eq!(found(r#"{"refresh_token":null}"#), None);
        assert_eq!(found(r#"{"access_token":"00D!x"}"#), None);
    }
}
