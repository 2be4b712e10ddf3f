//! Is what the user declared complete and possible? A [`Connector`] is valid by construction; else a rejection says why.

use std::fmt;
use std::time::Duration;

use salesforce_client::{
    App, Audience, ClientSecret, Host, HostAllowList, InvalidHost, Password, RefreshToken, Refusal,
    SecurityToken,
};
use secrecy::ExposeSecret;

use crate::api::SalesforceConnectorSpec;
use crate::api::reasons::OwnReason;
use crate::api::spec::{AuthSpec, AuthorizationCodeSpec, Environment};
use crate::core::model::connector::{
    Connector, GrantPolicy, GrantSettings, JwtLogin, LoginMethod, Method, OnDelete, PasswordLogin,
    SigningKey, UsernameDisplay,
};
use crate::core::model::digest::{Digest, DigestKey};
use crate::core::model::inputs::{Inputs, references};
use crate::core::model::limits;
use crate::core::model::rejection::Rejection;
use crate::core::rotation::stored::EffectiveCredentials;
use crate::core::secret::template::Template;
use app::{effective, previous_credentials, rotated_credentials, rotation, text};

mod app;
pub mod identity;
pub mod login;
mod sfdx;
pub mod signer;

fn username_display(auth: &AuthSpec) -> UsernameDisplay {
    match &auth.password {
        Some(password) if password.username_ref.is_some() => UsernameDisplay::Hidden,
        Some(_) | None => UsernameDisplay::Shown,
    }
}

/// Salesforce's own idle limit for apps where it is turned on (docs/salesforce.md#idle-limit).
const IDLE_LIMIT: Duration = Duration::from_hours(30 * 24);

/// Refuses a connector in the operator's own namespace: its references could name the stored grants of other tenants.
pub fn check_namespace(namespace: &str, of_the_operator: &str) -> Result<(), Rejection> {
    if namespace == of_the_operator {
        return Err(Rejection::new(OwnReason::NamespaceNotAllowed, namespace));
    }
    Ok(())
}

/// Checks spec and inputs, and says how tokens are obtained. The schema and the CEL rules have seen the spec before; what they can't see is judged here.
pub fn validate(
    name: &str,
    uid: &str,
    spec: &SalesforceConnectorSpec,
    inputs: &Inputs,
    allow_list: &HostAllowList,
    key: &DigestKey,
) -> Result<(Connector, Method), Rejection> {
    let host = login_host(spec, allow_list)?;
    let EffectiveCredentials { app, previous, place } = effective(spec, inputs)?;
    let method = method(spec, inputs, (&host, allow_list), &app)?;
    let template = Template::new(name, spec)?;
    let digest = |app: &App| inputs_digest(key, &host, app, &method);
    let inputs_digest = digest(&app);
    let previous_credentials = match (&method, previous) {
        (Method::Login(_), Some(other)) => rotated_credentials(other, &inputs_digest, digest),
        (Method::Login(_), None) => previous_credentials(spec, inputs, &app, digest),
        (Method::Grant(_), _) => None,
    };
    let previous = previous_credentials.as_ref().and_then(|it| it.as_ref().ok());
    let previous = previous.map(|previous| &previous.inputs_digest);
    let attempt_digest = attempt_digest(key, uid, (&inputs_digest, previous), &method, spec);
    let connector = Connector {
        environment: spec.environment,
        host,
        app,
        previous_credentials,
        rotation: rotation(spec),
        credentials_place: place,
        method_name: method.name(),
        expect: spec.expect.clone().unwrap_or_default(),
        lifetime: spec.token.lifetime.map(Into::into),
        renew_before: spec.token.renew_before.map(Into::into),
        test_interval: spec.connection_test.interval.into(),
        test_timeout: spec.connection_test.timeout.into(),
        api_version: spec.connection_test.api_version.clone(),
        inventory: spec.inventory.clone(),
        rollout_targets: spec.rollout_restart_targets.clone().unwrap_or_default(),
        is_shared: spec
            .sharing
            .as_ref()
            .is_some_and(|sharing| !sharing.namespaces.is_empty()),
        template,
        username_display: username_display(&spec.auth),
        inputs_digest,
        attempt_digest,
    };
    Ok((connector, method))
}

