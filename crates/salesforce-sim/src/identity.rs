//! Who is behind an access token, and what does a host say of itself?
//!
//! docs/salesforce.md#identity-url and docs/salesforce.md#discovery

use std::sync::Arc;

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::http::{Reply, Request};
use crate::org::Org;
use crate::user::{Standing, User};
use crate::world::World;

/// The user and org of the bearer token; plain text with 403 where there is none, not 401 JSON.
/// docs/salesforce.md#bad-oauth-token
fn bearer(world: &World, request: &Request) -> Result<(Arc<User>, Org), Reply> {
    let missing = || plain("Missing_OAuth_Token");
    let token = token_of(request).ok_or_else(missing)?;
    let session = world
        .living_session(&token)
        .ok_or_else(|| plain("Bad_OAuth_Token"))?;
    let user = world
        .find_user(&session.username)
        .ok_or_else(|| plain("Bad_OAuth_Token"))?;
    let org = world
        .org_by_host(&user.org_host)
        .cloned()
        .ok_or_else(|| plain("Wrong_Org"))?;
    Ok((user, org))
}

fn plain(text: &str) -> Reply {
    with_status(StatusCode::FORBIDDEN, text)
}

fn with_status(status: StatusCode, text: &str) -> Reply {
    Reply::text(status, text).noting(text)
}

/// The access token of a request: `Bearer`, the older `OAuth`, or a parameter.
pub(crate) fn token_of(request: &Request) -> Option<String> {
    let header = request
        .header("authorization")
        .and_then(|value| value.split_once(' '));
    match header {
        Some((scheme, token))
            if scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("oauth") =>
        {
            Some(token.trim().to_owned())
        }
        Some(_) => None,
        None => request
            .query
            .get("access_token")
            .or_else(|| request.query.get("oauth_token"))
            .map(str::to_owned),
    }
}

/// `GET /services/oauth2/userinfo`, with the fields of docs/salesforce.md#userinfo. Works without API Enabled unless the
/// switch says otherwise: no source is certain of it (docs/salesforce.md#open-userinfo).
pub(crate) fn userinfo(world: &World, request: &Request) -> Reply {
    match bearer(world, request) {
        Err(refused) => refused,
        Ok((user, _)) if world.switches.userinfo_needs_api_enabled && !user.api_enabled => {
            plain("Bad_OAuth_Token")
        }
        Ok((user, org)) => Reply::json(StatusCode::OK, &userinfo_of(world, request, &user, &org)),
    }
}

fn userinfo_of(world: &World, request: &Request, user: &User, org: &Org) -> Value {
    let instance = world.instance_url(org, request);
    json!({
        "sub": world.identity_url(org, user, request),
        "user_id": user.id,
        "organization_id": org.id,
        "preferred_username": user.username,
        "nickname": user.name,
        "name": user.name,
        "email": user.email(org),
        "email_verified": true,
        "given_name": user.name,
        "family_name": "User",
        "zoneinfo": "Europe/Dublin",
        "photos": { "picture": format!("{instance}/profilephoto/005/F"), "thumbnail": format!("{instance}/profilephoto/005/T") },
        "profile": format!("{instance}/{}", user.id),
        "picture": format!("{instance}/profilephoto/005/F"),
        "address": {},
        "urls": urls(&instance, org),
        "active": true,
        "user_type": "STANDARD",
        "language": "en_US",
        "locale": "en_IE",
        "utcOffset": 0,
        "updated_at": "2026-01-01T00:00:00Z",
        "is_app_installed": true,
    })
}

fn urls(instance: &str, org: &Org) -> Value {
    json!({
        "enterprise": format!("{instance}/services/Soap/c/{{version}}/{}", &org.id),
        "metadata": format!("{instance}/services/Soap/m/{{version}}/{}", &org.id),
        "partner": format!("{instance}/services/Soap/u/{{version}}/{}", &org.id),
        "rest": format!("{instance}/services/data/v{{version}}/"),
        "sobjects": format!("{instance}/services/data/v{{version}}/sobjects/"),
        "search": format!("{instance}/services/data/v{{version}}/search/"),
        "query": format!("{instance}/services/data/v{{version}}/query/"),
        "recent": format!("{instance}/services/data/v{{version}}/recent/"),
        "profile": format!("{instance}/"),
        "custom_domain": instance,
    })
}

