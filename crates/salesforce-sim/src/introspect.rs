//! What does introspection say about a token, and what does revocation do to it?
//!
//! docs/salesforce.md#introspection and docs/salesforce.md#revocation,
//! <https://help.salesforce.com/apex/HTViewHelpDoc?id=xcloud.remoteaccess_oidc_token_introspection_endpoint.htm>,
//! <https://developer.salesforce.com/docs/platform/mobile-sdk/guide/oauth-revoking-tokens.html>

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::app::App;
use crate::http::{Reply, Request};
use crate::refusal::{self, OAuthRefusal};
use crate::token;
use crate::vault::GrantEnd;
use crate::world::World;

pub(crate) fn introspect(world: &mut World, request: &Request) -> Reply {
    if request.method != Method::POST {
        return refusal::MUST_POST.reply();
    }
    match state(world, request) {
        Ok(state) => Reply::json(StatusCode::OK, &state).with("cache-control", "no-store"),
        Err(refused) => refused.reply(),
    }
}

fn state(world: &mut World, request: &Request) -> Result<Value, OAuthRefusal> {
    let form = request.form();
    let (client_id, secret) = token::client_credentials_of(request, &form)?;
    let app = world.identify_app(&client_id, world.place(&request.host))?;
    token::check_secret(world, &app, &client_id, secret.as_deref())?;
    World::app_is_usable(&app)?;
    let asked = form.get("token").ok_or(refusal::NOT_A_TOKEN)?;
    if world.vault.session(asked).is_some() {
        let state = of_access_token(world, request, &app, asked);
        extend(world, asked);
        return Ok(state);
    }
    if world.vault.present(asked).is_some() {
        return Ok(of_refresh_token(world, request, &app, asked));
    }
    // Rubbish is an error; what looks like a token is merely not active. docs/salesforce.md#introspection-rubbish
    if looks_like_a_token(asked) {
        Ok(inactive())
    } else {
        Err(refusal::NOT_A_TOKEN)
    }
}

/// Being asked about may count as use; by switch. docs/salesforce.md#open-sliding
fn extend(world: &mut World, token: &str) {
    let (now, switches) = (world.now(), world.switches.clone());
    if switches.introspection_extends_sessions
        && world.living_session(token).is_some()
        && let Some(session) = world.vault.session_mut(token)
    {
        session.touch(now, &switches);
    }
}

fn inactive() -> Value {
    json!({ "active": false })
}

fn of_access_token(world: &World, request: &Request, app: &App, token: &str) -> Value {
    let Some(session) = world.living_session(token) else {
        return inactive();
    };
    // Another app's tokens are not active for this one, although they are fine. docs/salesforce.md#introspection-own-tokens
    if session.client_id != app.client_id && !app.introspects_all {
        return inactive();
    }
    json!({
        "active": true,
        "scope": session.scopes.join(" "),
        "client_id": session.client_id,
        "username": session.username,
        "sub": subject(world, request, &session.username),
        "token_type": "access_token",
        "exp": session.expires_at().as_second(),
        "iat": session.issued_at.as_second(),
        "nbf": session.issued_at.as_second(),
    })
}

fn of_refresh_token(world: &World, request: &Request, app: &App, token: &str) -> Value {
    let Some(presented) = world.vault.present(token).filter(|presented| presented.current) else {
        return inactive();
    };
    let Some(grant) = world
        .vault
        .grant(presented.grant)
        .filter(|grant| grant.ended.is_none())
    else {
        return inactive();
    };
    let Some(owner) = world
        .find_app(&grant.client_id)
        .filter(|owner| !grant.lapsed(owner, world.now()))
    else {
        return inactive();
    };
    if grant.client_id != app.client_id && !app.introspects_all {
        return inactive();
    }
    let mut state = json!({
        "active": true,
        "scope": grant.scopes.join(" "),
        "client_id": grant.client_id,
        "username": grant.username,
        "sub": subject(world, request, &grant.username),
        "token_type": "refresh_token",
        "iat": grant.approved_at.as_second(),
        "nbf": grant.approved_at.as_second(),
    });
    if let (Some(fields), Some(expiry)) = (state.as_object_mut(), grant.ends(&owner)) {
        fields.insert("exp".to_owned(), Value::from(expiry.as_second()));
    }
    state
}

fn subject(world: &World, request: &Request, username: &str) -> Option<String> {
    let user = world.find_user(username)?;
    let org = world.org_by_host(&user.org_host)?;
    Some(world.identity_url(org, &user, request))
}

fn looks_like_a_token(text: &str) -> bool {
    let opaque = text.strip_prefix("00D").is_some_and(|rest| rest.contains('!'));
    let jwt = text.starts_with("ey") && text.matches('.').count() == 2;
    opaque || jwt || text.starts_with("5Aep")
}

/// `/services/oauth2/revoke`: no client authentication; possession of the token suffices.
pub(crate) fn revoke(world: &mut World, request: &Request) -> Reply {
    let form = request.form();
    let Some(token) = form.get("token").or_else(|| request.query.get("token")) else {
        return refusal::NOT_A_TOKEN.reply();
    };
    if world.living_session(token).is_some() {
        if let Some(session) = world.vault.session_mut(token) {
            session.revoked = true;
        }
        return Reply::empty(StatusCode::OK);
    }
    // A refresh token takes the access tokens issued from it along.
    if world.refresh_token_is_good(token) {
        if let Some(presented) = world.vault.present(token) {
            world.vault.end_grant(presented.grant, GrantEnd::Revoked);
        }
        return Reply::empty(StatusCode::OK);
    }
    if looks_like_a_token(token) {
        refusal::INVALID_TOKEN.reply()
    } else {
        refusal::NOT_A_TOKEN.reply()
    }
}
