//! What has come of it? From what was observed and done to the status, the events, and the time of the next look.

mod findings;
mod next;
mod person;
mod progress;

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::conditions::{ConditionType, Finding, Truth, merge};
use super::expiry::renewal_time;
use super::held::Held;
use super::keep_alive::{self, Outlook};
use super::ladder::TestReport;
use super::observed::{Activity, Observed};
use super::validate::{Connector, UsernameDisplay};
use super::{Decision, MintReason, Rejection, whole_seconds};
use crate::api::Reason;
use crate::api::status::{IdentityStatus, LastHandledStatus, SalesforceConnectorStatus, TokenStatus};

/// What was done.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The token held afterwards.
    pub held: Option<Held>,
    /// What came of obtaining a token, if that was tried.
    pub minted: Option<Minted>,
    /// What a test found, if one ran.
    pub tested: Option<TestReport>,
    /// What became of the consumer's Secret.
    pub secret: SecretOutcome,
    /// The stored grant afterwards, where the redeem protocol was at work.
    pub grant: Option<GrantOutcome>,
}

/// What the status tells of a stored grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantOutcome {
    /// The serial to copy to the status.
    pub serial: i64,
    /// Digest of the brought token that was imported last.
    pub imported: Option<redeem::TokenDigest>,
    /// How long the grant is good for.
    pub outlook: Option<Outlook>,
    /// When Salesforce ends it however often it is used.
    pub end: Option<Timestamp>,
    /// Whether it can be renewed as it stands.
    pub works: bool,
    /// What is wrong with a grant that came in beside it, while it works.
    pub incoming: Option<Trouble>,
}

impl Outcome {
    /// Nothing was done; this token is held.
    #[must_use]
    pub fn untouched(held: Option<Held>) -> Self {
        Self {
            held,
            minted: None,
            tested: None,
            secret: SecretOutcome::Untouched,
            grant: None,
        }
    }
}

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

/// What came of obtaining a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Minted {
    /// A token.
    Obtained {
        /// Why it was wanted.
        why: MintReason,
    },
    /// Not now: something else must happen first, by itself.
    Waiting {
        /// How long.
        length: Duration,
    },
    /// None.
    Failed {
        /// Why it was wanted.
        why: MintReason,
        /// Why it was not obtained.
        trouble: Trouble,
    },
}

/// Why something was not obtained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Why.
    pub reason: Reason,
    /// In words, with the remedy.
    pub message: String,
    /// How long the other side asks to wait.
    pub retry_after: Option<Duration>,
}

impl From<Rejection> for Trouble {
    fn from(rejection: Rejection) -> Self {
        Self {
            reason: rejection.reason,
            message: rejection.message(),
            retry_after: None,
        }
    }
}

/// What became of the consumer's Secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretOutcome {
    /// It carries the held token.
    InStep,
    /// There was nothing to write, or nothing was to be written now.
    Untouched,
    /// The token was not verified, so it was not written.
    Withheld,
    /// It could not be written, and a person must act.
    Refused(Rejection),
}

/// What is to be reported.
#[derive(Debug, Clone, PartialEq)]
pub struct Conclusion {
    /// The new status; `None` if nothing changed.
    pub status: Option<SalesforceConnectorStatus>,
    /// Events for people; only on transitions.
    pub events: Vec<EventDraft>,
    /// When to look again.
    pub next: Duration,
    /// Another installation looks after the connector; nothing of it is ours to change.
    pub claimed_elsewhere: bool,
}

/// An event to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventDraft {
    /// Whether it is good news.
    pub kind: EventKind,
    /// Why; the same as the condition's.
    pub reason: Reason,
    /// In words.
    pub note: String,
}

/// Whether an event is good news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// It is.
    Normal,
    /// It is not.
    Warning,
}

/// Draws the conclusion. The same facts give the same status: a second run changes nothing.
#[must_use]
pub fn conclude(observed: &Observed, decision: &Decision, outcome: &Outcome, now: Timestamp) -> Conclusion {
    let before = &observed.status;
    if let Some(claim) = claimed_elsewhere(decision, outcome) {
        return Conclusion {
            status: None,
            events: if observed.claim_told {
                Vec::new()
            } else {
                vec![claim]
            },
            next: next::next_look(observed, decision, outcome, before, now),
            claimed_elsewhere: true,
        };
    }
    let mut status = before.clone();
    status.observed_generation = Some(observed.generation);
    let failures = observed
        .connector
        .as_ref()
        .map(|connector| progress::failures(observed, decision, connector, outcome, now));
    if let Ok(failures) = failures {
        status.failures = failures;
    }
    status.candidate_grant_failures = progress::candidate_grant_failures(observed, outcome, now);
    let outcome = &without_forgotten_token(observed, outcome);
    if let Ok(connector) = &observed.connector {
        status.secret_name = secret_name(before.secret_name.clone(), connector, outcome);
        let held = outcome.held.as_ref();
        status.token = held.map(|held| token_status(held, connector, &observed.owner.uid));
        status.action_required_time =
            person::needed_by(observed, decision, outcome, status.failures.as_ref(), now);
        status.identity = identity_status(before.identity.clone(), connector, outcome);
        status.grant_serial = before
            .grant_serial
            .max(outcome.grant.as_ref().map(|grant| grant.serial));
    }
    let untestable = progress::untestable(observed, decision, outcome, status.failures.as_ref());
    status.connection_test = progress::connection_test(observed, outcome, untestable.as_ref(), now);
    status.last_handled = progress::last_handled(observed, outcome, untestable.as_ref());
    let findings = findings::findings(observed, decision, outcome, &status, now);
    status.conditions = merge(&before.conditions, &findings, observed.generation, now);
    let mut events = events(&before.conditions, &findings);
    events.extend(candidate_grant_event(before, &status));
    let next = next::next_look(observed, decision, outcome, &status, now);
    Conclusion {
        status: (status != *before).then_some(status),
        events,
        next,
        claimed_elsewhere: false,
    }
}

