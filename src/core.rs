//! What is to be done, and what has come of it? Pure: values and a clock in, values out; the linter keeps it so.
//!
//! Conditions are output only: no decision reads them.
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::unused_async)]

pub mod callback;
pub mod conclude;
pub mod decide;
pub mod grant;
pub mod inventory;
pub mod model;
pub mod pass;
pub mod rights;
pub mod rollout;
pub mod rotation;
pub mod schedule;
pub mod secret;
pub mod sharing;
#[cfg(test)]
pub(crate) mod testing;
pub mod validate;
