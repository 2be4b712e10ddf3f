//! Is Salesforce asked about the app's current credentials, or does a login begin with the previous ones?

use jiff::Timestamp;

use crate::api::status::FailuresStatus;
use crate::core::model::connector::{Connector, Credentials};
use crate::core::model::decision::MintReason;
use crate::core::model::held_token::HeldToken;
use crate::core::model::observed::Observed;
use crate::core::schedule::backoff::attempt_is_due;

/// What is remembered of refusals of the current credentials, if it is of these inputs.
pub(crate) fn refused_before<'a>(
    observed: &'a Observed,
    connector: &Connector,
) -> Option<&'a FailuresStatus> {
    let failures = observed.status.credentials_failures.as_ref()?;
    let same = failures.inputs_digest.as_deref() == Some(connector.attempt_digest.as_str());
    same.then_some(failures)
}

/// Whether Salesforce is to be asked about the current credentials, although the held token is good.
pub(super) fn trial_due(
    observed: &Observed,
    connector: &Connector,
    held: &HeldToken,
    now: Timestamp,
) -> bool {
    let of_previous = connector.credentials_of(&held.inputs_digest) == Some(Credentials::Previous);
    of_previous && current_due(observed, connector, now)
}

/// The credentials that a login begins with: the current ones, unless Salesforce refused them a moment ago.
pub(crate) fn first_credentials(
    observed: &Observed,
    connector: &Connector,
    why: MintReason,
    now: Timestamp,
) -> Credentials {
    if why == MintReason::Requested || current_due(observed, connector, now) {
        Credentials::Current
    } else {
        Credentials::Previous
    }
}

fn current_due(observed: &Observed, connector: &Connector, now: Timestamp) -> bool {
    refused_before(observed, connector).is_none_or(|failures| attempt_is_due(failures, now))
}
