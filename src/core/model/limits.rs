//! How large may a value be that a user, a Secret or Salesforce supplies?

use secrecy::{ExposeSecret, SecretString};

use crate::api::reasons::OwnReason;
use crate::core::model::rejection::Rejection;

/// The most bytes of a consumer key.
pub const CLIENT_ID: usize = 512;
/// The most bytes of a consumer secret.
pub const CLIENT_SECRET: usize = 1024;
/// The most bytes of a username, as Salesforce has it.
pub const USERNAME: usize = 80;
/// The most bytes of password and security token together.
pub const PASSWORD: usize = 512;
/// The most bytes of a private key.
pub const PRIVATE_KEY: usize = 16 * 1024;
/// The most bytes of a signer's token.
pub const SIGNER_TOKEN: usize = 4 * 1024;
/// The most bytes of a refresh token.
pub const REFRESH_TOKEN: usize = 8 * 1024;
/// The most bytes of an sfdx auth URL, or of the JSON around it.
pub const SFDX_AUTH_URL: usize = 8 * 1024;
/// The most bytes of a value of a login.
pub const LOGIN_VALUE: usize = 2048;
/// The most bytes of any of the above. Nothing larger is copied out of a Secret.
pub const LONGEST_INPUT: usize = PRIVATE_KEY;

/// The most bytes of the annotation of a request. A longer one is no request: its value would have to be echoed.
pub const REQUEST: usize = 256;
/// The most characters of a fact about org or user.
pub const FACT: usize = 120;
/// The most scopes that are shown.
pub const SCOPES: usize = 64;

/// Refuses a value of `bytes` for `field` that has more than `limit`.
pub fn check(field: &str, bytes: usize, limit: usize) -> Result<(), Rejection> {
    if bytes <= limit {
        return Ok(());
    }
    Err(too_long(field, bytes, limit))
}

/// The rejection of a value of `bytes` for `field`.
#[must_use]
pub fn too_long(field: &str, bytes: usize, limit: usize) -> Rejection {
    let subject = format!("{field}: {bytes} bytes, at most {limit} are allowed");
    Rejection::new(OwnReason::InputTooLong, subject)
}

/// Refuses a value that came through a reference, as [`check`] does.
pub fn check_secret(field: &str, value: &SecretString, limit: usize) -> Result<(), Rejection> {
    check(field, value.expose_secret().len(), limit)
}

/// A text of Salesforce's fit for status: at most [`FACT`] characters, none of which changes how others are shown.
#[must_use]
pub fn fact(text: &str) -> String {
    text.chars().take(FACT).map(salesforce_client::visible).collect()
}

/// Scopes fit for status: each once, in order, and the last one counts those that are left out.
#[must_use]
pub fn scopes(granted: &[String]) -> Vec<String> {
    let mut all: Vec<String> = granted.iter().map(|scope| fact(scope)).collect();
    all.sort();
    all.dedup();
    if all.len() > SCOPES {
        let more = all.split_off(SCOPES - 1).len();
        all.push(format!("and {more} more"));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_at_its_limit_passes_and_one_byte_more_is_refused_with_its_size() {
        assert_eq!(check("spec.app.clientId", 512, CLIENT_ID), Ok(()));
        let rejection = check("spec.app.clientId", 513, CLIENT_ID).unwrap_err();
        assert_eq!(rejection.reason, OwnReason::InputTooLong.into());
        assert_eq!(
            rejection.subject,
            "spec.app.clientId: 513 bytes, at most 512 are allowed"
        );
    }

    #[test]
    fn a_fact_is_cut_and_shows_no_control_characters() {
        assert_eq!(fact("\u{1b}[31mAcme\u{202e}\n"), " [31mAcme  ");
        assert_eq!(fact(&"é".repeat(1024 * 1024)), "é".repeat(120));
    }

    #[test]
    fn at_most_64_scopes_are_shown_and_the_rest_is_counted() {
        let granted = |count: usize| -> Vec<String> { (0..count).map(|n| format!("scope{n:03}")).collect() };
        assert_eq!(scopes(&granted(64)), granted(64));
        let shown = scopes(&granted(70));
        assert_eq!(shown[..63], granted(63));
        assert_eq!(shown[63..], ["and 7 more"]);
        assert_eq!(scopes(&["b".into(), "a".into(), "b".into()]), ["a", "b"]);
    }
}
