//! What does the client of signers make of their answers?
//!
//! An input is a line with the HTTP status, and then the body.

use salesforce_connector_operator::settings::allowed_signers::AllowedSigner;
use transit_client::{SignerAddress, fuzzing};

use crate::secrecy::assert_no_secret;

pub(crate) fn signer_answer(input: &[u8]) {
    let end = input
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(input.len());
    let (line, rest) = input.split_at(end);
    let line = String::from_utf8_lossy(line);
    let body = rest.get(1..).unwrap_or_default();
    let status = line.parse().ok().filter(|status| (200..600).contains(status));
    if let Ok(signature) = fuzzing::judged(status.unwrap_or(200), body) {
        assert!((256..=1024).contains(&signature.bytes.len()));
        assert!(signature.bytes.len() <= body.len());
    }
    if let Some(complaint) = fuzzing::complaint(body) {
        assert_no_secret(&complaint);
        assert!(complaint.len() <= 512, "{complaint}");
    }
    address(&line);
}

/// The line as an address: whatever is one has nothing but a name and a port.
fn address(text: &str) {
    if let Ok(address) = text.parse::<SignerAddress>() {
        let rest = address.as_str().strip_prefix("https://").expect("HTTPS");
        let odd = |c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit() && !"-.:".contains(c);
        assert!(!rest.is_empty() && !rest.contains(odd), "{address}");
        assert!(format!("sales={address}").parse::<AllowedSigner>().is_ok());
    }
    let _ = text.parse::<AllowedSigner>();
}
