//! The REST calls of a connection test, of an inventory and of a rotation.

mod app_credentials;
mod holdings;
mod model;
mod parse;
mod wire;

pub use app_credentials::{AppAddress, Consumer, StagedCredentials, StagedState};
pub(crate) use app_credentials::{consumers, delete, rotate, stage, staged};
pub(crate) use holdings::{limits, objects, record_counts};
pub use model::{
    ApiUsage, ApiVersion, AvailableVersion, InvalidApiVersion, ObjectList, OrgLimit, Organization,
    RestAnswer, UserIdentity, is_api_name,
};

use reqwest::header::HeaderName;
use serde::de::DeserializeOwned;

use crate::failure::Failure;
use crate::host::InstanceUrl;
use crate::ids::IdentityUrl;
use crate::received::{Answerer, Received};
use crate::refusal::Refusal;
use crate::scrub::Scrubber;
use crate::secrets::AccessToken;
use crate::transport::{Connection, LIST_CAP, RECORD_CAP, Transport};

const LIMIT_INFO: HeaderName = HeaderName::from_static("sforce-limit-info");

/// One GET whose answer is JSON of at most `cap` bytes.
async fn get<T: DeserializeOwned>(
    transport: &Transport,
    instance: &InstanceUrl,
    path: &str,
    token: Option<&AccessToken>,
    cap: usize,
) -> Result<RestAnswer<T>, Failure> {
    let scrubber = Scrubber::of(token.map(AccessToken::expose));
    let request = transport.get(instance, path, token)?;
    let received = transport
        .send(Connection::Pooled, request, cap, &scrubber)
        .await?;
    read(received, &scrubber)
}

/// A success as what it stands for.
fn read<T: DeserializeOwned>(received: Received, scrubber: &Scrubber) -> Result<RestAnswer<T>, Failure> {
    let received = received.success(None, scrubber)?;
    let value = serde_json::from_slice(&received.body)
        // The error names a place and a field; values of Salesforce's are not secret here.
        .map_err(|error| match received.answerer {
            Answerer::Salesforce => {
                received.not_understood(&format!("failed to read the answer: {error}"), scrubber)
            }
            Answerer::FurtherHost => received.not_understood("failed to read the answer", scrubber),
        })?;
    Ok(RestAnswer {
        value,
        api_usage: api_usage(&received),
    })
}

fn api_usage(received: &Received) -> Option<ApiUsage> {
    received.header(&LIMIT_INFO).and_then(ApiUsage::from_header)
}

pub(crate) async fn versions(
    transport: &Transport,
    instance: &InstanceUrl,
) -> Result<Vec<AvailableVersion>, Failure> {
    let answer: RestAnswer<Vec<wire::Version>> =
        get(transport, instance, "/services/data/", None, LIST_CAP).await?;
    let versions: Vec<AvailableVersion> = answer.value.into_iter().map(Into::into).collect();
    if versions.is_empty() {
        let failure = Failure::unknown(Refusal::UnreadableAnswer, "the list of API versions is empty");
        return Err(Failure {
            http_status: Some(200),
            ..failure
        });
    }
    Ok(versions)
}

pub(crate) async fn identity(
    transport: &Transport,
    instance: &InstanceUrl,
    id: &IdentityUrl,
    token: &AccessToken,
) -> Result<RestAnswer<UserIdentity>, Failure> {
    let path = format!("/id/{}/{}", id.organization_id, id.user_id);
    get(transport, instance, &path, Some(token), RECORD_CAP).await
}

/// The columns of [`Organization`], URL-encoded.
const ORGANIZATION_QUERY: &str = "SELECT+Id,Name,OrganizationType,InstanceName,IsSandbox,TrialExpirationDate,\
                                  NamespacePrefix+FROM+Organization";

/// Who may not read the object is refused by the query itself, which the API has taken: API access has refusals of its own.
/// docs/salesforce.md#organization-unreadable
pub(crate) async fn organization(
    transport: &Transport,
    instance: &InstanceUrl,
    version: ApiVersion,
    token: &AccessToken,
) -> Result<RestAnswer<Option<Organization>>, Failure> {
    let path = format!("/services/data/v{version}/query?q={ORGANIZATION_QUERY}");
    let scrubber = Scrubber::of([token.expose()]);
    let request = transport.get(instance, &path, Some(token))?;
    let received = transport
        .send(Connection::Pooled, request, RECORD_CAP, &scrubber)
        .await?;
    let api_usage = api_usage(&received);
    match read(received, &scrubber) {
        Ok(rows) => Ok(rows.map(|rows: wire::Rows<Organization>| rows.records.into_iter().next())),
        Err(failure) if is_unreadable(failure.refusal) => Ok(RestAnswer {
            value: None,
            api_usage,
        }),
        Err(failure) => Err(failure),
    }
}

fn is_unreadable(refusal: Refusal) -> bool {
    matches!(refusal, Refusal::ObjectNotReadable | Refusal::InsufficientAccess)
}
