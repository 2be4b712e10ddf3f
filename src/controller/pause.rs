//! Where can a test stop the process? At named points, and only if the process was told of a folder to look into.
//!
//! Before a file `CONNECTOR.POINT` in that folder is there, nothing happens. The first to come to the point renames the
//! file to `CONNECTOR.POINT.reached`, by which the test knows, and stays there until the test removes it.

use std::path::PathBuf;
use std::time::Duration;

const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// The points at which tests stop the process. Without a folder, which is always so but in tests, there are none.
#[derive(Debug, Clone, Default)]
pub struct Pauses {
    folder: Option<PathBuf>,
}

/// On which side of what is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Before,
    After,
}

impl Pauses {
    /// Points in this folder.
    #[must_use]
    pub fn in_folder(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    /// Stays here while a test wants it.
    pub(super) async fn at(&self, connector: &str, side: Side, what: &str) {
        let Some(folder) = &self.folder else { return };
        let side = match side {
            Side::Before => "before",
            Side::After => "after",
        };
        let asked = folder.join(format!("{connector}.{side}-{what}"));
        let reached = folder.join(format!("{connector}.{side}-{what}.reached"));
        if std::fs::rename(asked, &reached).is_err() {
            return;
        }
        tracing::warn!(connector, side, what, "Stopped for a test");
        while reached.exists() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}
