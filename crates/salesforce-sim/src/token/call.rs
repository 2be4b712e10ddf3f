//! What do all grants need to know of a token request, and how does its app authenticate?

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;

use crate::app::App;
use crate::http::{Params, Request};
use crate::refusal::{self, OAuthRefusal};
use crate::world::{Place, World};

/// A token request, with what all grants need to know of it.
pub(super) struct Call<'a> {
    pub(super) request: &'a Request,
    pub(super) form: Params,
    pub(super) place: Place,
    pub(super) now: Timestamp,
    /// Where it comes from.
    pub(super) address: IpAddr,
}

/// Credentials of the client: in the body or by HTTP Basic. docs/salesforce.md#client-authentication
pub(crate) fn client_credentials_of(
    request: &Request,
    form: &Params,
) -> Result<(String, Option<String>), OAuthRefusal> {
    if let Some((id, secret)) = request
        .basic_credentials()
        .map_err(|()| refusal::MALFORMED_BASIC)?
    {
        return Ok((id, Some(secret)));
    }
    let id = form.get("client_id").ok_or(refusal::UNKNOWN_CLIENT)?;
    Ok((id.to_owned(), form.get("client_secret").map(str::to_owned)))
}

/// Does the secret fit? In the mixed minutes after a rotation the answer changes from one time to the next.
pub(crate) fn check_secret(
    world: &mut World,
    app: &App,
    client_id: &str,
    given: Option<&str>,
) -> Result<(), OAuthRefusal> {
    let now = world.now();
    if let Some(secret) = app.rotations.secret(client_id, now) {
        let fits = given == Some(secret.reveal());
        return if fits { Ok(()) } else { Err(refusal::WRONG_SECRET) };
    }
    let current = given == Some(app.client_secret.reveal());
    let fits = match &app.previous_secret {
        Some(previous) if now < previous.until => {
            let turn_of_old = previous.attempts % 2 == 0;
            if let Some(previous) = &mut world.app(&app.client_id).previous_secret {
                previous.attempts += 1;
            }
            if turn_of_old {
                given == Some(previous.secret.reveal())
            } else {
                current
            }
        }
        _ => current,
    };
    if fits { Ok(()) } else { Err(refusal::WRONG_SECRET) }
}

impl Call<'_> {
    /// The app of a request that must carry the secret.
    pub(super) fn confidential_app(&self, world: &mut World) -> Result<Arc<App>, OAuthRefusal> {
        self.app_with_secret(world, |_| true)
    }

    /// The app of a request; the secret is looked at where the app demands one, or where one was sent.
    pub(super) fn app_with_secret(
        &self,
        world: &mut World,
        demanded: impl Fn(&App) -> bool,
    ) -> Result<Arc<App>, OAuthRefusal> {
        let (client_id, secret) = client_credentials_of(self.request, &self.form)?;
        let app = world.identify_app(&client_id, self.place)?;
        if demanded(&app) || secret.is_some() {
            check_secret(world, &app, &client_id, secret.as_deref())?;
        }
        World::app_is_usable(&app)?;
        Ok(app)
    }
}
