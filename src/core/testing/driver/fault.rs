//! Which fault does the machine of this test have? Planted between the machine and the world that answers it.

use std::cell::Cell;
use std::sync::Arc;

use crate::core::model::observed::{Activity, Observed, Requests, Source};
use crate::core::pass::{PassEffect, PassReply};
use crate::core::schedule::password_memory::PasswordMemory;

/// A fault of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It leaves this effect out, and goes on as if all were well.
    Leaves(&'static str),
    /// It asks for this effect twice.
    Repeats(&'static str),
    /// It takes a refusal of the API server for success.
    TakesRefusalsForSuccess,
    /// It does not look at requests by annotation.
    IgnoresRequests,
    /// It does not look at `spec.suspend`.
    IgnoresSuspend,
    /// It does not look at earlier failures.
    IgnoresBackOff,
    /// It does not look at the app's previous credentials.
    IgnoresPreviousCredentials,
    /// It does not look at earlier refusals of the app's current credentials.
    IgnoresRefusedCredentials,
    /// It does not look at the held token.
    IgnoresHeldToken,
    /// It does not look at the names that the Secret had.
    ForgetsFormerSecrets,
    /// It sends a password whatever is remembered of it.
    IgnoresPasswordMemory,
}

thread_local! {
    static PLANTED: Cell<Option<Fault>> = const { Cell::new(None) };
}

/// Runs something with a fault planted in this thread.
pub(crate) fn with<T>(fault: Option<Fault>, run: impl FnOnce() -> T) -> T {
    let before = PLANTED.replace(fault);
    let result = run();
    PLANTED.set(before);
    result
}

/// What the machine takes in.
pub(super) fn observed(mut observed: Observed) -> Observed {
    match PLANTED.get() {
        Some(Fault::IgnoresRequests) => observed.requests = Requests::default(),
        Some(Fault::IgnoresSuspend) => observed.activity = Activity::Active,
        Some(Fault::IgnoresBackOff) => observed.status.failures = None,
        Some(Fault::IgnoresPreviousCredentials) => {
            if let Source::Login(source) = &mut observed.source {
                Arc::make_mut(&mut source.connector).previous_credentials = None;
            }
        }
        Some(Fault::IgnoresRefusedCredentials) => observed.status.credentials_failures = None,
        Some(Fault::IgnoresHeldToken) => observed.held = None,
        Some(Fault::ForgetsFormerSecrets) => observed.former_secrets.clear(),
        Some(Fault::IgnoresPasswordMemory) => {
            if let Source::Login(source) = &mut observed.source {
                source.password_refused = false;
            }
        }
        _ => {}
    }
    observed
}

/// How often the world gets to see an effect.
pub(super) fn times(effect: &PassEffect) -> usize {
    match PLANTED.get() {
        Some(Fault::Leaves(name)) if name == effect.name() => 0,
        Some(Fault::Repeats(name)) if name == effect.name() => 2,
        _ => 1,
    }
}

/// What the machine makes of a reply.
pub(super) fn reply(reply: PassReply) -> PassReply {
    match (PLANTED.get(), reply) {
        (Some(Fault::TakesRefusalsForSuccess), PassReply::Secret(Err(_))) => PassReply::Secret(Ok(())),
        (Some(Fault::IgnoresPasswordMemory), PassReply::Passwords(_, version)) => {
            PassReply::Passwords(PasswordMemory::default(), version)
        }
        (_, reply) => reply,
    }
}
