//! Waiting until the operator has had its chance to change something, for tests in which it must not.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use kube::ResourceExt;
use kube::api::ListParams;
use salesforce_connector_operator::api::names;
use salesforce_connector_operator::settings::SecretWatch;
use testbed::eventually;

use crate::looks;
use crate::stage::{DEADLINE, Stage};

impl Stage {
    /// Lets the time of a resync pass on the operator's clock, and waits until the operator has looked at every connector
    /// of this stage, from start to end, since this was called.
    pub(crate) async fn settle(&self) {
        self.settle_within(DEADLINE).await;
    }

    async fn settle_within(&self, deadline: Duration) {
        let since = Instant::now();
        self.pass(Duration::from_secs(70)).await;
        if self.mode == SecretWatch::Watch {
            // The resync of this mode is too far away; a changed Secret wakes the connectors that mention it.
            self.touch_inputs().await;
        }
        let connectors = self
            .untyped_connectors()
            .list_metadata(&ListParams::default())
            .await;
        let connectors: Vec<_> = connectors.unwrap().iter().map(ResourceExt::name_any).collect();
        assert!(
            !connectors.is_empty(),
            "there is nothing to look at, so nothing shows that anybody looks"
        );
        let namespace = self.namespace.name();
        eventually(
            deadline,
            "the operator has looked at every connector",
            async || {
                let seen = |name: &String| !looks::at(namespace, name, since).is_empty();
                let unseen: Vec<_> = connectors.iter().filter(|name| !seen(name)).collect();
                if unseen.is_empty() {
                    return Ok(());
                }
                Err(format!("not at {unseen:?}"))
            },
        )
        .await;
    }

    /// Changes what nobody reads in every Secret that is not the operator's. By kubectl, so that it is not among the
    /// requests that are logged here.
    async fn touch_inputs(&self) {
        static TOUCHED: AtomicU32 = AtomicU32::new(0);
        let touched = format!("touched={}", TOUCHED.fetch_add(1, Ordering::Relaxed));
        let others = format!("{}!={}", names::MANAGED_BY, names::MANAGED_BY_VALUE);
        let arguments = [
            "annotate",
            "secrets",
            "--overwrite",
            "--selector",
            &others,
            &touched,
        ];
        let namespace = ["--namespace", self.namespace.name()];
        let ran = self.plane.kubectl(&[&arguments[..], &namespace].concat()).await;
        assert!(ran.succeeded(), "{ran}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[should_panic(expected = "waited 1s for the operator has looked at every connector")]
async fn an_operator_that_is_gone_does_not_settle() {
    let mut stage = Stage::set(SecretWatch::ByName).await;
    stage.good_connector("crm").await;
    stage.ready("crm").await;
    stage.settle().await;
    stage.stop_operator().await;
    stage.settle_within(Duration::from_secs(1)).await;
}
