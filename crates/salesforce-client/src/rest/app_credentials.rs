//! The credentials of an external client app: reading whose they are, staging new ones, rotating them in.
//!
//! docs/salesforce.md#credentials-resource. The answers hold consumer secrets: no words of a body are ever shown but those of a
//! refusal.

use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::api_usage;
use super::model::{ApiVersion, RestAnswer};
use crate::failure::Failure;
use crate::host::InstanceUrl;
use crate::ids::RecordId;
use crate::received::Received;
use crate::refusal::Refusal;
use crate::scrub::Scrubber;
use crate::secrets::{AccessToken, ClientSecret};
use crate::transport::{Connection, RECORD_CAP, Transport};

/// The first version with the resource.
const VERSION: ApiVersion = ApiVersion::new(65);

/// An app, as the resource names it, and where it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppAddress {
    /// The instance of the org that has the app.
    pub instance: InstanceUrl,
    /// The id of the external client app.
    pub app: RecordId,
}

/// A consumer of an app: one pair of credentials that is in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumer {
    /// Its id.
    pub id: RecordId,
    /// The consumer key.
    pub client_id: String,
}

/// Credentials beside those that are in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagedCredentials {
    /// Their id.
    pub id: RecordId,
    /// The consumer key.
    pub client_id: String,
    /// The consumer secret, where the answer shows it.
    pub client_secret: Option<ClientSecret>,
    /// What they are.
    pub state: StagedState,
}

/// What credentials are beside those in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StagedState {
    /// They can be rotated in.
    Active,
    /// They are over.
    Expired,
    /// They were in use before a rotation.
    Rotated,
    /// Something that we do not know.
    Other,
}

#[derive(Deserialize)]
struct Consumers {
    consumers: Vec<ConsumerWire>,
}

#[derive(Deserialize)]
struct ConsumerWire {
    id: String,
    key: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Collection {
    staged_credentials: Vec<StagedWire>,
}

#[derive(Deserialize)]
struct StagedWire {
    id: String,
    key: String,
    secret: Option<String>,
    state: Option<String>,
}

impl StagedWire {
    fn understood(self) -> Option<StagedCredentials> {
        Some(StagedCredentials {
            id: self.id.parse().ok()?,
            client_id: self.key,
            client_secret: self
                .secret
                .filter(|secret| !secret.is_empty())
                .map(ClientSecret::new),
            state: match self.state.as_deref() {
                Some("Active") => StagedState::Active,
                Some("Expired") => StagedState::Expired,
                Some("Rotated") => StagedState::Rotated,
                _ => StagedState::Other,
            },
        })
    }
}

/// The consumers of an app.
pub(crate) async fn consumers(
    transport: &Transport,
    at: &AppAddress,
    token: &AccessToken,
) -> Result<RestAnswer<Vec<Consumer>>, Failure> {
    let call = ResourceCall { transport, at, token };
    let received = call.send(Method::GET, "", None).await?;
    let consumers: Consumers = call.read(&received)?;
    let understood = consumers.consumers.into_iter().map(|consumer| {
        Some(Consumer {
            id: consumer.id.parse().ok()?,
            client_id: consumer.key,
        })
    });
    let value: Option<Vec<_>> = understood.collect();
    Ok(RestAnswer {
        value: value.ok_or_else(|| call.not_understood(&received))?,
        api_usage: api_usage(&received),
    })
}

/// The credentials beside those in use. Where there are none, Salesforce may answer that there is no such resource.
pub(crate) async fn staged(
    transport: &Transport,
    at: &AppAddress,
    consumer: &RecordId,
    token: &AccessToken,
) -> Result<RestAnswer<Vec<StagedCredentials>>, Failure> {
    let call = ResourceCall { transport, at, token };
    let sent = call.send(Method::GET, &format!("/{consumer}/staged"), None).await;
    let received = match sent {
        Err(failure) if failure.refusal == Refusal::ResourceNotFound => {
            return Ok(RestAnswer {
                value: Vec::new(),
                api_usage: None,
            });
        }
        sent => sent?,
    };
    Ok(RestAnswer {
        value: call.collection(&received)?,
        api_usage: api_usage(&received),
    })
}

/// Stages new credentials.
pub(crate) async fn stage(
    transport: &Transport,
    at: &AppAddress,
    consumer: &RecordId,
    token: &AccessToken,
) -> Result<StagedCredentials, Failure> {
    let call = ResourceCall { transport, at, token };
    // A request without a length of its body has been seen to wait for ever: docs/salesforce.md#credentials-resource.
    let path = format!("/{consumer}/staged");
    let received = call.send(Method::POST, &path, Some("{}")).await?;
    let staged = call.collection(&received)?;
    let mut new = staged
        .into_iter()
        .filter(|staged| staged.state == StagedState::Active && staged.client_secret.is_some());
    match (new.next(), new.next()) {
        (Some(staged), None) => Ok(staged),
        _ => Err(call.not_understood(&received)),
    }
}

/// Rotates staged credentials in.
pub(crate) async fn rotate(
    transport: &Transport,
    at: &AppAddress,
    (consumer, staged): (&RecordId, &RecordId),
    token: &AccessToken,
) -> Result<(), Failure> {
    let call = ResourceCall { transport, at, token };
    let path = format!("/{consumer}/staged/{staged}");
    let command = r#"{"command":"rotate"}"#;
    call.send(Method::PATCH, &path, Some(command)).await.map(drop)
}

/// Deletes credentials beside those in use.
pub(crate) async fn delete(
    transport: &Transport,
    at: &AppAddress,
    (consumer, staged): (&RecordId, &RecordId),
    token: &AccessToken,
) -> Result<(), Failure> {
    let call = ResourceCall { transport, at, token };
    let path = format!("/{consumer}/staged/{staged}");
    call.send(Method::DELETE, &path, None).await.map(drop)
}

struct ResourceCall<'a> {
    transport: &'a Transport,
    at: &'a AppAddress,
    token: &'a AccessToken,
}

impl ResourceCall<'_> {
    fn scrubber(&self) -> Scrubber {
        Scrubber::of([self.token.expose()])
    }

    /// Sends a request over a new connection: it must not be sent twice.
    async fn send(
        &self,
        method: Method,
        below: &str,
        body: Option<&'static str>,
    ) -> Result<Received, Failure> {
        let AppAddress { instance, app } = self.at;
        let path = format!("/services/data/v{VERSION}/apps/oauth/credentials/{app}{below}");
        let request = self
            .transport
            .rest(method, instance, (&path, body), Some(self.token))?;
        let scrubber = self.scrubber();
        let received = self
            .transport
            .send(Connection::Fresh, request, RECORD_CAP, &scrubber)
            .await?;
        received.success(None, &scrubber)
    }

    fn read<T: DeserializeOwned>(&self, received: &Received) -> Result<T, Failure> {
        serde_json::from_slice(&received.body).map_err(|_| self.not_understood(received))
    }

    fn collection(&self, received: &Received) -> Result<Vec<StagedCredentials>, Failure> {
        let collection: Collection = self.read(received)?;
        let staged = collection.staged_credentials.into_iter();
        let understood: Option<Vec<_>> = staged.map(StagedWire::understood).collect();
        understood.ok_or_else(|| self.not_understood(received))
    }

    /// In words of ours: the answer may hold a secret.
    fn not_understood(&self, received: &Received) -> Failure {
        received.not_understood("failed to read the credentials of the app", &self.scrubber())
    }
}
