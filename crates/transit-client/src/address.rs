//! Where is a signer? At `https://name` or `https://name:port`, and nowhere else.

use std::fmt;
use std::str::FromStr;

/// The address of a signer: scheme, name and port, without a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignerAddress(String);

/// A text that is no address of a signer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected https://name or https://name:port, such as https://vault.example.com:8200, in lower case and without a path"
)]
pub struct InvalidSignerAddress;

impl SignerAddress {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SignerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SignerAddress {
    type Err = InvalidSignerAddress;

    fn from_str(text: &str) -> Result<Self, InvalidSignerAddress> {
        let rest = text.strip_prefix("https://").ok_or(InvalidSignerAddress)?;
        let (name, port) = match rest.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (rest, None),
        };
        let label = |label: &str| {
            let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| inner(b) || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let port_is_one = port.is_none_or(|port| {
            let digits = !port.starts_with('0') && port.bytes().all(|b| b.is_ascii_digit());
            digits && port.parse::<u16>().is_ok()
        });
        if name.len() > 253 || !name.split('.').all(label) || !port_is_one {
            return Err(InvalidSignerAddress);
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_name_with_a_port_and_nothing_more() {
        for text in [
            "https://vault.example.com",
            "https://vault:8200",
            "https://10.0.0.1:1",
        ] {
            assert_eq!(text.parse::<SignerAddress>().unwrap().as_str(), text);
        }
        for text in [
            "http://vault.example.com",
            "https://vault.example.com/",
            "https://vault.example.com/v1",
            "https://vault.example.com:0",
            "https://vault.example.com:08200",
            "https://vault.example.com:82000",
            "https://vault.example.com:+80",
            "https://u@vault.example.com",
            "https://Vault.example.com",
            "https://vault..com",
            "https://[::1]:8200",
            "https://",
            "https://vault.example.com?x",
            "https://vault.example.com#x",
            "https://vault\u{e9}.example.com",
        ] {
            assert_eq!(text.parse::<SignerAddress>(), Err(InvalidSignerAddress), "{text}");
        }
    }
}
