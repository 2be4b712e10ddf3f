//! What is asked of Salesforce, and what is remembered of the answers?

pub mod budget;
pub mod current_client;
pub(crate) mod observer;
pub mod password_memory;
pub mod refused_passwords;
pub(crate) mod user_locks;
