//! When is an inventory taken? Once a day, of a connector that works, and never at the cost of the org's users.

use std::time::Duration;

use jiff::Timestamp;

use crate::api::SalesforceConnectorStatus;
use crate::api::status::{InventoryStatus, TestResult};
use crate::core::decide::test_due::{is_in_use, is_scarce};
use crate::core::model::decision::Evidence;
use crate::core::model::observed::Observed;
use crate::core::model::outcome::Outcome;
use crate::core::pass::connection_test::TestVerdict;
use crate::core::schedule::jitter::jittered;
use crate::core::schedule::time::{is_ahead, later};

/// Never sooner after the run before.
const EVERY: Duration = Duration::from_hours(24);
/// A connector whose first test has succeeded says so first.
const AFTER_FIRST_TEST: Duration = Duration::from_secs(1);
/// Keeps the jitter apart from that of other waits.
const SALT: i32 = 4;

const FURTHER_HOST: &str = "Skipped: an inventory is read at Salesforce's own hosts only.";
const SCARCE: &str = "Skipped: the org has used 80 % or more of its API calls of the last 24 hours.";

/// Whether a run takes place now. It comes last in a pass: what is due otherwise has been done.
pub fn may_run(observed: &Observed, outcome: &Outcome, now: Timestamp) -> bool {
    is_due(observed, now)
        && outcome.minted.is_none()
        && observed.pace.tests_from.is_none()
        && is_in_use(observed, Evidence::None, now)
        && outcome
            .held
            .as_ref()
            .is_some_and(|held| held.expiration.time > now)
        && has_succeeded(&observed.status)
        && outcome
            .tested
            .as_ref()
            .is_none_or(|report| report.verdict == TestVerdict::Succeeded)
        && skipped(observed, outcome).is_none()
}

/// Whether one is wanted, and the last one was long enough ago.
pub fn is_due(observed: &Observed, now: Timestamp) -> bool {
    let wanted = observed
        .connector()
        .is_some_and(|connector| connector.inventory.is_some());
    let next = of_this_org(observed).and_then(|last| next_run(last, &observed.owner.uid, now));
    wanted && next.is_none_or(|next| next <= now)
}

/// Why no run takes place that is due.
pub fn skipped(observed: &Observed, outcome: &Outcome) -> Option<&'static str> {
    let held = observed.held.as_ref()?;
    if !held.is_of_salesforces_host() {
        return Some(FURTHER_HOST);
    }
    let tested = outcome.tested.as_ref().and_then(|report| report.api_usage);
    let recorded = observed
        .status
        .connection_test
        .as_ref()
        .and_then(|test| test.api_usage);
    tested.or(recorded).filter(is_scarce).map(|_| SCARCE)
}

/// The last inventory, unless the token is of another org by now, such as a refreshed sandbox.
pub fn of_this_org(observed: &Observed) -> Option<&InventoryStatus> {
    let last = observed.status.inventory.as_ref()?;
    let held = observed.held.as_ref().map(|held| &held.identity.organization_id);
    Some(last).filter(|last| {
        last.organization_id.is_none() || held.is_none() || last.organization_id.as_ref() == held
    })
}

/// When a pass is worth its while for the sake of the inventory.
pub fn next_moment(
    observed: &Observed,
    status: &SalesforceConnectorStatus,
    now: Timestamp,
) -> Option<Timestamp> {
    observed.connector()?.inventory.as_ref()?;
    let next = status
        .inventory
        .as_ref()
        .and_then(|last| next_run(last, &observed.owner.uid, now));
    let just_now = has_succeeded(status) && !has_succeeded(&observed.status);
    next.or_else(|| just_now.then(|| later(now, AFTER_FIRST_TEST)))
}

/// A run in the future is one by a wrong clock, and holds up nothing.
fn next_run(last: &InventoryStatus, uid: &str, now: Timestamp) -> Option<Timestamp> {
    let ran = last.last_run_time.as_ref().filter(|ran| !is_ahead(ran.0, now))?;
    Some(later(ran.0, jittered(EVERY, uid, SALT)))
}

/// Whether the last test that the status shows has succeeded.
fn has_succeeded(status: &SalesforceConnectorStatus) -> bool {
    let test = status.connection_test.as_ref();
    test.is_some_and(|test| test.result == TestResult::Succeeded)
}

#[cfg(test)]
mod tests;
