//! Do Prometheus, Grafana and Argo CD understand what this project ships for them? Judged by Prometheus' own tool and parsers, and by
//! the Lua that Argo CD embeds.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends when its helpers fail"
)]

mod alerts;
mod dashboard;
#[allow(dead_code, reason = "each test program uses a part")]
#[path = "../support/exposition.rs"]
mod exposition;
#[path = "../support/generated.rs"]
mod generated;
mod gitops;
mod health;
mod known;
mod tools;
mod world;
