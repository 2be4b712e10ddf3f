//! What does `POST /services/oauth2/token` answer?

mod authorization_code;
mod client_credentials;
mod jwt_bearer;
mod password;
mod refresh_token;
mod response;

use std::sync::Arc;

use hyper::Method;
use jiff::Timestamp;

use crate::access_jwt;
use crate::app::{App, Flow, TokenFormat};
use crate::http::{Params, Reply, Request};
use crate::ids;
use crate::org::Org;
use crate::refusal::{self, OAuthRefusal};
use crate::user::User;
use crate::vault::{self, Grant, Session};
use crate::world::{Place, World};

pub(crate) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A token request, with what all grants need to know of it.
struct Call<'a> {
    request: &'a Request,
    form: Params,
    place: Place,
    now: Timestamp,
}

/// What a grant was given.
struct Issued {
    app: Arc<App>,
    user: Arc<User>,
    org: Org,
    access_token: String,
    scopes: Vec<String>,
    refresh_token: Option<String>,
    flow: Flow,
}

pub(crate) fn answer(world: &mut World, request: &Request) -> Reply {
    if request.method != Method::POST {
        return refusal::MUST_POST.reply();
    }
    let call = Call {
        request,
        form: request.form(),
        place: world.place(&request.host),
        now: world.now(),
    };
    match grant(world, &call) {
        Ok(issued) => response::success(world, &call, &issued),
        Err(refused) => refused.reply(),
    }
}

fn grant(world: &mut World, call: &Call<'_>) -> Result<Issued, OAuthRefusal> {
    let grant_type = call.form.get("grant_type").ok_or(refusal::UNSUPPORTED_GRANT)?;
    // `scope` belongs to the authorize step. docs/salesforce.md#no-scope-parameter
    if grant_type != "password" && call.form.get("scope").is_some() {
        return Err(refusal::SCOPE_NOT_SUPPORTED);
    }
    match grant_type {
        "client_credentials" => client_credentials::grant(world, call),
        JWT_BEARER => jwt_bearer::grant(world, call),
        "refresh_token" => refresh_token::grant(world, call),
        "password" => password::grant(world, call),
        "authorization_code" => authorization_code::grant(world, call),
        _ => Err(refusal::UNSUPPORTED_GRANT),
    }
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
pub(crate) fn check_secret(world: &mut World, app: &App, given: Option<&str>) -> Result<(), OAuthRefusal> {
    let current = given == Some(app.client_secret.reveal());
    let now = world.now();
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
    fn confidential_app(&self, world: &mut World) -> Result<Arc<App>, OAuthRefusal> {
        self.app_with_secret(world, |_| true)
    }

    /// The app of a request; the secret is looked at where the app demands one, or where one was sent.
    fn app_with_secret(
        &self,
        world: &mut World,
        demanded: impl Fn(&App) -> bool,
    ) -> Result<Arc<App>, OAuthRefusal> {
        let (client_id, secret) = client_credentials_of(self.request, &self.form)?;
        let app = world.identify_app(&client_id, self.place)?;
        if demanded(&app) || secret.is_some() {
            check_secret(world, &app, secret.as_deref())?;
        }
        World::app_is_usable(&app)?;
        Ok(app)
    }
}

/// Opens a session, or finds the one that is to be handed back.
fn issue(
    world: &mut World,
    call: &Call<'_>,
    app: Arc<App>,
    user: Arc<User>,
    flow: Flow,
    scopes: Vec<String>,
) -> Result<Issued, OAuthRefusal> {
    let org = world
        .org_by_host(&user.org_host)
        .cloned()
        .ok_or(refusal::AUTHENTICATION_FAILURE)?;
    world.count_login(&org, &user, call.now)?;
    let reuse = reuse_key(world, &app, &user, flow);
    let found = reuse.as_ref().and_then(|key| world.vault.reusable(key, call.now));
    let access_token = found.unwrap_or_else(|| {
        let (timeout, slides) = vault::lifetime(&app, org.session_timeout, &world.switches);
        let token = match app.token_format {
            TokenFormat::Opaque => ids::access_token(&org.id),
            TokenFormat::Jwt(lifetime) => access_jwt::sign(&org, &user, &app, &scopes, call.now, lifetime),
        };
        let session = Session {
            client_id: app.client_id.clone(),
            username: user.username.clone(),
            org_id: org.id.clone(),
            scopes: scopes.clone(),
            issued_at: call.now,
            last_active: call.now,
            timeout,
            slides,
            revoked: false,
        };
        let counts = matches!(flow, Flow::ClientCredentials | Flow::JwtBearer);
        if counts && world.switches.logins_count_as_approvals {
            take_place(world, &session, &token);
        }
        world.vault.open_session(token.clone(), session, reuse);
        token
    });
    Ok(Issued {
        app,
        user,
        org,
        access_token,
        scopes,
        refresh_token: None,
        flow,
    })
}

/// The approval that a session counts as, if it does: the oldest of user and app gives way to it.
/// docs/salesforce.md#open-approvals
fn take_place(world: &mut World, session: &Session, token: &str) {
    let approval = Grant {
        number: 0,
        client_id: session.client_id.clone(),
        username: session.username.clone(),
        org_id: session.org_id.clone(),
        scopes: session.scopes.clone(),
        rotation: 0,
        approved_at: session.issued_at,
        last_used: session.issued_at,
        ended: None,
        sessions: vec![token.to_owned()],
        busy: false,
    };
    // Its refresh token is told to nobody.
    let _ = world.vault.approve(approval, world.switches.approval_limit);
}

/// JWT bearer and client credentials hand back the token of a living session; others only by switch.
/// docs/salesforce.md#token-reuse
fn reuse_key(world: &World, app: &App, user: &User, flow: Flow) -> Option<(String, String, Flow)> {
    let reuses = match flow {
        Flow::ClientCredentials | Flow::JwtBearer => world.switches.same_token_while_session_lives,
        Flow::RefreshToken => world.switches.refresh_returns_same_token,
        Flow::AuthorizationCode | Flow::Password => false,
    };
    let opaque = matches!(app.token_format, TokenFormat::Opaque);
    (reuses && opaque).then(|| (app.client_id.clone(), user.username.clone(), flow))
}
