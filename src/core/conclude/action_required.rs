//! By when is a person needed?

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use redeem::GrantProblem;

use crate::api::Reason;
use crate::api::reasons::{Class, OwnReason};
use crate::api::status::{FailuresStatus, SalesforceConnectorStatus};
use crate::core::decide::test_due::{failed_test, has_run};
use crate::core::grant::keep_alive;
use crate::core::model::decision::Decision;
use crate::core::model::observed::Observed;
use crate::core::model::outcome::Outcome;
use crate::core::schedule::time::whole_seconds;

/// By when a person is needed, given the rest of the status. Where one is needed already, since when the connector has been without a token for that.
pub(super) fn needed_by(
    observed: &Observed,
    decision: &Decision,
    outcome: &Outcome,
    status: &SalesforceConnectorStatus,
    now: Timestamp,
) -> Option<Time> {
    observed.grant()?;
    let before = observed.status.action_required_time.as_ref().map(|time| time.0);
    // A token whose session was ended is of no use to anybody, however long Salesforce has said that it lasts.
    let test = status.connection_test.as_ref().filter(|test| has_run(test));
    let session_ended = test
        .and_then(failed_test)
        .is_some_and(|(_, class)| class == Class::RenewToken);
    let ends = |expires: Timestamp| {
        if session_ended {
            expires.min(before.filter(|before| *before <= now).unwrap_or(now))
        } else {
            expires
        }
    };
    let failures = status.failures.as_ref();
    let expires = outcome.held.as_ref().map(|held| ends(held.expiration.time));
    let by = if only_a_person_helps(decision, failures) {
        expires.or(before.filter(|before| *before <= now)).or(Some(now))
    } else {
        let outlook = outcome.outlook(observed).zip(expires);
        outlook.and_then(|(outlook, expires)| keep_alive::action_required_time(outlook, expires, failures))
    };
    let first = by.into_iter().chain(outcome.end(observed)).min()?;
    Some(Time(whole_seconds(first)))
}

/// Whether the operator has given the grant up, or has none, until a person does something about it.
fn only_a_person_helps(decision: &Decision, failures: Option<&FailuresStatus>) -> bool {
    let of_grant = |reason| match reason {
        Reason::Grant(_)
        | Reason::Own(
            OwnReason::SfdxAuthUrlInvalid | OwnReason::SfdxAuthUrlMismatch | OwnReason::GrantedElsewhere,
        ) => true,
        Reason::Own(_) | Reason::Salesforce(_) | Reason::Signer(_) => false,
    };
    let rejected = matches!(decision, Decision::Reject(rejection) if of_grant(rejection.reason));
    let lost = failures.is_some_and(|failures| {
        let given_up = failures.next_attempt_time.is_none();
        // Salesforce is asked again about any other problem of a grant as well, but nobody counts on its answer.
        let hoped_for = Reason::Grant(GrantProblem::OutcomeUnknown);
        Reason::parse(&failures.reason).is_some_and(|reason| match reason {
            Reason::Grant(_) => given_up || reason != hoped_for,
            Reason::Own(_) | Reason::Salesforce(_) | Reason::Signer(_) => given_up && of_grant(reason),
        })
    });
    rejected || lost
}
