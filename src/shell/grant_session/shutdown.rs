//! The redeems that were begun and are not recorded: what this process has to finish before it may end.

use tokio::sync::watch;

/// How far this process is from being able to end. One value, so that no redeem begins beside the order to stop.
#[derive(Debug, Default)]
struct Progress {
    redeems: usize,
    stopping: bool,
}

/// Counts the redeems of this process.
#[derive(Debug, Default, Clone)]
pub(crate) struct Redeems(watch::Sender<Progress>);

/// A redeem from its intent until what came of it is recorded, panics included.
#[derive(Debug)]
pub(crate) struct Redeeming(Redeems);

impl Redeems {
    /// `None` when the process is stopping.
    pub(crate) fn begin(&self) -> Option<Redeeming> {
        let begun = self.0.send_if_modified(|progress| {
            progress.redeems += usize::from(!progress.stopping);
            !progress.stopping
        });
        begun.then(|| Redeeming(self.clone()))
    }

    /// Lets none begin from here on, and waits for those that have.
    pub(crate) async fn stop(&self) {
        self.0.send_modify(|progress| progress.stopping = true);
        // The sender lives in `self`, so waiting can't fail.
        let _ = self
            .0
            .subscribe()
            .wait_for(|progress| progress.redeems == 0)
            .await;
    }

    /// Resolves when the process is stopping.
    pub(crate) async fn stopping(&self) {
        let _ = self.0.subscribe().wait_for(|progress| progress.stopping).await;
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.0.borrow().stopping
    }
}

impl Drop for Redeeming {
    fn drop(&mut self) {
        self.0.0.send_modify(|progress| progress.redeems -= 1);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn stopping_waits_for_redeems_that_were_begun_and_lets_none_begin() {
        let redeems = Redeems::default();
        let begun = redeems.begin().unwrap();
        assert_eq!(redeems.stopping().now_or_never(), None);
        let mut stop = Box::pin(redeems.stop());
        assert_eq!(stop.as_mut().now_or_never(), None, "while a redeem is open");
        assert!(redeems.is_stopping() && redeems.begin().is_none());
        assert_eq!(redeems.stopping().now_or_never(), Some(()));
        drop(begun);
        assert_eq!(stop.now_or_never(), Some(()));
    }
}
