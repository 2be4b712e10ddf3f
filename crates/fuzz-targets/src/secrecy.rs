//! How does a target notice that a secret is shown?

/// What stands in for secrets. No emitted text may have it.
pub(crate) const CANARY: &str = "canary";

/// Asserts that a text has no secret: none of those that the targets send, and none of the input.
pub(crate) fn assert_no_secret(text: &str) {
    assert!(!text.contains(CANARY), "a secret is shown: {text}");
}
