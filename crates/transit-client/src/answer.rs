//! What does an answer of the transit engine say? A signature, or why there is none.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::refusal::{SignerFailure, SignerRefusal};
use crate::signature::Signature;

/// Bytes of a signature by RSA keys of 2048 to 8192 bits. Those of other types of keys are far shorter.
const SIGNATURE: std::ops::RangeInclusive<usize> = 256..=1024;

#[derive(Deserialize)]
struct SignatureAnswer {
    data: SignatureData,
}

#[derive(Deserialize)]
struct SignatureData {
    signature: String,
}

#[derive(Deserialize)]
struct ErrorAnswer {
    errors: Vec<String>,
}

/// The signature of a successful answer: `vault:vVERSION:BASE64`.
pub(crate) fn signature(body: &[u8]) -> Result<Signature, SignerFailure> {
    let invalid = |why: &str| SignerFailure::new(SignerRefusal::SignerAnswerInvalid, why);
    let answer: SignatureAnswer =
        serde_json::from_slice(body).map_err(|_| invalid("the answer is no JSON with data.signature"))?;
    let mut parts = answer.data.signature.splitn(3, ':');
    let (Some("vault"), Some(version), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(invalid("the signature is not of the form vault:v1:BASE64"));
    };
    let key_version = version.strip_prefix('v').and_then(|version| version.parse().ok());
    let key_version = key_version.ok_or_else(|| invalid("the signature names no version of its key"))?;
    let bytes = STANDARD
        .decode(encoded)
        .map_err(|_| invalid("the signature is no base64"))?;
    if !SIGNATURE.contains(&bytes.len()) {
        let why = format!(
            "the signature has {} bytes; those of RSA keys have at least 256",
            bytes.len()
        );
        return Err(SignerFailure::new(SignerRefusal::SignerKeyUnsuitable, why));
    }
    Ok(Signature { bytes, key_version })
}

/// What an answer means that is no success. The words of the engine decide where the status does not; none is repeated.
pub(crate) fn refusal(status: u16, body: &[u8]) -> SignerRefusal {
    match status {
        300..=399 => SignerRefusal::SignerAnswerInvalid,
        401 | 403 => SignerRefusal::SignerForbidden,
        404 => SignerRefusal::SignerKeyNotFound,
        429 => SignerRefusal::SignerBusy,
        // 472 and 473 are standby nodes of Vault Enterprise.
        472 | 473 | 503 => SignerRefusal::SignerSealed,
        500..=599 => by_words(body).unwrap_or(SignerRefusal::SignerFailed),
        _ => by_words(body).unwrap_or(SignerRefusal::SignerRefused),
    }
}

/// Texts of `builtin/logical/transit/path_sign_verify.go` and `sdk/helper/keysutil/policy.go` of both servers.
const WORDS: [(&str, SignerRefusal); 6] = [
    ("key not found", SignerRefusal::SignerKeyNotFound),
    ("no handler for route", SignerRefusal::SignerKeyNotFound),
    ("does not support signing", SignerRefusal::SignerKeyUnsuitable),
    ("signing not supported", SignerRefusal::SignerKeyUnsuitable),
    (
        "requested version for signing",
        SignerRefusal::SignerKeyVersionUnavailable,
    ),
    ("no longer available", SignerRefusal::SignerKeyVersionUnavailable),
];

fn by_words(body: &[u8]) -> Option<SignerRefusal> {
    let said: ErrorAnswer = serde_json::from_slice(body).ok()?;
    let said = said.errors.join(" ").to_ascii_lowercase();
    let known = WORDS.into_iter().find(|(words, _)| said.contains(words));
    known.map(|(_, refusal)| refusal)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(signature: &str) -> Vec<u8> {
        json!({ "data": { "signature": signature } })
            .to_string()
            .into_bytes()
    }

    #[test]
    fn a_signature_comes_with_the_version_of_its_key() {
        let text = format!("vault:v12:{}", STANDARD.encode([7; 256]));
        let expected = Signature {
            bytes: vec![7; 256],
            key_version: 12,
        };
        assert_eq!(signature(&answer(&text)), Ok(expected));
    }

    #[test]
    fn a_signature_that_is_too_short_for_rsa_is_not_used() {
        for (length, fits) in [
            (64, false),
            (255, false),
            (256, true),
            (1024, true),
            (1025, false),
        ] {
            let text = format!("vault:v1:{}", STANDARD.encode(vec![7; length]));
            let found = signature(&answer(&text))
                .map(drop)
                .map_err(|failure| failure.refusal);
            let expected = if fits {
                Ok(())
            } else {
                Err(SignerRefusal::SignerKeyUnsuitable)
            };
            assert_eq!(found, expected, "{length}");
        }
    }

    #[test]
    fn no_word_of_a_signer_is_in_a_failure() {
        let canary = "canary-3e1f";
        for body in [
            canary.as_bytes().to_vec(),
            answer(canary),
            answer(&format!("vault:{canary}:x")),
            answer(&format!("vault:v1:{canary}")),
            json!({ "errors": [canary] }).to_string().into_bytes(),
        ] {
            let failure = signature(&body).unwrap_err();
            assert_eq!(failure.refusal, SignerRefusal::SignerAnswerInvalid);
            assert!(!failure.to_string().contains(canary), "{failure}");
        }
    }

    /// The words are those of the server in `tests/signer`, which the tests of the cluster meet as well.
    #[test]
    fn an_answer_that_is_no_success_has_its_reason() {
        for (status, said, expected) in [
            (503, "Vault is sealed", SignerRefusal::SignerSealed),
            (473, "", SignerRefusal::SignerSealed),
            (403, "permission denied", SignerRefusal::SignerForbidden),
            (404, "no handler for route", SignerRefusal::SignerKeyNotFound),
            (404, "namespace not found", SignerRefusal::SignerKeyNotFound),
            (400, "signing key not found", SignerRefusal::SignerKeyNotFound),
            (
                400,
                "key type aes256-gcm96 does not support signing",
                SignerRefusal::SignerKeyUnsuitable,
            ),
            (
                500,
                "1 error occurred: * requested version for signing is higher than the latest key version",
                SignerRefusal::SignerKeyVersionUnavailable,
            ),
            (500, "internal error", SignerRefusal::SignerFailed),
            (429, "rate limit quota exceeded", SignerRefusal::SignerBusy),
            (307, "", SignerRefusal::SignerAnswerInvalid),
            (400, "something else", SignerRefusal::SignerRefused),
        ] {
            let body = json!({ "errors": [said] }).to_string();
            assert_eq!(refusal(status, body.as_bytes()), expected, "{status} {said}");
        }
        assert_eq!(refusal(400, b"<html>"), SignerRefusal::SignerRefused);
    }
}
