//! What do the conditions say? Computed from facts alone; earlier conditions are not read.

use jiff::Timestamp;

use crate::api::reasons::{Class, OwnReason};
use crate::api::status::{ConnectionTestStatus, FailuresStatus, SalesforceConnectorStatus};
use crate::api::{Reason, reasons};
use crate::core::conclude::credentials::credentials_note;
use crate::core::conclude::merge::{ConditionType, Finding, Truth};
use crate::core::decide::instance_moved::says_gone;
use crate::core::decide::test_due::{failed_test, has_run};
use crate::core::model::decision::Decision;
use crate::core::model::observed::Observed;
use crate::core::model::outcome::{Outcome, SecretOutcome};
use crate::core::model::rejection::Rejection;
use crate::core::pass::connection_test::SUCCEEDED;
use crate::core::schedule::backoff::UNCERTAIN_FOR;
use crate::core::schedule::time::since;

/// All conditions, in the order in which they are shown.
pub(super) fn conditions(
    observed: &Observed,
    decision: &Decision,
    outcome: &Outcome,
    status: &SalesforceConnectorStatus,
    now: Timestamp,
) -> Vec<(ConditionType, Finding)> {
    let facts = Facts {
        observed,
        decision,
        outcome,
        status,
        now,
    };
    let ready = facts.ready();
    let progress = facts.progress(&ready);
    let mut findings = vec![
        (ConditionType::Ready, ready),
        (ConditionType::Authenticated, facts.authenticated()),
        (ConditionType::SecretSynced, facts.secret_synced()),
        (ConditionType::ConnectionTested, facts.connection_tested()),
    ];
    findings.extend(progress);
    findings
}

struct Facts<'a> {
    observed: &'a Observed,
    decision: &'a Decision,
    outcome: &'a Outcome,
    status: &'a SalesforceConnectorStatus,
    now: Timestamp,
}

