//! Which workloads are restarted after a new token, and what is shown of it?

pub mod due;
pub mod report;
pub mod summary;
pub mod workload;
