//! What is watched in Kubernetes, and what does a watch yield?

pub mod object;
pub mod scope;
pub mod stores;
pub mod watches;
