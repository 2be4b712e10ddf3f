//! What does this process remember of grants between sessions, and which session is in progress?

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use redeem::{ClusterUid, InstallationUid, SessionMemory};

use crate::lease::shard::Shard;
use crate::shell::grant_session::shutdown::Redeems;

/// Which installation this is, on which cluster.
#[derive(Debug, Clone)]
pub struct Place {
    pub installation: InstallationUid,
    /// Uid of the namespace kube-system.
    pub cluster: ClusterUid,
}

/// Sessions in progress, and what this process remembers between them.
#[derive(Default)]
pub struct Grants {
    memory: Mutex<HashMap<String, SessionMemory>>,
    pub(super) redeems: Redeems,
}

impl Grants {
    /// From here on no redeem begins, and sessions that have begun none end at once, wherever they stand: to the next
    /// leader it looks like a crash at that point, which loses nothing. Waits until those that have begun one have
    /// recorded what came of it. The process must not end before.
    pub async fn idle(&self) {
        self.redeems.stop().await;
    }

    /// Lets no redeem in a shard begin, and waits until those that have begun have recorded what came of it. When this resolves, or is
    /// dropped, some may begin again, if the shard's lease is led by then.
    pub async fn drain(&self, shard: Shard) {
        self.redeems.drain(shard).await;
    }

    pub(crate) fn forget_except(&self, alive: &HashSet<String>) {
        self.memory().retain(|uid, _| alive.contains(uid));
    }

    pub(super) fn memory(&self) -> MutexGuard<'_, HashMap<String, SessionMemory>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
