//! What is presented at the token endpoint, and what comes back.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::host::{HostEnvironment, InstanceUrl};
use crate::ids::IdentityUrl;
use crate::secrets::{
    AccessToken, AuthorizationCode, ClientSecret, CodeVerifier, Password, PrivateKeyPem, RefreshToken,
    SecurityToken, SignedAssertion,
};

/// An app in Salesforce: an External Client App or an older connected app.
#[derive(Clone, PartialEq, Eq)]
pub struct App {
    /// The consumer key (`client_id`).
    pub client_id: String,
    /// The consumer secret; JWT bearer never sends it, and public clients have none.
    pub client_secret: Option<ClientSecret>,
}

/// Without the consumer key: the caller may have it from a Secret.
impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("client_secret", &self.client_secret)
            .finish_non_exhaustive()
    }
}

/// A way to obtain an access token.
#[derive(Clone, PartialEq, Eq)]
pub enum TokenRequest {
    /// The app logs in as its run-as user. Works on the org's My Domain host only.
    ClientCredentials,
    /// A JWT signed with the key whose certificate the app has.
    JwtBearer {
        /// The user to act as.
        username: String,
        /// An RSA key, PKCS#8 or PKCS#1.
        private_key: PrivateKeyPem,
        /// Who the JWT is meant for.
        audience: Audience,
        /// The present time; the JWT is good for 3 minutes from then.
        now: Timestamp,
    },
    /// A JWT that somebody else has signed.
    SignedAssertion {
        /// The user to act as; not sent apart from the JWT.
        username: String,
        /// The JWT.
        assertion: SignedAssertion,
    },
    /// A refresh token. Under rotation it is spent by this, whatever the answer.
    RefreshToken(RefreshToken),
    /// Username and password; Salesforce retires this on 2027-02-20.
    Password {
        /// The username of the user to log in as.
        username: String,
        /// The password, without the security token.
        password: Password,
        /// Appended to the password where the caller's address is not trusted.
        security_token: Option<SecurityToken>,
    },
    /// The code that the browser brought back from a login.
    AuthorizationCode {
        /// The code, which is good once.
        code: AuthorizationCode,
        /// The callback URL of the login, exactly as it was.
        redirect_uri: String,
        /// The verifier of the login's PKCE challenge.
        code_verifier: CodeVerifier,
    },
}

/// The kind alone: a username, too, may be from a Secret.
impl fmt::Debug for TokenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TokenRequest")
            .field(&self.kind())
            .finish_non_exhaustive()
    }
}

/// The kind of a [`TokenRequest`], which decides what Salesforce's texts mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GrantKind {
    /// `client_credentials`, RFC 6749 section 4.4.
    ClientCredentials,
    /// `urn:ietf:params:oauth:grant-type:jwt-bearer`, RFC 7523.
    JwtBearer,
    /// `refresh_token`, RFC 6749 section 6.
    RefreshToken,
    /// `password`, RFC 6749 section 4.3.
    Password,
    /// `authorization_code`, RFC 6749 section 4.1.
    AuthorizationCode,
}

impl TokenRequest {
    /// The kind of this grant.
    pub fn kind(&self) -> GrantKind {
        match self {
            Self::ClientCredentials => GrantKind::ClientCredentials,
            Self::JwtBearer { .. } | Self::SignedAssertion { .. } => GrantKind::JwtBearer,
            Self::RefreshToken(_) => GrantKind::RefreshToken,
            Self::Password { .. } => GrantKind::Password,
            Self::AuthorizationCode { .. } => GrantKind::AuthorizationCode,
        }
    }
}

/// The `aud` claim of a JWT bearer assertion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audience {
    /// `https://login.salesforce.com`: production and Developer Edition.
    Login,
    /// `https://test.salesforce.com`: sandboxes and scratch orgs.
    Test,
    /// Another one, such as the address of an Experience Cloud site.
    Other(String),
}

impl Audience {
    /// The audience for orgs of an environment.
    pub fn of(environment: HostEnvironment) -> Self {
        match environment {
            HostEnvironment::Live => Self::Login,
            HostEnvironment::Sandbox => Self::Test,
        }
    }

    /// The value of the claim, an address.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Login => "https://login.salesforce.com",
            Self::Test => "https://test.salesforce.com",
            Self::Other(audience) => audience,
        }
    }
}

/// How an access token is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenFormat {
    /// A session id, `00D…!…`.
    Opaque,
    /// A JWT, which carries its own expiry.
    Jwt,
}

/// A successful answer of the token endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenResponse {
    /// The access token, to be sent as a bearer token.
    pub access_token: AccessToken,
    /// The base of REST calls; may change with every response, and is checked against the allow-list at each use.
    pub instance_url: InstanceUrl,
    /// The identity URL, which names org and user.
    pub id: IdentityUrl,
    /// When Salesforce issued the token, by its own clock.
    pub issued_at: Timestamp,
    /// The scopes granted; empty where the response names none.
    pub scopes: BTreeSet<String>,
    /// A new refresh token: on a login, and on each refresh under rotation, where it replaces the one that was sent.
    pub refresh_token: Option<RefreshToken>,
    /// How the access token is made.
    pub token_format: TokenFormat,
    /// The base of newer platform APIs, for JWT-format tokens.
    pub api_instance_url: Option<InstanceUrl>,
    /// The lifetime, where the response names one; ordinary responses don't.
    pub expires_in: Option<Duration>,
    /// The `exp` claim of a JWT-format token, read without checking its signature.
    pub claims_exp: Option<Timestamp>,
}

/// A token to be introspected.
#[derive(Debug, Clone, Copy)]
pub enum TokenToInspect<'a> {
    /// An access token of the asking app.
    Access(&'a AccessToken),
    /// A refresh token of the asking app.
    Refresh(&'a RefreshToken),
}

/// A token to be revoked.
#[derive(Debug, Clone, Copy)]
pub enum TokenToRevoke<'a> {
    /// An access token: it alone dies, in every hand that holds the same session.
    Access(&'a AccessToken),
    /// A refresh token: it dies along with the access tokens issued from it.
    Refresh(&'a RefreshToken),
}

/// What Salesforce says about a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Introspection {
    /// Whether the token lives and belongs to the asking app. Another app's live token is `false` too.
    pub active: bool,
    /// When the token expires, if Salesforce says so.
    pub expires_at: Option<Timestamp>,
    /// When the token was issued, if Salesforce says so.
    pub issued_at: Option<Timestamp>,
    /// The scopes that the token has.
    pub scopes: BTreeSet<String>,
    /// The username of the user that the token acts as.
    pub username: Option<String>,
    /// The consumer key of the app that it was issued to.
    pub client_id: Option<String>,
}
