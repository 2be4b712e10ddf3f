//! Is what the user declared complete and possible? A [`Connector`] is valid by construction; else a rejection says why.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use salesforce_client::{
    App, Audience, ClientSecret, Host, HostAllowList, Password, PrivateKeyPem, RefreshToken, Refusal,
    SecurityToken, TokenRequest,
};
use secrecy::{ExposeSecret, SecretString};

use super::Rejection;
use super::digest::{Digest, DigestKey};
use super::inputs::Inputs;
use super::secret::Template;
use crate::api::SalesforceConnectorSpec;
use crate::api::reasons::OwnReason;
use crate::api::spec::{AuthSpec, AuthorizationCodeSpec, Environment, ExpectSpec};

mod sfdx;

/// A connector whose every part is known: what is needed to log in, and what the token must turn out to be.
#[derive(Debug, Clone)]
pub struct Connector {
    /// Kind of org expected.
    pub environment: Environment,
    /// Where to log in.
    pub host: Host,
    /// The app to log in as.
    pub app: App,
    /// How to log in.
    pub method: Method,
    /// Who the token must belong to.
    pub expect: ExpectSpec,
    /// Session timeout, where the user has declared it.
    pub lifetime: Option<Duration>,
    /// How long before the expiration to renew, where the user has declared it.
    pub renew_before: Option<Duration>,
    /// Time between tests.
    pub test_interval: Duration,
    /// Time limit of a test.
    pub test_timeout: Duration,
    /// REST API version.
    pub api_version: String,
    /// The consumer's Secret.
    pub template: Template,
    /// Whether the username may be shown.
    pub username_display: UsernameDisplay,
    /// Digest of everything that determines the token.
    pub inputs_digest: Digest,
    /// Digest of the above and of what the token is checked against: a failed attempt is final for these.
    pub attempt_digest: Digest,
}

/// Whether the username may be shown: not where it came through a reference, which may point at anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsernameDisplay {
    /// It may.
    Shown,
    /// It may not.
    Hidden,
}

fn username_display(auth: &AuthSpec) -> UsernameDisplay {
    match &auth.password {
        Some(password) if password.username_ref.is_some() => UsernameDisplay::Hidden,
        Some(_) | None => UsernameDisplay::Shown,
    }
}

/// A login method with all that it needs.
#[derive(Debug, Clone)]
pub enum Method {
    /// OAuth client credentials.
    ClientCredentials,
    /// OAuth JWT bearer.
    JwtBearer {
        /// The user.
        username: String,
        /// The app's key.
        private_key: PrivateKeyPem,
        /// `aud` of the assertion.
        audience: Audience,
    },
    /// OAuth authorization code; the grant itself is in the operator's state.
    AuthorizationCode {
        /// A refresh token to begin with.
        brought: Option<RefreshToken>,
        /// Why what was brought can't be used as a refresh token; a grant that is there already goes on without it.
        fault: Option<Rejection>,
        /// What holds for the grant.
        policy: GrantPolicy,
    },
    /// OAuth username and password.
    Password(PasswordLogin),
}

/// What the user says of a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrantPolicy {
    /// How long Salesforce lets a refresh token live unused.
    pub idle_limit: Duration,
    /// After how long Salesforce ends a grant, used or not.
    pub lifetime: Option<Duration>,
    /// What becomes of the grant in Salesforce when the connector is deleted.
    pub on_delete: OnDelete,
}

/// What becomes of a grant in Salesforce when its connector is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDelete {
    /// It lives on.
    Leave,
    /// It is revoked.
    Revoke,
}

/// Salesforce's own idle limit for apps where it is turned on (salesforce.md section 2.6).
const IDLE_LIMIT: Duration = Duration::from_hours(30 * 24);

/// Username, password and security token.
#[derive(Clone)]
pub struct PasswordLogin {
    /// The user.
    pub username: String,
    /// The password.
    pub password: Password,
    /// The user's security token.
    pub security_token: Option<SecurityToken>,
}

/// Not even the username: a reference to it may point at anything.
impl fmt::Debug for PasswordLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordLogin").finish_non_exhaustive()
    }
}