/// `GET /id/<org>/<user>`. Not every status of its refusals is confirmed (docs/salesforce.md#open-identity-statuses).
pub(crate) fn identity(world: &World, request: &Request) -> Reply {
    let (user, org) = match bearer(world, request) {
        Ok(found) => found,
        Err(refused) => return refused,
    };
    if world.switches.identity_needs_id_scope && !may_identify(world, request) {
        return plain("Bad_OAuth_Token");
    }
    let mut parts = request.path.trim_start_matches("/id/").split('/');
    if parts.next() != Some(org.id.as_str()) {
        return plain("Wrong_Org");
    }
    if let Some(refused) = refuse_id(world, parts.next().unwrap_or_default(), &user) {
        return refused;
    }
    if request
        .query
        .get("version")
        .is_some_and(|version| version != "latest" && version.parse::<f32>().is_err())
    {
        return with_status(StatusCode::NOT_ACCEPTABLE, "Invalid_Version");
    }
    let instance = world.instance_url(&org, request);
    let body = json!({
        "id": world.identity_url(&org, &user, request),
        "asserted_user": true,
        "user_id": user.id,
        "organization_id": org.id,
        "username": user.username,
        "nick_name": user.name,
        "display_name": user.name,
        "email": user.email(&org),
        "email_verified": true,
        "first_name": user.name,
        "last_name": "User",
        "timezone": "Europe/Dublin",
        "photos": { "picture": format!("{instance}/profilephoto/005/F"), "thumbnail": format!("{instance}/profilephoto/005/T") },
        "urls": urls(&instance, &org),
        "active": true,
        "user_type": "STANDARD",
        "language": "en_US",
        "locale": "en_IE",
        "utcOffset": 0,
        "last_modified_date": "2026-01-01T00:00:00Z",
        "is_app_installed": true,
    });
    Reply::json(StatusCode::OK, &body)
}

fn may_identify(world: &World, request: &Request) -> bool {
    let session = token_of(request).and_then(|token| world.living_session(&token));
    session.is_some_and(|session| {
        let mut scopes = session.scopes.iter();
        scopes.any(|scope| matches!(scope.as_str(), "id" | "profile" | "openid" | "full"))
    })
}

/// Why somebody is not shown to the user of the token. A user may be shown to nobody else here.
fn refuse_id(world: &World, asked: &str, user: &User) -> Option<Reply> {
    if asked == user.id {
        return None;
    }
    let other = world
        .users()
        .find(|other| other.id == asked && other.org_host == user.org_host);
    let text = match other {
        None => "Bad_Id",
        Some(other) if other.standing == Standing::Inactive => "Inactive",
        Some(_) => "No_Access",
    };
    Some(with_status(StatusCode::NOT_FOUND, text))
}

/// `GET /.well-known/openid-configuration`; no session needed. docs/salesforce.md#openid-configuration
pub(crate) fn discovery(request: &Request) -> Reply {
    let base = request.address_called();
    let body = json!({
        "issuer": base,
        "authorization_endpoint": format!("{base}/services/oauth2/authorize"),
        "token_endpoint": format!("{base}/services/oauth2/token"),
        "revocation_endpoint": format!("{base}/services/oauth2/revoke"),
        "userinfo_endpoint": format!("{base}/services/oauth2/userinfo"),
        "jwks_uri": format!("{base}/id/keys"),
        "registration_endpoint": format!("{base}/services/oauth2/register"),
        "introspection_endpoint": format!("{base}/services/oauth2/introspect"),
        "end_session_endpoint": format!("{base}/services/auth/idp/oidc/logout"),
        "scopes_supported": ["api", "refresh_token", "offline_access", "id", "openid", "profile", "email", "address", "phone", "web", "full"],
        "response_types_supported": ["code", "token", "token id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic", "private_key_jwt"],
        "code_challenge_methods_supported": ["S256"],
        "frontchannel_logout_supported": true,
        "frontchannel_logout_session_supported": false,
    });
    Reply::json(StatusCode::OK, &body)
}
