//! What accounts for a token that is missing?

use std::collections::BTreeMap;

use jiff::Timestamp;

/// Why a consumer has no valid token. The first one that holds counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    /// A person was called and has not come yet.
    Person,
    /// Salesforce refuses or is down, or was so shortly before.
    Refused,
    /// Its session was ended in Salesforce, and the next test is not over.
    SessionEnded,
    /// A replica or the API server is in trouble, or was shortly before.
    Operator,
    /// None of these.
    Nothing,
}

impl Cause {
    pub(super) const ALL: [(Self, &'static str); 5] = [
        (Self::Person, "a person was awaited"),
        (
            Self::Refused,
            "Salesforce refused or was down, or 90 minutes before",
        ),
        (Self::SessionEnded, "the session had been ended within 90 minutes"),
        (
            Self::Operator,
            "a replica or the API server was in trouble, or 3 hours before",
        ),
        (Self::Nothing, "for no such cause"),
    ];
}

/// What holds, and until when.
#[derive(Debug, Default)]
pub(super) struct Causes(BTreeMap<Cause, Timestamp>);

impl Causes {
    /// It holds until then, or as long as it did.
    pub(super) fn hold(&mut self, cause: Cause, end: Timestamp) {
        let known = self.0.entry(cause).or_insert(end);
        *known = end.max(*known);
    }

    pub(super) fn holds(&self, cause: Cause, now: Timestamp) -> bool {
        self.0.get(&cause).is_some_and(|end| *end > now)
    }
}
