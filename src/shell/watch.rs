//! What is watched in Kubernetes, and what does a watch yield?

pub(crate) mod copies;
pub mod object;
pub mod scope;
pub mod stores;
pub mod watches;
