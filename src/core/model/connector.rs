//! What is a connector, once its spec and its inputs are checked?

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use salesforce_client::{
    App, Audience, Host, Password, PrivateKeyPem, RecordId, RefreshToken, SecurityToken, TokenRequest,
};
use transit_client::{SignerToken, TransitKey};

use crate::api::spec::{Environment, ExpectSpec, InventorySpec, RolloutTarget};
use crate::core::model::digest::{Digest, DigestKey};
use crate::core::model::rejection::Rejection;
use crate::core::rotation::stored::CredentialsPlace;
use crate::core::schedule::password_memory::PasswordId;
use crate::core::secret::template::Template;

/// A connector whose every part is known: what is needed to log in, and what the token must turn out to be.
#[derive(Debug, Clone)]
pub struct Connector {
    /// Kind of org expected.
    pub environment: Environment,
    pub host: Host,
    pub app: App,
    /// The app's credentials from before a rotation, or why these can't be used.
    pub previous_credentials: Option<Result<PreviousCredentials, Rejection>>,
    /// How the app's credentials are to be rotated, if they are.
    pub rotation: Option<RotationPlan>,
    /// Where the credentials of the last rotation are.
    pub credentials_place: CredentialsPlace,
    /// Name of the login method in the spec; a label in metrics.
    pub method_name: &'static str,
    /// Who the token must belong to.
    pub expect: ExpectSpec,
    /// Session timeout, where the user has declared it.
    pub lifetime: Option<Duration>,
    /// How long before the expiration to renew, where the user has declared it.
    pub renew_before: Option<Duration>,
    pub test_interval: Duration,
    pub test_timeout: Duration,
    pub api_version: String,
    /// What is to be read of what the org holds.
    pub inventory: Option<InventorySpec>,
    /// Workloads to restart after a new token.
    pub rollout_targets: Vec<RolloutTarget>,
    /// Whether the token is offered to other namespaces.
    pub is_shared: bool,
    pub template: Template,
    pub username_display: UsernameDisplay,
    /// Digest of everything that determines the token.
    pub inputs_digest: Digest,
    /// Digest of the above and of what the token is checked against: a failed attempt is final for these.
    pub attempt_digest: Digest,
}

/// The app's credentials from before a rotation.
#[derive(Debug, Clone)]
pub struct PreviousCredentials {
    /// The app with these.
    pub app: App,
    /// Digest of everything that determines a token which is obtained with these.
    pub inputs_digest: Digest,
    pub origin: CredentialsOrigin,
}

/// Who has brought credentials from before a rotation, or for the time after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialsOrigin {
    /// The author of the connector.
    Spec,
    /// A rotation by the operator.
    Rotation,
}

/// How the app's credentials are to be rotated.
#[derive(Debug, Clone)]
pub struct RotationPlan {
    pub app_id: RecordId,
    pub interval: Duration,
    pub input: InputPlace,
}

/// The Secret that has the app's credentials, and under which keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputPlace {
    pub secret: String,
    pub client_id_key: String,
    pub client_secret_key: String,
}

/// Which credentials of an app, while it has those from before a rotation, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credentials {
    Current,
    Previous,
}

impl Connector {
    /// The credentials that a token of these inputs was obtained with, where the connector has the same other inputs.
    pub fn credentials_of(&self, inputs: &Digest) -> Option<Credentials> {
        if *inputs == self.inputs_digest {
            return Some(Credentials::Current);
        }
        let previous = self.previous_credentials.as_ref()?.as_ref().ok()?;
        (*inputs == previous.inputs_digest).then_some(Credentials::Previous)
    }

    /// Whether the connector has all inputs of a token.
    pub fn has_inputs(&self, inputs: &Digest) -> bool {
        self.credentials_of(inputs).is_some()
    }

    /// This connector with the previous credentials in the place of the current ones.
    #[must_use]
    pub fn with_previous_credentials(&self) -> Option<Self> {
        let previous = self.previous_credentials.as_ref()?.as_ref().ok()?;
        Some(Self {
            app: previous.app.clone(),
            inputs_digest: previous.inputs_digest.clone(),
            previous_credentials: None,
            ..self.clone()
        })
    }

    /// What is brought beside the inputs of the spec is an input of attempts too: a failure of before does not count for it.
    pub fn also_attempts_with(&mut self, brought: &str, key: &DigestKey) {
        let parts = [self.attempt_digest.as_str(), brought];
        self.attempt_digest = key.digest("attempt-with", parts.map(str::as_bytes));
    }
}

