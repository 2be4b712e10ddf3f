//! What has come of it? From what was observed and done to the status, the events, and the time of the next look.

mod action_required;
mod claimed;
mod conditions;
mod credentials;
pub(crate) mod failures;
pub mod merge;
mod next_look;

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::api::Reason;
use crate::api::reasons::OwnReason;
use crate::api::status::{IdentityStatus, LoginResult, LoginStatus, SalesforceConnectorStatus, TokenStatus};
use crate::core::conclude::merge::{ConditionType, Finding, Truth, merge};
use crate::core::grant::keep_alive;
use crate::core::grant::keep_alive::Outlook;
use crate::core::inventory::summary::{change_note, inventory_status, limits_note};
use crate::core::model::connector::{Connector, UsernameDisplay};
use crate::core::model::decision::{Decision, MintReason};
use crate::core::model::held_token::HeldToken;
use crate::core::model::limits;
use crate::core::model::observed::Observed;
use crate::core::model::outcome::{Minted, Outcome, Problem, SecretOutcome};
use crate::core::model::rejection::explain;
use crate::core::rollout::summary::{rollout_notes, rollout_status};
use crate::core::rotation::summary::{RotationNews, rotation_note, rotation_status};
use crate::core::schedule::expiry::renewal_time;
use crate::core::schedule::time::whole_seconds;
use crate::core::sharing::summary::sharing_status;

impl Outcome {
    /// How long the stored grant is good for: as it stands afterwards.
    fn outlook(&self, observed: &Observed) -> Option<Outlook> {
        match &self.grant {
            Some(grant) => grant.outlook,
            None => keep_alive::observed_outlook(observed),
        }
    }

