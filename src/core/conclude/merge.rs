//! How do conditions change from one report to the next?

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::api::Reason;

/// Types of conditions, in the order in which they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConditionType {
    Ready,
    Authenticated,
    SecretSynced,
    ConnectionTested,
    /// The operator is still at it; exists only while true.
    Reconciling,
    /// A person must act; exists only while true.
    Stalled,
}

impl ConditionType {
    /// As in `status.conditions[].type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Authenticated => "Authenticated",
            Self::SecretSynced => "SecretSynced",
            Self::ConnectionTested => "ConnectionTested",
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    True,
    False,
    Unknown,
}

impl Truth {
    /// As in `status.conditions[].status`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// What is to be said under one type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub truth: Truth,
    pub reason: Reason,
    pub message: String,
}

impl Finding {
    /// A finding with the reason's own words.
    pub fn plain(truth: Truth, reason: impl Into<Reason>) -> Self {
        let reason = reason.into();
        Self {
            truth,
            reason,
            message: reason.meaning().to_owned(),
        }
    }

    pub fn with(truth: Truth, reason: impl Into<Reason>, message: impl Into<String>) -> Self {
        Self {
            truth,
            reason: reason.into(),
            message: message.into(),
        }
    }
}

/// The longest message that the API server accepts in a condition.
const MESSAGE_BYTES: usize = 32_768;

/// The conditions for `findings`. The time of transition moves only where the status of a condition changes.
pub fn merge(
    before: &[Condition],
    findings: &[(ConditionType, Finding)],
    generation: i64,
    now: Timestamp,
) -> Vec<Condition> {
    let condition = |(kind, finding): &(ConditionType, Finding)| {
        let earlier = before.iter().find(|condition| condition.type_ == kind.as_str());
        let unchanged = earlier.filter(|condition| condition.status == finding.truth.as_str());
        Condition {
            type_: kind.as_str().to_owned(),
            status: finding.truth.as_str().to_owned(),
            reason: finding.reason.as_str().to_owned(),
            message: truncate(&finding.message, MESSAGE_BYTES).to_owned(),
            last_transition_time: unchanged.map_or_else(
                || Time(crate::core::schedule::time::whole_seconds(now)),
                |condition| condition.last_transition_time.clone(),
            ),
            observed_generation: Some(generation),
        }
    };
    findings.iter().map(condition).collect()
}

/// At most `limit` bytes of `text`, cut between characters.
pub fn truncate(text: &str, limit: usize) -> &str {
    let end = (0..=limit.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::reasons::OwnReason;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_transition_time_moves_only_with_the_status() {
        let ready = |truth, reason| vec![(ConditionType::Ready, Finding::plain(truth, reason))];
        let first = merge(&[], &ready(Truth::False, OwnReason::Pending), 1, at(10));
        let same = merge(&first, &ready(Truth::False, OwnReason::Suspended), 2, at(20));
        let other = merge(&same, &ready(Truth::True, OwnReason::TokenValid), 2, at(30));
        let times =
            [&first, &same, &other].map(|conditions| conditions[0].last_transition_time.0.as_second());
        assert_eq!(times, [10, 10, 30]);
        assert_eq!(
            (same[0].reason.as_str(), same[0].observed_generation),
            ("Suspended", Some(2))
        );
    }

    #[test]
    fn a_message_is_cut_between_characters() {
        assert_eq!(truncate("zoë", 3), "zo");
        assert_eq!(truncate("zoë", 4), "zoë");
    }
}
