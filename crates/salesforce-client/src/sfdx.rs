//! The auth URL of the Salesforce CLI, a refresh token with all it needs: `force://<id>:<secret>:<token>@<host>`.
//!
//! Form: plugin-auth's `sfdxurl.store.md`. The secret may be empty; the host has no scheme, and may have a port.

use std::fmt;

use serde::Deserialize;

use crate::host::Host;
use crate::secrets::{ClientSecret, RefreshToken};

/// A parsed auth URL.
#[derive(Clone, PartialEq, Eq)]
pub struct SfdxAuthUrl {
    /// The consumer key of the app the token belongs to.
    pub client_id: String,
    /// Its secret, if it has one.
    pub client_secret: Option<ClientSecret>,
    /// The refresh token that the Salesforce CLI holds.
    pub refresh_token: RefreshToken,
    /// The host the token is redeemed at.
    pub host: Host,
}

/// Without the consumer key: it came with the secrets.
impl fmt::Debug for SfdxAuthUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SfdxAuthUrl")
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

/// A text that is no auth URL. Says nothing of the text, which may hold a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSfdxAuthUrl {
    /// JSON without the field.
    #[error(
        "the JSON has no field sfdxAuthUrl, nor result.sfdxAuthUrl; use the output of sf org auth show-sfdx-auth-url --json"
    )]
    NoField,
    /// A text that is not of the form of an auth URL.
    #[error("not an auth URL of the form force://<clientId>:<clientSecret>:<refreshToken>@<host>")]
    Form,
    /// The form of before client ids were in it.
    #[error(
        "the auth URL is of the old form force://<refreshToken>@<host>, without a client ID; put the refresh token alone into the Secret, and name it in bootstrap.refreshTokenRef"
    )]
    NoClientId,
    /// The part after the `@` is no host.
    #[error(
        "the auth URL must end with @ and a host name without https://, for example @acme.my.salesforce.com"
    )]
    Host,
}

#[derive(Deserialize)]
struct File {
    #[serde(rename = "sfdxAuthUrl")]
    url: Option<String>,
    result: Option<Inner>,
}

#[derive(Deserialize)]
struct Inner {
    #[serde(rename = "sfdxAuthUrl")]
    url: Option<String>,
}

impl SfdxAuthUrl {
    /// Reads the URL itself, or the JSON that the Salesforce CLI prints.
    pub fn parse(text: &str) -> Result<Self, InvalidSfdxAuthUrl> {
        let text = after_warnings(text.trim());
        if !text.starts_with('{') {
            return parse_url(unquoted(text));
        }
        let file: File = serde_json::from_str(text).map_err(|_| InvalidSfdxAuthUrl::NoField)?;
        let url = file
            .url
            .or_else(|| file.result?.url)
            .ok_or(InvalidSfdxAuthUrl::NoField)?;
        parse_url(url.trim())
    }
}

/// The text from the line on that begins with JSON or an auth URL: the CLI prints warnings before it.
fn after_warnings(text: &str) -> &str {
    let begins =
        |line: &str| line.starts_with('{') || line.trim_start_matches(['"', '\'']).starts_with("force://");
    let mut rest = text;
    while !begins(rest) {
        match rest.split_once('\n') {
            Some((_, after)) => rest = after.trim_start(),
            None => return text,
        }
    }
    rest
}

/// The text without the quotes around it that `jq` leaves without `-r`.
fn unquoted(text: &str) -> &str {
    let quoted = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    quoted('"').or_else(|| quoted('\'')).unwrap_or(text).trim()
}

fn parse_url(text: &str) -> Result<SfdxAuthUrl, InvalidSfdxAuthUrl> {
    let form = InvalidSfdxAuthUrl::Form;
    let (credentials, host) = text
        .strip_prefix("force://")
        .and_then(|it| it.rsplit_once('@'))
        .ok_or(form)?;
    if !credentials.is_empty() && !credentials.contains([':', '/']) {
        return Err(InvalidSfdxAuthUrl::NoClientId);
    }
    let mut parts = credentials.splitn(3, ':');
    let mut next = || parts.next().ok_or(form);
    let (client_id, client_secret, refresh_token) = (next()?, next()?, next()?);
    let has_form = |part: &str| {
        part.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-=".contains(&b))
    };
    let all = [client_id, client_secret, refresh_token];
    if client_id.is_empty() || refresh_token.is_empty() || !all.into_iter().all(has_form) {
        return Err(form);
    }
    Ok(SfdxAuthUrl {
        client_id: client_id.to_owned(),
        client_secret: (!client_secret.is_empty()).then(|| ClientSecret::new(client_secret.to_owned())),
        refresh_token: RefreshToken::new(refresh_token.to_owned()),
        host: host.parse().map_err(|_| InvalidSfdxAuthUrl::Host)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "force://PlatformCLI:canary-secret:5Aep861.canary_token==@green-itr.my.salesforce.com";

    #[test]
    fn an_auth_url_is_read_plain_and_from_either_json() {
        let expected = SfdxAuthUrl {
            client_id: "PlatformCLI".into(),
            client_secret: Some(ClientSecret::new("canary-secret".into())),
            refresh_token: RefreshToken::new("5Aep861.canary_token==".into()),
            host: "green-itr.my.salesforce.com".parse().unwrap(),
        };
        for text in [
            format!("{URL}\n"),
            format!("\"{URL}\"\n"),
            format!("'{URL}'"),
            format!(
                " ›   Warning: update available\n\n{{\"status\":0,\"result\":{{\"sfdxAuthUrl\":\"{URL}\"}}}}"
            ),
            format!("Warning: this shows a secret\r\n{URL}"),
            format!(r#"{{"sfdxAuthUrl":"{URL}"}}"#),
            format!(r#"{{"status":0,"result":{{"sfdxAuthUrl":"{URL}","alias":"x"}}}}"#),
        ] {
            assert_eq!(SfdxAuthUrl::parse(&text), Ok(expected.clone()), "{text}");
        }
        assert!(!format!("{expected:?}").contains("canary"));
    }

    #[test]
    fn a_public_app_has_no_secret_and_a_host_may_have_a_port() {
        let url = SfdxAuthUrl::parse("force://PlatformCLI::5Aep861@localhost:8743").unwrap();
        assert_eq!(
            (url.client_secret, url.host.to_string().as_str()),
            (None, "localhost:8743")
        );
    }

    #[test]
    fn what_is_no_auth_url_is_told_why_without_being_quoted() {
        let cases = [
            ("", InvalidSfdxAuthUrl::Form),
            ("https://green-itr.my.salesforce.com", InvalidSfdxAuthUrl::Form),
            ("force://canary@host.example", InvalidSfdxAuthUrl::NoClientId),
            ("force://@host.example", InvalidSfdxAuthUrl::Form),
            ("force://canary:canary@host.example", InvalidSfdxAuthUrl::Form),
            ("force://:s:canary@host.example", InvalidSfdxAuthUrl::Form),
            ("force://id:s:@host.example", InvalidSfdxAuthUrl::Form),
            ("force://id:s:can ary@host.example", InvalidSfdxAuthUrl::Form),
            (
                "force://id:s:canary@https://host.example",
                InvalidSfdxAuthUrl::Host,
            ),
            ("{\"canary\":1}", InvalidSfdxAuthUrl::NoField),
            ("{\"canary", InvalidSfdxAuthUrl::NoField),
        ];
        for (text, expected) in cases {
            assert_eq!(SfdxAuthUrl::parse(text), Err(expected), "{text}");
            assert!(!format!("{expected} {expected:?}").contains("canary"));
        }
    }
}
