//! What does this process remember of passwords, and who sends one at this moment?

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::core::model::digest::Digest;
use crate::core::schedule::password_memory::PasswordMemory;

/// Attempts under way, by user.
#[derive(Default)]
pub(crate) struct InFlight {
    locks: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// What could not be written to a Secret, by the digest of the user.
    unwritten: Mutex<HashMap<String, PasswordMemory>>,
}

impl InFlight {
    /// The lock for attempts of this user, at whichever host of the org.
    pub(crate) fn of(&self, username: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        locks.retain(|_, lock| Arc::strong_count(lock) > 1);
        locks.entry(username.to_lowercase()).or_default().clone()
    }

    pub(super) fn remember(&self, user: &Digest, memory: PasswordMemory) {
        self.unwritten().insert(user.as_str().to_owned(), memory);
    }

    pub(super) fn forget(&self, user: &Digest) {
        self.unwritten().remove(user.as_str());
    }

    pub(super) fn recall(&self, user: &Digest) -> Option<PasswordMemory> {
        self.unwritten().get(user.as_str()).cloned()
    }

    fn unwritten(&self) -> MutexGuard<'_, HashMap<String, PasswordMemory>> {
        self.unwritten.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
