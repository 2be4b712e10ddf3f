//! Which refresh token does a bootstrap Secret bring, and is it for this connector?

use salesforce_client::{App, Host, RefreshToken, SfdxAuthUrl};
use secrecy::{ExposeSecret, SecretString};

use crate::api::reasons::OwnReason;
use crate::api::spec::AuthorizationCodeSpec;
use crate::core::model::inputs::Inputs;
use crate::core::model::rejection::Rejection;

const FIELD: &str = "spec.auth.authorizationCode.bootstrap.sfdxAuthUrlRef";
const TOKEN_FIELD: &str = "spec.auth.authorizationCode.bootstrap.refreshTokenRef";

/// The brought token, if the spec names one and its Secret is there. A missing bootstrap Secret is no error: after the
/// import it can be deleted. One that is there and can't be read is.
pub(super) fn bootstrap_token(
    spec: &AuthorizationCodeSpec,
    inputs: &Inputs,
    host: &Host,
    app: &App,
) -> Result<Option<RefreshToken>, Rejection> {
    let Some(bootstrap) = &spec.bootstrap else {
        return Ok(None);
    };
    if let Some(reference) = &bootstrap.refresh_token_ref {
        let value = found(inputs.get(TOKEN_FIELD, reference))?;
        return Ok(value.cloned().map(RefreshToken::from));
    }
    let Some(reference) = &bootstrap.sfdx_auth_url_ref else {
        return Ok(None);
    };
    let Some(value) = found(inputs.get(FIELD, reference))? else {
        return Ok(None);
    };
    from_auth_url(value.expose_secret(), host, app).map(Some)
}

/// A value, or nothing where the Secret is not there.
fn found(value: Result<&SecretString, Rejection>) -> Result<Option<&SecretString>, Rejection> {
    match value {
        Err(rejection) if rejection.reason == OwnReason::InputSecretMissing.into() => Ok(None),
        value => value.map(Some),
    }
}

fn from_auth_url(text: &str, host: &Host, app: &App) -> Result<RefreshToken, Rejection> {
    let url = SfdxAuthUrl::parse(text)
        .map_err(|error| Rejection::new(OwnReason::SfdxAuthUrlInvalid, format!("{FIELD}: {error}")))?;
    if url.host.name() != host.name() {
        return Err(Rejection::new(
            OwnReason::SfdxAuthUrlMismatch,
            format!("{FIELD}: its host is not {host}"),
        ));
    }
    if url.client_id != app.client_id {
        return Err(Rejection::new(
            OwnReason::SfdxAuthUrlMismatch,
            format!("{FIELD}: its client ID is not spec.app.clientId"),
        ));
    }
    Ok(url.refresh_token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Reason;

    fn read(text: &str) -> Result<String, Reason> {
        let host = "acme.my.salesforce.com".parse().unwrap();
        let app = App {
            client_id: "3MVG9".into(),
            client_secret: None,
        };
        let token = from_auth_url(text, &host, &app).map_err(|rejection| rejection.reason)?;
        Ok(token.expose().to_owned())
    }

    #[test]
    fn an_auth_url_of_this_org_and_app_is_taken_and_any_other_refused() {
        use OwnReason::{SfdxAuthUrlInvalid, SfdxAuthUrlMismatch};
        assert_eq!(
            read("force://3MVG9::5Aep861.x_y-z@acme.my.salesforce.com"),
            Ok("5Aep861.x_y-z".to_owned())
        );
        for (text, reason) in [
            (
                "force://3MVG9:s:5Aep@other.my.salesforce.com",
                SfdxAuthUrlMismatch,
            ),
            ("force://3MVG8:s:5Aep@acme.my.salesforce.com", SfdxAuthUrlMismatch),
            ("https://acme.my.salesforce.com", SfdxAuthUrlInvalid),
        ] {
            assert_eq!(read(text), Err(reason.into()), "{text}");
        }
    }
}
