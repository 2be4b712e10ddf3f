//! The REST calls of a connection test.

mod model;
mod parse;
mod wire;

pub use model::{
    ApiUsage, ApiVersion, AvailableVersion, InvalidApiVersion, Organization, Resources, RestAnswer,
    UserIdentity,
};

use reqwest::header::HeaderName;
use serde::de::DeserializeOwned;

use crate::failure::{Failure, Sent};
use crate::host::InstanceUrl;
use crate::ids::IdentityUrl;
use crate::received::Answerer;
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
        .await?
        .success(None, &scrubber)?;
    let value = serde_json::from_slice(&received.body)
        // The error names a place and a field; values of Salesforce's are not secret here.
        .map_err(|error| match received.answerer {
            Answerer::Salesforce => {
                received.not_understood(&format!("failed to read the answer: {error}"), &scrubber)
            }
            Answerer::FurtherHost => received.not_understood("failed to read the answer", &scrubber),
        })?;
    let api_usage = received.header(&LIMIT_INFO).and_then(ApiUsage::from_header);
    Ok(RestAnswer {
        value,
        api_usage,
        latency: received.latency,
    })
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

pub(crate) async fn resources(
    transport: &Transport,
    instance: &InstanceUrl,
    version: ApiVersion,
    token: &AccessToken,
) -> Result<RestAnswer<Resources>, Failure> {
    let paths = get(
        transport,
        instance,
        &format!("/services/data/v{version}/"),
        Some(token),
        LIST_CAP,
    )
    .await?;
    Ok(paths.map(|paths| Resources { paths }))
}

/// The columns of [`Organization`], URL-encoded.
const ORGANIZATION_QUERY: &str = "SELECT+Id,Name,OrganizationType,InstanceName,IsSandbox,TrialExpirationDate,\
                                  NamespacePrefix+FROM+Organization";

pub(crate) async fn organization(
    transport: &Transport,
    instance: &InstanceUrl,
    version: ApiVersion,
    token: &AccessToken,
) -> Result<RestAnswer<Organization>, Failure> {
    let path = format!("/services/data/v{version}/query?q={ORGANIZATION_QUERY}");
    let rows: RestAnswer<wire::Rows<Organization>> =
        get(transport, instance, &path, Some(token), RECORD_CAP).await?;
    let RestAnswer {
        value,
        api_usage,
        latency,
    } = rows;
    match value.records.into_iter().next() {
        Some(value) => Ok(RestAnswer {
            value,
            api_usage,
            latency,
        }),
        None => Err(Failure {
            sent: Sent::Answered,
            http_status: Some(200),
            ..Failure::not_sent(
                Refusal::ObjectNotReadable,
                "the query on Organization gave no row",
            )
        }),
    }
}