/// The name of before stays until the new Secret is written: it tells which one to delete then.
fn secret_name(before: Option<String>, connector: &Connector, outcome: &Outcome) -> Option<String> {
    let wanted = Some(connector.template.name.clone());
    match outcome.secret {
        SecretOutcome::InStep => wanted,
        SecretOutcome::Untouched | SecretOutcome::Withheld | SecretOutcome::Refused(_) => before.or(wanted),
    }
}

/// A new token that was withheld is forgotten, and the Secret goes on carrying what it carried before. The next look will
/// find that, so this one says it, or the two would write the status to and fro.
fn without_forgotten_token(observed: &Observed, outcome: &Outcome) -> Outcome {
    let kept = observed
        .held
        .as_ref()
        .is_some_and(|held| observed.identity_verified(held));
    match (&outcome.secret, &outcome.held) {
        (SecretOutcome::Withheld, None) => Outcome {
            held: observed.held.clone(),
            secret: if kept || observed.held.is_none() {
                SecretOutcome::Untouched
            } else {
                SecretOutcome::Withheld
            },
            ..outcome.clone()
        },
        (
            SecretOutcome::Withheld
            | SecretOutcome::InStep
            | SecretOutcome::Untouched
            | SecretOutcome::Refused(_),
            _,
        ) => outcome.clone(),
    }
}

fn token_status(held: &Held, connector: &Connector, uid: &str) -> TokenStatus {
    let renewal = renewal_time(held.issue_time, &held.expiration, connector.renew_before, uid);
    let mut scopes = held.scopes.clone();
    scopes.sort();
    TokenStatus {
        issue_time: Time(whole_seconds(held.issue_time)),
        expiration_time: Time(whole_seconds(held.expiration.time)),
        expiry_source: held.expiration.source,
        renewal_time: Time(whole_seconds(renewal)),
        scopes,
    }
}

/// Facts of the org are kept while the org stays the same; they are only read by tests.
fn identity_status(
    before: Option<IdentityStatus>,
    connector: &Connector,
    outcome: &Outcome,
) -> Option<IdentityStatus> {
    let Some(held) = &outcome.held else { return before };
    let same_org =
        |known: &IdentityStatus| known.organization_id.as_ref() == Some(&held.identity.organization_id);
    let mut identity = before.filter(same_org).unwrap_or_default();
    if identity.user_id.as_ref() != Some(&held.identity.user_id) {
        identity.username = None;
    }
    identity.organization_id = Some(held.identity.organization_id.clone());
    identity.user_id = Some(held.identity.user_id.clone());
    identity.instance_url = Some(held.instance_url.clone());
    let Some(report) = &outcome.tested else {
        return Some(identity);
    };
    if let (Some(username), UsernameDisplay::Shown) = (&report.username, connector.username_display) {
        identity.username = Some(username.clone());
    }
    if let Some(facts) = &report.facts {
        identity.organization_name = Some(facts.name.clone());
        identity.edition = Some(facts.edition.clone());
        identity.instance_name.clone_from(&facts.instance_name);
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

/// Another installation looks after this connector: its status is not ours to write, so an event says it.
fn claimed_elsewhere(decision: &Decision, outcome: &Outcome) -> Option<EventDraft> {
    let reason = Reason::Grant(redeem::GrantProblem::ClaimedByAnotherInstallation);
    let note = match (decision, &outcome.minted) {
        (Decision::Reject(rejection), _) if rejection.reason == reason => rejection.message(),
        (_, Some(Minted::Failed { trouble, .. })) if trouble.reason == reason => trouble.message.clone(),
        _ => return None,
    };
    Some(EventDraft {
        kind: EventKind::Warning,
        reason,
        note,
    })
}

/// Whether the connector is suspended.
fn suspended(observed: &Observed) -> bool {
    observed.activity == Activity::Suspended
}

/// An echo of the requests that were carried out.
fn echo(test: Option<String>, renew: Option<String>) -> Option<LastHandledStatus> {
    let handled = LastHandledStatus {
        test_requested_at: test,
        renew_requested_at: renew,
    };
    (handled != LastHandledStatus::default()).then_some(handled)
}

#[cfg(test)]
mod tests;
