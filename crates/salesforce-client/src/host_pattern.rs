//! Patterns of host names: `sf.example.com`, `*.example.com`, `*`, each with an optional port.

use std::str::FromStr;

use crate::host::Host;

/// A pattern that is neither a host nor `*.` and a domain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a host pattern; write a host (sf.example.com), a domain (*.example.com), or either with a port"
)]
pub struct InvalidHostPattern(pub String);

/// `host`, `*.domain` or `*`, with an optional port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    name: PatternName,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum PatternName {
    Any,
    Exactly(String),
    /// With the leading dot.
    Under(String),
}

impl Pattern {
    /// Whether the pattern covers this host and port.
    pub(crate) fn matches(&self, host: &Host) -> bool {
        self.port.is_none_or(|port| port == host.port().unwrap_or(443)) && self.matches_name(host.name())
    }

    /// Whether the pattern covers this name, whatever the port.
    pub(crate) fn matches_name(&self, name: &str) -> bool {
        match &self.name {
            PatternName::Any => true,
            PatternName::Exactly(exact) => exact == name,
            PatternName::Under(suffix) => name.ends_with(suffix.as_str()),
        }
    }

    /// Whether the pattern is `*`, which covers every name.
    pub(crate) fn is_any(&self) -> bool {
        self.name == PatternName::Any
    }

    /// The port the pattern is limited to.
    pub(crate) fn port(&self) -> Option<u16> {
        self.port
    }
}

impl FromStr for Pattern {
    type Err = InvalidHostPattern;

    fn from_str(text: &str) -> Result<Self, InvalidHostPattern> {
        let invalid = || InvalidHostPattern(text.to_owned());
        // A stand-in label lets `Host` judge the rest, port included.
        let host: Host = match text.strip_prefix('*') {
            Some(rest) => format!("any{rest}"),
            None => text.to_owned(),
        }
        .parse()
        .map_err(|_| invalid())?;
        let name = match text.strip_prefix('*') {
            None => PatternName::Exactly(host.name().to_owned()),
            Some(_) => match host.name().strip_prefix("any") {
                Some("") => PatternName::Any,
                Some(suffix) if suffix.starts_with('.') => PatternName::Under(suffix.to_owned()),
                Some(_) | None => return Err(invalid()),
            },
        };
        Ok(Self {
            name,
            port: host.port(),
        })
    }
}
