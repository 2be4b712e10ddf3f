//! What if the shell answers something else than it was asked?

/// A reply that does not answer the effect that was asked for: a mistake in the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the reply to an effect of a pass is of another kind than the effect")]
pub struct UnexpectedReply;
