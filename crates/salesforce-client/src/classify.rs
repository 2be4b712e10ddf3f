//! stub
use crate::grant::GrantKind;
use crate::refusal::Refusal;
/// What an answer that is no success means.
#[must_use]
pub fn classify(
    grant: Option<GrantKind>,
    http_status: u16,
    content_type: Option<&str>,
    body: &[u8],
) -> Refusal {
    let _ = (grant, http_status, content_type, body);
    Refusal::UnknownRefusal
}
