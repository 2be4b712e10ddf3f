//! How does a step of the benchmark fail?

/// What went wrong, as text: there is nobody to tell one error from another.
pub(crate) type Failed = Box<dyn std::error::Error + Send + Sync>;
