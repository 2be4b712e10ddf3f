//! What does this process remember of passwords?

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::core::model::digest::Digest;
use crate::core::schedule::password_memory::PasswordMemory;

/// What came of the attempts of this process.
#[derive(Default)]
pub(crate) struct InFlight {
    /// What could not be written to a Secret, by the digest of the user.
    unwritten: Mutex<HashMap<String, PasswordMemory>>,
}

impl InFlight {
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
