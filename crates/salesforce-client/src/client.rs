//! The client: one method for each call to Salesforce.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::failure::Failure;
use crate::grant::{App, Introspection, TokenRequest, TokenResponse, TokenToInspect, TokenToRevoke};
use crate::host::{Host, HostAllowList, InstanceUrl};
use crate::ids::{IdentityUrl, RecordId};
use crate::observer::{Endpoint, Observer, observed};
use crate::rest::{
    ApiVersion, AppAddress, AvailableVersion, Consumer, ObjectList, OrgLimit, Organization, RestAnswer,
    StagedCredentials, UserIdentity,
};
use crate::secrets::AccessToken;
use crate::settings::ClientSettings;
use crate::transport::{BuildError, Transport};

/// A client of Salesforce's OAuth and REST endpoints. Cheap to clone.
///
/// It never retries, never follows a redirect, and sends nothing to a host that its settings do not allow.
#[derive(Debug, Clone)]
pub struct Client {
    transport: Arc<Transport>,
}

impl Client {
    /// A client with these settings.
    pub fn new(settings: ClientSettings) -> Result<Self, BuildError> {
        Ok(Self {
            transport: Arc::new(Transport::new(settings)?),
        })
    }

    /// This client with other hosts allowed. The two share their connections.
    #[must_use]
    pub fn allowing(&self, allow_list: HostAllowList) -> Self {
        Self {
            transport: Arc::new(self.transport.allowing(allow_list)),
        }
    }

    /// This client with somebody who hears of each call. The two share their connections.
    #[must_use]
    pub fn observed_by(&self, observer: Arc<dyn Observer>) -> Self {
        Self {
            transport: Arc::new(self.transport.observed_by(observer)),
        }
    }

