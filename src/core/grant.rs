//! What does a connector with a stored grant add to one that logs in? Only `authorizationCode` has one.

pub mod candidate;
pub mod claim;
pub mod keep_alive;
pub mod moving;
pub mod session_goal;
pub mod session_report;
pub mod shared_session;
pub mod view;
