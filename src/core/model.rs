//! Which values are handed from step to step? Values alone: what is done with them is in the rooms beside this one.

pub mod connector;
pub mod decision;
pub mod digest;
pub mod held_token;
pub mod inputs;
pub mod limits;
pub mod login_request;
pub mod observed;
pub mod outcome;
pub mod owner;
pub mod problem;
pub mod rejection;
