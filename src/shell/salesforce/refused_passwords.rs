//! Which passwords were refused, or may have been? Remembered across connectors and restarts, so that no user is ever
//! locked out.
//!
//! Each is a Secret in the operator's namespace, named by a keyed digest of host, user and password. It holds nothing but,
//! for one whose answer was lost, the time from which it may be sent again. While one attempt is under way, another one with
//! the same user at the same host waits for it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt};

use crate::api::names;
use crate::core::model::digest::Digest;
use crate::core::model::outcome::Problem;
use crate::core::schedule::password_memory::PasswordMemory;
use crate::shell::context::Context;
use crate::shell::error::Error;
use crate::shell::kubernetes::consumer_secret as secrets;
use crate::shell::kubernetes::own_secret;

/// Attempts under way, by host and user.
#[derive(Default)]
pub(crate) struct InFlight {
    locks: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// What could not be written to a Secret, or not yet.
    memory: Mutex<HashMap<String, PasswordMemory>>,
    answered: Mutex<HashMap<Sender, Answered>>,
}

/// A password and the uid of a connector that sends it.
type Sender = (String, String);

/// What came of a request to renew, where the password was sent in vain: by its value, as the annotation has it.
struct Answered {
    request: String,
    problem: Problem,
}

impl InFlight {
    /// The lock for attempts of this user at this host.
    pub(crate) fn of(&self, host: &str, username: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        locks.retain(|_, lock| Arc::strong_count(lock) > 1);
        locks
            .entry(format!("{host}\n{}", username.to_lowercase()))
            .or_default()
            .clone()
    }

    fn remember(&self, digest: &Digest, memory: PasswordMemory) {
        self.memory().insert(digest.as_str().to_owned(), memory);
    }

    fn forget(&self, digest: &Digest) {
        self.memory().remove(digest.as_str());
    }

    fn recall(&self, digest: &Digest) -> Option<PasswordMemory> {
        self.memory().get(digest.as_str()).copied()
    }

    /// What came of this request of the connector, if the password was sent for it in vain. The status may not know yet: it
    /// is written after the login, and that may fail.
    pub(crate) fn answer(&self, digest: &Digest, uid: &str, request: &str) -> Option<Problem> {
        let answered = self.answered();
        let last = answered.get(&sender(digest, uid));
        last.filter(|last| last.request == request)
            .map(|last| last.problem.clone())
    }

    /// The password was sent in vain for this request.
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

    /// Forgets connectors that are gone.
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

fn name(digest: &Digest) -> String {
    format!("{}{}", names::REFUSED_PASSWORD_PREFIX, digest.object_name_part())
}

/// What speaks against sending this password now.
pub(crate) async fn recall(context: &Context, digest: &Digest) -> Result<Option<PasswordMemory>, Error> {
    if let Some(memory) = context
        .passwords
        .recall(digest)
        .filter(|it| it.forbids(context.clock.now()))
    {
        return Ok(Some(memory));
    }
    let found = secrets::read(context, &context.settings.namespace, &name(digest)).await?;
    Ok(found
        .map(|secret| noted(&secret))
        .filter(|it| it.forbids(context.clock.now())))
}

/// What a Secret tells. One that was written by an earlier version, or edited, is a refusal.
fn noted(secret: &Secret) -> PasswordMemory {
    let until = secret.annotations().get(names::UNCLEAR_UNTIL);
    until
        .and_then(|until| until.parse().ok())
        .map_or(PasswordMemory::Refused, |until| PasswordMemory::Unclear { until })
}

/// Remembers what came of this password, in a Secret. Where that can't be written, the status of the connector and this process
/// still know; where it can, this process doesn't: another one that leads meanwhile may forget it.
pub(crate) async fn remember(context: &Context, digest: &Digest, memory: PasswordMemory) {
    context.passwords.remember(digest, memory);
    match write(context, digest, memory).await {
        Ok(()) => context.passwords.forget(digest),
        Err(error) => tracing::error!(error = %crate::error_chain::chain(&error),
            "Failed to record a refused password in a Secret; after a restart another connector may send it once more"),
    }
}

/// By a forced apply: the name is ours alone, and what was unclear may have become a refusal.
async fn write(context: &Context, digest: &Digest, memory: PasswordMemory) -> Result<(), Error> {
    let name = name(digest);
    let mut secret = own_secret::labelled(&name, names::REFUSED_PASSWORD, []);
    if let PasswordMemory::Unclear { until } = memory {
        secret
            .annotations_mut()
            .insert(names::UNCLEAR_UNTIL.to_owned(), until.to_string());
    }
    let api: Api<Secret> = Api::namespaced(context.client.clone(), &context.settings.namespace);
    let params = PatchParams::apply(names::FIELD_MANAGER).force();
    match api.patch(&name, &params, &Patch::Apply(&secret)).await {
        Ok(_) => Ok(()),
        Err(source) => Err(Error::WriteSecret { name, source }),
    }
}

/// Forgets a refusal: the password has just been accepted.
pub(crate) async fn forget(context: &Context, digest: &Digest) -> Result<(), Error> {
    context.passwords.forget(digest);
    let name = name(digest);
    let api: Api<Secret> = Api::namespaced(context.client.clone(), &context.settings.namespace);
    let deleted = own_secret::delete_any(&api, &name).await;
    deleted.map_err(|source| Error::DeleteSecret { name, source })
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
