//! What is asked of Salesforce, and what is remembered of the answers?

pub mod budget;
pub mod connection_test;
pub mod login;
pub mod refused_passwords;
