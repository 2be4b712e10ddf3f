//! Which kind of org does a connector connect to? Spec and status both name it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Type of an org.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Environment {
    /// A production or Developer Edition org.
    #[default]
    Live,
    /// A sandbox or scratch org.
    Sandbox,
}