impl Method {
    /// The grant to present, for the methods that can always log in again. An authorization code grant is presented by
    /// the redeem protocol instead.
    #[must_use]
    pub fn grant(&self, now: Timestamp) -> Option<TokenRequest> {
        match self {
            Self::ClientCredentials => Some(TokenRequest::ClientCredentials),
            Self::JwtBearer {
                username,
                private_key,
                audience,
            } => Some(TokenRequest::JwtBearer {
                username: username.clone(),
                private_key: private_key.clone(),
                audience: audience.clone(),
                now,
            }),
            Self::Password(login) => Some(TokenRequest::Password {
                username: login.username.clone(),
                password: login.password.clone(),
                security_token: login.security_token.clone(),
            }),
            Self::AuthorizationCode { .. } => None,
        }
    }

    /// Label of the method in metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::ClientCredentials => "clientCredentials",
            Self::JwtBearer { .. } => "jwtBearer",
            Self::AuthorizationCode { .. } => "authorizationCode",
            Self::Password(_) => "password",
        }
    }
}

impl PasswordLogin {
    /// Keyed digest by which a refused password is remembered: host, user and password, not the connector.
    #[must_use]
    pub fn refusal_digest(&self, host: &Host, key: &DigestKey) -> Digest {
        let token = self.security_token.as_ref().map_or("", SecurityToken::expose);
        let user = self.username.to_lowercase();
        key.digest(
            "refused-password",
            [host.name(), &user, self.password.expose(), token].map(str::as_bytes),
        )
    }
}

/// Checks spec and inputs. The schema and the CEL rules have seen the spec before; what they can't see is judged here.
pub fn validate(
    name: &str,
    spec: &SalesforceConnectorSpec,
    inputs: &Inputs,
    allow_list: &HostAllowList,
    key: &DigestKey,
) -> Result<Connector, Rejection> {
    let host = login_host(spec, allow_list)?;
    let app = app(spec, inputs)?;
    let method = method(spec, inputs, &host, &app)?;
    let template = Template::new(name, spec)?;
    let inputs_digest = inputs_digest(key, &host, &app, &method);
    let attempt_digest = attempt_digest(key, &inputs_digest, &method, spec);
    Ok(Connector {
        environment: spec.environment,
        host,
        app,
        method,
        expect: spec.expect.clone().unwrap_or_default(),
        lifetime: spec.token.lifetime.map(Into::into),
        renew_before: spec.token.renew_before.map(Into::into),
        test_interval: spec.connection_test.interval.into(),
        test_timeout: spec.connection_test.timeout.into(),
        api_version: spec.connection_test.api_version.clone(),
        template,
        username_display: username_display(&spec.auth),
        inputs_digest,
        attempt_digest,
    })
}

fn login_host(spec: &SalesforceConnectorSpec, allow_list: &HostAllowList) -> Result<Host, Rejection> {
    let name = spec.host.as_deref().unwrap_or(match spec.environment {
        Environment::Live => "login.salesforce.com",
        Environment::Sandbox => "test.salesforce.com",
    });
    let host: Host = name
        .parse()
        .map_err(|error| Rejection::new(OwnReason::HostInvalid, format!("spec.host: {error}")))?;
    allow_list
        .check(&host)
        .map_err(|error| Rejection::new(Refusal::HostNotAllowed, format!("spec.host: {error}")))?;
    Ok(host)
}

fn app(spec: &SalesforceConnectorSpec, inputs: &Inputs) -> Result<App, Rejection> {
    let client_id = match (&spec.app.client_id, &spec.app.client_id_ref) {
        (Some(literal), _) => literal.clone(),
        (None, Some(reference)) => text(inputs.get("spec.app.clientIdRef", reference)?),
        (None, None) => return Err(Rejection::new(OwnReason::InputKeyMissing, "spec.app.clientId")),
    };
    let secret = spec.app.client_secret_ref.as_ref();
    let client_secret = secret
        .map(|reference| inputs.get("spec.app.clientSecretRef", reference))
        .transpose()?;
    Ok(App {
        client_id,
        client_secret: client_secret.cloned().map(ClientSecret::from),
    })
}

