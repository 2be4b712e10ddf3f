//! What can another process do to the simulated Salesforce, over HTTP?

use std::net::IpAddr;
use std::time::Duration;

use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::fault::FaultRule;
use crate::http::{Reply, Request};
use crate::shared::Shared;
use crate::user::Standing;
use crate::world::World;

/// Answers a request to the control API.
pub(crate) fn answer(shared: &Shared, request: &Request) -> Reply {
    let mut world = shared.lock();
    match act(&mut world, request) {
        Ok(value) => Reply::json(StatusCode::OK, &value),
        Err(problem) => Reply::json(StatusCode::BAD_REQUEST, &json!({ "error": problem })),
    }
}

type Done = Result<Value, String>;

fn act(world: &mut World, request: &Request) -> Done {
    match (&request.method, request.path.as_str()) {
        (&Method::GET, "/control/log") => Ok(json!(world.log())),
        (&Method::GET, "/control/counts") => Ok(counts(world)),
        (&Method::GET, "/control/grants") => Ok(json!(world.grants())),
        (&Method::GET, "/control/secrets") => Ok(json!(world.issued_secrets())),
        (&Method::GET, "/control/time") => Ok(json!({ "now": world.now() })),
        (&Method::POST, "/control/faults") => {
            let rule: FaultRule = body(request)?;
            world.add_fault(rule);
            Ok(done())
        }
        (&Method::DELETE, "/control/faults") => {
            world.clear_faults();
            Ok(done())
        }
        (&Method::DELETE, "/control/log") => {
            world.clear_log();
            Ok(done())
        }
        (&Method::POST, "/control/advance") => {
            world.advance(Duration::from_secs(body::<Advance>(request)?.seconds));
            Ok(json!({ "now": world.now() }))
        }
        (&Method::POST, "/control/caller") => {
            world.caller = body::<Caller>(request)?.address;
            Ok(done())
        }
        (&Method::POST, "/control/contain") => {
            let whom: Contain = body(request)?;
            known_user(world, &whom.username)?;
            Ok(json!({ "revoked": world.contain_user(&whom.username) }))
        }
        (&Method::POST, "/control/freeze") => {
            world.clock.freeze();
            Ok(done())
        }
        (&Method::POST, "/control/thaw") => {
            world.clock.thaw();
            Ok(done())
        }
        (&Method::POST, "/control/revoke-sessions") => revoke_sessions(world, &body(request)?),
        (&Method::POST, "/control/revoke-grants") => {
            let whom: AppAndUser = body(request)?;
            known(world, &whom)?;
            Ok(json!({ "revoked": world.revoke_grants(&whom.client_id, &whom.username) }))
        }
        (&Method::POST, "/control/grant") => {
            let whom: AppAndUser = body(request)?;
            known(world, &whom)?;
            Ok(json!({ "refresh_token": world.grant_refresh_token(&whom.client_id, &whom.username) }))
        }
        (&Method::POST, "/control/rotate-secret") => rotate_secret(world, &body(request)?),
        (&Method::POST, "/control/credentials") => change_credentials(world, &body(request)?),
        (&Method::POST, "/control/app") => change_app(world, &body(request)?),
        (&Method::POST, "/control/user") => change_user(world, &body(request)?),
        (&Method::POST, "/control/org") => change_org(world, &body(request)?),
        (method, path) => Err(format!("there is no {method} {path}; see the simulator's README")),
    }
}

fn done() -> Value {
    json!({ "done": true })
}

fn body<'a, T: Deserialize<'a>>(request: &'a Request) -> Result<T, String> {
    let text = if request.body.is_empty() {
        b"{}"
    } else {
        request.body.as_slice()
    };
    serde_json::from_slice(text)
        .map_err(|error| format!("the body of {} is not understood: {error}", request.path))
}