    /// When Salesforce ends the stored grant however often it is used.
    fn end(&self, observed: &Observed) -> Option<Timestamp> {
        match &self.grant {
            Some(grant) => grant.end,
            None => keep_alive::observed_end(observed),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Conclusion {
    /// The new status; `None` if nothing changed.
    pub status: Option<SalesforceConnectorStatus>,
    /// Events for people; only on transitions.
    pub events: Vec<EventDraft>,
    /// When to look again.
    pub next: Duration,
    /// Another installation manages the connector; of its status at most the conditions are ours to change.
    pub claimed_elsewhere: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventDraft {
    pub kind: EventKind,
    /// Why; the same as the condition's.
    pub reason: Reason,
    pub note: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    Normal,
    Warning,
}

/// Draws the conclusion. The same facts give the same status: a second run changes nothing.
pub fn conclude(observed: &Observed, decision: &Decision, outcome: &Outcome, now: Timestamp) -> Conclusion {
    let before = &observed.status;
    if let Some(claim) = claimed_elsewhere(decision, outcome) {
        return Conclusion {
            status: claimed::status(observed, decision, outcome, now),
            events: if observed.grant().is_some_and(|source| source.claim_reported) {
                Vec::new()
            } else {
                vec![claim]
            },
            next: next_look::next_look(observed, decision, outcome, before, now),
            claimed_elsewhere: true,
        };
    }
    let mut status = before.clone();
    status.observed_generation = Some(observed.generation);
    if let Some(connector) = observed.connector() {
        status.failures = failures::failures(observed, decision, connector, outcome, now);
        status.credentials_failures = credentials::credentials_failures(observed, connector, outcome, now);
    }
    status.candidate_grant_failures = failures::candidate_grant_failures(observed, outcome, now);
    if let Some(connector) = observed.connector() {
        status.secret_name = secret_name(observed, connector, outcome);
        let held = outcome.held.as_ref();
        status.token = held.map(|held| token_status(held, connector, &observed.owner.uid));
        status.identity = identity_status(before.identity.clone(), connector, outcome);
        status.grant_serial = before
            .grant_serial
            .max(outcome.grant.as_ref().map(|grant| grant.serial));
    }
    let untestable = failures::untestable(observed, decision, outcome, status.failures.as_ref());
    status.connection_test = failures::connection_test(observed, outcome, untestable.as_ref(), now);
    status.last_login = last_login(observed, outcome, now);
    status.inventory = inventory_status(observed, outcome, now);
    status.rollout_restarts = rollout_status(observed, outcome, now);
    status.credential_rotation = rotation_status(observed, outcome, now);
    status.sharing = sharing_status(observed, outcome);
    status.last_handled = failures::last_handled(observed, decision, outcome, untestable.as_ref());
    let findings = conditions::conditions(observed, decision, outcome, &status, now);
    status.conditions = merge(&before.conditions, &findings, observed.generation, now);
    if observed.connector().is_some() {
        status.action_required_time = action_required::needed_by(observed, decision, outcome, &status, now);
    }
    let mut events = events(&before.conditions, &findings);
    events.extend(candidate_grant_event(before, &status));
    events.extend(credentials_event(observed, outcome, &status));
    events.extend(identity_event(before, &status));
    events.extend(healed_session(&findings, outcome));
    events.extend(inventory_events(before, &status, outcome));
    events.extend(rollout_events(before, outcome));
    events.extend(rotation_event(before, outcome));
    let next = next_look::next_look(observed, decision, outcome, &status, now);
    Conclusion {
        status: (status != *before).then_some(status),
        events,
        next,
        claimed_elsewhere: false,
    }
}

/// What came of the last login: of one that can't be carried out at all, too.
fn last_login(observed: &Observed, outcome: &Outcome, now: Timestamp) -> Option<LoginStatus> {
    let before = observed.status.last_login.clone();
    let Some(request) = observed.grant().and_then(|source| source.login.requested()) else {
        return before;
    };
    // Another leader may have carried it out, and the code is good once.
    if before
        .as_ref()
        .is_some_and(|before| before.secret_name == request.secret_name)
    {
        return before;
    }
    let came_of_it = match (&request.code, &outcome.login) {
        (Err(rejection), _) => Err(rejection.clone().into()),
        (Ok(_), Some(end)) => end.clone(),
        (Ok(_), None) => return before,
    };
    let problem: Option<Problem> = came_of_it.err();
    Some(LoginStatus {
        secret_name: request.secret_name.clone(),
        result: match problem {
            Some(_) => LoginResult::Failed,
            None => LoginResult::Succeeded,
        },
        reason: problem.as_ref().map(|problem| problem.reason.as_str().to_owned()),
        message: problem.map_or_else(
            || "The grant of the login is stored.".to_owned(),
            |problem| problem.message,
        ),
        login_time: Time(whole_seconds(now)),
    })
}

/// The name of before stays until the new Secret is written: it tells which one to delete then. What was never written has none.
fn secret_name(observed: &Observed, connector: &Connector, outcome: &Outcome) -> Option<String> {
    let wanted = Some(connector.template.name.clone());
    match outcome.secret {
        SecretOutcome::InStep => wanted,
        SecretOutcome::Untouched | SecretOutcome::Withheld | SecretOutcome::Refused(_) => {
            let before = observed.status.secret_name.clone();
            before.or_else(|| observed.target.ours().and(wanted))
        }
    }
}

fn token_status(held: &HeldToken, connector: &Connector, uid: &str) -> TokenStatus {
    let renewal = renewal_time(held.issue_time, &held.expiration, connector.renew_before, uid);
    TokenStatus {
        issue_time: Time(whole_seconds(held.issue_time)),
        expiration_time: Time(whole_seconds(held.expiration.time)),
        expiry_source: held.expiration.source,
        renewal_time: Time(whole_seconds(renewal)),
        scopes: if held.is_of_salesforces_host() {
            limits::scopes(&held.scopes)
        } else {
            Vec::new()
        },
    }
}

/// Facts of the org are kept while the org stays the same; they are only read by tests. Of a host that is not Salesforce's, the
/// two IDs are shown, whose form is fixed, and no text.
fn identity_status(
    before: Option<IdentityStatus>,
    connector: &Connector,
    outcome: &Outcome,
) -> Option<IdentityStatus> {
    let Some(held) = &outcome.held else { return before };
    let same_org =
        |known: &IdentityStatus| known.organization_id.as_ref() == Some(&held.identity.organization_id);
    let mut identity = before
        .filter(same_org)
        .filter(|_| held.is_of_salesforces_host())
        .unwrap_or_default();
    if identity.user_id.as_ref() != Some(&held.identity.user_id) {
        identity.username = None;
    }
    identity.organization_id = Some(held.identity.organization_id.clone());
    identity.user_id = Some(held.identity.user_id.clone());
    identity.instance_url = Some(held.instance_url.clone());
    let Some(report) = outcome.tested.as_ref().filter(|_| held.is_of_salesforces_host()) else {
        return Some(identity);
    };
    // A token of other inputs may be that of a username which came through a reference.
    let of_these = connector.has_inputs(&held.inputs_digest);
    if let (Some(username), UsernameDisplay::Shown, true) =
        (&report.username, connector.username_display, of_these)
    {
        identity.username = Some(limits::fact(username));
    }
    if let Some(facts) = &report.facts {
        identity.organization_name = Some(limits::fact(&facts.name));
        identity.edition = Some(limits::fact(&facts.edition));
        identity.instance_name = facts.instance_name.as_deref().map(limits::fact);
        identity.environment = Some(facts.environment);
    }
    Some(identity)
}

/// Events tell of changes in Ready, where they are worth a person's attention: not the first success.
fn events(before: &[Condition], findings: &[(ConditionType, Finding)]) -> Vec<EventDraft> {
    let Some((_, ready)) = findings.iter().find(|(kind, _)| *kind == ConditionType::Ready) else {
        return Vec::new();
    };
    let earlier = before
        .iter()
        .find(|condition| condition.type_ == ConditionType::Ready.as_str());
    let same = earlier.is_some_and(|condition| {
        condition.status == ready.truth.as_str() && condition.reason == ready.reason.as_str()
    });
    let was_false = earlier.is_some_and(|condition| condition.status == Truth::False.as_str());
    let kind = match ready.truth {
        Truth::True if was_false => EventKind::Normal,
        Truth::False => EventKind::Warning,
        Truth::True | Truth::Unknown => return Vec::new(),
    };
    if same {
        return Vec::new();
    }
    vec![EventDraft {
        kind,
        reason: ready.reason,
        note: ready.message.clone(),
    }]
}

/// Ready doesn't tell of a new grant that is refused while another one works.
fn candidate_grant_event(
    before: &SalesforceConnectorStatus,
    status: &SalesforceConnectorStatus,
) -> Option<EventDraft> {
    let now = status.candidate_grant_failures.as_ref()?;
    let earlier = before.candidate_grant_failures.as_ref();
    let known = earlier
        .is_some_and(|earlier| earlier.reason == now.reason && earlier.inputs_digest == now.inputs_digest);
    let reason = Reason::parse(&now.reason).filter(|_| !known)?;
    Some(EventDraft {
        kind: EventKind::Warning,
        reason,
        note: now.message.clone(),
    })
}

/// Ready stays as it is while one pair of credentials works.
fn credentials_event(
    observed: &Observed,
    outcome: &Outcome,
    status: &SalesforceConnectorStatus,
) -> Option<EventDraft> {
    let (reason, note) = credentials::credentials_change(observed, outcome, status)?;
    Some(EventDraft {
        kind: match reason {
            OwnReason::CredentialsRotated => EventKind::Normal,
            _ => EventKind::Warning,
        },
        reason: reason.into(),
        note,
    })
}

/// A token of another org, as after a refresh of a sandbox, which is another one under the same host; or of another user.
fn identity_event(
    before: &SalesforceConnectorStatus,
    status: &SalesforceConnectorStatus,
) -> Option<EventDraft> {
    let (before, status) = (before.identity.as_ref()?, status.identity.as_ref()?);
    let changed = |reason: OwnReason, earlier: Option<&String>, now: Option<&String>| {
        let (earlier, now, reason) = (earlier?, now?, reason.into());
        (earlier != now).then(|| EventDraft {
            kind: EventKind::Warning,
            reason,
            note: explain(reason, &format!("{now} in place of {earlier}")),
        })
    };
    let (earlier, now) = (before.organization_id.as_ref(), status.organization_id.as_ref());
    changed(OwnReason::OrganizationChanged, earlier, now).or_else(|| {
        changed(
            OwnReason::UserChanged,
            before.user_id.as_ref(),
            status.user_id.as_ref(),
        )
    })
}

/// A token that replaces one whose session was ended in Salesforce. Ready stays as it is.
fn healed_session(findings: &[(ConditionType, Finding)], outcome: &Outcome) -> Option<EventDraft> {
    let why = MintReason::SessionEnded;
    let is_ready = |(kind, finding): &(ConditionType, Finding)| {
        *kind == ConditionType::Ready && finding.truth == Truth::True
    };
    let healed = outcome.minted == Some(Minted::Obtained { why }) && findings.iter().any(is_ready);
    let reason = OwnReason::SessionReplaced.into();
    healed.then(|| EventDraft {
        kind: EventKind::Normal,
        reason,
        note: explain(reason, ""),
    })
}

fn inventory_events(
    before: &SalesforceConnectorStatus,
    status: &SalesforceConnectorStatus,
    outcome: &Outcome,
) -> Vec<EventDraft> {
    let Some(inventory) = status.inventory.as_ref().filter(|_| outcome.inventory.is_some()) else {
        return Vec::new();
    };
    let draft = |kind, reason: OwnReason, note: String| EventDraft {
        kind,
        reason: reason.into(),
        note,
    };
    let changed = change_note(outcome).map(|note| draft(EventKind::Normal, OwnReason::ObjectsChanged, note));
    let limits = limits_note(before.inventory.as_ref(), inventory);
    let nearly = limits.map(|note| draft(EventKind::Warning, OwnReason::LimitNearlyReached, note));
    changed.into_iter().chain(nearly).collect()
}

fn rotation_event(before: &SalesforceConnectorStatus, outcome: &Outcome) -> Option<EventDraft> {
    let (news, note) = rotation_note(before, outcome)?;
    let (kind, reason) = match news {
        RotationNews::Good(reason) => (EventKind::Normal, reason),
        RotationNews::Bad(reason) => (EventKind::Warning, reason),
    };
    Some(EventDraft { kind, reason, note })
}

fn rollout_events(before: &SalesforceConnectorStatus, outcome: &Outcome) -> Vec<EventDraft> {
    let draft = |(reason, particulars): (OwnReason, String)| EventDraft {
        kind: match reason {
            OwnReason::WorkloadsRestarted => EventKind::Normal,
            _ => EventKind::Warning,
        },
        reason: reason.into(),
        note: explain(reason.into(), &particulars),
    };
    rollout_notes(before, outcome).into_iter().map(draft).collect()
}

/// Another installation manages this connector: its status is not ours to write while it lives, so an event says it.
fn claimed_elsewhere(decision: &Decision, outcome: &Outcome) -> Option<EventDraft> {
    let reason = Reason::Grant(redeem::GrantProblem::ClaimedByAnotherInstallation);
    let note = match (decision, &outcome.minted) {
        (Decision::Reject(rejection), _) if rejection.reason == reason => rejection.message(),
        (_, Some(Minted::Failed { problem, .. })) if problem.reason == reason => problem.message.clone(),
        _ => return None,
    };
    Some(EventDraft {
        kind: EventKind::Warning,
        reason,
        note,
    })
}

#[cfg(test)]
mod tests;
