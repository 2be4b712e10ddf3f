//! How does a person log in and allow an app?
//!
//! docs/salesforce.md#authorization-code,
//! <https://developer.salesforce.com/docs/atlas.en-us.222.0.api_rest.meta/api_rest/intro_understanding_web_server_oauth_flow.htm>

use std::time::Duration;

use hyper::{Method, StatusCode};

use crate::app::{App, AppStanding, Flow, PermittedUsers};
use crate::authorizations::{Code, Ongoing};
use crate::clock::later;
use crate::http::{Params, Reply, Request};
use crate::world::World;
use crate::{ids, pages, refusal};

/// Fifteen minutes. docs/salesforce.md#code-lifetime
/// How long a code is good for.
pub(crate) const CODE_LIFETIME: Duration = Duration::from_secs(15 * 60);
const ERROR_PAGE: &str = "/setup/secur/RemoteAccessErrorPage.apexp";

pub(crate) fn start(world: &mut World, request: &Request) -> Reply {
    let params = if request.method == Method::POST {
        request.form()
    } else {
        request.query.clone()
    };
    let place = world.place(&request.host);
    let Some(client_id) = params.get("client_id") else {
        return error_page(refusal::UNKNOWN_CLIENT.error, refusal::UNKNOWN_CLIENT.description);
    };
    // The person sees these; the app's callback never does.
    let app = match world.identify_app(client_id, place) {
        Ok(app) => app,
        Err(refused) if refused == refusal::APP_NOT_FOUND => {
            return error_redirect("OAUTH_EC_APP_NOT_FOUND", refused.description);
        }
        Err(refused) if refused == refusal::NOT_INSTALLED => {
            return error_redirect("OAUTH_APPROVAL_ERROR_GENERIC", refused.description);
        }
        Err(refused) => return error_page(refused.error, refused.description),
    };
    if app.standing == AppStanding::Blocked {
        return error_redirect("OAUTH_APP_BLOCKED", refusal::APP_BLOCKED.description);
    }
    let Some(redirect_uri) = params.get("redirect_uri") else {
        return error_page(
            refusal::REDIRECT_MISSING.error,
            refusal::REDIRECT_MISSING.description,
        );
    };
    if !app.callbacks.iter().any(|callback| callback == redirect_uri) {
        return error_page(
            refusal::REDIRECT_MISMATCH.error,
            refusal::REDIRECT_MISMATCH.description,
        );
    }
    match check(&app, &params) {
        Ok(ongoing) => next_page(world, request, ongoing, &params),
        Err((error, description)) => back(
            redirect_uri,
            params.get("state"),
            &[("error", error), ("error_description", description)],
        ),
    }
}

/// What the app's callback is told.
fn check(app: &App, params: &Params) -> Result<Ongoing, (&'static str, &'static str)> {
    if app.standing == AppStanding::Disabled || !app.flows.contains(&Flow::AuthorizationCode) {
        return Err((refusal::APP_DISABLED.error, refusal::APP_DISABLED.description));
    }
    if params.get("response_type") != Some("code") {
        return Err(("unsupported_response_type", "response type not supported"));
    }
    let challenge = params.get("code_challenge");
    if challenge.is_none() && app.requires_pkce {
        return Err(("invalid_request", "missing required code challenge"));
    }
    if challenge.is_some()
        && params
            .get("code_challenge_method")
            .is_some_and(|method| method != "S256")
    {
        return Err(("invalid_request", "invalid code challenge method"));
    }
    let scopes = match params.get("scope") {
        None => app.scopes.clone(),
        Some(wanted) => wanted
            .split(' ')
            .filter(|scope| !scope.is_empty())
            .map(str::to_owned)
            .collect(),
    };
    let known = |scope: &String| {
        app.scopes.contains(scope)
            || (app.may_refresh() && matches!(scope.as_str(), "refresh_token" | "offline_access"))
    };
    if !scopes.iter().all(known) {
        return Err(("invalid_scope", "the requested scope is not allowed"));
    }
    Ok(Ongoing {
        client_id: app.client_id.clone(),
        redirect_uri: params.get("redirect_uri").unwrap_or_default().to_owned(),
        state: params.get("state").map(str::to_owned),
        challenge: challenge.map(str::to_owned),
        scopes,
        username: None,
    })
}

fn next_page(world: &mut World, request: &Request, mut ongoing: Ongoing, params: &Params) -> Reply {
    let id = ids::random(24);
    let known = request
        .cookie("sid")
        .and_then(|sid| world.authorizations.browsers.get(sid))
        .cloned();
    let logged_in = known.filter(|_| {
        params
            .get("prompt")
            .is_none_or(|prompt| !prompt.contains("login"))
    });
    ongoing.username.clone_from(&logged_in);
    world.authorizations.ongoing.insert(id.clone(), ongoing);
    match logged_in {
        Some(_) => consent_page(world, &id),
        None => Reply::html(
            StatusCode::OK,
            pages::login(&id, params.get("login_hint").unwrap_or_default(), None),
        ),
    }
}

pub(crate) fn login(world: &mut World, request: &Request) -> Reply {
    let form = request.form();
    let id = form.get("request").unwrap_or_default();
    if request.method != Method::POST || !world.authorizations.ongoing.contains_key(id) {
        return error_page("invalid_request", "this login is over, start again");
    }
    let username = form.get("un").unwrap_or_default();
    if !may_enter(world, request, username, form.get("pw").unwrap_or_default()) {
        let text = "Please check your username and password. If you still can't log in, contact your Salesforce administrator.";
        return Reply::html(StatusCode::OK, pages::login(id, username, Some(text)));
    }
    let sid = ids::random(32);
    world
        .authorizations
        .browsers
        .insert(sid.clone(), username.to_owned());
    if let Some(ongoing) = world.authorizations.ongoing.get_mut(id) {
        ongoing.username = Some(username.to_owned());
    }
    consent_page(world, id).with("set-cookie", &format!("sid={sid}; Path=/; HttpOnly"))
}

