//! What stands in the way, in words?

use crate::api::Reason;

/// What stands in the way, in words: the reason says what it means and what to do, the subject says what it is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rejection {
    pub reason: Reason,
    /// The field, object or value concerned; never a value that came through a reference.
    pub subject: String,
}

impl Rejection {
    pub fn new(reason: impl Into<Reason>, subject: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            subject: subject.into(),
        }
    }

    /// The sentence for status: what is wrong, with what, and what to do.
    pub fn message(&self) -> String {
        explain(self.reason, &self.subject)
    }
}

/// What happened, the particulars if there are any, and what to do: the form of every message about a problem.
pub fn explain(reason: Reason, particulars: &str) -> String {
    let (meaning, remedy) = (reason.meaning(), reason.remedy());
    if particulars.is_empty() {
        format!("{meaning} {remedy}")
    } else {
        format!("{} ({particulars}). {remedy}", meaning.trim_end_matches('.'))
    }
}
