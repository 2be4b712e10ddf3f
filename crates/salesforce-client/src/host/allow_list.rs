//! Which hosts may be sent credentials: Salesforce's own domains, and what an administrator adds.

use super::{Host, HostKind};
use crate::host_pattern::{InvalidHostPattern, Pattern};

/// Hosts of the user interface: Salesforce's own, yet no OAuth or API base.
const UI_SUFFIXES: [&str; 9] = [
    ".lightning.force.com",
    ".content.force.com",
    ".visual.force.com",
    ".vf.force.com",
    ".salesforce-setup.com",
    ".salesforceliveagent.com",
    ".crmforce.mil",
    ".sfcrmapps.cn",
    ".builder.salesforce-experience.com",
];

/// The hosts that credentials may be sent to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostAllowList {
    extra: Vec<Pattern>,
}

/// A host that credentials must not be sent to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostNotAllowed {
    /// A Lightning, Setup, Visualforce or content host.
    #[error(
        "{host} is a user interface host; use the org's My Domain (Setup > My Domain), such as acme.my.salesforce.com"
    )]
    UserInterface {
        /// The host that was refused.
        host: Host,
    },
    /// None of the forms of a login host, My Domain, instance or site.
    #[error("{host} is not one of Salesforce's domains and not among the allowed hosts")]
    Foreign {
        /// The host that was refused.
        host: Host,
    },
}

impl HostAllowList {
    /// Salesforce's own domains, and hosts that match one of `patterns` (`sf.example.com`, `*.example.com`,
    /// either with `:port`; without a port, any port matches).
    pub fn with_extra<S: AsRef<str>>(
        patterns: impl IntoIterator<Item = S>,
    ) -> Result<Self, InvalidHostPattern> {
        let parsed = patterns.into_iter().map(|text| {
            let pattern: Pattern = text.as_ref().parse()?;
            // `*` would send credentials anywhere.
            if pattern.is_any() {
                Err(InvalidHostPattern(text.as_ref().to_owned()))
            } else {
                Ok(pattern)
            }
        });
        Ok(Self {
            extra: parsed.collect::<Result<_, _>>()?,
        })
    }

    /// The hosts that this list or another one allows.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self {
            extra: self.extra.iter().chain(&other.extra).cloned().collect(),
        }
    }

    /// Whether credentials may be sent to `host`.
    pub fn check(&self, host: &Host) -> Result<(), HostNotAllowed> {
        if self.extra.iter().any(|pattern| pattern.matches(host)) {
            return Ok(());
        }
        let under = |suffixes: &[&str]| suffixes.iter().any(|suffix| host.name().ends_with(suffix));
        if under(&UI_SUFFIXES) {
            return Err(HostNotAllowed::UserInterface { host: host.clone() });
        }
        // Any other host below Salesforce's domains may be a customer's site, a supplier's page or a name that nobody holds.
        match host.kind() {
            HostKind::Other => Err(HostNotAllowed::Foreign { host: host.clone() }),
            HostKind::SharedLogin
            | HostKind::SharedTest
            | HostKind::MyDomain
            | HostKind::Sandbox
            | HostKind::Developer
            | HostKind::Scratch
            | HostKind::Partition
            | HostKind::Instance
            | HostKind::Site => Ok(()),
        }
    }
}
