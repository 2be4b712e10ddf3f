//! What do Salesforce's identifiers and opaque tokens look like?

use ring::rand::{SecureRandom, SystemRandom};

/// Key prefix of external client apps.
pub(crate) const EXTERNAL_CLIENT_APP: &str = "0xI";
/// Key prefix of the consumers of an app.
pub(crate) const CONSUMER: &str = "888";
/// Key prefix of staged credentials; a guess.
pub(crate) const STAGED: &str = "0iS";

const BASE62: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const CHECK: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// The 18-character form of a record id: key prefix, number, and the three characters that tell upper from lower
/// case. docs/salesforce.md#record-ids
pub(crate) fn record_id(prefix: &str, number: u64) -> String {
    let mut short = format!("{prefix}{}", base62(number, 15 - prefix.len()));
    let check: String = short.as_bytes().chunks(5).map(check_character).collect();
    short.push_str(&check);
    short
}

/// Each of the last three characters says which of five characters are upper case.
fn check_character(five: &[u8]) -> char {
    let bits = five
        .iter()
        .enumerate()
        .filter(|(_, byte)| byte.is_ascii_uppercase())
        .fold(0_usize, |bits, (position, _)| bits | 1 << position);
    CHECK.get(bits).copied().map_or('A', char::from)
}

fn base62(mut number: u64, width: usize) -> String {
    let mut digits = vec![b'0'; width];
    for digit in digits.iter_mut().rev() {
        let index = usize::try_from(number % 62).unwrap_or_default();
        // Digit zero is '0', as in real ids.
        *digit = BASE62.get((index + 52) % 62).copied().unwrap_or(b'0');
        number /= 62;
    }
    String::from_utf8(digits).unwrap_or_default()
}

pub(crate) fn random(length: usize) -> String {
    let mut bytes = vec![0_u8; length];
    // The system generator does not fail on the platforms that run tests; zeros would only make tokens collide.
    let _ = SystemRandom::new().fill(&mut bytes);
    bytes
        .iter()
        .filter_map(|byte| BASE62.get(usize::from(*byte) % 62))
        .map(|b| char::from(*b))
        .collect()
}

/// An opaque access token: `00D` with the organization's id, `!`, then letters, digits, `.` and `_`.
/// docs/salesforce.md#access-token-shape
pub(crate) fn access_token(org_id: &str) -> String {
    let short = org_id.get(..15).unwrap_or(org_id);
    format!("{short}!AQEAQ{}.{}_{}", random(40), random(30), random(16))
}

/// A refresh token: `5Aep861` and more letters, digits, `.` and `_`, within the characters that an sfdx auth URL
/// allows. docs/salesforce.md#sfdx-auth-url
pub(crate) fn refresh_token() -> String {
    format!("5Aep861{}._{}", random(50), random(26))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_eighteen_characters_and_the_known_check_suffix() {
        assert_eq!(record_id("00D", 1).len(), 18);
        // A pair often printed in Salesforce's documentation: 001D000000IqhSL is 001D000000IqhSLIAZ.
        let check: String = "001D000000IqhSL"
            .as_bytes()
            .chunks(5)
            .map(check_character)
            .collect();
        assert_eq!(check, "IAZ");
    }
}
