//! What is a connector, once its spec and its inputs are checked?

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use salesforce_client::{
    App, Audience, Host, Password, PrivateKeyPem, RefreshToken, SecurityToken, TokenRequest,
};

use crate::api::spec::{Environment, ExpectSpec};
use crate::core::model::digest::{Digest, DigestKey};
use crate::core::model::rejection::Rejection;
use crate::core::secret::template::Template;

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
