//! Which hosts may the connectors of a namespace send credentials to, beyond Salesforce's own?

use std::collections::BTreeMap;
use std::str::FromStr;

use salesforce_client::{HostAllowList, InvalidHostPattern};

use super::entry::of_namespace;

/// An entry of `--allow-host`: `namespace=host`, or `*=host` for all namespaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedHost {
    /// Nothing where it is for all.
    namespace: Option<String>,
    hosts: HostAllowList,
}

/// A text that is no entry of `--allow-host`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAllowedHost {
    #[error(
        "expected namespace=host, such as sales=sf.example.com, or *=host for the connectors of all namespaces"
    )]
    Form,
    #[error(transparent)]
    Host(#[from] InvalidHostPattern),
}

impl FromStr for AllowedHost {
    type Err = InvalidAllowedHost;

    fn from_str(text: &str) -> Result<Self, InvalidAllowedHost> {
        let (namespace, host) = of_namespace(text).ok_or(InvalidAllowedHost::Form)?;
        let hosts = HostAllowList::with_extra([host])?;
        Ok(Self { namespace, hosts })
    }
}

/// Salesforce's own hosts, and those that the administrator allows in each namespace.
#[derive(Debug, Clone, Default)]
pub struct AllowedHosts {
    everywhere: HostAllowList,
    /// With those that are allowed everywhere.
    by_namespace: BTreeMap<String, HostAllowList>,
}

impl AllowedHosts {
    pub fn new(entries: &[AllowedHost]) -> Self {
        let mut allowed = Self::default();
        for entry in entries.iter().filter(|entry| entry.namespace.is_none()) {
            allowed.everywhere = allowed.everywhere.and(&entry.hosts);
        }
        for entry in entries {
            if let Some(namespace) = &entry.namespace {
                let everywhere = &allowed.everywhere;
                let hosts = allowed.by_namespace.entry(namespace.clone());
                let hosts = hosts.or_insert_with(|| everywhere.clone());
                *hosts = hosts.and(&entry.hosts);
            }
        }
        allowed
    }

    /// The hosts for connectors of a namespace.
    pub fn of(&self, namespace: &str) -> &HostAllowList {
        self.by_namespace.get(namespace).unwrap_or(&self.everywhere)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_further_host_is_allowed_in_its_namespace_only() {
        let entries = [
            "sales=sf.example.com",
            "*=gateway.example.com",
            "sales=b.example.com",
        ];
        let entries = entries.map(|entry| entry.parse().unwrap());
        let allowed = AllowedHosts::new(&entries);
        for (namespace, host, expected) in [
            ("sales", "sf.example.com", true),
            ("sales", "b.example.com", true),
            ("sales", "gateway.example.com", true),
            ("evil", "gateway.example.com", true),
            ("evil", "sf.example.com", false),
            ("evil", "acme.my.salesforce.com", true),
        ] {
            let checked = allowed.of(namespace).check(&host.parse().unwrap());
            assert_eq!(checked.is_ok(), expected, "{namespace} {host}");
        }
    }

    #[test]
    fn an_entry_names_its_namespace_or_says_that_it_is_for_all() {
        for text in [
            "sf.example.com",
            "=sf.example.com",
            "Sales=sf.example.com",
            "s*=sf.example.com",
        ] {
            assert_eq!(
                text.parse::<AllowedHost>(),
                Err(InvalidAllowedHost::Form),
                "{text}"
            );
        }
        for text in ["sales=*", "*=*", "sales=https://sf.example.com", "sales="] {
            let error = text.parse::<AllowedHost>().unwrap_err();
            assert!(matches!(error, InvalidAllowedHost::Host(_)), "{text}: {error}");
        }
    }
}
