//! Names to addresses: the system's resolver, but for hosts that are connected to elsewhere.

use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::settings::ConnectTo;

pub(super) struct Resolver {
    rules: Vec<ConnectTo>,
}

/// A name that could not be resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum DnsFailure {
    #[error("the name server did not answer")]
    Unavailable,
    #[error("the host has no address")]
    NoSuchHost,
}

impl Resolver {
    pub(super) fn new(rules: Vec<ConnectTo>) -> Self {
        Self { rules }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let rule = self
            .rules
            .iter()
            .find(|rule| rule.pattern.matches_name(name.as_str()));
        if let Some(rule) = rule {
            let addresses: Addrs = Box::new(std::iter::once(rule.address));
            return Box::pin(std::future::ready(Ok(addresses)));
        }
        Box::pin(async move {
            // Port 0 stands for the scheme's own.
            let found = tokio::net::lookup_host((name.as_str(), 0))
                .await
                .map_err(|error| failure(&error))?;
            let addresses: Vec<SocketAddr> = found.collect();
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}

/// The standard library keeps only the text of `getaddrinfo`'s error: glibc's, and musl's.
fn failure(error: &std::io::Error) -> DnsFailure {
    let text = error.to_string().to_ascii_lowercase();
    let passing = ["temporary failure", "try again", "non-recoverable"]
        .iter()
        .any(|it| text.contains(it));
    if passing {
        DnsFailure::Unavailable
    } else {
        DnsFailure::NoSuchHost
    }
}

#[cfg(test)]
mod tests {
    use std::io::Error;

    use super::*;

    #[test]
    fn a_name_server_that_does_not_answer_is_told_from_a_name_that_does_not_exist() {
        let of = |text: &str| {
            failure(&Error::other(format!(
                "failed to lookup address information: {text}"
            )))
        };
        assert_eq!(of("Name or service not known"), DnsFailure::NoSuchHost);
        assert_eq!(of("No address associated with hostname"), DnsFailure::NoSuchHost);
        assert_eq!(of("Name does not resolve"), DnsFailure::NoSuchHost);
        assert_eq!(
            of("Temporary failure in name resolution"),
            DnsFailure::Unavailable
        );
        assert_eq!(of("Try again"), DnsFailure::Unavailable);
    }
}
