//! Which credentials has the app, the current ones and those from before a rotation?

use salesforce_client::{App, ClientSecret};
use secrecy::{ExposeSecret, SecretString};

use crate::api::SalesforceConnectorSpec;
use crate::api::reasons::OwnReason;
use crate::api::spec::PreviousCredentialsSpec;
use crate::core::model::connector::PreviousCredentials;
use crate::core::model::digest::Digest;
use crate::core::model::inputs::Inputs;
use crate::core::model::limits;
use crate::core::model::rejection::Rejection;

/// The app with its current credentials.
pub(super) fn app(spec: &SalesforceConnectorSpec, inputs: &Inputs) -> Result<App, Rejection> {
    let client_id = match (&spec.app.client_id, &spec.app.client_id_ref) {
        (Some(literal), _) => literal.clone(),
        (None, Some(reference)) => text(inputs.get("spec.app.clientIdRef", reference, limits::CLIENT_ID)?),
        (None, None) => return Err(Rejection::new(OwnReason::InputKeyMissing, "spec.app.clientId")),
    };
    let secret = spec.app.client_secret_ref.as_ref();
    let client_secret = secret
        .map(|reference| inputs.get("spec.app.clientSecretRef", reference, limits::CLIENT_SECRET))
        .transpose()?;
    Ok(App {
        client_id,
        client_secret: client_secret.cloned().map(ClientSecret::from),
    })
}

/// The credentials from before a rotation. Where they are the current ones, there is nothing to fall back to.
pub(super) fn previous_credentials(
    spec: &SalesforceConnectorSpec,
    inputs: &Inputs,
    current: &App,
    digest: impl Fn(&App) -> Digest,
) -> Option<Result<PreviousCredentials, Rejection>> {
    let previous = spec.app.previous_credentials.as_ref()?;
    let app = match previous_app(previous, inputs, current) {
        Ok(app) => app,
        Err(rejection) => return Some(Err(rejection)),
    };
    let inputs_digest = digest(&app);
    (inputs_digest != digest(current)).then_some(Ok(PreviousCredentials { app, inputs_digest }))
}

fn previous_app(
    previous: &PreviousCredentialsSpec,
    inputs: &Inputs,
    current: &App,
) -> Result<App, Rejection> {
    let field = |name: &str| format!("spec.app.previousCredentials.{name}");
    let client_id = match (&previous.client_id, &previous.client_id_ref) {
        (Some(literal), _) => literal.clone(),
        (None, Some(reference)) => text(inputs.get(&field("clientIdRef"), reference, limits::CLIENT_ID)?),
        (None, None) => current.client_id.clone(),
    };
    let secret = previous.client_secret_ref.as_ref();
    let client_secret = secret
        .map(|reference| inputs.get(&field("clientSecretRef"), reference, limits::CLIENT_SECRET))
        .transpose()?;
    Ok(App {
        client_id,
        client_secret: client_secret.cloned().map(ClientSecret::from),
    })
}

pub(super) fn text(secret: &SecretString) -> String {
    secret.expose_secret().to_owned()
}
