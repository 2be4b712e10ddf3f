//! Where can a test stop the process? At failpoints, and only if the process was built for tests and given a folder.
//!
//! While there is no file `CONNECTOR.SIDE-FAILPOINT` in that folder, nothing happens. The first to come to the failpoint
//! renames the file to `CONNECTOR.SIDE-FAILPOINT.reached`, by which the test knows, and stays there until the test removes
//! it. Without the feature `test-switches` [`Failpoints`] is empty, and a call of it compiles to nothing.

#[cfg(feature = "test-switches")]
use std::path::PathBuf;
#[cfg(feature = "test-switches")]
use std::time::Duration;

#[cfg(feature = "test-switches")]
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Declares the failpoints, and the list of them all that the tests are held to.
macro_rules! failpoints {
    ($($(#[$doc:meta])* $failpoint:ident,)*) => {
        /// What a test can stop the process before, and after: each effect of the redeem protocol, the writes that follow from
        /// it, and what is done with a password.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Failpoint {
            $($(#[$doc])* $failpoint,)*
        }

        impl Failpoint {
            /// All of them. A test kills the process at each, so that none comes in without it.
            pub const ALL: &[Self] = &[$(Self::$failpoint),*];

            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$failpoint => stringify!($failpoint),)*
                }
            }
        }
    };
}

failpoints! {
    ReadState,
    ReadConnector,
    ReadConsumer,
    Claim,
    CreateLedger,
    Introspect,
    CreateState,
    ReadLedger,
    MarkLedgerUsed,
    /// Writing the state with the intent to present a token.
    Intent,
    /// Copying the serial of the intent to the status.
    Announce,
    ReadBack,
    Send,
    /// Exchanging the authorization code of a login for tokens.
    RedeemCode,
    Store,
    /// Any other write of the state: what was found out about an attempt, or a grant that is taken into use.
    WriteState,
    Identify,
    Derive,
    /// Waiting before something that failed is tried again.
    Pause,
    SecretWrite,
    /// Restarting a workload after a new token.
    RestartWorkload,
    StatusWrite,
    /// Storing a step of the rotation of an app's credentials.
    StoreRotation,
    /// Staging new credentials of an app.
    StageCredentials,
    /// Rotating staged credentials in.
    RotateCredentials,
    /// Writing rotated credentials to the Secret of a connector.
    WriteInput,
    /// Noting that a password is about to be sent.
    NotePassword,
    SendPassword,
    /// Remembering what came of a password.
    RecordPassword,
}

/// The failpoints of this process. Without a folder, or without the feature `test-switches`, there are none.
#[derive(Debug, Clone, Default)]
pub struct Failpoints {
    #[cfg(feature = "test-switches")]
    folder: Option<PathBuf>,
}

#[cfg(not(feature = "test-switches"))]
const _: () = assert!(size_of::<Failpoints>() == 0, "a release has no failpoints");

/// On which side of what is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Before,
    After,
}

#[cfg(feature = "test-switches")]
impl Failpoints {
    /// Failpoints that tests name in this folder.
    pub fn in_folder(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    /// Stays here while a test wants it.
    pub async fn at(&self, connector: &str, side: Side, what: Failpoint) {
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
        tracing::warn!(connector, side, what, "Stopped at a failpoint");
        while reached.exists() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

#[cfg(not(feature = "test-switches"))]
impl Failpoints {
    /// Nothing: a release doesn't stop here.
    #[inline]
    pub fn at(&self, _connector: &str, _side: Side, _what: Failpoint) -> std::future::Ready<()> {
        std::future::ready(())
    }
}
