//! Typed client of Salesforce's OAuth and REST endpoints; knows no Kubernetes.
//!
//! [`Client`] has one method for each call. What Salesforce refuses is a value: [`Failure`] says why
//! ([`Refusal`]) and whether Salesforce may have acted ([`Sent`]).

mod authorize;
mod classify;
mod client;
mod failure;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod grant;
mod host;
mod host_pattern;
mod ids;
mod introspect;
mod jwt;
mod observer;
mod received;
mod refusal;
mod rest;
mod scrub;
mod secrets;
mod settings;
mod sfdx;
mod token;
mod transport;

pub use authorize::{AuthorizeRequest, Pkce, authorize_url, generate_state};
pub use classify::classify;
pub use client::Client;
pub use failure::{Failure, Sent};
pub use grant::{
    App, Audience, GrantKind, Introspection, TokenFormat, TokenRequest, TokenResponse, TokenToInspect,
    TokenToRevoke,
};
pub use host::{
    Host, HostAllowList, HostEnvironment, HostKind, HostNotAllowed, InstanceUrl, InvalidHost,
    InvalidInstanceUrl,
};
pub use host_pattern::InvalidHostPattern;
pub use ids::{
    IdentityUrl, InvalidId, InvalidIdentityUrl, InvalidRecordId, OrganizationId, RecordId, UserId,
};
pub use jwt::UnsignedAssertion;
pub use observer::{CallOutcome, Endpoint, Observer};
pub use refusal::Refusal;
pub use rest::{
    ApiUsage, ApiVersion, AppAddress, AvailableVersion, Consumer, InvalidApiVersion, ObjectList, OrgLimit,
    Organization, RestAnswer, StagedCredentials, StagedState, UserIdentity, is_api_name,
};
pub use scrub::visible;
pub use secrets::{
    AccessToken, AuthorizationCode, ClientSecret, CodeVerifier, Password, PrivateKeyPem, RefreshToken,
    SecurityToken, SignedAssertion,
};
pub use settings::{ClientSettings, ConnectTo, InvalidConnectTo, Proxies, TransportSecurity};
pub use sfdx::{InvalidSfdxAuthUrl, SfdxAuthUrl};
pub use transport::{BuildError, install_crypto_provider};