/// The login host as the spec has it, which need not be one.
pub fn login_host_name(spec: &SalesforceConnectorSpec) -> &str {
    spec.host.as_deref().unwrap_or(match spec.environment {
        Environment::Live => "login.salesforce.com",
        Environment::Sandbox => "test.salesforce.com",
    })
}

/// Where the connector logs in, if credentials may be sent there.
pub fn login_host(spec: &SalesforceConnectorSpec, allow_list: &HostAllowList) -> Result<Host, Rejection> {
    let host: Host = login_host_name(spec)
        .parse()
        .map_err(|error| Rejection::new(OwnReason::HostInvalid, format!("spec.host: {error}")))?;
    allow_list
        .check(&host)
        .map_err(|error| Rejection::new(Refusal::HostNotAllowed, format!("spec.host: {error}")))?;
    Ok(host)
}

fn method(
    spec: &SalesforceConnectorSpec,
    inputs: &Inputs,
    (host, allow_list): (&Host, &HostAllowList),
    app: &App,
) -> Result<Method, Rejection> {
    let AuthSpec {
        client_credentials: _,
        jwt_bearer,
        authorization_code,
        password,
    } = &spec.auth;
    if let Some(jwt) = jwt_bearer {
        let key = signer::signing_key(jwt, inputs)?;
        let audience = match &jwt.audience {
            Some(address) => allowed_audience(address, allow_list)?,
            None => default_audience(spec.environment),
        };
        let username = jwt.username.clone();
        return Ok(Method::Login(LoginMethod::JwtBearer(JwtLogin {
            username,
            audience,
            key,
        })));
    }
    if let Some(password) = password {
        let field = |name| format!("spec.auth.password.{name}");
        let username = match (&password.username, &password.username_ref) {
            (Some(literal), _) => literal.clone(),
            (None, Some(reference)) => {
                text(inputs.get(&field("usernameRef"), reference, limits::USERNAME)?)
            }
            (None, None) => return Err(Rejection::new(OwnReason::InputKeyMissing, field("username"))),
        };
        let found = inputs.get(&field("passwordRef"), &password.password_ref, limits::PASSWORD)?;
        let secret = Password::from(found.clone());
        let token = password.security_token_ref.as_ref();
        let token = token
            .map(|reference| inputs.get(&field("securityTokenRef"), reference, limits::PASSWORD))
            .transpose()?;
        let both = secret.expose().len() + token.map_or(0, |token| token.expose_secret().len());
        limits::check(&field("passwordRef and securityTokenRef"), both, limits::PASSWORD)?;
        let security_token = token.cloned().map(SecurityToken::from);
        return Ok(Method::Login(LoginMethod::Password(PasswordLogin {
            username,
            password: secret,
            security_token,
        })));
    }
    match authorization_code {
        Some(code) => Ok(Method::Grant(by_authorization_code(code, inputs, host, app))),
        None => Ok(Method::Login(LoginMethod::ClientCredentials)),
    }
}

fn by_authorization_code(
    code: &AuthorizationCodeSpec,
    inputs: &Inputs,
    host: &Host,
    app: &App,
) -> GrantSettings {
    let (bootstrap, fault) = match sfdx::bootstrap_token(code, inputs, host, app) {
        Ok(bootstrap) => (bootstrap, None),
        Err(rejection) => (None, Some(rejection)),
    };
    GrantSettings {
        bootstrap,
        fault,
        policy: GrantPolicy {
            idle_limit: code.refresh_token_idle_limit.map_or(IDLE_LIMIT, Into::into),
            lifetime: code.refresh_token_lifetime.map(Into::into),
            on_delete: if code.revoke_on_delete {
                OnDelete::Revoke
            } else {
                OnDelete::Leave
            },
        },
    }
}

