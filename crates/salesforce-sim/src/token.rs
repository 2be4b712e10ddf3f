//! What does `POST /services/oauth2/token` answer?

mod authorization_code;
mod client_credentials;
mod jwt_bearer;
mod password;
mod refresh_token;

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::{Method, StatusCode};
use jiff::Timestamp;
use ring::hmac;
use serde_json::{Map, Value};

use crate::access_jwt;
use crate::app::{App, Flow, TokenFormat};
use crate::http::{Params, Reply, Request};
use crate::ids;
use crate::org::Org;
use crate::refusal::{self, OAuthRefusal};
use crate::user::User;
use crate::vault::{self, Session};
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
        Ok(issued) => success(world, &call, &issued),
        Err(refused) => refused.reply(),
    }
}

fn grant(world: &mut World, call: &Call<'_>) -> Result<Issued, OAuthRefusal> {
    let grant_type = call.form.get("grant_type").ok_or(refusal::UNSUPPORTED_GRANT)?;
    // `scope` belongs to the authorize step. docs/salesforce facts, sections 2.3, 2.5, 2.6 [C5][M1].
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

/// Credentials of the client: in the body or by HTTP Basic. docs/salesforce facts, section 2.1 [O41][O3].
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
        let (timeout, slides) = vault::lifetime(&app, org.session_timeout);
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

/// JWT bearer and client credentials hand back the token of a living session; others only by switch.
/// docs/salesforce facts, section 0.4 [M1].
fn reuse_key(world: &World, app: &App, user: &User, flow: Flow) -> Option<(String, String, Flow)> {
    let reuses = match flow {
        Flow::ClientCredentials | Flow::JwtBearer => world.switches.same_token_while_session_lives,
        Flow::RefreshToken => world.switches.refresh_returns_same_token,
        Flow::AuthorizationCode | Flow::Password => false,
    };
    let opaque = matches!(app.token_format, TokenFormat::Opaque);
    (reuses && opaque).then(|| (app.client_id.clone(), user.username.clone(), flow))
}

/// The success answer: no `expires_in`, and `issued_at` in milliseconds as a string.
/// docs/salesforce facts, sections 0.1 and 2.1 [O41][O29].
fn success(world: &World, call: &Call<'_>, issued: &Issued) -> Reply {
    let issued_at = call.now.as_millisecond().to_string();
    let id = world.identity_url(&issued.org, &issued.user, call.request);
    let mut fields = Map::new();
    let mut put = |name: &str, value: &str| fields.insert(name.to_owned(), Value::from(value));
    put("access_token", &issued.access_token);
    put("signature", &signature(&issued.app, &id, &issued_at));
    if issued.flow != Flow::Password {
        put("scope", &issued.scopes.join(" "));
    }
    put("instance_url", &world.instance_url(&issued.org, call.request));
    put("id", &id);
    put("token_type", "Bearer");
    put("issued_at", &issued_at);
    if let Some(refresh_token) = &issued.refresh_token {
        put("refresh_token", refresh_token);
    }
    let jwt = matches!(issued.app.token_format, TokenFormat::Jwt(_));
    // Newer fields, as in the official client credentials sample. Section 2.3 [O29].
    if jwt || issued.flow == Flow::ClientCredentials {
        put("token_format", if jwt { "jwt" } else { "opaque" });
        let test = if issued.org.kind.is_sandbox() { "test." } else { "" };
        put("api_instance_url", &format!("https://{test}api.salesforce.com"));
    }
    render(call, fields)
}

/// base64 HMAC-SHA256 over `id` and `issued_at`, keyed with the consumer secret. Section 2.1 (U).
fn signature(app: &App, id: &str, issued_at: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, app.client_secret.reveal().as_bytes());
    STANDARD.encode(hmac::sign(&key, format!("{id}{issued_at}").as_bytes()))
}

/// JSON, XML or urlencoded, by `format` or by `Accept`. Section 2.1 [O41].
fn render(call: &Call<'_>, fields: Map<String, Value>) -> Reply {
    let accept = call.request.header("accept").unwrap_or_default();
    let format = call.form.get("format").unwrap_or(match accept {
        "application/xml" | "text/xml" => "xml",
        "application/x-www-form-urlencoded" => "urlencoded",
        _ => "json",
    });
    let pairs = || {
        fields
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
    };
    let (content_type, body) = match format {
        "xml" => {
            let inner: String = pairs()
                .map(|(name, value)| format!("<{name}>{}</{name}>", crate::pages::escape(value)))
                .collect();
            (
                "application/xml;charset=UTF-8",
                format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><OAuth>{inner}</OAuth>"),
            )
        }
        "urlencoded" => (
            "application/x-www-form-urlencoded",
            url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs(pairs())
                .finish(),
        ),
        _ => return Reply::json(StatusCode::OK, &Value::Object(fields)).with("cache-control", "no-store"),
    };
    let mut reply = Reply::empty(StatusCode::OK)
        .with("content-type", content_type)
        .with("cache-control", "no-store");
    reply.body = body.into_bytes();
    reply
}
