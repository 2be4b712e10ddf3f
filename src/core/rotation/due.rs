//! What is to be done about the app's credentials now, and when next?

use jiff::Timestamp;

use crate::api::SalesforceConnectorStatus;
use crate::api::status::{FailuresStatus, TestResult};
use crate::core::decide::test_due::is_in_use;
use crate::core::model::connector::{Connector, Credentials};
use crate::core::model::decision::Evidence;
use crate::core::model::observed::Observed;
use crate::core::model::outcome::Outcome;
use crate::core::pass::connection_test::TestVerdict;
use crate::core::rotation::report::RotationEnd;
use crate::core::rotation::state::RotationSeen;
use crate::core::rotation::stored::CredentialsPlace;
use crate::core::schedule::backoff::attempt_is_due;
use crate::core::schedule::time::{is_ahead, later};

/// A connector whose token is new says so first.
const AFTER_TOKEN: std::time::Duration = std::time::Duration::from_secs(1);

/// What there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotationTask {
    /// Begin a rotation, or go on with one.
    Rotate,
    /// Put the stored credentials into the Secret of the spec.
    Write,
}

/// What there is to do now, by a token that works.
pub fn task(observed: &Observed, outcome: &Outcome, now: Timestamp) -> Option<RotationTask> {
    let connector = observed.connector()?;
    if !may_run(observed, outcome, now) {
        return None;
    }
    let waiting = failures(observed, connector).is_some_and(|failures| !attempt_is_due(failures, now));
    open_task(observed, connector, now).filter(|_| !waiting)
}

/// What there is to do, whether or not it can be done now.
fn open_task(observed: &Observed, connector: &Connector, now: Timestamp) -> Option<RotationTask> {
    if matches!(observed.rotation.seen, RotationSeen::Unreadable(_)) {
        return None;
    }
    connector.rotation.as_ref()?;
    let state = observed.rotation.seen.state();
    if state.is_some_and(|state| state.open.is_some()) {
        return Some(RotationTask::Rotate);
    }
    let held = observed.held.as_ref()?;
    // As long as nobody knows whether Salesforce accepts the current credentials, they are not replaced.
    if connector.credentials_of(&held.inputs_digest) != Some(Credentials::Current) {
        return None;
    }
    if next_rotation(observed, connector, now).is_none_or(|next| next <= now) {
        return Some(RotationTask::Rotate);
    }
    (connector.credentials_place == CredentialsPlace::OperatorOnly).then_some(RotationTask::Write)
}

/// Whether something is to be done, or as soon as there is a token for it.
pub fn has_business(observed: &Observed, connector: &Connector, now: Timestamp) -> bool {
    let state = observed.rotation.seen.state();
    state.is_some_and(|state| state.open.is_some())
        || connector.credentials_place == CredentialsPlace::OperatorOnly
        || next_rotation(observed, connector, now).is_none_or(|next| next <= now)
}

/// When the next rotation is due; nothing where there was none yet.
pub fn next_rotation(observed: &Observed, connector: &Connector, now: Timestamp) -> Option<Timestamp> {
    let plan = connector.rotation.as_ref()?;
    let last = observed.rotation.seen.state()?.current.as_ref()?.time;
    // One in the future is one by a wrong clock: the place is taken until the former ones end, so nothing is rotated too soon.
    (!is_ahead(last, now)).then(|| later(last, plan.interval))
}

fn may_run(observed: &Observed, outcome: &Outcome, now: Timestamp) -> bool {
    let held = outcome.held.as_ref();
    observed.rotation.permitted
        && outcome.minted.is_none()
        && observed.pace.tests_from.is_none()
        && is_in_use(observed, Evidence::None, now)
        && held.is_some_and(|held| held.expiration.time > now && held.is_of_salesforces_host())
        && has_succeeded(&observed.status)
        && outcome
            .tested
            .as_ref()
            .is_none_or(|report| report.verdict == TestVerdict::Succeeded)
}

/// What has failed before, if it was with these inputs.
pub fn failures<'a>(observed: &'a Observed, connector: &Connector) -> Option<&'a FailuresStatus> {
    let failures = observed.status.credential_rotation.as_ref()?.failures.as_ref()?;
    let same = failures.inputs_digest.as_deref() == Some(connector.attempt_digest.as_str());
    same.then_some(failures)
}

/// When a pass is worth its while for the sake of the credentials.
pub fn next_moment(
    observed: &Observed,
    outcome: &Outcome,
    status: &SalesforceConnectorStatus,
    now: Timestamp,
) -> Option<Timestamp> {
    let connector = observed.connector()?;
    connector
        .rotation
        .as_ref()
        .filter(|_| observed.rotation.permitted)?;
    let soon = Some(later(now, AFTER_TOKEN));
    match outcome.rotation.as_ref().map(|report| &report.end) {
        Some(RotationEnd::Rotated | RotationEnd::Written(_) | RotationEnd::Outrun) => return soon,
        Some(RotationEnd::Failed(_)) | None => {}
    }
    let works = has_succeeded(status) && (outcome.minted.is_some() || !has_succeeded(&observed.status));
    told(status).or_else(|| soon.filter(|_| works)).or_else(|| {
        let next = status.credential_rotation.as_ref()?.next_rotation_time.as_ref()?;
        Some(next.0)
    })
}

/// When the status says that something is tried again.
fn told(status: &SalesforceConnectorStatus) -> Option<Timestamp> {
    let failures = status.credential_rotation.as_ref()?.failures.as_ref()?;
    failures.next_attempt_time.as_ref().map(|again| again.0)
}

fn has_succeeded(status: &SalesforceConnectorStatus) -> bool {
    let test = status.connection_test.as_ref();
    test.is_some_and(|test| test.result == TestResult::Succeeded)
}
