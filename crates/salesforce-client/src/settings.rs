//! How the client reaches Salesforce: allowed hosts, addresses, trusted CAs, time limits.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use crate::host::HostAllowList;
use crate::host_pattern::{InvalidHostPattern, Pattern};

/// The settings of a [`Client`](crate::Client).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSettings {
    /// Where credentials may be sent.
    pub allow_list: HostAllowList,
    /// Hosts that are reached at another address, and without a proxy.
    pub connect_to: Vec<ConnectTo>,
    /// Certificates of CAs trusted besides the system's, as PEM bundles.
    pub extra_ca_pem: Vec<Vec<u8>>,
    /// Limit for DNS, TCP and TLS together.
    pub connect_timeout: Duration,
    /// Limit for a whole request, connecting and reading the answer included.
    pub request_timeout: Duration,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// Whether plain http may be spoken.
    pub transport: TransportSecurity,
    /// Whether `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` are honoured.
    pub proxies: Proxies,
}

/// Whether tokens may travel without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportSecurity {
    /// TLS for every request.
    Https,
    /// Login hosts are spoken to by plain http, and http instance URLs are accepted. For tests on a loopback
    /// address; never in production.
    PlainHttpForTests,
}

/// Where proxies are taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proxies {
    /// From the environment variables in use everywhere.
    FromEnvironment,
    /// No proxy, whatever the environment says.
    Never,
}

impl Default for ClientSettings {
    /// Salesforce's own hosts, verified TLS, 10 s to connect, 30 s for a request, proxies from the environment.
    fn default() -> Self {
        Self {
            allow_list: HostAllowList::default(),
            connect_to: Vec::new(),
            extra_ca_pem: Vec::new(),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            user_agent: concat!("salesforce-client/", env!("CARGO_PKG_VERSION")).to_owned(),
            transport: TransportSecurity::Https,
            proxies: Proxies::FromEnvironment,
        }
    }
}

/// Connect to another address than the host's own, as curl's `--connect-to`: TLS name and `Host` header stay.
///
/// Written `pattern=address:port`, for example `*.my.salesforce.com=127.0.0.1:8743` or `*=127.0.0.1:8743`. The
/// pattern may carry `:443`, and no other port: hosts with an explicit port keep it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectTo {
    pub(crate) pattern: Pattern,
    pub(crate) address: SocketAddr,
}

/// A text that is not of the form `pattern=address:port`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidConnectTo {
    /// There is no `=`.
    #[error("expected pattern=address:port, for example *.my.salesforce.com=127.0.0.1:8743")]
    Form,
    /// The left side is no host pattern.
    #[error(transparent)]
    Pattern(#[from] InvalidHostPattern),
    /// The left side names a port other than 443.
    #[error("the pattern of connect-to may name no port but 443")]
    Port,
    /// The right side is no IP address with a port.
    #[error("{0:?} is not an IP address with a port, such as 127.0.0.1:8743 or [::1]:8743")]
    Address(String),
}

impl FromStr for ConnectTo {
    type Err = InvalidConnectTo;

    fn from_str(text: &str) -> Result<Self, InvalidConnectTo> {
        let (pattern, address) = text.split_once('=').ok_or(InvalidConnectTo::Form)?;
        let pattern: Pattern = pattern.parse()?;
        if pattern.port().is_some_and(|port| port != 443) {
            return Err(InvalidConnectTo::Port);
        }
        let address = address
            .parse()
            .map_err(|_| InvalidConnectTo::Address(address.to_owned()))?;
        Ok(Self { pattern, address })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connect_to_is_a_pattern_and_an_address() {
        let entry: ConnectTo = "*.my.salesforce.com:443=127.0.0.1:8743".parse().unwrap();
        assert!(entry.pattern.matches_name("acme.my.salesforce.com"));
        assert!(!entry.pattern.matches_name("login.salesforce.com"));
        assert_eq!(entry.address, "127.0.0.1:8743".parse().unwrap());
        assert!(
            "*=[::1]:1"
                .parse::<ConnectTo>()
                .unwrap()
                .pattern
                .matches_name("login.salesforce.com")
        );
    }

    #[test]
    fn a_wrong_connect_to_is_told_what_is_wrong() {
        let error = |text: &str| text.parse::<ConnectTo>().unwrap_err().to_string();
        assert_eq!(error("login.salesforce.com"), InvalidConnectTo::Form.to_string());
        assert_eq!(
            error("a.example:8443=127.0.0.1:1"),
            InvalidConnectTo::Port.to_string()
        );
        assert_eq!(
            error("a.example=localhost:1"),
            "\"localhost:1\" is not an IP address with a port, such as 127.0.0.1:8743 or [::1]:8743"
        );
        assert!(error("*a.example=127.0.0.1:1").contains("not a host pattern"));
    }
}
