//! Which signers may the connectors of a namespace have assertions signed by? None, unless the administrator names them.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use transit_client::{InvalidSignerAddress, SignerAddress};

use super::entry::of_namespace;

/// An entry of `--allow-signer`: `namespace=address`, or `*=address` for all namespaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedSigner {
    /// Nothing where it is for all.
    namespace: Option<String>,
    address: SignerAddress,
}

/// A text that is no entry of `--allow-signer`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAllowedSigner {
    #[error(
        "expected namespace=address, such as sales=https://vault.example.com:8200, or *=address for the connectors of all namespaces"
    )]
    Form,
    #[error(transparent)]
    Address(#[from] InvalidSignerAddress),
}

impl FromStr for AllowedSigner {
    type Err = InvalidAllowedSigner;

    fn from_str(text: &str) -> Result<Self, InvalidAllowedSigner> {
        let (namespace, address) = of_namespace(text).ok_or(InvalidAllowedSigner::Form)?;
        Ok(Self {
            namespace,
            address: address.parse()?,
        })
    }
}

/// The signers that the administrator allows in each namespace.
#[derive(Debug, Clone, Default)]
pub struct AllowedSigners {
    everywhere: BTreeSet<SignerAddress>,
    /// With those that are allowed everywhere.
    by_namespace: BTreeMap<String, BTreeSet<SignerAddress>>,
}

impl AllowedSigners {
    pub fn new(entries: &[AllowedSigner]) -> Self {
        let everywhere = entries.iter().filter(|entry| entry.namespace.is_none());
        let mut allowed = Self {
            everywhere: everywhere.map(|entry| entry.address.clone()).collect(),
            by_namespace: BTreeMap::new(),
        };
        for entry in entries {
            if let Some(namespace) = &entry.namespace {
                let signers = allowed.by_namespace.entry(namespace.clone());
                let signers = signers.or_insert_with(|| allowed.everywhere.clone());
                signers.insert(entry.address.clone());
            }
        }
        allowed
    }

    /// The signers for connectors of a namespace.
    pub fn of(&self, namespace: &str) -> &BTreeSet<SignerAddress> {
        self.by_namespace.get(namespace).unwrap_or(&self.everywhere)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signer_is_allowed_in_its_namespace_only_and_at_its_exact_address() {
        let entries = ["sales=https://a.example.com:8200", "*=https://b.example.com"];
        let allowed = AllowedSigners::new(&entries.map(|entry| entry.parse().unwrap()));
        for (namespace, address, expected) in [
            ("sales", "https://a.example.com:8200", true),
            ("sales", "https://b.example.com", true),
            ("evil", "https://b.example.com", true),
            ("evil", "https://a.example.com:8200", false),
            ("sales", "https://a.example.com", false),
            ("sales", "https://a.example.com:8201", false),
            ("sales", "https://x.a.example.com:8200", false),
        ] {
            let found = allowed.of(namespace).contains(&address.parse().unwrap());
            assert_eq!(found, expected, "{namespace} {address}");
        }
        assert!(AllowedSigners::default().of("sales").is_empty());
    }

    #[test]
    fn an_entry_names_its_namespace_and_a_whole_address() {
        for text in [
            "https://a.example.com",
            "=https://a.example.com",
            "S=https://a.example.com",
        ] {
            assert_eq!(
                text.parse::<AllowedSigner>(),
                Err(InvalidAllowedSigner::Form),
                "{text}"
            );
        }
        for text in [
            "sales=*",
            "*=https://*.example.com",
            "sales=http://a.example.com",
            "sales=",
        ] {
            let error = InvalidSignerAddress.into();
            assert_eq!(text.parse::<AllowedSigner>(), Err(error), "{text}");
        }
    }
}