/// Whoever an assertion is meant for can use it.
fn allowed_audience(address: &str, allow_list: &HostAllowList) -> Result<Audience, Rejection> {
    let refuse = |why: &dyn fmt::Display| {
        let subject = format!("spec.auth.jwtBearer.audience: {why}");
        Rejection::new(Refusal::HostNotAllowed, subject)
    };
    let rest = address.strip_prefix("https://").unwrap_or(address);
    let name = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host: Host = name.parse().map_err(|error: InvalidHost| refuse(&error))?;
    allow_list.check(&host).map_err(|error| refuse(&error))?;
    Ok(Audience::Other(address.to_owned()))
}

fn default_audience(environment: Environment) -> Audience {
    match environment {
        Environment::Live => Audience::Login,
        Environment::Sandbox => Audience::Test,
    }
}

/// A bootstrap token is not among the parts: the grant that came from it lives on when it changes or goes.
fn inputs_digest(key: &DigestKey, host: &Host, app: &App, method: &Method) -> Digest {
    let client_secret = app.client_secret.as_ref().map_or("", ClientSecret::expose);
    let version = signer::key_version(method);
    let mut parts = vec![host.name(), app.client_id.as_str(), client_secret, method.name()];
    match method {
        Method::Grant(_) | Method::Login(LoginMethod::ClientCredentials) => {}
        Method::Login(LoginMethod::JwtBearer(login)) => {
            parts.push(login.username.as_str());
            match &login.key {
                SigningKey::Local(private_key) => parts.push(private_key.expose()),
                SigningKey::Remote(remote) => parts.extend(signer::parts(&remote.key, &version)),
            }
            parts.push(login.audience.as_str());
        }
        Method::Login(LoginMethod::Password(PasswordLogin {
            username,
            password,
            security_token,
        })) => {
            parts.extend([username.as_str(), password.expose()]);
            parts.push(security_token.as_ref().map_or("", SecurityToken::expose));
        }
    }
    key.digest("inputs", parts.into_iter().map(str::as_bytes))
}

/// It stands in the status, so it must not tell whether two values are equal that came in different ways: by another
/// connector, another reference, or a literal.
fn attempt_digest(
    key: &DigestKey,
    uid: &str,
    (inputs, previous): (&Digest, Option<&Digest>),
    method: &Method,
    spec: &SalesforceConnectorSpec,
) -> Digest {
    let environment = match spec.environment {
        Environment::Live => "Live",
        Environment::Sandbox => "Sandbox",
    };
    let expect = spec.expect.as_ref();
    let organization = expect
        .and_then(|expect| expect.organization_id.as_deref())
        .unwrap_or_default();
    let username = expect
        .and_then(|expect| expect.username.as_deref())
        .unwrap_or_default();
    let version = spec.connection_test.api_version.as_str();
    // Neither determines the token, but a failure may be due to either.
    let beside = match method {
        Method::Grant(settings) => settings.bootstrap.as_ref().map_or("", RefreshToken::expose),
        Method::Login(LoginMethod::JwtBearer(login)) => match &login.key {
            SigningKey::Remote(remote) => remote.token.expose(),
            SigningKey::Local(_) => "",
        },
        Method::Login(LoginMethod::ClientCredentials | LoginMethod::Password(_)) => "",
    };
    let mut parts = vec![
        uid,
        inputs.as_str(),
        environment,
        organization,
        username,
        version,
        beside,
    ];
    parts.extend(previous.map(Digest::as_str));
    parts.extend(
        spec.app
            .rotation
            .as_ref()
            .map(|rotation| rotation.app_id.as_str()),
    );
    let password = spec.auth.password.as_ref();
    let by_reference = [
        spec.app.client_id_ref.is_some(),
        password.is_some_and(|password| password.username_ref.is_some()),
    ];
    parts.extend(by_reference.map(|referred| if referred { "reference" } else { "literal" }));
    for reference in references(spec) {
        parts.extend([reference.name.as_str(), reference.key.as_str()]);
    }
    key.digest("attempt", parts.into_iter().map(str::as_bytes))
}

#[cfg(test)]
mod tests;
