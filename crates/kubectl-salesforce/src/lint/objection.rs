//! What is an objection to an object?

/// Something that would be refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// Path of the field, such as `spec.host`; empty for the object as a whole.
    pub field: String,
    /// What is wrong and what to do, as the API server or the operator says it.
    pub text: String,
}

impl Objection {
    pub fn new(field: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            text: text.into(),
        }
    }
}
