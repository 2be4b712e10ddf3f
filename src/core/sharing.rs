//! Who gets a copy of a connector's token, and when does a copy go?

pub mod copy_secret;
pub mod decide;
pub mod finding;
pub mod offer;
pub mod report;
pub mod summary;
