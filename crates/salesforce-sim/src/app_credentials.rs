//! What does the REST resource answer by which the credentials of an external client app are read, staged, rotated and deleted?
//!
//! docs/salesforce.md#credentials-resource. The words of its refusals, and that a place which is taken is one, are guesses:
//! docs/salesforce.md#open-credentials-resource.

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::app::{App, AppKind};
use crate::credentials::Slot;
use crate::http::{Reply, Request};
use crate::ids;
use crate::org::Org;
use crate::refusal;
use crate::user::User;
use crate::world::World;

/// The first version with the resource.
const SINCE: u32 = 65;

/// Below `/services/data/vXX.X/apps/oauth/credentials/`.
pub(crate) fn answer(
    world: &mut World,
    request: &Request,
    version: &str,
    rest: &str,
    by: (&Org, &User),
) -> Reply {
    let (org, user) = by;
    let number = version.strip_suffix(".0").and_then(|major| major.parse().ok());
    if number.is_none_or(|number: u32| number < SINCE) {
        return refusal::NOT_FOUND.reply();
    }
    if !org.shows_consumer_secrets {
        return refusal::CREDENTIALS_NOT_ENABLED.reply();
    }
    if !user.manages_app_credentials {
        return refusal::CREDENTIALS_NOT_ALLOWED.reply();
    }
    let parts: Vec<&str> = rest.split('/').collect();
    let Some(app) = parts.first().and_then(|id| app_of(world, org, id)) else {
        return refusal::NOT_FOUND.reply();
    };
    let at = format!("/services/data/v{version}/apps/oauth/credentials/{}", app.id);
    let consumer = consumer_id(&app);
    match (&request.method, parts.as_slice()) {
        (&Method::GET, [_]) => Reply::json(StatusCode::OK, &consumers(&app, &at)),
        (_, [_, of, ..]) if *of != consumer => refusal::NOT_FOUND.reply(),
        (&Method::GET, [_, _]) => current(&app, request.query.get("part")),
        (method, [_, _, "staged"]) => staged(world, &app, method, &at),
        (method, [_, _, "staged", id]) => change(world, &app, (method, request), id, &at),
        _ => refusal::METHOD_NOT_ALLOWED.reply(),
    }
}

/// Ids are taken in either form. Packaged apps, and connected ones, are not for this resource.
fn app_of(world: &World, org: &Org, id: &str) -> Option<App> {
    let is_it = |app: &&App| {
        let (short, is_long) = (app.id.get(..15), id == app.id);
        app.org_host == org.host
            && app.kind == AppKind::ExternalClientApp
            && !id.is_empty()
            && (is_long || short == Some(id))
    };
    world.apps().find(is_it).cloned()
}

fn consumer_id(app: &App) -> String {
    app.id.replacen(ids::EXTERNAL_CLIENT_APP, ids::CONSUMER, 1)
}

fn key_and_secret(app: &App) -> (&str, &str) {
    let first = (app.client_id.as_str(), &app.client_secret);
    let (key, secret) = app.rotations.current().unwrap_or(first);
    (key, secret.reveal())
}

fn consumers(app: &App, at: &str) -> Value {
    let consumer = consumer_id(app);
    json!({
        "consumers": [{
            "id": consumer,
            "key": key_and_secret(app).0,
            "name": app.name,
            "stagedCredentialsUrl": format!("{at}/{consumer}/staged"),
            "url": format!("{at}/{consumer}"),
        }],
        "currentPageUrl": at,
        "nextPageUrl": null,
    })
}

fn current(app: &App, part: Option<&str>) -> Reply {
    let (key, secret) = key_and_secret(app);
    let id = consumer_id(app);
    let answer = match part {
        Some("key") => json!({ "id": id, "key": key }),
        Some("secret") => json!({ "id": id, "secret": secret }),
        _ => json!({ "id": id, "key": key, "secret": secret }),
    };
    Reply::json(StatusCode::OK, &answer)
}

fn staged(world: &mut World, app: &App, method: &Method, at: &str) -> Reply {
    match *method {
        Method::GET => {
            let again = world.switches.staged_secrets_are_shown_again;
            collection(world, app, at, again)
        }
        // One place for each consumer.
        Method::POST if app.rotations.slot().is_some() => refusal::CREDENTIALS_STAGED.reply(),
        Method::POST => {
            world.stage_credentials(&app.client_id);
            let app = world.app(&app.client_id).clone();
            collection(world, &app, at, true)
        }
        _ => refusal::METHOD_NOT_ALLOWED.reply(),
    }
}

fn collection(world: &World, app: &App, at: &str, with_secret: bool) -> Reply {
    let slot = app.rotations.slot();
    let listed: Vec<Value> = slot
        .map(|slot| described(world, app, slot, at, with_secret))
        .into_iter()
        .collect();
    let url = format!("{at}/{}/staged", consumer_id(app));
    Reply::json(
        StatusCode::OK,
        &json!({ "stagedCredentials": listed, "url": url }),
    )
}

fn described(world: &World, app: &App, slot: &Slot, at: &str, with_secret: bool) -> Value {
    let consumer = consumer_id(app);
    let secret = with_secret.then(|| slot.secret.reveal());
    let mut described = json!({
        "createdBy": "Integration",
        "createdDate": slot.created.to_string(),
        "expirationDate": slot.ends.to_string(),
        "id": slot.id,
        "key": slot.client_id,
        "stagedCredentialsUrl": format!("{at}/{consumer}/staged"),
        "state": slot.state(world.now()),
        "url": format!("{at}/{consumer}/staged/{}", slot.id),
    });
    if let (Some(secret), Some(fields)) = (secret, described.as_object_mut()) {
        fields.insert("secret".to_owned(), json!(secret));
    }
    described
}

fn change(world: &mut World, app: &App, by: (&Method, &Request), id: &str, at: &str) -> Reply {
    let (method, request) = by;
    let again = world.switches.staged_secrets_are_shown_again;
    let Some(slot) = app.rotations.slot().filter(|slot| slot.id == id) else {
        return refusal::NOT_FOUND.reply();
    };
    match *method {
        Method::GET => Reply::json(StatusCode::OK, &described(world, app, slot, at, again)),
        Method::PATCH => {
            let asked: Option<Value> = serde_json::from_slice(&request.body).ok();
            if asked.as_ref().and_then(|asked| asked["command"].as_str()) != Some("rotate") {
                return refusal::rest_reply(400, "JSON_PARSER_ERROR", "command must be rotate");
            }
            if !world.rotate_credentials(&app.client_id) {
                return refusal::CREDENTIALS_STAGED.reply();
            }
            let app = world.app(&app.client_id).clone();
            let slot = app.rotations.slot();
            let now_there = slot.map(|slot| described(world, &app, slot, at, again));
            Reply::json(StatusCode::OK, &now_there.unwrap_or_default())
        }
        Method::DELETE => {
            let now = world.now();
            world.app(&app.client_id).rotations.empty_slot(now);
            Reply::empty(StatusCode::NO_CONTENT)
        }
        _ => refusal::METHOD_NOT_ALLOWED.reply(),
    }
}
