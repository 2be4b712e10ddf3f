//! What is measured, and where does it leave its traces?

use std::path::PathBuf;

pub(crate) struct Programs {
    pub(crate) operator: PathBuf,
    pub(crate) simulator: PathBuf,
    /// Where logs are kept; nowhere without.
    pub(crate) logs: Option<PathBuf>,
    /// Where profiles of the API server are kept; none are made without.
    pub(crate) profiles: Option<PathBuf>,
}