impl Facts<'_> {
    /// Ready: the token is valid, the Secret is in step, no test has failed for good. The first problem found is reported.
    fn ready(&self) -> Finding {
        if let Some(rejection) = self.rejection() {
            return Finding::with(Truth::False, rejection.reason, rejection.message());
        }
        if let Some(finding) = self.token_trouble().or_else(|| self.test_trouble()) {
            return finding;
        }
        let secret = self.status.secret_name.as_deref().unwrap_or_default();
        if self.outcome.held.is_none() || self.secret_synced().truth != Truth::True {
            return Finding::plain(Truth::Unknown, OwnReason::Pending);
        }
        let siblings = self.observed.grant().and_then(|source| source.siblings.note());
        let siblings = siblings.unwrap_or_default();
        if self.observed.is_suspended() {
            let message = format!(
                "The connector is suspended. The token in Secret \"{secret}\" is still valid.{siblings}"
            );
            return Finding::with(Truth::True, OwnReason::Suspended, message);
        }
        let missing = self.observed.missing.as_ref();
        let note = match missing.map(Rejection::message) {
            Some(missing) => format!(" The next renewal needs an input that is not there: {missing}"),
            None => self.bootstrap_note() + &self.credentials_note(),
        };
        let message = format!("The token is valid and in Secret \"{secret}\".{note}{siblings}");
        let reason = match self.status.credentials_failures {
            Some(_) => OwnReason::PreviousCredentialsInUse,
            None => OwnReason::TokenValid,
        };
        Finding::with(Truth::True, reason, message)
    }

    fn credentials_note(&self) -> String {
        let connector = self.observed.connector();
        let held = self.outcome.held.as_ref();
        let note = connector.zip(held);
        let note = note.and_then(|(connector, held)| credentials_note(connector, held, self.status));
        note.unwrap_or_default()
    }

    /// Note on the bootstrap token: that its candidate grant was rejected, or that its Secret is no longer needed.
    fn bootstrap_note(&self) -> String {
        if let Some(message) = self.bootstrap_trouble() {
            return format!(
                " The candidate grant was rejected; the current grant is still in use: {message}"
            );
        }
        let Some(source) = self.observed.grant() else {
            return String::new();
        };
        let view = &source.view;
        let imported = match &self.outcome.grant {
            Some(grant) => view.bootstrap.is_some() && grant.imported == view.bootstrap,
            None => view.imported(),
        };
        if imported {
            " The bootstrap token was imported. You can delete the Secret that holds it.".to_owned()
        } else {
            String::new()
        }
    }

    fn bootstrap_trouble(&self) -> Option<String> {
        let source = self.observed.grant()?;
        let fault = source.settings.fault.as_ref().map(Rejection::message);
        let failures = self.status.candidate_grant_failures.as_ref();
        fault.or_else(|| failures.map(|failures| failures.message.clone()))
    }

    fn rejection(&self) -> Option<&Rejection> {
        match (self.decision, &self.outcome.secret) {
            (Decision::Reject(rejection), _) | (_, SecretOutcome::Refused(rejection)) => Some(rejection),
            (Decision::Wait(_) | Decision::Keep { .. } | Decision::Mint { .. }, _) => None,
        }
    }

    /// What is wrong with the token, if anything is. A passing problem with its renewal is not.
    fn token_trouble(&self) -> Option<Finding> {
        let failures = self.status.failures.as_ref();
        let failed = failures.map(failure_finding);
        let given_up = failures.is_some_and(|failures| failures.next_attempt_time.is_none());
        let terminal = failed
            .clone()
            .filter(|finding| given_up || !passing(finding.reason));
        if terminal.is_some() {
            return terminal;
        }
        let Some(held) = &self.outcome.held else {
            return failed.or_else(|| {
                self.observed
                    .is_suspended()
                    .then(|| Finding::plain(Truth::False, OwnReason::Suspended))
            });
        };
        if held.expiration.time <= self.now {
            let why = failures.map_or_else(String::new, |failures| format!(" {}", failures.message));
            let message = format!("{}{why}", Reason::from(OwnReason::TokenExpired).meaning());
            return Some(Finding::with(Truth::False, OwnReason::TokenExpired, message));
        }
        let connector = self.observed.connector()?;
        let outdated =
            !connector.has_inputs(&held.inputs_digest) || self.outcome.secret == SecretOutcome::Withheld;
        failed.filter(|_| outdated)
    }

    /// What is wrong with the last test, if it failed for good or showed that the session has ended.
    fn test_trouble(&self) -> Option<Finding> {
        let test = self
            .status
            .connection_test
            .as_ref()
            .filter(|test| has_run(test))?;
        let (reason, class) = failed_test(test)?;
        match class {
            // The one login that could tell another address has not helped.
            Class::Uncertain if test.steps.last().is_some_and(says_gone) && self.is_old(test) => {
                Some(Finding::with(Truth::False, reason, test.message.clone()))
            }
            Class::Transient | Class::Uncertain => None,
            Class::RenewToken => Some(Finding::with(
                Truth::False,
                OwnReason::SessionEnded,
                test.message.clone(),
            )),
            Class::InputMustChange | Class::FixInSalesforce | Class::Bug => {
                Some(Finding::with(Truth::False, reason, test.message.clone()))
            }
        }
    }

    /// Whether a test has failed for so long that settings which spread by themselves are no explanation.
    fn is_old(&self, test: &ConnectionTestStatus) -> bool {
        let first = test.first_failure_time.as_ref();
        first.is_some_and(|first| since(first.0, self.now) >= UNCERTAIN_FOR)
    }

    fn authenticated(&self) -> Finding {
        let failures = self.status.failures.as_ref();
        let failed = failures.map(failure_finding);
        let goes_on = failures.is_some_and(|failures| failures.next_attempt_time.is_some());
        let valid = self
            .outcome
            .held
            .as_ref()
            .is_some_and(|held| held.expiration.time > self.now);
        match (failed, valid) {
            (Some(finding), true) if goes_on && passing(finding.reason) => {
                Finding::plain(Truth::True, OwnReason::LoggedIn)
            }
            (Some(finding), _) => finding,
            (None, true) => Finding::plain(Truth::True, OwnReason::LoggedIn),
            (None, false) if self.outcome.held.is_some() => {
                Finding::plain(Truth::False, OwnReason::TokenExpired)
            }
            (None, false) => match self.rejection() {
                Some(rejection) => Finding::with(Truth::False, rejection.reason, rejection.message()),
                None => Finding::plain(Truth::Unknown, OwnReason::Pending),
            },
        }
    }

    fn secret_synced(&self) -> Finding {
        let name = self.status.secret_name.as_deref().unwrap_or_default();
        let in_step = || {
            Finding::with(
                Truth::True,
                OwnReason::InStep,
                format!("Secret \"{name}\" holds the current token."),
            )
        };
        match &self.outcome.secret {
            SecretOutcome::InStep => in_step(),
            SecretOutcome::Refused(rejection) => {
                Finding::with(Truth::False, rejection.reason, rejection.message())
            }
            SecretOutcome::Withheld => Finding::plain(Truth::False, OwnReason::Pending),
            SecretOutcome::Untouched => match &self.observed.target {
                crate::core::secret::ownership::Target::Refused(rejection) => {
                    Finding::with(Truth::False, rejection.reason, rejection.message())
                }
                crate::core::secret::ownership::Target::Ours(_) if self.outcome.held.is_some() => in_step(),
                crate::core::secret::ownership::Target::Ours(_)
                | crate::core::secret::ownership::Target::Absent => {
                    Finding::plain(Truth::Unknown, OwnReason::Pending)
                }
            },
        }
    }

    fn connection_tested(&self) -> Finding {
        let Some(test) = &self.status.connection_test else {
            return Finding::plain(Truth::Unknown, OwnReason::Pending);
        };
        match failed_test(test) {
            None => Finding::with(Truth::True, OwnReason::TestSucceeded, SUCCEEDED),
            Some((reason, _)) => Finding::with(Truth::False, reason, test.message.clone()),
        }
    }

    /// Stalled where a person must act, Reconciling where it may pass by itself; neither while Ready.
    fn progress(&self, ready: &Finding) -> Option<(ConditionType, Finding)> {
        if ready.truth == Truth::True {
            return None;
        }
        let kind = if stalls(ready.reason) || self.lasts(ready) {
            ConditionType::Stalled
        } else {
            ConditionType::Reconciling
        };
        Some((
            kind,
            Finding {
                truth: Truth::True,
                ..ready.clone()
            },
        ))
    }

    /// Whether a problem that may resolve by itself has lasted so long that a person must act. If the token has expired, it
    /// is the problem with its renewal.
    fn lasts(&self, ready: &Finding) -> bool {
        let Some(failures) = &self.status.failures else {
            return false;
        };
        let expired = ready.reason == OwnReason::TokenExpired.into();
        let reason = if expired {
            failure_finding(failures).reason
        } else {
            ready.reason
        };
        may_need_person(reason) && since(failures.first_failure_time.0, self.now) >= UNCERTAIN_FOR
    }
}

