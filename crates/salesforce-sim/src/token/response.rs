//! What is in the answer to a token request that succeeds?

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use ring::hmac;
use serde_json::{Map, Value};

use super::call::Call;
use super::issue::Issued;
use crate::app::{App, Flow, TokenFormat};
use crate::http::Reply;
use crate::pages::escape;
use crate::world::World;

/// The success answer: no `expires_in`, and `issued_at` in milliseconds as a string.
/// docs/salesforce.md#token-response
pub(super) fn success(world: &World, call: &Call<'_>, issued: &Issued) -> Reply {
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
    // Newer fields, as in the official client credentials sample. docs/salesforce.md#token-response
    if jwt || issued.flow == Flow::ClientCredentials {
        put("token_format", if jwt { "jwt" } else { "opaque" });
        let test = if issued.org.kind.is_sandbox() { "test." } else { "" };
        put("api_instance_url", &format!("https://{test}api.salesforce.com"));
    }
    render(call, fields)
}

/// base64 HMAC-SHA256 over `id` and `issued_at`, keyed with the consumer secret. docs/salesforce.md#signature
fn signature(app: &App, id: &str, issued_at: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, app.client_secret.reveal().as_bytes());
    STANDARD.encode(hmac::sign(&key, format!("{id}{issued_at}").as_bytes()))
}

/// JSON, XML or urlencoded, by `format` or by `Accept`. docs/salesforce.md#response-format
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
        "xml" => ("application/xml;charset=UTF-8", xml(pairs())),
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

fn xml<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?><OAuth>");
    for (name, value) in pairs {
        // Writing to a string does not fail.
        let _ = write!(text, "<{name}>{}</{name}>", escape(value));
    }
    text + "</OAuth>"
}
