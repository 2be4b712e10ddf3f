//! Does the failure that the status remembers still count?

use crate::api::Reason;
use crate::api::status::FailuresStatus;
use crate::core::model::connector::Connector;
use crate::core::model::observed::Observed;

/// Whether a failure is over although no attempt has succeeded: it was given up for what the grant was in, and the grant
/// is out of that.
pub(crate) fn is_over(failures: &FailuresStatus, observed: &Observed) -> bool {
    failures.next_attempt_time.is_none() && !may_still_be(failures, observed)
}

/// Whether what failed an attempt may still be there. Only of the grant's own problem it can be seen.
fn may_still_be(failures: &FailuresStatus, observed: &Observed) -> bool {
    match (observed.grant(), Reason::parse(&failures.reason)) {
        (Some(source), Some(Reason::Grant(problem))) => {
            source.view.may_still_be(problem, &source.connector.expect)
        }
        (_, Some(Reason::Own(_) | Reason::Salesforce(_) | Reason::Grant(_) | Reason::Signer(_)) | None) => {
            true
        }
    }
}

/// The failure that is remembered for these inputs, while what failed may still be there.
pub(crate) fn standing_failure<'a>(
    observed: &'a Observed,
    connector: &Connector,
) -> Option<&'a FailuresStatus> {
    let failures = observed.status.failures.as_ref()?;
    let same = failures.inputs_digest.as_deref() == Some(connector.attempt_digest.as_str());
    (same && may_still_be(failures, observed)).then_some(failures)
}