fn method(
    spec: &SalesforceConnectorSpec,
    inputs: &Inputs,
    host: &Host,
    app: &App,
) -> Result<Method, Rejection> {
    let AuthSpec {
        client_credentials: _,
        jwt_bearer,
        authorization_code,
        password,
    } = &spec.auth;
    if let Some(jwt) = jwt_bearer {
        let key = inputs.get("spec.auth.jwtBearer.privateKeyRef", &jwt.private_key_ref)?;
        let audience = jwt
            .audience
            .clone()
            .map_or_else(|| default_audience(spec.environment), Audience::Other);
        let private_key = PrivateKeyPem::from(key.clone());
        return Ok(Method::JwtBearer {
            username: jwt.username.clone(),
            private_key,
            audience,
        });
    }
    if let Some(password) = password {
        let field = |name| format!("spec.auth.password.{name}");
        let username = match (&password.username, &password.username_ref) {
            (Some(literal), _) => literal.clone(),
            (None, Some(reference)) => text(inputs.get(&field("usernameRef"), reference)?),
            (None, None) => return Err(Rejection::new(OwnReason::InputKeyMissing, field("username"))),
        };
        let secret = Password::from(inputs.get(&field("passwordRef"), &password.password_ref)?.clone());
        let token = password.security_token_ref.as_ref();
        let token = token
            .map(|reference| inputs.get(&field("securityTokenRef"), reference))
            .transpose()?;
        let security_token = token.cloned().map(SecurityToken::from);
        return Ok(Method::Password(PasswordLogin {
            username,
            password: secret,
            security_token,
        }));
    }
    match authorization_code {
        Some(code) => Ok(by_authorization_code(code, inputs, host, app)),
        None => Ok(Method::ClientCredentials),
    }
}

fn by_authorization_code(code: &AuthorizationCodeSpec, inputs: &Inputs, host: &Host, app: &App) -> Method {
    let (brought, fault) = match sfdx::brought_token(code, inputs, host, app) {
        Ok(brought) => (brought, None),
        Err(rejection) => (None, Some(rejection)),
    };
    Method::AuthorizationCode {
        brought,
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

fn default_audience(environment: Environment) -> Audience {
    match environment {
        Environment::Live => Audience::Login,
        Environment::Sandbox => Audience::Test,
    }
}

fn text(secret: &SecretString) -> String {
    secret.expose_secret().to_owned()
}

/// A brought refresh token is not among the parts: the grant that came from it lives on when it changes or goes.
fn inputs_digest(key: &DigestKey, host: &Host, app: &App, method: &Method) -> Digest {
    let client_secret = app.client_secret.as_ref().map_or("", ClientSecret::expose);
    let mut parts = vec![host.name(), app.client_id.as_str(), client_secret, method.name()];
    match method {
        Method::ClientCredentials | Method::AuthorizationCode { .. } => {}
        Method::JwtBearer {
            username,
            private_key,
            audience,
        } => {
            parts.extend([username.as_str(), private_key.expose(), audience.as_str()]);
        }
        Method::Password(PasswordLogin {
            username,
            password,
            security_token,
        }) => {
            parts.extend([username.as_str(), password.expose()]);
            parts.push(security_token.as_ref().map_or("", SecurityToken::expose));
        }
    }
    key.digest("inputs", parts.into_iter().map(str::as_bytes))
}

fn attempt_digest(
    key: &DigestKey,
    inputs: &Digest,
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
    let brought = match method {
        Method::AuthorizationCode {
            brought: Some(token), ..
        } => token.expose(),
        Method::AuthorizationCode { brought: None, .. }
        | Method::ClientCredentials
        | Method::JwtBearer { .. }
        | Method::Password(_) => "",
    };
    let parts = [
        inputs.as_str(),
        environment,
        organization,
        username,
        version,
        brought,
    ];
    key.digest("attempt", parts.map(str::as_bytes))
}

#[cfg(test)]
mod tests;
