//! The operator on a real API server against the simulator: what a user sees, for each way of going right or wrong.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is a test"
)]
#![allow(clippy::indexing_slicing, reason = "this is a test")]

#[path = "../support/browser.rs"]
mod browser;
mod callback;
mod canary;
#[path = "../support/context.rs"]
mod context;
mod digest_key;
mod errors;
mod fair_shares;
mod garbage_collection;
mod grants;
mod healing;
mod identity;
mod inventory;
#[cfg(target_os = "linux")]
mod kubelet;
mod kubernetes;
#[path = "../support/leak.rs"]
mod leak;
mod lifecycle;
mod logins;
mod logs;
mod looks;
mod outages;
mod ownership;
mod passwords;
mod process;
mod recipes;
mod refusals;
mod renewal;
mod rollouts;
mod rotations;
mod rotations_by_operator;
#[path = "../support/scene.rs"]
mod scene;
mod scope;
mod secrets;
mod settle;
mod setup;
mod sharing;
mod signers;
mod stage;
mod takeover;
#[path = "../support/tenant.rs"]
mod tenant;
mod troubles;
mod unnamed;
mod vault;
mod visitor;
#[path = "../support/workloads.rs"]
mod workloads;

/// Runs each scenario in both ways of noticing changed Secrets, each on a stage of its own that `$stage` sets.
macro_rules! in_both_modes {
    ($stage:expr => $($scenario:ident),+ $(,)?) => {
        mod by_name {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $scenario() {
                    super::$scenario($stage(salesforce_connector_operator::settings::SecretWatch::ByName).await).await;
                }
            )+
        }
        mod watch {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $scenario() {
                    super::$scenario($stage(salesforce_connector_operator::settings::SecretWatch::Watch).await).await;
                }
            )+
        }
    };
}
pub(crate) use in_both_modes;