fn failure_finding(failures: &FailuresStatus) -> Finding {
    let reason =
        Reason::parse(&failures.reason).unwrap_or(Reason::Salesforce(reasons::Refusal::UnknownRefusal));
    Finding::with(Truth::False, reason, failures.message.clone())
}

/// Whether a problem with a renewal may resolve by itself, so that a valid token is as good as before.
fn passing(reason: Reason) -> bool {
    match (reason, reason.class()) {
        // As each of the two refusals alone may be, in the minutes of a rotation.
        (Reason::Own(OwnReason::AppCredentialsRefused), _) => true,
        (Reason::Own(_), class) => class == Class::Transient,
        (_, Class::Transient | Class::Uncertain | Class::RenewToken) => true,
        (_, Class::InputMustChange | Class::FixInSalesforce | Class::Bug) => false,
    }
}

/// Whether a person must act at once. A missing Secret may only be late, as with GitOps tools that apply in parallel.
fn stalls(reason: Reason) -> bool {
    match reason {
        Reason::Own(OwnReason::InputSecretMissing | OwnReason::InputKeyMissing) => false,
        Reason::Grant(_) => true,
        Reason::Own(_) | Reason::Salesforce(_) | Reason::Signer(_) => !passing(reason),
    }
}

/// Whether a person must act on a problem that does not resolve by itself.
fn may_need_person(reason: Reason) -> bool {
    match reason {
        Reason::Own(own) => own.needs_person(),
        Reason::Grant(_) | Reason::Salesforce(_) | Reason::Signer(_) => reason.class() == Class::Uncertain,
    }
}
