//! What does this process remember of passwords?

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use crate::core::model::digest::Digest;
use crate::core::model::outcome::Problem;
use crate::core::schedule::password_memory::PasswordMemory;

/// What came of the attempts of this process.
#[derive(Default)]
pub(crate) struct InFlight {
    /// What could not be written to a Secret, or not yet.
    memory: Mutex<HashMap<String, PasswordMemory>>,
    answered: Mutex<HashMap<Sender, Answered>>,
}

/// A password and the uid of a connector that sends it.
type Sender = (String, String);

/// What came of a request to renew, where the password was sent without success: by its value, as the annotation has it.
struct Answered {
    request: String,
    problem: Problem,
}

impl InFlight {
    pub(super) fn remember(&self, digest: &Digest, memory: PasswordMemory) {
        self.memory().insert(digest.as_str().to_owned(), memory);
    }

    pub(super) fn forget(&self, digest: &Digest) {
        self.memory().remove(digest.as_str());
    }

    pub(super) fn recall(&self, digest: &Digest) -> Option<PasswordMemory> {
        self.memory().get(digest.as_str()).copied()
    }

    /// What came of this request of the connector, if the password was sent for it without success. The status may not know yet: it
    /// is written after the login, and that may fail.
    pub(crate) fn answer(&self, digest: &Digest, uid: &str, request: &str) -> Option<Problem> {
        let answered = self.answered();
        let last = answered.get(&sender(digest, uid));
        last.filter(|last| last.request == request)
            .map(|last| last.problem.clone())
    }

    /// The password was sent without success for this request.
    pub(crate) fn note_answer(&self, digest: &Digest, uid: &str, request: &str, problem: &Problem) {
        let answered = Answered {
            request: request.to_owned(),
            problem: problem.clone(),
        };
        self.answered().insert(sender(digest, uid), answered);
    }

    /// The password has been accepted: what came of an earlier request of the connector holds no longer.
    pub(crate) fn forget_answer(&self, digest: &Digest, uid: &str) {
        self.answered().remove(&sender(digest, uid));
    }

    pub(crate) fn forget_except(&self, alive: &HashSet<String>) {
        self.answered().retain(|(_, uid), _| alive.contains(uid));
    }

    fn answered(&self) -> std::sync::MutexGuard<'_, HashMap<Sender, Answered>> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, HashMap<String, PasswordMemory>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn sender(digest: &Digest, uid: &str) -> Sender {
    (digest.as_str().to_owned(), uid.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::reasons::Refusal;

    #[test]
    fn an_answer_is_remembered_for_its_request_until_that_password_of_that_connector_is_accepted() {
        let passwords = InFlight::default();
        let problem = Problem {
            reason: Refusal::WrongPassword.into(),
            message: "as Salesforce puts it".to_owned(),
            retry_after: None,
        };
        let (one, other) = (Digest::from_text("one"), Digest::from_text("other"));
        for (digest, uid) in [(&one, "crm"), (&one, "second"), (&other, "crm")] {
            passwords.note_answer(digest, uid, "1", &problem);
        }
        assert_eq!(passwords.answer(&one, "crm", "1"), Some(problem.clone()));
        assert_eq!(passwords.answer(&one, "crm", "2"), None);

        passwords.forget_answer(&one, "crm");
        assert_eq!(passwords.answer(&one, "crm", "1"), None);
        assert_eq!(passwords.answer(&one, "second", "1"), Some(problem.clone()));
        assert_eq!(passwords.answer(&other, "crm", "1"), Some(problem));
    }
}
