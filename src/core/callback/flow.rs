//! May this request go on, and what does it write? Every replica decides from the same Secret, at the version that it read.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use salesforce_client::{AuthorizeRequest, HostAllowList, Pkce, authorize_url};
use secrecy::ExposeSecret as _;

use super::attempt::{self, with_values};
use super::browser::BrowserLogin;
use super::notice::Notice;
use super::request::{BroughtBack, id_of};
use super::url::CallbackUrl;
use crate::api::{SalesforceConnector, names};
use crate::core::model::digest::DigestKey;
use crate::core::model::inputs::Input;
use crate::core::model::limits;
use crate::core::validate::login::{is_login_of, is_over};
use crate::core::validate::login_host;

/// A login that a browser has begun: the Secret to write, and then the cookie to set and where to send the browser.
#[derive(Debug)]
pub struct BegunLogin {
    pub secret: Secret,
    pub cookie_name: String,
    pub cookie: String,
    pub address: ::url::Url,
}

/// Random values for one login.
#[derive(Debug)]
pub struct Drawn {
    pub state: String,
    pub pkce: Pkce,
}

/// What is set for the whole page, and for the namespace.
#[derive(Debug, Clone, Copy)]
pub struct PageSettings<'a> {
    pub page: &'a CallbackUrl,
    pub key: &'a DigestKey,
    pub allowed: &'a HostAllowList,
}

/// The Secret of the login that a connector waits for, if it can wait for one.
pub fn awaited_secret(connector: &SalesforceConnector) -> Option<&str> {
    connector.spec.auth.authorization_code.as_ref()?;
    if connector.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let name = connector.annotations().get(names::LOGIN_SECRET)?;
    names::is_object_name(name).then_some(name.as_str())
}

/// Whether the link with this key may begin a login. Whoever has not got the key learns nothing.
pub fn may_begin<'a>(
    connector: &SalesforceConnector,
    secret: Option<&'a Secret>,
    key: &str,
    now: Timestamp,
) -> Result<&'a Secret, Notice> {
    let uid = connector.uid().unwrap_or_default();
    let known = secret.filter(|secret| is_login_of(secret, &uid) && attempt::has_link_key(secret, key));
    let secret = known.ok_or(Notice::Nowhere)?;
    if attempt::is_begun(secret) || attempt::is_answered(secret) {
        return Err(Notice::LinkUsed);
    }
    if is_over(secret, now) || is_handled(connector, &secret.name_any()) {
        return Err(Notice::Expired);
    }
    if connector.spec.suspend {
        return Err(Notice::Suspended);
    }
    Ok(secret)
}

/// Begins the login of a link that may begin one.
pub fn begin(
    connector: &SalesforceConnector,
    secret: &Secret,
    drawn: &Drawn,
    referenced_id: Option<Input>,
    place: PageSettings<'_>,
    now: Timestamp,
) -> Result<BegunLogin, Notice> {
    let client_id = client_id(connector, referenced_id)?;
    let address = address(connector, drawn, &client_id, place)?;
    let login = BrowserLogin {
        namespace: connector.namespace().unwrap_or_default(),
        connector: connector.name_any(),
        uid: connector.uid().unwrap_or_default(),
        secret_name: secret.name_any(),
        begun: now.as_second(),
    };
    Ok(BegunLogin {
        secret: with_values(
            secret,
            [
                (names::LOGIN_STATE, &drawn.state),
                (names::LOGIN_CODE_VERIFIER, drawn.pkce.verifier.expose()),
                (names::LOGIN_REDIRECT_URI, &place.page.redirect_uri()),
            ],
        ),
        cookie_name: BrowserLogin::cookie_name(id_of(&drawn.state).unwrap_or_default()),
        cookie: login.cookie_value(place.key),
        address,
    })
}

