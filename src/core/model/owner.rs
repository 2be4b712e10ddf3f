//! Which connector is it?

/// The connector, as far as its Secret mentions it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    pub name: String,
    pub namespace: String,
    pub uid: String,
}
