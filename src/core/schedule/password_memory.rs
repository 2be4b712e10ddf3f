//! What is remembered of a user's passwords that were sent without success, and which password must not be sent now?
//!
//! Salesforce counts the failed logins of a user, whatever the password, and locks the user (docs/salesforce.md#lockout). So the
//! memory is one for each user. What it says to a namespace depends on the passwords of that namespace alone, and on when those
//! of others were sent: nobody can test guesses of another namespace's passwords.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::core::model::digest::Digest;
use crate::core::schedule::time::{is_ahead, later, since};

/// For how long a failed login counts. The longest lockout that ends by itself takes an hour, but nothing says that Salesforce's
/// count goes down with time.
pub(crate) const LOCKOUT_PERIOD: Duration = Duration::from_hours(24);
/// Failed logins of a user within [`LOCKOUT_PERIOD`] after which only a request sends another: the lowest limit that
/// Salesforce offers is 3.
pub(crate) const MOST_FAILURES: usize = 2;
/// How often a request may send a password that failed, or any password of a user with [`MOST_FAILURES`].
pub(crate) const REQUEST_EVERY: Duration = Duration::from_hours(1);
/// How long a namespace waits after a failed login of the same user in another namespace.
const FAILED_ELSEWHERE: Duration = Duration::from_hours(1);
/// Attempts that are remembered of a user: more than [`MOST_FAILURES`].
const MOST_ATTEMPTS: usize = 8;

/// The attempts of one user that may have failed, the latest last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordMemory {
    attempts: Vec<PasswordAttempt>,
    /// When Salesforce last accepted a password of the user: what failed before counts no longer.
    accepted: Option<Timestamp>,
}

/// A password as a namespace brings it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordId {
    pub namespace: String,
    /// Digest of user and password.
    pub digest: Digest,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordAttempt {
    pub password: PasswordId,
    /// Noted before it was sent.
    pub time: Timestamp,
    /// Whether a person asked for it.
    pub requested: bool,
    /// While its outcome is unclear: from when on the password may be sent again. None once Salesforce has refused it.
    pub unclear_until: Option<Timestamp>,
}

/// On what account a password is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordOrder {
    /// Whether a person asks for it.
    pub requested: bool,
    /// Whether it has brought the token that is held.
    pub accepted_before: bool,
}

/// Why a password is not sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordVeto {
    /// Salesforce has refused it; a request sends it again from then on.
    Refused { request_from: Option<Timestamp> },
    /// A login of the user has failed, or may have.
    Wait { until: Timestamp },
}

/// What came of sending a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordOutcome {
    Accepted,
    Refused,
    /// No answer came, or none that tells.
    Unclear,
    /// It was not sent, or something else was refused.
    NotCounted,
}

