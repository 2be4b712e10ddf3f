//! Where does a call come from, and which addresses are in a list?
//!
//! The simulator has no real addresses: every call comes from [`crate::World::caller`], or from the address in its
//! `X-Forwarded-For` header, so that one test can call from two places.

use std::net::{IpAddr, Ipv4Addr};

use serde::Deserialize;

use crate::http::Request;

/// Where calls come from unless a test says otherwise: an address reserved for documentation.
pub const DEFAULT_CALLER: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));

/// A range of addresses, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddressRange {
    pub first: IpAddr,
    pub last: IpAddr,
}

impl AddressRange {
    /// A range of one address.
    pub fn only(address: IpAddr) -> Self {
        Self {
            first: address,
            last: address,
        }
    }

    pub(crate) fn holds(self, address: IpAddr) -> bool {
        (self.first..=self.last).contains(&address)
    }
}

pub(crate) fn listed(ranges: &[AddressRange], address: IpAddr) -> bool {
    ranges.iter().any(|range| range.holds(address))
}

/// "IP Relaxation" of an app. docs/salesforce.md#ip-relaxation
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IpRelaxation {
    #[default]
    Enforce,
    /// Login IP Ranges do not count, except for JWT bearer. That they do not count for any other flow is a guess.
    Relax,
}

/// The address that a request comes from.
pub(crate) fn address_of(request: &Request, usual: IpAddr) -> IpAddr {
    let given = request.header("x-forwarded-for");
    given
        .and_then(|value| value.split(',').next()?.trim().parse().ok())
        .unwrap_or(usual)
}
