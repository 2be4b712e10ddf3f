//! What does the REST API below `/services/data/` answer?
//!
//! docs/salesforce.md#rest-errors,
//! <https://developer.salesforce.com/docs/atlas.en-us.264.0.api_rest.meta/api_rest/errorcodes.htm>

use std::sync::Arc;

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::app::App;
use crate::clock::{http_date, parse_http_date};
use crate::endpoint::{CREDENTIALS, version_and_rest};
use crate::http::{Reply, Request};
use crate::identity::token_of;
use crate::org::{IpRestriction, Org};
use crate::refusal::{self, RestRefusal};
use crate::switches::ApiDisabledWording;
use crate::user::User;
use crate::world::{Place, World};
use crate::{Endpoint, app_credentials, network, objects, query};

/// Newest version, Winter '27; the label counts seasons from Spring '26 = v66.0.
const NEWEST: u32 = 68;
/// v21 to v30 are gone since Summer '25. docs/salesforce.md#api-versions
const OLDEST: u32 = 31;

/// `GET /services/data/`: open, not counted, without the limit header. docs/salesforce.md#versions-list
pub(crate) fn versions() -> Reply {
    let list: Vec<Value> = (OLDEST..=NEWEST)
        .map(|version| json!({ "label": label(version), "url": format!("/services/data/v{version}.0"), "version": format!("{version}.0") }))
        .collect();
    Reply::json(StatusCode::OK, &Value::from(list))
}

fn label(version: u32) -> String {
    // Three releases a year: v66 Spring '26, v67 Summer '26, v68 Winter '27; v30 was Spring '14.
    let since_v30 = version.saturating_sub(30);
    let year = 14 + since_v30 / 3;
    match since_v30 % 3 {
        0 => format!("Spring '{year}"),
        1 => format!("Summer '{year}"),
        _ => format!("Winter '{}", year + 1),
    }
}

/// Who calls, once the call is allowed.
struct Caller {
    client: Arc<App>,
    user: Arc<User>,
    org: Org,
    identity: String,
}

/// Everything below `/services/data/vXX.X/`.
pub(crate) fn answer(world: &mut World, request: &Request, endpoint: Endpoint) -> Reply {
    let caller = match admit(world, request) {
        Ok(caller) => caller,
        Err(refused) => return refused.reply(),
    };
    let usage = count_call(world, &caller);
    let app = world.switches.per_app_api_usage.then_some(&*caller.client);
    let header = usage.header(app);
    resource(world, request, endpoint, &caller, usage).with("sforce-limit-info", &header)
}

#[derive(Clone, Copy)]
struct Usage {
    used: u64,
    allowed: u64,
}

impl Usage {
    /// `api-usage=18/5000`. docs/salesforce.md#limit-header
    fn header(self, app: Option<&App>) -> String {
        let of_org = format!("api-usage={}/{}", self.used, self.allowed);
        match app {
            // What an app may use is not known: the simulator gives it as much as the org.
            Some(app) => format!(
                "{of_org}; per-app-api-usage={}/{}(appName={})",
                self.used, self.allowed, app.name
            ),
            None => of_org,
        }
    }
}

fn count_call(world: &mut World, caller: &Caller) -> Usage {
    let org = world.org(&caller.org.host);
    org.api_calls_used += 1;
    Usage {
        used: org.api_calls_used,
        allowed: org.api_calls_allowed,
    }
}

/// May this request use the REST API? A success extends the session.
fn admit(world: &mut World, request: &Request) -> Result<Caller, RestRefusal> {
    if request
        .header("authorization")
        .is_some_and(|value| !value.contains(' '))
    {
        return Err(refusal::MALFORMED_HEADER);
    }
    let token = token_of(request).ok_or(refusal::SESSION_EXPIRED)?;
    let session = world.living_session(&token).ok_or(refusal::SESSION_EXPIRED)?;
    let (client_id, scopes, address) = (session.client_id.clone(), session.scopes.clone(), session.address);
    let user = world
        .find_user(&session.username)
        .ok_or(refusal::SESSION_EXPIRED)?;
    let client = world.find_app(&client_id).ok_or(refusal::SESSION_EXPIRED)?;
    let org = world
        .org_by_host(&user.org_host)
        .cloned()
        .ok_or(refusal::SESSION_EXPIRED)?;
    // A token works on its own org's host only. docs/salesforce.md#wrong-host
    if matches!(world.place(&request.host), Place::Shared(_) | Place::Site(_)) {
        return Err(refusal::URL_NOT_RESET);
    }
    if world.place(&request.host) != world.org_index(&org.host).map_or(Place::Unknown, Place::MyDomain) {
        return Err(refusal::SESSION_EXPIRED);
    }
    if org.locks_sessions_to_address && address != network::address_of(request, world.caller) {
        return Err(refusal::SESSION_EXPIRED);
    }
    may_use_rest(world, &client, &user, &org, &scopes)?;
    let (at, switches) = (world.now(), world.switches.clone());
    if let Some(session) = world.vault.session_mut(&token) {
        session.touch(at, &switches);
    }
    let identity = world.identity_url(&org, &user, request);
    Ok(Caller {
        client,
        user,
        org,
        identity,
    })
}

