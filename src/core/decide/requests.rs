//! Which requests are carried out now, and which a little later?

use std::time::Duration;

use jiff::Timestamp;

use crate::api::status::LastHandledStatus;
use crate::core::model::observed::Requests;
use crate::core::schedule::time::{is_ahead, later};

/// Two requested tests of a connector, and two requested renewals, are so far apart.
pub const REQUESTS_APART: Duration = Duration::from_secs(10);

/// What this process has carried out last of a connector's requests: the value, and when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CarriedOut {
    test: Option<(String, Timestamp)>,
    renewal: Option<(String, Timestamp)>,
}

impl CarriedOut {
    /// Notes what the status says was carried out just now, if it is another request.
    pub fn note(&mut self, handled: &LastHandledStatus, now: Timestamp) {
        let note = |last: &mut Option<(String, Timestamp)>, handled: &Option<String>| {
            if let Some(handled) = handled
                && last.as_ref().is_none_or(|(value, _)| value != handled)
            {
                *last = Some((handled.clone(), now));
            }
        };
        note(&mut self.test, &handled.test_requested_at);
        note(&mut self.renewal, &handled.renew_requested_at);
    }

    /// The requests as they count now, and when those count that come too soon. Until then such a request is as if it were not
    /// made, so that of several the latest is carried out. No test is requested before `tests_from`.
    pub fn paced(
        &self,
        asked: Requests,
        handled: &LastHandledStatus,
        tests_from: Option<Timestamp>,
        now: Timestamp,
    ) -> (Requests, Option<Timestamp>) {
        let again = |last: &Option<(String, Timestamp)>| {
            let (_, at) = last.as_ref().filter(|(_, at)| !is_ahead(*at, now))?;
            Some(later(*at, REQUESTS_APART))
        };
        let from = again(&self.test).max(tests_from);
        let (test, test_later) = pace(asked.test, handled.test_requested_at.as_ref(), from, now);
        let from = again(&self.renewal);
        let (renew, renewal_later) = pace(asked.renew, handled.renew_requested_at.as_ref(), from, now);
        let later = test_later.into_iter().chain(renewal_later).min();
        (Requests { test, renew }, later)
    }
}

fn pace(
    asked: Option<String>,
    handled: Option<&String>,
    from: Option<Timestamp>,
    now: Timestamp,
) -> (Option<String>, Option<Timestamp>) {
    match from.filter(|from| *from > now) {
        Some(from) if asked.is_some() && asked.as_ref() != handled => (handled.cloned(), Some(from)),
        _ => (asked, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn asked(test: &str, renew: &str) -> Requests {
        let [test, renew] =
            [test, renew].map(|value| Some(value.to_owned()).filter(|value| !value.is_empty()));
        Requests { test, renew }
    }

    fn handled(test: &str, renew: &str) -> LastHandledStatus {
        let Requests { test, renew } = asked(test, renew);
        LastHandledStatus {
            test_requested_at: test,
            renew_requested_at: renew,
        }
    }

    #[test]
    fn requests_of_one_kind_are_carried_out_10_seconds_apart_and_the_latest_counts() {
        let mut last = CarriedOut::default();
        let first = last.paced(asked("1", "1"), &handled("", ""), None, at(0));
        assert_eq!(first, (asked("1", "1"), None));
        last.note(&handled("1", ""), at(0));
        let soon = last.paced(asked("2", "1"), &handled("1", ""), None, at(9));
        assert_eq!(soon, (asked("1", "1"), Some(at(10))));
        last.note(&handled("1", "1"), at(9));
        let then = last.paced(asked("3", "2"), &handled("1", "1"), None, at(10));
        assert_eq!(then, (asked("3", "1"), Some(at(19))));
        let nothing_new = last.paced(asked("1", "1"), &handled("1", "1"), None, at(10));
        assert_eq!(nothing_new, (asked("1", "1"), None));
        let none = last.paced(asked("", ""), &handled("", "1"), None, at(10));
        assert_eq!(none, (asked("", ""), None));
    }

    #[test]
    fn a_request_that_was_carried_out_by_a_clock_that_was_ahead_postpones_none() {
        let mut last = CarriedOut::default();
        last.note(&handled("1", "1"), at(6 * 3600));
        let next = last.paced(asked("2", "2"), &handled("1", "1"), None, at(0));
        assert_eq!(next, (asked("2", "2"), None));
    }

    #[test]
    fn a_status_that_could_not_be_written_postpones_no_request_anew() {
        let mut last = CarriedOut::default();
        for second in 0..9 {
            last.note(&handled("1", ""), at(second));
        }
        let next = last.paced(asked("2", ""), &handled("", ""), None, at(9));
        assert_eq!(next, (asked("", ""), Some(at(10))));
    }

    #[test]
    fn no_test_is_requested_before_the_budget_has_one() {
        let last = CarriedOut::default();
        let (requests, later) = last.paced(asked("1", "1"), &handled("", ""), Some(at(30)), at(0));
        assert_eq!((requests, later), (asked("", "1"), Some(at(30))));
    }
}