/// In the browser no security token is needed.
fn may_enter(world: &mut World, request: &Request, username: &str, password: &str) -> bool {
    let place = world.place(&request.host);
    let Some(user) = world.find_user(username) else {
        return false;
    };
    let Some(org) = world.org_of(&user, place) else {
        return false;
    };
    if World::may_log_in(org, &user).is_err() || user.password_expired {
        return false;
    }
    let full = format!("{password}{}", user.security_token.reveal());
    world.check_password(username, &full)
}

fn consent_page(world: &mut World, id: &str) -> Reply {
    let Some(ongoing) = world.authorizations.ongoing.get(id).cloned() else {
        return error_page("invalid_request", "this login is over, start again");
    };
    let username = ongoing.username.unwrap_or_default();
    let (Some(app), Some(user)) = (world.find_app(&ongoing.client_id), world.find_user(&username)) else {
        return error_page(refusal::UNKNOWN_CLIENT.error, refusal::UNKNOWN_CLIENT.description);
    };
    if World::app_is_installed_for(&app, &user).is_err() {
        return error_redirect("OAUTH_APPROVAL_ERROR_GENERIC", refusal::NOT_INSTALLED.description);
    }
    match app.permitted_users {
        PermittedUsers::AllMaySelfAuthorize => Reply::html(
            StatusCode::OK,
            pages::consent(id, &app.name, &username, &ongoing.scopes),
        ),
        // Pre-authorized users are not asked.
        PermittedUsers::AdminApproved if app.pre_authorized.contains(&user.username) => allow(world, id),
        PermittedUsers::AdminApproved => {
            error_redirect("OAUTH_APP_ACCESS_DENIED", refusal::NOT_ADMIN_APPROVED.description)
        }
    }
}

/// `POST /setup/secur/RemoteAccessAuthorizationPage.apexp`
pub(crate) fn decide(world: &mut World, request: &Request) -> Reply {
    let form = request.form();
    let id = form.get("request").unwrap_or_default();
    let sid = request.cookie("sid").unwrap_or_default();
    let browser = world.authorizations.browsers.get(sid).cloned();
    let asked = world
        .authorizations
        .ongoing
        .get(id)
        .and_then(|ongoing| ongoing.username.clone());
    if browser.is_none() || browser != asked {
        return error_page("invalid_request", "this login is over, start again");
    }
    match form.get("decision") {
        Some("allow") => allow(world, id),
        _ => deny(world, id),
    }
}

fn allow(world: &mut World, id: &str) -> Reply {
    let Some(ongoing) = world.authorizations.ongoing.remove(id) else {
        return error_page("invalid_request", "this login is over, start again");
    };
    let code = format!("aPrx{}==", ids::random(60));
    world.authorizations.codes.insert(
        code.clone(),
        Code {
            client_id: ongoing.client_id,
            username: ongoing.username.unwrap_or_default(),
            redirect_uri: ongoing.redirect_uri.clone(),
            challenge: ongoing.challenge,
            scopes: ongoing.scopes,
            expires_at: later(world.now(), CODE_LIFETIME),
            used: false,
        },
    );
    back(
        &ongoing.redirect_uri,
        ongoing.state.as_deref(),
        &[("code", &code)],
    )
}

fn deny(world: &mut World, id: &str) -> Reply {
    match world.authorizations.ongoing.remove(id) {
        Some(ongoing) => back(
            &ongoing.redirect_uri,
            ongoing.state.as_deref(),
            &[
                ("error", "access_denied"),
                ("error_description", "end-user denied authorization"),
            ],
        ),
        None => error_page("invalid_request", "this login is over, start again"),
    }
}

/// Redirects to the app's callback, with `state` echoed.
fn back(redirect_uri: &str, state: Option<&str>, params: &[(&str, &str)]) -> Reply {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(params);
    if let Some(state) = state {
        query.append_pair("state", state);
    }
    let separator = if redirect_uri.contains('?') { '&' } else { '?' };
    let reply = Reply::redirect(&format!("{redirect_uri}{separator}{}", query.finish()));
    match params.iter().find(|(name, _)| *name == "error") {
        Some((_, error)) => reply.noting(error),
        None => reply,
    }
}

fn error_page(code: &str, description: &str) -> Reply {
    Reply::html(StatusCode::BAD_REQUEST, pages::error(code, description)).noting(code)
}

/// Blocked and missing apps end on Salesforce's own page: no redirect to the callback. docs/salesforce.md#blocked-app-page
fn error_redirect(code: &str, description: &str) -> Reply {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("error", code)
        .append_pair("error_description", description);
    Reply::redirect(&format!("{ERROR_PAGE}?{}", query.finish())).noting(code)
}

pub(crate) fn error_page_for(request: &Request) -> Reply {
    let code = request.query.get("error").unwrap_or("UNKNOWN");
    Reply::html(
        StatusCode::OK,
        pages::error(code, request.query.get("error_description").unwrap_or_default()),
    )
}

pub(crate) const ERROR_PAGE_PATH: &str = ERROR_PAGE;
