//! What must the consumer's Secret look like, whose is it, and what does it carry?

pub mod merge;
pub mod ownership;
pub mod read_back;
pub mod template;
