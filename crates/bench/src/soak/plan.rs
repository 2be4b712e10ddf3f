//! How long does it go on, how fast, and by which chance?

#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) days: u32,
    /// Simulated seconds a second.
    pub(crate) speed: u32,
    pub(crate) seed: u64,
    pub(crate) connectors: usize,
}
