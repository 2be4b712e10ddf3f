//! What is to be said of the app's credentials while there are those from before a rotation, too?

use jiff::Timestamp;

use crate::api::reasons::OwnReason;
use crate::api::status::{FailuresStatus, SalesforceConnectorStatus};
use crate::core::conclude::failures::counted;
use crate::core::decide::credentials::refused_before;
use crate::core::model::connector::{Connector, Credentials, CredentialsOrigin, PreviousCredentials};
use crate::core::model::held_token::HeldToken;
use crate::core::model::observed::Observed;
use crate::core::model::outcome::{Minted, Outcome};
use crate::core::model::rejection::Rejection;

/// Refusals of the current credentials: a new one is counted, a token that they brought ends them.
pub(super) fn credentials_failures(
    observed: &Observed,
    connector: &Connector,
    outcome: &Outcome,
    now: Timestamp,
) -> Option<FailuresStatus> {
    connector.previous_credentials.as_ref()?;
    let before = refused_before(observed, connector);
    if let Some(problem) = &outcome.credentials_refused {
        let digest = connector.attempt_digest.as_str();
        return Some(counted(before, problem, digest, now, observed));
    }
    let accepted = behind(connector, outcome.held.as_ref()) == Some(Credentials::Current);
    before.filter(|_| !accepted).cloned()
}

/// What Ready adds while the token is valid.
pub(super) fn credentials_note(
    connector: &Connector,
    held: &HeldToken,
    status: &SalesforceConnectorStatus,
) -> Option<String> {
    let previous = connector.previous_credentials.as_ref()?;
    if let Err(rejection) = previous {
        let why = rejection.message();
        return Some(format!(" The app's previous credentials can't be used: {why}"));
    }
    let by_rotation = matches!(previous, Ok(previous) if previous.origin == CredentialsOrigin::Rotation);
    match behind(connector, Some(held))? {
        Credentials::Current if by_rotation => None,
        Credentials::Current => Some(
            " Salesforce accepts the app's current credentials. You can remove spec.app.previousCredentials."
                .to_owned(),
        ),
        Credentials::Previous => {
            let failures = status.credentials_failures.as_ref()?;
            Some(format!(" {}", failures.message))
        }
    }
}

/// The change that an event tells, with its particulars: the current credentials are refused, or in use at last.
pub(super) fn credentials_change(
    observed: &Observed,
    outcome: &Outcome,
    status: &SalesforceConnectorStatus,
) -> Option<(OwnReason, String)> {
    let connector = observed.connector()?;
    let refused = refused_before(observed, connector).is_some();
    if let Some(problem) = outcome.credentials_refused.as_ref().filter(|_| !refused) {
        return Some((OwnReason::PreviousCredentialsInUse, problem.message.clone()));
    }
    let obtained = matches!(outcome.minted, Some(Minted::Obtained { .. }));
    let now = behind(connector, outcome.held.as_ref());
    let earlier = behind(connector, observed.held.as_ref());
    let from_spec = |previous: &Result<PreviousCredentials, Rejection>| {
        previous
            .as_ref()
            .map_or(true, |previous| previous.origin == CredentialsOrigin::Spec)
    };
    let rotated = obtained
        && connector.previous_credentials.as_ref().is_some_and(from_spec)
        && now == Some(Credentials::Current)
        && (refused || earlier == Some(Credentials::Previous))
        && status.credentials_failures.is_none();
    rotated.then(|| {
        let reason = crate::api::Reason::from(OwnReason::CredentialsRotated);
        (
            OwnReason::CredentialsRotated,
            format!("{} {}", reason.meaning(), reason.remedy()),
        )
    })
}

fn behind(connector: &Connector, held: Option<&HeldToken>) -> Option<Credentials> {
    connector.credentials_of(&held?.inputs_digest)
}
