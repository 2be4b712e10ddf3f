//! The operator on a real API server against the simulator: what a user sees, for each way of going right or wrong.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is a test"
)]
#![allow(clippy::indexing_slicing, reason = "this is a test")]

mod canary;
mod grants;
mod healing;
mod identity;
#[path = "../support/leak.rs"]
mod leak;
mod lifecycle;
mod logs;
mod looks;
mod passwords;
mod refusals;
mod secrets;
mod settle;
mod stage;
mod sweep;

/// Runs each scenario in both ways of noticing changed Secrets.
macro_rules! in_both_modes {
    ($($scenario:ident),+ $(,)?) => {
        mod by_name {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $scenario() {
                    super::$scenario($crate::stage::Stage::set(salesforce_connector_operator::settings::SecretWatch::ByName).await).await;
                }
            )+
        }
        mod watch {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $scenario() {
                    super::$scenario($crate::stage::Stage::set(salesforce_connector_operator::settings::SecretWatch::Watch).await).await;
                }
            )+
        }
    };
}
pub(crate) use in_both_modes;