fn may_use_rest(
    world: &World,
    app: &App,
    user: &User,
    org: &Org,
    scopes: &[String],
) -> Result<(), RestRefusal> {
    if app.not_attached_to_agent {
        return Err(refusal::NOT_ATTACHED_TO_AGENT);
    }
    // No `api` scope, API access control, session level, IP rule: one text for all. docs/salesforce.md#invalid-session-id
    let may_call_api = scopes
        .iter()
        .any(|scope| matches!(scope.as_str(), "api" | "full"));
    let controlled = org.api_access_control && !app.api_allow_listed && !user.uses_any_api_client;
    if !may_call_api || controlled || user.needs_high_assurance || org.ip_restriction == IpRestriction::Rest {
        return Err(refusal::SESSION_NOT_FOR_REST);
    }
    if !org.api_enabled {
        return Err(refusal::ORG_API_DISABLED);
    }
    if !user.api_enabled {
        return Err(match world.switches.api_disabled_wording {
            ApiDisabledWording::ForOrg => refusal::ORG_API_DISABLED,
            ApiDisabledWording::ForOrgOrUserType => refusal::USER_TYPE_API_DISABLED,
            ApiDisabledWording::ForUser => refusal::USER_API_DISABLED,
        });
    }
    if org.api_limit_exceeded || org.api_calls_used >= org.api_calls_allowed {
        return Err(refusal::REQUEST_LIMIT);
    }
    Ok(())
}

fn resource(
    world: &mut World,
    request: &Request,
    endpoint: Endpoint,
    caller: &Caller,
    usage: Usage,
) -> Reply {
    let (version, rest) = match supported(request) {
        Ok(found) => found,
        Err(refused) => return refused.reply(),
    };
    if let Some(rest) = rest.strip_prefix(CREDENTIALS) {
        return app_credentials::answer(world, request, version, rest, (&caller.org, &caller.user));
    }
    match endpoint {
        Endpoint::Resources => Reply::json(StatusCode::OK, &resources(version, caller)),
        Endpoint::Query => query::answer(
            request.query.get("q").unwrap_or_default(),
            request.query.get("columns") == Some("true"),
            version,
            &caller.org,
            &caller.user,
        ),
        Endpoint::Sobjects if rest == "sobjects" => described(world, request, caller, version),
        Endpoint::Sobjects => objects::answer(version, rest, &caller.org, &caller.user),
        // Needs View Setup and Configuration. docs/salesforce.md#limits-permission
        Endpoint::Limits | Endpoint::RecordCount if !caller.user.views_setup => {
            refusal::LIMITS_NOT_ALLOWED.reply()
        }
        Endpoint::Limits => Reply::json(StatusCode::OK, &limits(usage, &caller.org)),
        Endpoint::RecordCount => Reply::json(
            StatusCode::OK,
            &record_counts(&caller.org, request.query.get("sObjects")),
        ),
        _ => refusal::NOT_FOUND.reply(),
    }
}

/// Version and the rest of the path, where the API has both for reading.
fn supported(request: &Request) -> Result<(&str, &str), RestRefusal> {
    let (version, rest) = version_and_rest(&request.path).ok_or(refusal::NOT_FOUND)?;
    let major = version.strip_suffix(".0").and_then(|major| major.parse().ok());
    match major {
        Some(OLDEST..=NEWEST) => {}
        Some(1..OLDEST) => return Err(refusal::VERSION_RETIRED),
        _ => return Err(refusal::NOT_FOUND),
    }
    let reads = request.method == Method::GET || request.method == Method::HEAD;
    if !reads && !rest.starts_with(CREDENTIALS) {
        return Err(refusal::METHOD_NOT_ALLOWED);
    }
    Ok((version, rest))
}

/// Describe global, or 304 if nothing has changed since the time that the caller knows. docs/salesforce.md#describe-global
fn described(world: &mut World, request: &Request, caller: &Caller, version: &str) -> Reply {
    let changed = world.described_since(&caller.org);
    let known = request.header("if-modified-since").and_then(parse_http_date);
    if known.is_some_and(|known| known.as_second() >= changed.as_second()) {
        return Reply::empty(StatusCode::NOT_MODIFIED);
    }
    let all = objects::global(version, &caller.org, &caller.user);
    Reply::json(StatusCode::OK, &all).with("last-modified", &http_date(changed))
}

fn resources(version: &str, caller: &Caller) -> Value {
    let at = |name: &str| format!("/services/data/v{version}/{name}");
    json!({
        "tooling": at("tooling"), "query": at("query"), "queryAll": at("queryAll"), "search": at("search"),
        "sobjects": at("sobjects"), "limits": at("limits"), "composite": at("composite"), "recent": at("recent"),
        "identity": caller.identity,
    })
}

fn limits(usage: Usage, org: &Org) -> Value {
    let left = 100_u64.saturating_sub(org.data_storage_used_percent);
    let whole = |max: u64| json!({ "Max": max, "Remaining": max });
    json!({
        "DailyApiRequests": { "Max": usage.allowed, "Remaining": usage.allowed.saturating_sub(usage.used) },
        "DailyBulkApiRequests": whole(15_000),
        "DailyAsyncApexExecutions": whole(250_000),
        "DataStorageMB": { "Max": 5_100, "Remaining": 51 * left },
        "FileStorageMB": whole(10_240),
    })
}

/// Counts of the objects that are asked for, or of all; an object without records is left out. docs/salesforce.md#record-count
fn record_counts(org: &Org, asked: Option<&str>) -> Value {
    let asked: Option<Vec<&str>> = asked.map(|names| names.split(',').collect());
    let wanted = |name: &str| {
        asked
            .as_ref()
            .is_none_or(|names| names.iter().any(|asked| asked.eq_ignore_ascii_case(name)))
    };
    let counts = org.record_counts.iter().filter(|(name, _)| wanted(name));
    let counts: Vec<Value> = counts
        .map(|(name, count)| json!({ "count": count, "name": name }))
        .collect();
    json!({ "sObjects": counts })
}
