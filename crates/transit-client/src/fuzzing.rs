//! What does a fuzzer put in the place of the network? The status and the body of an answer.

use crate::answer;
use crate::refusal::SignerRefusal;
use crate::signature::Signature;

/// What the client makes of an answer.
pub fn judged(status: u16, body: &[u8]) -> Result<Signature, SignerRefusal> {
    if (200..300).contains(&status) {
        return answer::signature(body).map_err(|failure| failure.refusal);
    }
    Err(answer::refusal(status, body))
}

/// What the client says of an answer that is called a success, and brings no signature.
pub fn complaint(body: &[u8]) -> Option<String> {
    answer::signature(body)
        .err()
        .map(|failure| format!("{failure} {failure:?}"))
}