fn counts(world: &World) -> Value {
    json!({
        "requests": world.counts,
        "replays": world.replays(),
        "revoked_families": world.revoked_families(),
        "grants": world.grants().len(),
        "faults_in_force": world.faults.len(),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Caller {
    address: IpAddr,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Contain {
    username: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AppAndUser {
    client_id: String,
    username: String,
}

fn known(world: &World, whom: &AppAndUser) -> Result<(), String> {
    known_app(world, &whom.client_id)?;
    known_user(world, &whom.username)
}

fn known_app(world: &World, client_id: &str) -> Result<(), String> {
    if world.has_app(client_id) {
        Ok(())
    } else {
        Err(format!("there is no app with client_id {client_id:?}"))
    }
}

fn known_user(world: &World, username: &str) -> Result<(), String> {
    if world.has_user(username) {
        Ok(())
    } else {
        Err(format!("there is no user with username {username:?}"))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RevokeSessions {
    client_id: Option<String>,
    username: Option<String>,
}

fn revoke_sessions(world: &mut World, whose: &RevokeSessions) -> Done {
    let revoked = match (&whose.client_id, &whose.username) {
        (None, None) => world.revoke_all_sessions(),
        (Some(client_id), None) => world.revoke_app_sessions(client_id),
        (None, Some(username)) => world.revoke_sessions(username),
        (Some(_), Some(_)) => return Err("give client_id or username, not both".to_owned()),
    };
    Ok(json!({ "revoked": revoked }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeCredentials {
    client_id: String,
    step: CredentialsStep,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum CredentialsStep {
    Stage,
    Rotate,
    EndFormer,
}

fn change_credentials(world: &mut World, change: &ChangeCredentials) -> Done {
    known_app(world, &change.client_id)?;
    match change.step {
        CredentialsStep::Stage => {
            let (client_id, client_secret) = world.stage_credentials(&change.client_id);
            Ok(json!({ "client_id": client_id, "client_secret": client_secret }))
        }
        CredentialsStep::Rotate if !world.rotate_credentials(&change.client_id) => {
            Err("no credentials are staged".to_owned())
        }
        CredentialsStep::Rotate => Ok(done()),
        CredentialsStep::EndFormer => {
            world.end_former_credentials(&change.client_id);
            Ok(done())
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RotateSecret {
    client_id: String,
    client_secret: String,
    #[serde(default)]
    mixed_seconds: u64,
}

fn rotate_secret(world: &mut World, change: &RotateSecret) -> Done {
    known_app(world, &change.client_id)?;
    let mixed = Duration::from_secs(change.mixed_seconds);
    world.rotate_client_secret(&change.client_id, &change.client_secret, mixed);
    Ok(done())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeApp {
    client_id: String,
    standing: Option<crate::AppStanding>,
    permitted_users: Option<crate::PermittedUsers>,
    rotates_refresh_tokens: Option<bool>,
    session_timeout_seconds: Option<u64>,
    uninstalled: Option<bool>,
    certificate: Option<String>,
    /// One more callback URL.
    callback: Option<String>,
    ip_relaxation: Option<crate::IpRelaxation>,
    refresh_token_ip_allowlist: Option<Vec<crate::AddressRange>>,
}

fn change_app(world: &mut World, change: &ChangeApp) -> Done {
    known_app(world, &change.client_id)?;
    if change.standing == Some(crate::AppStanding::Blocked) {
        world.block_app(&change.client_id);
    }
    if change.uninstalled == Some(true) {
        world.uninstall_app(&change.client_id);
    }
    let app = world.app(&change.client_id);
    app.standing = change.standing.unwrap_or(app.standing);
    app.permitted_users = change.permitted_users.unwrap_or(app.permitted_users);
    app.rotates_refresh_tokens = change
        .rotates_refresh_tokens
        .unwrap_or(app.rotates_refresh_tokens);
    app.uninstalled = change.uninstalled.unwrap_or(app.uninstalled);
    if let Some(certificate) = &change.certificate {
        app.certificate_pem = Some(certificate.clone());
    }
    app.ip_relaxation = change.ip_relaxation.unwrap_or(app.ip_relaxation);
    if let Some(ranges) = &change.refresh_token_ip_allowlist {
        app.refresh_token_ip_allowlist = Some(ranges.clone());
    }
    app.callbacks.extend(change.callback.clone());
    if let Some(seconds) = change.session_timeout_seconds {
        app.session_timeout = Some(Duration::from_secs(seconds));
    }
    Ok(done())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeUser {
    username: String,
    standing: Option<Standing>,
    password: Option<String>,
    api_enabled: Option<bool>,
    login_ip_ranges: Option<Vec<crate::AddressRange>>,
}

fn change_user(world: &mut World, change: &ChangeUser) -> Done {
    known_user(world, &change.username)?;
    if let Some(standing) = change.standing {
        world.set_standing(&change.username, standing);
    }
    if let Some(ranges) = &change.login_ip_ranges {
        world.user(&change.username).login_ip_ranges.clone_from(ranges);
    }
    if let Some(api_enabled) = change.api_enabled {
        world.user(&change.username).api_enabled = api_enabled;
    }
    match &change.password {
        Some(password) => Ok(json!({ "security_token": world.change_password(&change.username, password) })),
        None => Ok(done()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeOrg {
    host: String,
    rename_to: Option<String>,
    /// Ends the redirection of this former host to the org.
    end_redirection_of: Option<String>,
    #[serde(default)]
    refresh_sandbox: bool,
    status: Option<crate::OrgStatus>,
    api_enabled: Option<bool>,
    api_limit_exceeded: Option<bool>,
    ip_restriction: Option<crate::IpRestriction>,
    locks_sessions_to_address: Option<bool>,
    custom_objects: Option<Vec<String>>,
    data_storage_used_percent: Option<u64>,
}

fn change_org(world: &mut World, change: &ChangeOrg) -> Done {
    if !world.has_org(&change.host) {
        return Err(format!("there is no org with host {:?}", change.host));
    }
    let org = world.org(&change.host);
    org.status = change.status.unwrap_or(org.status);
    org.api_enabled = change.api_enabled.unwrap_or(org.api_enabled);
    org.api_limit_exceeded = change.api_limit_exceeded.unwrap_or(org.api_limit_exceeded);
    org.ip_restriction = change.ip_restriction.unwrap_or(org.ip_restriction);
    org.locks_sessions_to_address = change
        .locks_sessions_to_address
        .unwrap_or(org.locks_sessions_to_address);
    org.data_storage_used_percent = change
        .data_storage_used_percent
        .unwrap_or(org.data_storage_used_percent);
    if let Some(custom_objects) = &change.custom_objects {
        org.custom_objects.clone_from(custom_objects);
    }
    if change.refresh_sandbox {
        world.refresh_sandbox(&change.host);
    }
    if let Some(former) = &change.end_redirection_of
        && !world.end_redirection(former)
    {
        return Err(format!("{former:?} does not redirect"));
    }
    if let Some(new) = &change.rename_to {
        world.rename_my_domain(&change.host, new);
    }
    Ok(done())
}
