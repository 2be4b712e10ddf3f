//! What if the operator dies, freezes or is cut off, at any moment? The real process against a real API server and a
//! simulated Salesforce whose refresh tokens work once: no grant may be lost that could have been kept.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "this is a test")]

mod clocks;
mod credentials;
mod garbage_collection;
mod kill;
#[path = "../support/leak.rs"]
mod leak;
mod logins;
mod logs;
mod operator;
mod outage;
mod partition;
mod passwords;
mod public;
mod rollouts;
#[path = "../support/scene.rs"]
mod scene;
mod shards;
mod sieve;
mod stage;
mod suspend;
#[path = "../support/tenant.rs"]
mod tenant;
mod terminate;
mod versions;
#[expect(dead_code, reason = "shared with the tests of the operator")]
#[path = "../support/workloads.rs"]
mod workloads;
