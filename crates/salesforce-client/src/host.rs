//! Salesforce hosts: what a host name tells, and which hosts may be sent credentials.

mod allow_list;
mod instance_url;

pub use allow_list::{HostAllowList, HostNotAllowed};
pub use instance_url::{InstanceUrl, InvalidInstanceUrl};

use std::fmt;
use std::str::FromStr;

/// What an org is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HostEnvironment {
    /// Production, and Developer Edition, which is a production-type org.
    Live,
    /// Sandboxes and scratch orgs.
    Sandbox,
}

/// What kind of host a name is, judged by its form alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HostKind {
    /// `login.salesforce.com` and `welcome.salesforce.com`.
    SharedLogin,
    /// `test.salesforce.com`.
    SharedTest,
    /// `acme.my.salesforce.com`, and its counterparts in the US defence cloud and in China.
    MyDomain,
    /// `acme--uat.sandbox.my.salesforce.com`.
    Sandbox,
    /// `acme.develop.my.salesforce.com`.
    Developer,
    /// `acme.scratch.my.salesforce.com`.
    Scratch,
    /// Another partition of My Domain: demo, free, patch, trailblaze, … (docs/salesforce.md#hosts)
    Partition,
    /// `na45.salesforce.com`; Salesforce is retiring these.
    Instance,
    /// An Experience Cloud site: `acme.my.site.com`.
    Site,
    /// A host of none of these forms.
    Other,
}

/// A host name with an optional port, in lower case. Says nothing about whether it may be used: that is
/// [`HostAllowList`]'s business.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Host {
    name: String,
    port: Option<u16>,
}

/// A text that is not a host name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHost {
    /// The text is empty.
    #[error("host is empty; give the org's My Domain, for example acme.my.salesforce.com")]
    Empty,
    /// A scheme or a path was given along with the host.
    #[error(
        "host must be a host name alone, without https:// and without a path, for example acme.my.salesforce.com"
    )]
    NotAlone,
    /// A character or label that no host name has.
    #[error(
        "host is not a valid host name; it may have letters, digits, hyphens and dots, for example acme.my.salesforce.com"
    )]
    Malformed,
    /// The part after the colon is not a port.
    #[error("the port of host must be a number from 1 to 65535")]
    Port,
}

/// Suffixes under which an org's My Domain stands, by cloud.
const MY_DOMAIN_SUFFIXES: [&str; 4] = [
    ".my.salesforce.com",
    ".my.salesforce.mil",
    ".my.sfcrmproducts.cn",
    ".my-salesforce.com",
];

impl Host {
    /// The name, without the port.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The port, where one was given.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// What kind of host this is, by its form.
    pub fn kind(&self) -> HostKind {
        match self.name.as_str() {
            "login.salesforce.com" | "welcome.salesforce.com" | "login.sfcrmproducts.cn" => {
                return HostKind::SharedLogin;
            }
            "test.salesforce.com" | "test.sfcrmproducts.cn" => return HostKind::SharedTest,
            _ => {}
        }
        if let Some(domain) = MY_DOMAIN_SUFFIXES
            .iter()
            .find_map(|suffix| self.name.strip_suffix(suffix))
        {
            return my_domain_kind(domain);
        }
        if let Some(domain) = self.name.strip_suffix(".my.site.com") {
            return match my_domain_kind(domain) {
                HostKind::Other => HostKind::Other,
                _ => HostKind::Site,
            };
        }
        match self.name.strip_suffix(".salesforce.com") {
            Some(label) if is_instance(label) => HostKind::Instance,
            Some(_) | None => HostKind::Other,
        }
    }

    /// Whether Salesforce's own domains have hosts of this form. Any other host is the administrator's word.
    pub fn is_salesforces(&self) -> bool {
        self.kind() != HostKind::Other
    }

    /// The environment of the orgs on this host, where the form of the host tells it.
    pub fn environment(&self) -> Option<HostEnvironment> {
        match self.kind() {
            HostKind::SharedLogin | HostKind::MyDomain | HostKind::Developer => Some(HostEnvironment::Live),
            HostKind::SharedTest | HostKind::Sandbox | HostKind::Scratch => Some(HostEnvironment::Sandbox),
            HostKind::Partition | HostKind::Instance | HostKind::Site | HostKind::Other => None,
        }
    }
}

/// Partitions of My Domain beside those that have a kind of their own.
const PARTITIONS: [&str; 6] = ["demo", "free", "none", "patch", "sfdctest", "trailblaze"];

/// The kind of `<domain>.my.salesforce.com`. Sandboxes of before enhanced domains have no partition, but `--`.
fn my_domain_kind(domain: &str) -> HostKind {
    match domain.split_once('.') {
        Some((_, "sandbox")) => HostKind::Sandbox,
        Some((_, "develop")) => HostKind::Developer,
        Some((_, "scratch")) => HostKind::Scratch,
        Some((_, partition)) if PARTITIONS.contains(&partition) => HostKind::Partition,
        Some(_) => HostKind::Other,
        None if domain.contains("--") => HostKind::Sandbox,
        None => HostKind::MyDomain,
    }
}

/// Two to four letters, then digits: `na45`, `cs109`.
fn is_instance(label: &str) -> bool {
    let digits = label.trim_start_matches(|c: char| c.is_ascii_lowercase());
    let letters = label.len() - digits.len();
    (2..=4).contains(&letters) && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

impl FromStr for Host {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        if text.is_empty() {
            return Err(InvalidHost::Empty);
        }
        if text.contains(['/', '@', '?', '#']) {
            return Err(InvalidHost::NotAlone);
        }
        let (name, port) = match text.split_once(':') {
            None => (text, None),
            Some((name, port)) => (name, Some(parse_port(port)?)),
        };
        let name = name.to_ascii_lowercase();
        if name.len() > 253 || !name.split('.').all(is_label) {
            return Err(InvalidHost::Malformed);
        }
        Ok(Self { name, port })
    }
}

fn parse_port(text: &str) -> Result<u16, InvalidHost> {
    match text.parse() {
        Ok(0) | Err(_) => Err(InvalidHost::Port),
        Ok(port) => Ok(port),
    }
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