    /// In a box, as a call is large and would otherwise stand in every future around it twice.
    fn observed<'a, T: 'a>(
        &'a self,
        endpoint: Endpoint,
        work: impl Future<Output = Result<T, Failure>> + 'a,
    ) -> impl Future<Output = Result<T, Failure>> + 'a {
        observed(self.transport.observer(), endpoint, Box::pin(work))
    }

    /// Obtains an access token at `host`. Sends one request at most.
    pub async fn token(
        &self,
        host: &Host,
        app: &App,
        grant: &TokenRequest,
    ) -> Result<TokenResponse, Failure> {
        let call = crate::token::request(&self.transport, host, app, grant);
        self.observed(Endpoint::Token, call).await
    }

    /// Asks whether a token lives, and until when. Needs the app's secret; knows the app's own tokens only.
    pub async fn introspect(
        &self,
        host: &Host,
        app: &App,
        token: TokenToInspect<'_>,
    ) -> Result<Introspection, Failure> {
        let call = crate::introspect::introspect(&self.transport, host, app, token);
        self.observed(Endpoint::Introspection, call).await
    }

    /// Revokes a token. Possession suffices; no app is named.
    pub async fn revoke(&self, host: &Host, token: TokenToRevoke<'_>) -> Result<(), Failure> {
        let call = crate::introspect::revoke(&self.transport, host, token);
        self.observed(Endpoint::Revocation, call).await
    }

    /// The base address of a host, to be asked before there is a token. Used by the planned check of a new connector.
    pub fn base_of(&self, host: &Host) -> InstanceUrl {
        self.transport.base_of(host)
    }

    /// Whether this instance URL may be used, as every call below checks for itself. Used by the planned check before a
    /// token reaches a Secret.
    pub fn check_instance(&self, instance: &InstanceUrl) -> Result<(), Failure> {
        self.transport.check_instance(instance)
    }

    /// The API versions, which need no token: proves that the host answers as Salesforce. Oldest first.
    pub async fn versions(&self, instance: &InstanceUrl) -> Result<Vec<AvailableVersion>, Failure> {
        let call = crate::rest::versions(&self.transport, instance);
        self.observed(Endpoint::Versions, call).await
    }

    /// Who the token is, with the Salesforce username; asked at `instance`, whatever host the identity URL named.
    pub async fn identity(
        &self,
        instance: &InstanceUrl,
        id: &IdentityUrl,
        token: &AccessToken,
    ) -> Result<RestAnswer<UserIdentity>, Failure> {
        let call = crate::rest::identity(&self.transport, instance, id, token);
        self.observed(Endpoint::Identity, call).await
    }

    /// The org's facts, by one query, which also proves API access; nothing where the user may not read them.
    pub async fn organization(
        &self,
        instance: &InstanceUrl,
        version: ApiVersion,
        token: &AccessToken,
    ) -> Result<RestAnswer<Option<Organization>>, Failure> {
        let call = crate::rest::organization(&self.transport, instance, version, token);
        self.observed(Endpoint::Organization, call).await
    }

    /// The objects that the user sees, by describe global.
    pub async fn objects(
        &self,
        instance: &InstanceUrl,
        version: ApiVersion,
        token: &AccessToken,
    ) -> Result<RestAnswer<ObjectList>, Failure> {
        let call = crate::rest::objects(&self.transport, instance, version, token);
        self.observed(Endpoint::Objects, call).await
    }

    /// How many records the named objects have, as far as Salesforce knows. Needs View Setup and Configuration.
    pub async fn record_counts(
        &self,
        instance: &InstanceUrl,
        version: ApiVersion,
        token: &AccessToken,
        objects: &[String],
    ) -> Result<RestAnswer<BTreeMap<String, u64>>, Failure> {
        let call = crate::rest::record_counts(&self.transport, instance, version, token, objects);
        self.observed(Endpoint::RecordCounts, call).await
    }

    /// The org's limits. Needs View Setup and Configuration.
    pub async fn limits(
        &self,
        instance: &InstanceUrl,
        version: ApiVersion,
        token: &AccessToken,
    ) -> Result<RestAnswer<BTreeMap<String, OrgLimit>>, Failure> {
        let call = crate::rest::limits(&self.transport, instance, version, token);
        self.observed(Endpoint::Limits, call).await
    }

    /// The consumers of an external client app, with their consumer keys. Needs View Client Secret, and a setting of the org.
    pub async fn consumers(
        &self,
        at: &AppAddress,
        token: &AccessToken,
    ) -> Result<RestAnswer<Vec<Consumer>>, Failure> {
        let call = crate::rest::consumers(&self.transport, at, token);
        self.observed(Endpoint::AppCredentials, call).await
    }

    /// What stands beside the credentials of a consumer that are in use: staged ones, or those from before a rotation.
    pub async fn staged_credentials(
        &self,
        at: &AppAddress,
        consumer: &RecordId,
        token: &AccessToken,
    ) -> Result<RestAnswer<Vec<StagedCredentials>>, Failure> {
        let call = crate::rest::staged(&self.transport, at, consumer, token);
        self.observed(Endpoint::AppCredentials, call).await
    }

    /// Stages new credentials, whose secret may be shown only now. Where [`Failure::sent`] is unknown, they may be staged.
    pub async fn stage_credentials(
        &self,
        at: &AppAddress,
        consumer: &RecordId,
        token: &AccessToken,
    ) -> Result<StagedCredentials, Failure> {
        let call = crate::rest::stage(&self.transport, at, consumer, token);
        self.observed(Endpoint::AppCredentials, call).await
    }

    /// Rotates the staged credentials of a consumer in. It must not be repeated before somebody has looked: the same id may
    /// stand for the former credentials by then.
    pub async fn rotate_credentials(
        &self,
        at: &AppAddress,
        staged: (&RecordId, &RecordId),
        token: &AccessToken,
    ) -> Result<(), Failure> {
        let call = crate::rest::rotate(&self.transport, at, staged, token);
        self.observed(Endpoint::AppCredentials, call).await
    }

    /// Deletes what stands beside the credentials of a consumer.
    pub async fn delete_staged_credentials(
        &self,
        at: &AppAddress,
        staged: (&RecordId, &RecordId),
        token: &AccessToken,
    ) -> Result<(), Failure> {
        let call = crate::rest::delete(&self.transport, at, staged, token);
        self.observed(Endpoint::AppCredentials, call).await
    }
}