/// Whether the username may be shown: not where it came through a reference, which may point at anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsernameDisplay {
    Shown,
    Hidden,
}

#[derive(Debug, Clone)]
pub enum Method {
    /// By a login, which can always be repeated.
    Login(LoginMethod),
    /// OAuth authorization code: by a grant, which is in the operator's state.
    Grant(GrantSettings),
}

/// A login method with all that it needs.
#[derive(Debug, Clone)]
pub enum LoginMethod {
    ClientCredentials,
    JwtBearer(JwtLogin),
    Password(PasswordLogin),
}

#[derive(Debug, Clone)]
pub struct JwtLogin {
    pub username: String,
    /// `aud` of the assertion.
    pub audience: Audience,
    pub key: SigningKey,
}

/// Who signs the assertions of a JWT bearer login.
#[derive(Debug, Clone)]
pub enum SigningKey {
    /// The operator, with this key.
    Local(PrivateKeyPem),
    /// A signer, which has the key and shows it to nobody.
    Remote(RemoteKey),
}

/// A key at a signer, and the token to use it with.
#[derive(Debug, Clone)]
pub struct RemoteKey {
    pub key: TransitKey,
    pub token: SignerToken,
}

#[derive(Debug, Clone)]
pub struct GrantSettings {
    /// The bootstrap token: a refresh token to begin with.
    pub bootstrap: Option<RefreshToken>,
    /// Why the bootstrap Secret holds no usable refresh token; a grant that is there already goes on without it.
    pub fault: Option<Rejection>,
    pub policy: GrantPolicy,
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
    Leave,
    Revoke,
}

#[derive(Clone)]
pub struct PasswordLogin {
    pub username: String,
    pub password: Password,
    pub security_token: Option<SecurityToken>,
}

/// Not even the username: a reference to it may point at anything.
impl fmt::Debug for PasswordLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordLogin").finish_non_exhaustive()
    }
}

impl Method {
    /// Name of the method in the spec; a label in metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Login(method) => method.name(),
            Self::Grant(_) => GrantSettings::NAME,
        }
    }
}

impl GrantSettings {
    /// Name of the method in the spec; a label in metrics.
    pub const NAME: &'static str = "authorizationCode";
}

/// What a login by a method begins with.
pub enum LoginStart {
    /// A request to Salesforce.
    Request(TokenRequest),
    /// The signature of a signer, without which there is no request.
    Signature(Box<JwtLogin>, Box<RemoteKey>),
}

#[cfg(test)]
impl LoginStart {
    /// The request that needs no signer.
    pub(crate) fn request(self) -> Option<TokenRequest> {
        match self {
            Self::Request(request) => Some(request),
            Self::Signature(..) => None,
        }
    }
}

impl LoginMethod {
    pub fn start(&self, now: Timestamp) -> LoginStart {
        LoginStart::Request(match self {
            Self::ClientCredentials => TokenRequest::ClientCredentials,
            Self::JwtBearer(login) => match &login.key {
                SigningKey::Local(private_key) => TokenRequest::JwtBearer {
                    username: login.username.clone(),
                    private_key: private_key.clone(),
                    audience: login.audience.clone(),
                    now,
                },
                SigningKey::Remote(remote) => {
                    return LoginStart::Signature(Box::new(login.clone()), Box::new(remote.clone()));
                }
            },
            Self::Password(login) => TokenRequest::Password {
                username: login.username.clone(),
                password: login.password.clone(),
                security_token: login.security_token.clone(),
            },
        })
    }

    /// Name of the method in the spec; a label in metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ClientCredentials => "clientCredentials",
            Self::JwtBearer(_) => "jwtBearer",
            Self::Password(_) => "password",
        }
    }
}

impl PasswordLogin {
    /// Keyed digest by which what is remembered of the user's passwords is found. Not of the host: a username is unique across
    /// Salesforce, and an org has several hosts.
    pub fn user_digest(&self, key: &DigestKey) -> Digest {
        key.digest("password-user", [self.username.to_lowercase().as_bytes()])
    }

    /// By what a refused password is known again, whichever connector of the namespace brings it to whichever host.
    pub fn password_id(&self, namespace: &str, key: &DigestKey) -> PasswordId {
        let token = self.security_token.as_ref().map_or("", SecurityToken::expose);
        let user = self.username.to_lowercase();
        let parts = [&user, self.password.expose(), token].map(str::as_bytes);
        PasswordId {
            namespace: namespace.to_owned(),
            digest: key.digest("refused-password", parts),
        }
    }
}
