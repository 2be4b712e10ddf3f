//! What does the org hold: when is that read, and what is shown of it?

pub mod calls;
pub mod detail;
pub mod due;
pub mod findings;
pub mod summary;
