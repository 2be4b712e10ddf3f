//! How is a Secret of a tenant read, so that its size costs no memory that others need?

use std::collections::BTreeMap;
use std::fmt;

use futures::{AsyncRead, AsyncReadExt as _};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::GetParams;
use kube::{Client, Resource as _};
use serde::de::value::StrDeserializer;
use serde::de::{Deserialize, Deserializer, Visitor};
use tokio::sync::Semaphore;

use crate::core::model::inputs::Input;

/// An answer of so many bytes is read as it comes. Hardly any Secret has a longer one.
const SMALL: u64 = 64 * 1024;

/// Longer answers that are in memory at once. Whoever waits for this has a long Secret itself, and waits for the API server
/// alone.
const LARGE_AT_ONCE: usize = 1;

/// A longer value is left out. None that the operator writes is as long: an answer that brings a token has 64 KiB at most.
const LONGEST_VALUE: usize = 128 * 1024;

/// A Secret without its very long values.
#[derive(Debug)]
pub(crate) struct FoundSecret {
    pub(crate) secret: Secret,
    /// Bytes of each value that was left out, by its key.
    too_long: BTreeMap<String, usize>,
}

impl FoundSecret {
    /// The Secret with an empty value under each key whose value was left out.
    pub(crate) fn with_empty_values(mut self) -> Secret {
        let keys = self.too_long.into_keys();
        let values = keys.map(|key| (key, ByteString::default()));
        self.secret.data.get_or_insert_default().extend(values);
        self.secret
    }

    pub(crate) fn value(&self, key: &str) -> Input {
        if let Some(bytes) = self.too_long.get(key) {
            return Input::TooLong(*bytes);
        }
        let bytes = self.secret.data.as_ref().and_then(|data| data.get(key));
        Input::read(bytes.map(|bytes| bytes.0.as_slice()))
    }
}

/// Reads Secrets.
pub(crate) struct SecretReader {
    client: Client,
    large: Semaphore,
}

impl SecretReader {
    pub(crate) fn new(client: Client) -> Self {
        let large = Semaphore::new(LARGE_AT_ONCE);
        Self { client, large }
    }

    pub(crate) async fn find(&self, namespace: &str, name: &str) -> kube::Result<Option<FoundSecret>> {
        let path = Secret::url_path(&(), Some(namespace));
        let request = kube::core::Request::new(path)
            .get(name, &GetParams::default())
            .map_err(kube::Error::BuildRequest)?;
        match self.client.request_stream(request).await {
            Ok(answer) => self.read(std::pin::pin!(answer)).await.map(Some),
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn read(&self, mut answer: impl AsyncRead + Unpin) -> kube::Result<FoundSecret> {
        let mut body = Vec::new();
        let failed = |error: std::io::Error| kube::Error::Service(error.into());
        let mut beginning = (&mut answer).take(SMALL);
        beginning.read_to_end(&mut body).await.map_err(failed)?;
        if beginning.limit() > 0 {
            return parse(&body);
        }
        let _large = self
            .large
            .acquire()
            .await
            .map_err(|closed| kube::Error::Service(closed.into()))?;
        answer.read_to_end(&mut body).await.map_err(failed)?;
        parse(&body)
    }
}

fn parse(body: &[u8]) -> kube::Result<FoundSecret> {
    let answer: SecretJson = serde_json::from_slice(body).map_err(kube::Error::SerdeError)?;
    let (mut data, mut too_long) = (BTreeMap::new(), BTreeMap::new());
    for (key, value) in answer.data.unwrap_or_default() {
        match value {
            Value::Read(value) => drop(data.insert(key, value)),
            Value::TooLong(bytes) => drop(too_long.insert(key, bytes)),
        }
    }
    let secret = Secret {
        metadata: answer.metadata,
        type_: answer.type_,
        immutable: answer.immutable,
        data: Some(data),
        ..Secret::default()
    };
    Ok(FoundSecret { secret, too_long })
}

/// A Secret as the API server sends it.
#[derive(serde::Deserialize)]
struct SecretJson {
    metadata: ObjectMeta,
    #[serde(rename = "type")]
    type_: Option<String>,
    immutable: Option<bool>,
    data: Option<BTreeMap<String, Value>>,
}

enum Value {
    Read(ByteString),
    /// It has so many bytes, and was not decoded.
    TooLong(usize),
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Base64;

        impl Visitor<'_> for Base64 {
            type Value = Value;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a value in base64")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
                let padding = text.bytes().rev().take_while(|byte| *byte == b'=').count();
                let bytes = (text.len() / 4 * 3).saturating_sub(padding);
                if bytes > LONGEST_VALUE {
                    return Ok(Value::TooLong(bytes));
                }
                ByteString::deserialize(StrDeserializer::new(text))
                    .map(Value::Read)
                    .map_err(|_: serde::de::value::Error| E::custom("not base64"))
            }
        }

        deserializer.deserialize_str(Base64)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::model::limits;

    fn found(bytes: usize) -> FoundSecret {
        let data = BTreeMap::from([("v".to_owned(), ByteString(vec![b'&'; bytes]))]);
        let secret = json!({ "metadata": { "name": "large" }, "type": "Opaque", "data": data });
        parse(secret.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_value_of_a_mebibyte_is_left_out_of_its_secret_and_its_length_is_known() {
        for bytes in [1 << 20, (1 << 20) - 1, (1 << 20) - 2] {
            let found = found(bytes);
            assert!(matches!(found.value("v"), Input::TooLong(length) if length == bytes));
            assert_eq!(found.secret.data, Some(BTreeMap::new()));
            let empty = BTreeMap::from([("v".to_owned(), ByteString::default())]);
            assert_eq!(found.with_empty_values().data, Some(empty));
        }
        let found = found(limits::LONGEST_INPUT);
        assert!(matches!(found.value("v"), Input::Found(_)));
        assert!(matches!(found.value("w"), Input::KeyMissing));
        assert_eq!(found.secret.type_.as_deref(), Some("Opaque"));
    }

    #[test]
    fn what_is_no_secret_is_an_error_that_does_not_quote_it() {
        let error = parse(br#"{"metadata":{},"data":{"v":"not base64 at all"}}"#).unwrap_err();
        assert!(!error.to_string().contains("at all"), "{error}");
        assert!(parse(br#"{"metadata":{},"data":{"v":"="}}"#).is_err());
    }
}
