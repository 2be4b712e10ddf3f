//! The Helm chart: what is generated in it, how it renders, and what the API server makes of it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends when its helpers fail"
)]

mod authors;
mod files;
mod generated;
mod installed;
#[path = "../support/leak.rs"]
mod leak;
mod manifests;
mod monitoring;
mod needed;
mod policy;
mod release;
mod rendered;
mod rights;
mod schema;
mod secrecy;
#[expect(dead_code, reason = "shared with the tests of the operator")]
#[path = "../support/tenant.rs"]
mod tenant;
mod used;
#[expect(dead_code, reason = "shared with the tests of the operator")]
#[path = "../support/workloads.rs"]
mod workloads;