impl PasswordMemory {
    /// What can't be read says that nothing is sent unless a person asks.
    pub fn unreadable(now: Timestamp) -> Self {
        let attempt = PasswordAttempt {
            password: PasswordId {
                namespace: String::new(),
                digest: Digest::from_text(""),
            },
            time: now,
            requested: false,
            unclear_until: None,
        };
        Self {
            attempts: vec![attempt; MOST_FAILURES],
            accepted: None,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.attempts.is_empty()
    }

    /// The latest attempt, by which the memory ages.
    pub fn latest(&self) -> Option<&PasswordAttempt> {
        self.attempts.last()
    }

    /// The latest attempt with this password.
    fn of(&self, password: &PasswordId) -> Option<&PasswordAttempt> {
        self.attempts
            .iter()
            .rfind(|attempt| attempt.password == *password)
    }

    /// Whether Salesforce has refused this password to its namespace.
    pub fn has_refused(&self, password: &PasswordId) -> bool {
        self.of(password)
            .is_some_and(|attempt| attempt.unclear_until.is_none())
    }

    /// Whether the password must be noted as under way before it is sent.
    pub fn needs_note(&self, password: &PasswordId, order: PasswordOrder) -> bool {
        !order.accepted_before || self.of(password).is_some()
    }

    /// What speaks against sending the password now.
    pub fn veto(&self, password: &PasswordId, order: PasswordOrder, now: Timestamp) -> Option<PasswordVeto> {
        let before = self.of(password);
        if let Some(before) = before {
            let asked = |attempt: &&PasswordAttempt| attempt.requested && attempt.password == *password;
            let from = self.next_request(asked);
            let waits = if order.requested {
                from
            } else {
                before.unclear_until
            };
            let refused = before.unclear_until.is_none();
            match waits.filter(|until| now < *until) {
                Some(until) if !refused => return Some(PasswordVeto::Wait { until }),
                None if !refused || order.requested => {}
                _ => return Some(PasswordVeto::Refused { request_from: from }),
            }
        } else if order.accepted_before {
            return None;
        }
        let until = self.user_waits_until(password, order, now)?;
        (now < until).then_some(PasswordVeto::Wait { until })
    }

    /// Until when the failures of all passwords speak against sending this one.
    fn user_waits_until(
        &self,
        password: &PasswordId,
        order: PasswordOrder,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let failed = || self.attempts.iter().filter(|attempt| self.counts(attempt, now));
        let crucial = failed().rev().nth(MOST_FAILURES - 1);
        match crucial {
            Some(_) if order.requested => self.next_request(|attempt| attempt.requested),
            Some(crucial) => Some(later(crucial.time, LOCKOUT_PERIOD)),
            None if order.requested => None,
            None => failed()
                .rfind(|attempt| attempt.password.namespace != password.namespace)
                .map(|attempt| later(attempt.time, FAILED_ELSEWHERE)),
        }
    }

    fn next_request(&self, asked: impl FnMut(&&PasswordAttempt) -> bool) -> Option<Timestamp> {
        let last = self.attempts.iter().rfind(asked)?;
        Some(later(last.time, REQUEST_EVERY))
    }

    /// Whether Salesforce may still count the attempt as a failed login.
    fn counts(&self, attempt: &PasswordAttempt, now: Timestamp) -> bool {
        let accepted = self.accepted.filter(|accepted| !is_ahead(*accepted, now));
        accepted < Some(attempt.time) && since(attempt.time, now) < LOCKOUT_PERIOD
    }

    /// With an attempt that is about to be made.
    #[must_use]
    pub fn begun(&self, attempt: PasswordAttempt) -> Self {
        let mut memory = self.clone();
        memory.attempts.push(attempt);
        let surplus = memory.attempts.len().saturating_sub(MOST_ATTEMPTS);
        memory.attempts.drain(..surplus);
        memory
    }

    /// With what came of an attempt, which need not have been noted before.
    #[must_use]
    pub fn ended(&self, attempt: &PasswordAttempt, outcome: PasswordOutcome, now: Timestamp) -> Self {
        let mut memory = self.clone();
        let same = |each: &PasswordAttempt| (&each.password, each.time) == (&attempt.password, attempt.time);
        match outcome {
            PasswordOutcome::NotCounted => memory.attempts.retain(|each| !same(each)),
            PasswordOutcome::Accepted => {
                memory.attempts.retain(|each| each.password != attempt.password);
                if memory.attempts.iter().any(|each| self.counts(each, now)) {
                    memory.accepted = Some(now);
                }
            }
            PasswordOutcome::Refused | PasswordOutcome::Unclear => {
                memory.attempts.retain(|each| !same(each));
                let unclear = outcome == PasswordOutcome::Unclear;
                memory = memory.begun(PasswordAttempt {
                    unclear_until: attempt.unclear_until.filter(|_| unclear),
                    ..attempt.clone()
                });
            }
        }
        if memory.is_empty() {
            Self::default()
        } else {
            memory
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const UNASKED: PasswordOrder = PasswordOrder {
        requested: false,
        accepted_before: false,
    };
    const REQUESTED: PasswordOrder = PasswordOrder {
        requested: true,
        ..UNASKED
    };
    const RENEWAL: PasswordOrder = PasswordOrder {
        accepted_before: true,
        ..UNASKED
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn id(namespace: &str, password: &str) -> PasswordId {
        PasswordId {
            namespace: namespace.to_owned(),
            digest: Digest::from_text(password),
        }
    }

    /// An attempt whose outcome is unclear for an hour.
    fn attempt(password: &PasswordId, order: PasswordOrder, second: i64) -> PasswordAttempt {
        PasswordAttempt {
            password: password.clone(),
            time: at(second),
            requested: order.requested,
            unclear_until: Some(at(second + HOUR)),
        }
    }

    fn with(memory: &PasswordMemory, attempt: &PasswordAttempt, outcome: PasswordOutcome) -> PasswordMemory {
        memory
            .begun(attempt.clone())
            .ended(attempt, outcome, attempt.time)
    }

    fn refused(
        memory: &PasswordMemory,
        password: &PasswordId,
        order: PasswordOrder,
        second: i64,
    ) -> PasswordMemory {
        with(
            memory,
            &attempt(password, order, second),
            PasswordOutcome::Refused,
        )
    }

    #[test]
    fn a_password_that_is_under_way_is_sent_by_nobody_else_for_an_hour() {
        let crm = id("sales", "a");
        let begun = PasswordMemory::default().begun(attempt(&crm, UNASKED, 0));
        let wait = Some(PasswordVeto::Wait { until: at(HOUR) });
        for other in [&crm, &id("support", "a"), &id("support", "b")] {
            assert_eq!(begun.veto(other, UNASKED, at(HOUR - 1)), wait);
            assert_eq!(begun.veto(other, UNASKED, at(HOUR)), None);
        }
        assert!(!begun.has_refused(&crm));
    }

    #[test]
    fn a_refused_password_is_sent_again_on_request_only_and_once_an_hour() {
        let crm = id("sales", "a");
        let once = refused(&PasswordMemory::default(), &crm, UNASKED, 0);
        let never = PasswordVeto::Refused { request_from: None };
        assert_eq!(once.veto(&crm, UNASKED, at(1000 * HOUR)), Some(never));
        assert_eq!(once.veto(&crm, REQUESTED, at(1)), None);
        let twice = refused(&once, &crm, REQUESTED, MINUTE);
        let from = PasswordVeto::Refused {
            request_from: Some(at(HOUR + MINUTE)),
        };
        assert_eq!(twice.veto(&crm, REQUESTED, at(HOUR + MINUTE - 1)), Some(from));
        assert_eq!(twice.veto(&crm, REQUESTED, at(HOUR + MINUTE)), None);
        assert_eq!(twice.veto(&crm, UNASKED, at(HOUR + MINUTE)), Some(from));
    }

    #[test]
    fn after_two_failed_logins_of_a_user_only_a_request_sends_any_password_and_once_an_hour() {
        let [a, b, c, d] = ["a", "b", "c", "d"].map(|password| id("sales", password));
        let one = refused(&PasswordMemory::default(), &a, UNASKED, 0);
        assert_eq!(one.veto(&b, UNASKED, at(1)), None);
        let two = refused(&one, &b, UNASKED, 1);
        let day = PasswordVeto::Wait { until: at(24 * HOUR) };
        assert_eq!(two.veto(&c, UNASKED, at(24 * HOUR - 1)), Some(day));
        assert_eq!(two.veto(&c, UNASKED, at(24 * HOUR)), None);
        assert_eq!(two.veto(&c, REQUESTED, at(2)), None);
        let three = refused(&two, &c, REQUESTED, 2);
        let hour = PasswordVeto::Wait { until: at(HOUR + 2) };
        assert_eq!(three.veto(&d, REQUESTED, at(HOUR)), Some(hour));
        assert_eq!(three.veto(&d, REQUESTED, at(HOUR + 2)), None);
    }

    #[test]
    fn a_lost_answer_counts_as_a_failed_login() {
        let [a, b, c] = ["a", "b", "c"].map(|password| id("sales", password));
        let one = with(
            &PasswordMemory::default(),
            &attempt(&a, UNASKED, 0),
            PasswordOutcome::Unclear,
        );
        let two = with(&one, &attempt(&b, UNASKED, 1), PasswordOutcome::Unclear);
        assert!(two.veto(&c, UNASKED, at(2)).is_some());
    }

    #[test]
    fn what_another_namespace_has_sent_tells_nothing_of_its_password() {
        let refused = refused(&PasswordMemory::default(), &id("sales", "a"), UNASKED, 0);
        for second in [1, HOUR - 1, HOUR, 25 * HOUR] {
            for order in [UNASKED, REQUESTED, RENEWAL] {
                let verdict = |password| refused.veto(&id("support", password), order, at(second));
                assert_eq!(verdict("a"), verdict("b"), "{second} {order:?}");
            }
        }
        let wait = PasswordVeto::Wait { until: at(HOUR) };
        assert_eq!(refused.veto(&id("support", "a"), UNASKED, at(1)), Some(wait));
        assert!(!refused.has_refused(&id("support", "a")));
    }

    #[test]
    fn a_password_that_works_is_renewed_whatever_others_send_and_needs_no_note() {
        let mut memory = PasswordMemory::default();
        for second in 0..20 {
            memory = refused(&memory, &id("support", &second.to_string()), UNASKED, second);
        }
        assert_eq!(memory.attempts.len(), MOST_ATTEMPTS);
        let crm = id("sales", "a");
        assert_eq!(memory.veto(&crm, RENEWAL, at(20)), None);
        assert!(!memory.needs_note(&crm, RENEWAL) && memory.needs_note(&crm, UNASKED));
        let failed = refused(&memory, &crm, RENEWAL, 21);
        assert!(failed.has_refused(&crm) && failed.needs_note(&crm, RENEWAL));
    }

    #[test]
    fn an_accepted_password_ends_what_counts_and_not_what_was_refused() {
        let [wrong, right] = ["a", "b"].map(|password| id("sales", password));
        let one = refused(&PasswordMemory::default(), &wrong, UNASKED, 0);
        let accepted = with(&one, &attempt(&right, UNASKED, 1), PasswordOutcome::Accepted);
        assert_eq!(accepted.attempts, one.attempts);
        assert_eq!(accepted.veto(&id("support", "c"), UNASKED, at(2)), None);
        assert!(accepted.has_refused(&wrong));
        let renewed = accepted.ended(&attempt(&right, RENEWAL, 5), PasswordOutcome::Accepted, at(5));
        assert_eq!(renewed, accepted, "nothing to write");
        let freed = with(
            &accepted,
            &attempt(&wrong, REQUESTED, 6),
            PasswordOutcome::Accepted,
        );
        assert_eq!(freed, PasswordMemory::default());
    }

    #[test]
    fn what_was_not_sent_is_taken_back() {
        let crm = id("sales", "a");
        let unsent = with(
            &PasswordMemory::default(),
            &attempt(&crm, UNASKED, 0),
            PasswordOutcome::NotCounted,
        );
        assert_eq!(unsent, PasswordMemory::default());
    }

    #[test]
    fn what_can_not_be_read_forbids_all_but_a_request() {
        let unreadable = PasswordMemory::unreadable(at(0));
        assert!(unreadable.veto(&id("sales", "a"), UNASKED, at(0)).is_some());
        assert_eq!(unreadable.veto(&id("sales", "a"), REQUESTED, at(0)), None);
    }
}
