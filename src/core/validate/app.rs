//! Which credentials has the app, the current ones and those from before a rotation?

use std::time::Duration;

use salesforce_client::{App, ClientSecret};
use secrecy::{ExposeSecret, SecretString};

use crate::api::SalesforceConnectorSpec;
use crate::api::reasons::OwnReason;
use crate::api::spec::PreviousCredentialsSpec;
use crate::core::model::connector::{CredentialsOrigin, InputPlace, PreviousCredentials, RotationPlan};
use crate::core::model::digest::Digest;
use crate::core::model::inputs::Inputs;
use crate::core::model::limits;
use crate::core::model::rejection::Rejection;
use crate::core::rotation::stored::{CredentialsPlace, EffectiveCredentials};

/// How often credentials are rotated, unless the spec says so.
const ROTATION_INTERVAL: Duration = Duration::from_hours(90 * 24);

/// The app with its current credentials: those of the Secret, or those that a rotation has brought since.
pub(super) fn effective(
    spec: &SalesforceConnectorSpec,
    inputs: &Inputs,
) -> Result<EffectiveCredentials, Rejection> {
    let input = app(spec, inputs)?;
    Ok(match &inputs.stored {
        Some(stored) => stored.effective(input),
        None => EffectiveCredentials {
            app: input,
            previous: None,
            place: CredentialsPlace::Input,
        },
    })
}

/// How the credentials are to be rotated. The schema demands both references, to one Secret.
pub(super) fn rotation(spec: &SalesforceConnectorSpec) -> Option<RotationPlan> {
    let (app, rotation) = (&spec.app, spec.app.rotation.as_ref()?);
    let (id, secret) = (app.client_id_ref.as_ref()?, app.client_secret_ref.as_ref()?);
    Some(RotationPlan {
        app_id: rotation.app_id.parse().ok()?,
        interval: rotation.interval.map_or(ROTATION_INTERVAL, Into::into),
        input: InputPlace {
            secret: secret.name.clone(),
            client_id_key: id.key.clone(),
            client_secret_key: secret.key.clone(),
        },
    })
}

/// The app with the credentials of its Secret.
fn app(spec: &SalesforceConnectorSpec, inputs: &Inputs) -> Result<App, Rejection> {
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

/// The credentials that a rotation has brought beside the current ones.
pub(super) fn rotated_credentials(
    other: App,
    current: &Digest,
    digest: impl Fn(&App) -> Digest,
) -> Option<Result<PreviousCredentials, Rejection>> {
    let inputs_digest = digest(&other);
    (inputs_digest != *current).then_some(Ok(PreviousCredentials {
        app: other,
        inputs_digest,
        origin: CredentialsOrigin::Rotation,
    }))
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
    (inputs_digest != digest(current)).then_some(Ok(PreviousCredentials {
        app,
        inputs_digest,
        origin: CredentialsOrigin::Spec,
    }))
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
