//! The base address of an org's REST calls, as token responses name it.

use std::fmt;
use std::str::FromStr;

use url::Url;

use super::Host;

/// `https://acme.my.salesforce.com`: scheme and host, nothing else. Not yet checked against the allow-list: each
/// call of the client does that before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InstanceUrl {
    plain_http: bool,
    host: Host,
}

/// A text that is no base address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a base address of the form https://acme.my.salesforce.com")]
pub struct InvalidInstanceUrl;

impl InstanceUrl {
    /// The https address of a host.
    pub fn https(host: Host) -> Self {
        Self {
            plain_http: false,
            host,
        }
    }

    /// The http address of a host, which the client uses only where its settings say so.
    pub fn plain_http(host: Host) -> Self {
        Self {
            plain_http: true,
            host,
        }
    }

    /// The host it names.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Whether it is plain http, without TLS.
    pub fn is_plain_http(&self) -> bool {
        self.plain_http
    }
}

impl FromStr for InstanceUrl {
    type Err = InvalidInstanceUrl;

    fn from_str(text: &str) -> Result<Self, InvalidInstanceUrl> {
        let url = Url::parse(text).map_err(|_| InvalidInstanceUrl)?;
        let bare = url.username().is_empty()
            && url.password().is_none()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none();
        let plain_http = match url.scheme() {
            "https" => false,
            "http" => true,
            _ => return Err(InvalidInstanceUrl),
        };
        let name = url.host_str().filter(|_| bare).ok_or(InvalidInstanceUrl)?;
        let host = match url.port() {
            None => name.parse(),
            Some(port) => format!("{name}:{port}").parse(),
        };
        Ok(Self {
            plain_http,
            host: host.map_err(|_| InvalidInstanceUrl)?,
        })
    }
}

impl fmt::Display for InstanceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.plain_http { "http" } else { "https" };
        write!(f, "{scheme}://{}", self.host)
    }
}
