//! Where can a test stop the process? At named points, and only if the process was told of a folder to look into.
//!
//! Before a file `CONNECTOR.POINT` in that folder is there, nothing happens. The first to come to the point renames the
//! file to `CONNECTOR.POINT.reached`, by which the test knows, and stays there until the test removes it.

use std::path::PathBuf;
use std::time::Duration;

const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Declares the points, and the list of them all that the tests are held to.
macro_rules! points {
    ($($(#[$doc:meta])* $point:ident,)*) => {
        /// What a test can stop the process before, and after: each effect of the redeem protocol, and the writes that
        /// follow from it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Point {
            $($(#[$doc])* $point,)*
        }

        impl Point {
            /// All of them. A test kills the process at each, so that none comes in without it.
            pub const ALL: &[Self] = &[$(Self::$point),*];

            /// Its name, in files and logs.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$point => stringify!($point),)*
                }
            }
        }
    };
}

points! {
    /// Reading the state.
    ReadState,
    /// Reading the connector.
    ReadConnector,
    /// Reading the consumer's Secret.
    ReadConsumer,
    /// Claiming the connector for this installation.
    Claim,
    /// Creating a ledger entry.
    CreateLedger,
    /// Asking Salesforce about a refresh token.
    Introspect,
    /// Creating the state.
    CreateState,
    /// Reading a ledger entry.
    ReadLedger,
    /// Marking a ledger entry as used.
    MarkLedgerUsed,
    /// Writing the state with the intent to present a token.
    Intent,
    /// Copying the serial of the intent to the status.
    Announce,
    /// Reading the intent back.
    ReadBack,
    /// Presenting the refresh token.
    Send,
    /// Writing the state with what Salesforce answered.
    Store,
    /// Any other write of the state: what was found out about an attempt, or a grant that is taken into use.
    WriteState,
    /// Asking for the username.
    Identify,
    /// Handing the stored token on.
    Derive,
    /// Waiting before something that failed is tried again.
    Pause,
    /// Writing the consumer's Secret.
    SecretWrite,
    /// Writing the status.
    StatusWrite,
}

/// The points at which tests stop the process. Without a folder, which is always so but in tests, there are none.
#[derive(Debug, Clone, Default)]
pub struct Pauses {
    folder: Option<PathBuf>,
}

/// On which side of what is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
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
    pub(crate) async fn at(&self, connector: &str, side: Side, what: Point) {
        let Some(folder) = &self.folder else { return };
        let what = what.as_str();
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
