//! What came of bringing the copies of a token in step?

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SharingReport {
    /// This operator copies no tokens.
    Disabled,
    /// Each copy that the connector consents to, sorted.
    Copies(Vec<CopyReport>),
}

/// What came of one copy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CopyReport {
    pub namespace: String,
    /// Name of the `SalesforceTokenCopy`.
    pub name: String,
    /// Why it has not the token, in a word; nothing if it has.
    pub problem: Option<String>,
}