/// Where the browser is sent: to a host that the operator would send the code to, and to no other.
fn address(
    connector: &SalesforceConnector,
    drawn: &Drawn,
    client_id: &str,
    place: PageSettings<'_>,
) -> Result<::url::Url, Notice> {
    let spec = &connector.spec;
    let host = login_host(spec, place.allowed).map_err(|rejection| Notice::Unusable(rejection.message()))?;
    let code = spec.auth.authorization_code.as_ref();
    let scopes = code.and_then(|code| code.scopes.clone()).unwrap_or_default();
    let request = AuthorizeRequest {
        client_id,
        redirect_uri: &place.page.redirect_uri(),
        scopes: &scopes,
        state: &drawn.state,
        code_challenge: &drawn.pkce.challenge,
        login_hint: spec.expect.as_ref().and_then(|expect| expect.username.as_deref()),
    };
    authorize_url(&host, &request).map_err(|error| Notice::Unusable(format!("spec.host: {error}")))
}

/// The ID of the app, which the address of the login shows to the browser. A value from a Secret is shown only if it can be one:
/// whoever may name a Secret need not be allowed to read it.
fn client_id(connector: &SalesforceConnector, referenced: Option<Input>) -> Result<String, Notice> {
    if let Some(literal) = &connector.spec.app.client_id {
        return Ok(literal.clone());
    }
    let Some(Input::Found(value)) = referenced else {
        return Err(Notice::Unusable(
            "The Secret that spec.app.clientIdRef names has no value under that key.".to_owned(),
        ));
    };
    let value = value.expose_secret();
    let is_key = value.starts_with("3MVG")
        && value.len() <= limits::CLIENT_ID
        && value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_'));
    is_key.then(|| value.to_owned()).ok_or_else(|| {
        Notice::Unusable(
            "The value that spec.app.clientIdRef names does not look like a consumer key of Salesforce, so this page does not show \
             it. Set spec.app.clientId to the consumer key instead: it is no secret."
                .to_owned(),
        )
    })
}

/// What to do with an answer from Salesforce.
#[derive(Debug)]
pub enum ReceivedAnswer {
    /// Hand it to the operator.
    Write(Box<Secret>),
    /// An answer came before. Nothing is written.
    Known,
}

/// Whether the browser, which has proven that it began `login`, brings the answer to it. `secret` is the login's own.
pub fn receive(
    connector: Option<&SalesforceConnector>,
    secret: Option<&Secret>,
    login: &BrowserLogin,
    state: &str,
    answer: Option<&BroughtBack>,
    now: Timestamp,
) -> Result<ReceivedAnswer, Notice> {
    let connector = connector.filter(|connector| connector.uid().as_deref() == Some(&login.uid));
    let connector = connector.ok_or(Notice::Superseded)?;
    if is_handled(connector, &login.secret_name) {
        return Ok(ReceivedAnswer::Known);
    }
    if awaited_secret(connector) != Some(&login.secret_name) {
        return Err(Notice::Superseded);
    }
    let secret = secret
        .filter(|secret| is_login_of(secret, &login.uid))
        .ok_or(Notice::Superseded)?;
    if !attempt::has_state(secret, state) {
        return Err(Notice::OtherBrowser);
    }
    if attempt::is_answered(secret) {
        return Ok(ReceivedAnswer::Known);
    }
    if is_over(secret, now) {
        return Err(Notice::Expired);
    }
    let value = match answer.ok_or(Notice::NoAnswer)? {
        BroughtBack::Code(code) => (names::LOGIN_CODE, code.as_str()),
        BroughtBack::Error(error) => (names::LOGIN_ERROR, error.as_str()),
    };
    Ok(ReceivedAnswer::Write(Box::new(with_values(secret, [value]))))
}

/// Whether the status says what came of the login.
pub fn is_handled(connector: &SalesforceConnector, secret_name: &str) -> bool {
    let last = connector
        .status
        .as_ref()
        .and_then(|status| status.last_login.as_ref());
    last.is_some_and(|login| login.secret_name == secret_name)
}
