//! How do copies of tokens get into other namespaces, and away again?
//!
//! A controller of its own looks at each `SalesforceTokenCopy`, woken by its own changes and by those of the connector. A pass
//! over a connector does the same for all copies of its token, so that they change together with the connector's Secret.

pub(crate) mod controller;
pub(crate) mod copies;
mod seen;
mod steps;
