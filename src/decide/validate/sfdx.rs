//! Which refresh token does a bootstrap Secret bring, and is it for this connector?

use salesforce_client::{App, Host, RefreshToken};
use secrecy::ExposeSecret;

use crate::api::reasons::OwnReason;
use crate::api::spec::AuthorizationCodeSpec;
use crate::decide::Rejection;
use crate::decide::inputs::Inputs;

/// The brought token, if the spec names one and its Secret is there. A missing bootstrap Secret is no error: after the
/// import it can be deleted.
pub(super) fn brought_token(
    spec: &AuthorizationCodeSpec,
    inputs: &Inputs,
    host: &Host,
    app: &App,
) -> Result<Option<RefreshToken>, Rejection> {
    let Some(bootstrap) = &spec.bootstrap else {
        return Ok(None);
    };
    if let Some(reference) = &bootstrap.refresh_token_ref {
        return Ok(inputs
            .get("refreshTokenRef", reference)
            .ok()
            .cloned()
            .map(RefreshToken::from));
    }
    let Some(reference) = &bootstrap.sfdx_auth_url_ref else {
        return Ok(None);
    };
    let Ok(value) = inputs.get("sfdxAuthUrlRef", reference) else {
        return Ok(None);
    };
    from_auth_url(value.expose_secret(), host, app).map(Some)
}

const FIELD: &str = "spec.auth.authorizationCode.bootstrap.sfdxAuthUrlRef";

/// Reads `force://<clientId>:<clientSecret>:<refreshToken>@<host>`, or JSON that holds it as `sfdxAuthUrl` (also under
/// `result`), as the Salesforce CLI writes them. The secret may be empty; a URL without one has one colon less.
fn from_auth_url(text: &str, host: &Host, app: &App) -> Result<RefreshToken, Rejection> {
    let url = unwrap_json(text).unwrap_or_else(|| text.trim().to_owned());
    let invalid = || Rejection::new(OwnReason::SfdxAuthUrlInvalid, FIELD);
    let (credentials, url_host) = url
        .strip_prefix("force://")
        .and_then(|rest| rest.rsplit_once('@'))
        .ok_or_else(invalid)?;
    let (client_id, rest) = credentials.split_once(':').ok_or_else(invalid)?;
    let token = rest.rsplit_once(':').map_or(rest, |(_, token)| token);
    if client_id.is_empty() || token.is_empty() || !token.chars().all(is_token_character) {
        return Err(invalid());
    }
    let url_host: Host = url_host.trim_end_matches('/').parse().map_err(|_| invalid())?;
    if url_host.name() != host.name() {
        return Err(Rejection::new(
            OwnReason::SfdxAuthUrlMismatch,
            format!("{FIELD}: its host is not {host}"),
        ));
    }
    if client_id != app.client_id {
        return Err(Rejection::new(
            OwnReason::SfdxAuthUrlMismatch,
            format!("{FIELD}: its client id is another one"),
        ));
    }
    Ok(RefreshToken::new(token.to_owned()))
}

fn is_token_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-' | '=')
}

fn unwrap_json(text: &str) -> Option<String> {
    let json: serde_json::Value = serde_json::from_str(text).ok()?;
    let url = json
        .get("sfdxAuthUrl")
        .or_else(|| json.pointer("/result/sfdxAuthUrl"))?;
    url.as_str().map(|url| url.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use salesforce_client::ClientSecret;

    use super::*;

    fn read(text: &str) -> Result<String, OwnReason> {
        let host = "acme.my.salesforce.com".parse().unwrap();
        let app = App {
            client_id: "3MVG9".into(),
            client_secret: Some(ClientSecret::new("s".into())),
        };
        match from_auth_url(text, &host, &app) {
            Ok(token) => Ok(token.expose().to_owned()),
            Err(Rejection {
                reason: crate::api::Reason::Own(reason),
                ..
            }) => Err(reason),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn auth_urls_are_read_in_every_form_the_cli_writes() {
        for text in [
            "force://3MVG9:s3cret:5Aep861.x_y-z==@acme.my.salesforce.com",
            "force://3MVG9::5Aep861.x_y-z==@acme.my.salesforce.com\n",
            "force://3MVG9:5Aep861.x_y-z==@acme.my.salesforce.com",
            r#"{"sfdxAuthUrl":"force://3MVG9:s:5Aep861.x_y-z==@acme.my.salesforce.com"}"#,
            r#"{"status":0,"result":{"sfdxAuthUrl":"force://3MVG9:s:5Aep861.x_y-z==@acme.my.salesforce.com"}}"#,
        ] {
            assert_eq!(read(text), Ok("5Aep861.x_y-z==".to_owned()), "{text}");
        }
    }

    #[test]
    fn auth_urls_of_another_org_or_app_and_rubbish_are_refused() {
        use OwnReason::{SfdxAuthUrlInvalid, SfdxAuthUrlMismatch};
        for (text, reason) in [
            (
                "force://3MVG9:s:5Aep@other.my.salesforce.com",
                SfdxAuthUrlMismatch,
            ),
            ("force://3MVG8:s:5Aep@acme.my.salesforce.com", SfdxAuthUrlMismatch),
            ("https://acme.my.salesforce.com", SfdxAuthUrlInvalid),
            ("force://3MVG9:s:@acme.my.salesforce.com", SfdxAuthUrlInvalid),
            (
                "force://3MVG9:s:5Aep 9@acme.my.salesforce.com",
                SfdxAuthUrlInvalid,
            ),
            ("", SfdxAuthUrlInvalid),
        ] {
            assert_eq!(read(text), Err(reason), "{text}");
        }
    }
}
