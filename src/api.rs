//! The contract with users: the resource, its reasons, and every name that is visible in a cluster.
#![warn(missing_docs)]

pub mod copy;
pub mod crd;
mod environment;
mod grant_problem_texts;
pub mod names;
mod newer;
pub mod reasons;
pub mod refusals;
mod signer_refusals;
pub mod spec;
pub mod status;

pub use copy::SalesforceTokenCopy;
pub use reasons::Reason;
pub use spec::{SalesforceConnector, SalesforceConnectorSpec};
pub use status::SalesforceConnectorStatus;
