//! What does an org hold: which objects, how many records, how much of its limits?

mod reader;

use std::collections::BTreeMap;

use serde_json::Value;

use super::model::{ApiVersion, ObjectList, OrgLimit, RestAnswer, is_api_name};
use super::{api_usage, get, wire};
use crate::failure::Failure;
use crate::host::InstanceUrl;
use crate::refusal::Refusal;
use crate::scrub::Scrubber;
use crate::secrets::AccessToken;
use crate::transport::{LIST_CAP, OBJECTS_CAP, RECORD_CAP, Transport};
use reader::ObjectReader;

/// The most limits that are kept. Salesforce has about 60.
const MOST_LIMITS: usize = 256;

/// The objects that the user sees. The answer of a large org has several megabytes, so it is never in memory as a whole.
pub(crate) async fn objects(
    transport: &Transport,
    instance: &InstanceUrl,
    version: ApiVersion,
    token: &AccessToken,
) -> Result<RestAnswer<ObjectList>, Failure> {
    let scrubber = Scrubber::of([token.expose()]);
    let request = transport.get(
        instance,
        &format!("/services/data/v{version}/sobjects"),
        Some(token),
    )?;
    let mut reader = ObjectReader::default();
    let mut take = |piece: &[u8]| reader.take(piece);
    let received = transport
        .stream(request, OBJECTS_CAP, &scrubber, &mut take)
        .await?;
    let received = received.success(None, &scrubber)?;
    match reader.finish() {
        Ok(value) => Ok(RestAnswer {
            value,
            api_usage: api_usage(&received),
        }),
        Err(why) => Err(received.not_understood(why, &scrubber)),
    }
}

/// How many records the named objects have.
pub(crate) async fn record_counts(
    transport: &Transport,
    instance: &InstanceUrl,
    version: ApiVersion,
    token: &AccessToken,
    objects: &[String],
) -> Result<RestAnswer<BTreeMap<String, u64>>, Failure> {
    if objects.is_empty() || !objects.iter().all(|name| is_api_name(name)) {
        let why = "the names of objects to count are not API names";
        return Err(Failure::not_sent(Refusal::RequestNotBuilt, why));
    }
    let path = format!(
        "/services/data/v{version}/limits/recordCount?sObjects={}",
        objects.join(",")
    );
    let answer: RestAnswer<wire::RecordCounts> =
        get(transport, instance, &path, Some(token), RECORD_CAP).await?;
    Ok(answer.map(|counts| counts.of(objects)))
}

/// The org's limits that have a maximum.
pub(crate) async fn limits(
    transport: &Transport,
    instance: &InstanceUrl,
    version: ApiVersion,
    token: &AccessToken,
) -> Result<RestAnswer<BTreeMap<String, OrgLimit>>, Failure> {
    let path = format!("/services/data/v{version}/limits");
    let answer: RestAnswer<BTreeMap<String, Value>> =
        get(transport, instance, &path, Some(token), LIST_CAP).await?;
    Ok(answer.map(|limits| {
        let known = limits.into_iter().filter(|(name, _)| is_api_name(name));
        known
            .filter_map(|(name, limit)| Some((name, limit_of(&limit)?)))
            .take(MOST_LIMITS)
            .collect()
    }))
}

fn limit_of(limit: &Value) -> Option<OrgLimit> {
    let max = limit.get("Max")?.as_u64().filter(|max| *max > 0)?;
    // More than all may be used: Salesforce then answers a negative number.
    let remaining = limit.get("Remaining")?.as_i64()?;
    Some(OrgLimit {
        max,
        remaining: u64::try_from(remaining).unwrap_or_default(),
    })
}
