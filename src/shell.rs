//! What talks to the world outside? Everything with a client; what it talks to is the name of its room.

pub mod callback;
pub mod context;
pub mod controller;
pub mod error;
pub mod garbage_collector;
pub mod grant_session;
pub mod kubernetes;
pub mod observe;
pub mod perform;
pub mod report;
pub mod rights;
pub(crate) mod rotation;
pub mod salesforce;
pub(crate) mod sharing;
pub mod signer;
pub(crate) mod turns;
pub mod watch;
