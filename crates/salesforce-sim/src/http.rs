//! What reaches a handler, and what does it answer?

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::{HeaderMap, Method, StatusCode};
use serde_json::Value;

#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) scheme: &'static str,
    /// Host header without the port, lower case.
    pub(crate) host: String,
    /// Host header as sent.
    pub(crate) authority: String,
    pub(crate) path: String,
    pub(crate) query: Params,
    /// Path and query as they were sent.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Parameters of a query or form; the first of equal names wins.
#[derive(Clone, Default)]
pub(crate) struct Params(HashMap<String, String>);

impl Params {
    pub(crate) fn parse(encoded: &[u8]) -> Self {
        let mut params = HashMap::new();
        for (name, value) in url::form_urlencoded::parse(encoded) {
            params
                .entry(name.into_owned())
                .or_insert_with(|| value.into_owned());
        }
        Self(params)
    }

    /// A parameter that is there and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(crate) fn form(&self) -> Params {
        Params::parse(&self.body)
    }

    /// The address that was called, for clients that reach the simulator by its port.
    pub(crate) fn address_called(&self) -> String {
        format!("{}://{}", self.scheme, self.authority)
    }

    /// Credentials of an `Authorization: Basic` header, URL-decoded as OAuth 2.0 demands; `Err` where malformed.
    pub(crate) fn basic_credentials(&self) -> Result<Option<(String, String)>, ()> {
        let Some(encoded) = self
            .header("authorization")
            .and_then(|value| value.strip_prefix("Basic "))
        else {
            return Ok(None);
        };
        let bytes = STANDARD.decode(encoded.trim()).map_err(|_| ())?;
        let text = String::from_utf8(bytes).map_err(|_| ())?;
        let (id, secret) = text.split_once(':').ok_or(())?;
        Ok(Some((percent_decode(id), percent_decode(secret))))
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        self.header("cookie")?
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='))
            .find_map(|(key, value)| (key == name).then_some(value))
    }
}

fn percent_decode(text: &str) -> String {
    let encoded = format!("v={}", text.replace('+', "%2B"));
    Params::parse(encoded.as_bytes())
        .get("v")
        .unwrap_or_default()
        .to_owned()
}

#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Salesforce's error code, for the log.
    pub(crate) error: Option<String>,
}

impl Reply {
    fn new(status: StatusCode, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body: body.into(),
            error: None,
        }
    }

    pub(crate) fn json(status: StatusCode, value: &Value) -> Self {
        Self::new(status, "application/json;charset=UTF-8", value.to_string())
    }

    pub(crate) fn text(status: StatusCode, text: &str) -> Self {
        Self::new(status, "text/html;charset=UTF-8", text)
    }

    pub(crate) fn html(status: StatusCode, page: impl Into<String>) -> Self {
        Self::new(status, "text/html;charset=UTF-8", page.into())
    }

    pub(crate) fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            error: None,
        }
    }

    pub(crate) fn redirect(location: &str) -> Self {
        Self::empty(StatusCode::FOUND).with("location", location)
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn noting(mut self, error: &str) -> Self {
        self.error = Some(error.to_owned());
        self
    }
}
