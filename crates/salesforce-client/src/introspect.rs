//! Introspection and revocation of tokens.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;

use crate::failure::Failure;
use crate::grant::{App, Introspection, TokenToInspect, TokenToRevoke};
use crate::host::Host;
use crate::scrub::Scrubber;
use crate::transport::{Connection, OAUTH_CAP, Transport};

pub(crate) async fn introspect(
    transport: &Transport,
    host: &Host,
    app: &App,
    token: TokenToInspect<'_>,
) -> Result<Introspection, Failure> {
    let (token, hint) = match token {
        TokenToInspect::Access(token) => (token.expose(), "access_token"),
        TokenToInspect::Refresh(token) => (token.expose(), "refresh_token"),
    };
    let mut scrubber = Scrubber::of([token, app.client_id.as_str()]);
    let mut form = vec![
        ("token", token),
        ("token_type_hint", hint),
        ("client_id", app.client_id.as_str()),
    ];
    if let Some(secret) = &app.client_secret {
        scrubber.add(secret.expose());
        form.push(("client_secret", secret.expose()));
    }
    let request = transport.form(host, "/services/oauth2/introspect", &form)?;
    let received = transport
        .send(Connection::Pooled, request, OAUTH_CAP, None, &scrubber)
        .await?;
    let body: IntrospectionBody = serde_json::from_slice(&received.body).map_err(|_| {
        received.not_understood("the introspection answer lacks a field or is no JSON", &scrubber)
    })?;
    Ok(body.into())
}

#[derive(Deserialize)]
struct IntrospectionBody {
    active: bool,
    exp: Option<i64>,
    iat: Option<i64>,
    #[serde(default)]
    scope: String,
    username: Option<String>,
    client_id: Option<String>,
}

impl From<IntrospectionBody> for Introspection {
    fn from(body: IntrospectionBody) -> Self {
        let time = |seconds: Option<i64>| seconds.and_then(|it| Timestamp::from_second(it).ok());
        Self {
            active: body.active,
            expires_at: time(body.exp),
            issued_at: time(body.iat),
            scopes: body
                .scope
                .split_whitespace()
                .map(str::to_owned)
                .collect::<BTreeSet<_>>(),
            username: body.username,
            client_id: body.client_id,
        }
    }
}

pub(crate) async fn revoke(
    transport: &Transport,
    host: &Host,
    token: TokenToRevoke<'_>,
) -> Result<(), Failure> {
    let token = match token {
        TokenToRevoke::Access(token) => token.expose(),
        TokenToRevoke::Refresh(token) => token.expose(),
    };
    let scrubber = Scrubber::of([token]);
    let request = transport.form(host, "/services/oauth2/revoke", &[("token", token)])?;
    let received = transport
        .send(Connection::Pooled, request, OAUTH_CAP, None, &scrubber)
        .await?;
    // A login page answers 200 as well.
    if received.body.starts_with(b"<") {
        return Err(received.not_understood("the host answered a revocation with a page", &scrubber));
    }
    Ok(())
}
