//! How does the operator rotate the credentials of an external client app, so that no crash loses a pair that works?
//!
//! Each step is stored before the call that it announces. Whoever finds an open rotation looks at what Salesforce lists before it
//! sends anything again: `docs/decisions/0052-rotation-by-the-operator.md`.

pub mod calls;
mod codec;
pub mod due;
pub mod evidence;
pub mod input;
pub mod report;
pub mod state;
pub mod stored;
pub mod summary;

#[cfg(test)]
mod tests;
