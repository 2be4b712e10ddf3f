//! Where do tests of the core start from, and what holds in every situation?

pub(crate) mod driver;
pub(crate) mod fixtures;
mod properties;
