//! What does the fuzzer run? One function for each kind of input that comes from outside.
//!
//! The programs in `fuzz/` feed these functions. `tests/replay.rs` feeds them the corpus, so that `cargo test` finds again
//! what the fuzzer found. Each function asserts that nothing panics, that no error or debug output has a secret, and that
//! what is kept of an input is not much larger than the input.
#![cfg(feature = "targets")]

mod answers;
mod objects;
mod records;
mod requests;
mod secrecy;
mod signers;
mod values;
mod world;

/// Takes an input, and panics where it finds a defect.
pub type Target = fn(&[u8]);

/// The kinds of input, by name: the name of a program in `fuzz/fuzz_targets`, and of a folder in `fuzz/corpus`.
pub const TARGETS: [(&str, Target); 15] = [
    ("auth_url", values::auth_url),
    ("connector", objects::connector),
    ("consumer_secret", objects::consumer_secret),
    ("error_body", answers::error_body),
    ("host", values::host),
    ("identity_url", values::identity_url),
    ("introspection", answers::introspection),
    ("ledger_record", records::ledger),
    ("page_request", requests::page_request),
    ("private_key", values::private_key),
    ("rest_body", answers::rest_body),
    ("secret_value", values::secret_value),
    ("signer_answer", signers::signer_answer),
    ("state_record", records::state),
    ("token_answer", answers::token_answer),
];

/// Runs a target.
///
/// # Panics
///
/// Where the target finds a defect, or there is no target of this name.
pub fn run(target: &str, input: &[u8]) {
    let found = TARGETS.iter().find(|(name, _)| *name == target);
    let (_, run) = found.expect("a target of this name");
    run(input);
}
