//! How does one pass over a connector go? A machine: it is given what was observed and the time, names the one next [`PassEffect`],
//! takes the [`PassReply`], and goes on until it is done.
//!
//! ```text
//! decide -> log in, or run a session of the redeem protocol -> deliver the token -> (decide once more) -> conclude
//! ```
//!
//! The shell carries effects out and decides nothing; the tests answer them from worlds of their own. Whatever a pass holds is
//! lost when its process dies; only what an effect wrote remains.

mod addition;
pub mod connection_test;
mod credentials;
mod delivery;
pub mod effect;
mod follow_up;
mod grant;
mod inventory;
mod login;
mod probe;
mod progress;
mod reporting;
mod rollout;
mod rotation;
mod unexpected;

use std::sync::Arc;

use jiff::Timestamp;

pub use effect::{
    LiveStatus, PassEffect, PassEnd, PassReply, PassReport, PasswordNote, SessionOrder, SessionReply,
    TokenReply,
};
pub use unexpected::UnexpectedReply;

use crate::core::decide::decide;
use crate::core::decide::instance_moved::instance_is_gone;
use crate::core::decide::test_due::{due_test, meanwhile};
use crate::core::model::connector::Connector;
use crate::core::model::decision::{Decision, Evidence, MintReason};
use crate::core::model::digest::DigestKey;
use crate::core::model::held_token::HeldToken;
use crate::core::model::login_request::LoginSeen;
use crate::core::model::observed::{Observed, Source};
use crate::core::model::outcome::{Minted, Outcome};
use crate::core::model::rejection::Rejection;
use crate::core::pass::connection_test::{TestReport, TestVerdict};
use addition::Addition;
use credentials::LoginOutcome;
use delivery::{Delivery, Task, undelivered};
use follow_up::{FollowUp, FollowUpProgress};
use grant::{GrantRenewal, GrantStage};
use login::Login;
use probe::write_probe;
use progress::PartProgress;
use reporting::{PassFindings, Reporting, ReportingProgress};

pub struct Pass<'key> {
    observed: Observed,
    key: &'key DigestKey,
    /// What a test of this pass has shown of the token that was held.
    evidence: Evidence,
    decision: Decision,
    /// How each connection test has ended, as labels in metrics.
    tests: Vec<&'static str>,
    /// What the round before came to, whose test showed that the held token is of no use.
    earlier: Option<Outcome>,
    stage: PassStage,
}

enum PassStage {
    RecordingRevocation,
    DeletingLoginSecret,
    ProbingSecret(MintReason),
    LoggingIn(Box<Login>, MintReason),
    RenewingGrant(Box<GrantRenewal>),
    Delivering(Box<Delivery>, Addition),
    FollowingUp(Box<FollowUp>),
    Reporting(Box<Reporting>),
    Ended,
}

impl<'key> Pass<'key> {
    /// Begins a pass. Returns it with its first effect.
    pub fn begin(observed: Observed, key: &'key DigestKey, now: Timestamp) -> (Self, PassEffect) {
        let revocation = grant::revocation_to_record(&observed);
        let mut pass = Self {
            observed,
            key,
            evidence: Evidence::None,
            decision: Decision::Keep { test: None },
            tests: Vec::new(),
            earlier: None,
            stage: PassStage::RecordingRevocation,
        };
        let effect = match revocation {
            Some(effect) => effect,
            None => pass.clean_up(now),
        };
        (pass, effect)
    }

    /// Takes the reply to the last effect. Returns the next effect.
    pub fn on(&mut self, reply: PassReply, now: Timestamp) -> Result<PassEffect, UnexpectedReply> {
        match (std::mem::replace(&mut self.stage, PassStage::Ended), reply) {
            (PassStage::RecordingRevocation, PassReply::Done) => Ok(self.clean_up(now)),
            (PassStage::DeletingLoginSecret, PassReply::Done) => Ok(self.decide(now)),
            (PassStage::ProbingSecret(why), PassReply::Secret(answer)) => self.probed(why, answer, now),
            (PassStage::LoggingIn(..), PassReply::UserBusy) => {
                Ok(PassEffect::Done(Box::new(PassEnd::UserBusy)))
            }
            (PassStage::LoggingIn(login, why), reply) => {
                let progress = login.on(reply, &self.observed, now)?;
                self.logging_in(progress, why, now)
            }
            (PassStage::RenewingGrant(renewal), reply) => {
                let connector = self.connector()?;
                let stage = renewal.on(reply, &self.observed, &connector, self.key)?;
                Ok(self.renewing_grant(stage, &connector, now))
            }
            (PassStage::Delivering(delivery, addition), reply) => {
                let connector = self.connector()?;
                let progress = delivery.on(reply, &self.observed, &connector, self.key)?;
                Ok(self.delivering(progress, addition, now))
            }
            (PassStage::FollowingUp(follow_up), reply) => {
                let progress = follow_up.on(reply, &self.observed, now)?;
                Ok(self.following_up(progress, now))
            }
            (PassStage::Reporting(reporting), reply) => {
                let progress = reporting.on(reply, &mut self.observed, now)?;
                Ok(self.reporting(progress))
            }
            _ => Err(UnexpectedReply),
        }
    }

    fn connector(&self) -> Result<Arc<Connector>, UnexpectedReply> {
        self.observed.connector().cloned().ok_or(UnexpectedReply)
    }

    /// The Secret of a login that is over goes before anything else.
    fn clean_up(&mut self, now: Timestamp) -> PassEffect {
        match self.observed.grant().map(|source| &source.login) {
            Some(LoginSeen::Over(secret)) => {
                let effect = PassEffect::DeleteLoginSecret(secret.clone());
                self.stage = PassStage::DeletingLoginSecret;
                effect
            }
            _ => self.decide(now),
        }
    }

    fn decide(&mut self, now: Timestamp) -> PassEffect {
        self.decision = decide(&self.observed, self.evidence, now);
        let Some(connector) = self.observed.connector().cloned() else {
            return self.finish(Outcome::untouched(self.observed.held.clone()), now);
        };
        match self.decision.clone() {
            Decision::Mint { why } => self.obtain(&connector, why, now),
            Decision::Keep { test } => self.keep(&connector, test.is_some(), Addition::None, now),
            Decision::Wait(_) if self.observed.is_at_work() => {
                self.keep(&connector, false, Addition::None, now)
            }
            Decision::Wait(_) => {
                let outcome = Outcome {
                    secret: undelivered(&self.observed),
                    ..Outcome::untouched(self.observed.held.clone())
                };
                self.finish(outcome, now)
            }
            // Such as a password that was refused before: the token of before is good for as long as it lasts.
            Decision::Reject(_) if self.test_meanwhile(now) => {
                self.keep(&connector, true, Addition::None, now)
            }
            Decision::Reject(_) => self.finish(Outcome::untouched(self.observed.held.clone()), now),
        }
    }

    fn obtain(&mut self, connector: &Arc<Connector>, why: MintReason, now: Timestamp) -> PassEffect {
        match &self.observed.source {
            Source::Login(_) => match write_probe(&self.observed, connector, self.key, now) {
                Some(effect) => {
                    self.stage = PassStage::ProbingSecret(why);
                    effect
                }
                None => self.log_in(connector, why, now),
            },
            Source::Grant(source) => {
                let (renewal, effect) = GrantRenewal::begin(&self.observed, source, why, self.key);
                self.stage = PassStage::RenewingGrant(Box::new(renewal));
                effect
            }
            Source::Unusable(_) => self.finish(Outcome::untouched(self.observed.held.clone()), now),
        }
    }

    fn log_in(&mut self, connector: &Arc<Connector>, why: MintReason, now: Timestamp) -> PassEffect {
        let Source::Login(source) = &self.observed.source else {
            return self.finish(Outcome::untouched(self.observed.held.clone()), now);
        };
        let (login, effect) = Login::begin(&self.observed, connector, &source.method, why, self.key, now);
        self.stage = PassStage::LoggingIn(Box::new(login), why);
        effect
    }

    /// Nothing is sent while the Secret can't be written.
    fn probed(
        &mut self,
        why: MintReason,
        answer: Result<(), Rejection>,
        now: Timestamp,
    ) -> Result<PassEffect, UnexpectedReply> {
        let connector = self.connector()?;
        Ok(match answer {
            Ok(()) => self.log_in(&connector, why, now),
            Err(rejection) => {
                let test = self.test_meanwhile(now);
                self.keep(&connector, test, Addition::Undeliverable(why, rejection), now)
            }
        })
    }

    fn logging_in(
        &mut self,
        progress: PartProgress<Login, LoginOutcome>,
        why: MintReason,
        now: Timestamp,
    ) -> Result<PassEffect, UnexpectedReply> {
        match progress {
            PartProgress::Asks(login, effect) => {
                self.stage = PassStage::LoggingIn(Box::new(login), why);
                Ok(effect)
            }
            PartProgress::Ended(outcome) => {
                let connector = self.connector()?;
                Ok(self.logged_in(&connector, outcome, why, now))
            }
        }
    }

    fn logged_in(
        &mut self,
        connector: &Arc<Connector>,
        outcome: LoginOutcome,
        why: MintReason,
        now: Timestamp,
    ) -> PassEffect {
        let addition = match (outcome.end, outcome.credentials_refused) {
            (Ok(held), refused) => {
                return self.deliver(connector, held, why, Addition::LoggedIn(why, refused), now);
            }
            (Err(_), Some(refused)) if why == MintReason::CredentialsTrial => {
                Addition::CredentialsRefused(refused)
            }
            (Err(problem), refused) => Addition::Failed(Minted::Failed { why, problem }, refused),
        };
        let test = self.test_meanwhile(now);
        self.keep(connector, test, addition, now)
    }

    fn renewing_grant(
        &mut self,
        stage: GrantStage,
        connector: &Arc<Connector>,
        now: Timestamp,
    ) -> PassEffect {
        match stage {
            GrantStage::Asks(renewal, effect) => {
                self.stage = PassStage::RenewingGrant(renewal);
                effect
            }
            GrantStage::Brought { held, why, result } => {
                self.deliver(connector, *held, why, Addition::Grant(result), now)
            }
            GrantStage::BroughtNothing(result) => {
                let tasks = self.test_meanwhile(now).then_some(Task::Test);
                self.hand_over(connector, tasks, Addition::Grant(result), now)
            }
        }
    }

    /// The Secret is kept in step; the connection is tested before it, where that is due.
    fn keep(
        &mut self,
        connector: &Arc<Connector>,
        test: bool,
        addition: Addition,
        now: Timestamp,
    ) -> PassEffect {
        let tasks = test.then_some(Task::Test).into_iter().chain([Task::Write]);
        if self.observed.held.is_none() {
            return self.ended(Outcome::untouched(None), addition, now);
        }
        self.hand_over(connector, tasks, addition, now)
    }

    /// A new token goes into the Secret at once where the Secret already carries one of the same org and user; a first one
    /// only after the test has shown that the org is the one that is meant.
    fn deliver(
        &mut self,
        connector: &Arc<Connector>,
        held: HeldToken,
        why: MintReason,
        addition: Addition,
        now: Timestamp,
    ) -> PassEffect {
        let tasks = if !self.observed.identity_verified(&held) {
            vec![Task::Test, Task::Write]
        } else if self.is_tested_after(why, connector, now) {
            vec![Task::Write, Task::Test]
        } else {
            vec![Task::Write]
        };
        let progress = Delivery::begin(held, tasks, &self.observed, connector, self.key);
        self.delivering(progress, addition, now)
    }

    /// Whether a token of a known identity is tested once it is delivered: always, but for a routine renewal between tests.
    fn is_tested_after(&self, why: MintReason, connector: &Connector, now: Timestamp) -> bool {
        let routine = matches!(
            why,
            MintReason::RenewalDue | MintReason::GrantOpen | MintReason::KeepAlive
        );
        let due = || due_test(&self.observed, connector, now).is_some();
        !routine || (!self.observed.is_suspended() && due())
    }

    /// The tasks are carried out with the token that is held already.
    fn hand_over(
        &mut self,
        connector: &Arc<Connector>,
        tasks: impl IntoIterator<Item = Task>,
        addition: Addition,
        now: Timestamp,
    ) -> PassEffect {
        let Some(held) = self.observed.held.clone() else {
            let outcome = Outcome {
                secret: undelivered(&self.observed),
                ..Outcome::untouched(None)
            };
            return self.ended(outcome, addition, now);
        };
        let progress = Delivery::begin(held, tasks, &self.observed, connector, self.key);
        self.delivering(progress, addition, now)
    }

    fn delivering(
        &mut self,
        progress: PartProgress<Delivery, Outcome>,
        addition: Addition,
        now: Timestamp,
    ) -> PassEffect {
        match progress {
            PartProgress::Asks(delivery, effect) => {
                self.stage = PassStage::Delivering(Box::new(delivery), addition);
                effect
            }
            PartProgress::Ended(outcome) => self.ended(outcome, addition, now),
        }
    }

    /// A round has come to its end. Where its test showed that the held token is of no use, a new one is worth a try: once.
    fn ended(&mut self, outcome: Outcome, addition: Addition, now: Timestamp) -> PassEffect {
        let outcome = addition.add_to(outcome, &self.observed);
        self.tests
            .extend(outcome.tested.as_ref().map(TestReport::result_label));
        if let Some(earlier) = self.earlier.take() {
            return self.finish(outcome.after(earlier), now);
        }
        let Some(evidence) = self.learned(&outcome) else {
            return self.finish(outcome, now);
        };
        self.evidence = evidence;
        match decide(&self.observed, evidence, now) {
            Decision::Mint { .. } => {
                self.earlier = Some(outcome);
                self.decide(now)
            }
            Decision::Keep { .. } | Decision::Wait(_) | Decision::Reject(_) => self.finish(outcome, now),
        }
    }

    /// What a test has shown about the token that was held before.
    fn learned(&self, outcome: &Outcome) -> Option<Evidence> {
        let report = outcome.tested.as_ref()?;
        let held_before = match self.decision {
            Decision::Keep { .. } => true,
            // A grant with something open is looked after, which need not bring a token.
            Decision::Mint { .. } => outcome.minted.is_none(),
            Decision::Wait(_) | Decision::Reject(_) => false,
        };
        if held_before && matches!(report.verdict, TestVerdict::TokenRejected { .. }) {
            return Some(Evidence::TokenRejected);
        }
        instance_is_gone(&self.observed, &self.decision, report).then_some(Evidence::InstanceGone)
    }

    /// All that was due is done.
    fn finish(&mut self, outcome: Outcome, now: Timestamp) -> PassEffect {
        let progress = FollowUp::begin(outcome, &self.observed, now);
        self.following_up(progress, now)
    }

    fn following_up(&mut self, progress: FollowUpProgress, now: Timestamp) -> PassEffect {
        match progress {
            PartProgress::Asks(follow_up, effect) => {
                self.stage = PassStage::FollowingUp(Box::new(follow_up));
                effect
            }
            PartProgress::Ended(outcome) => {
                let findings = PassFindings {
                    outcome,
                    decision: self.decision.clone(),
                    tests: std::mem::take(&mut self.tests),
                };
                let (reporting, effect) = Reporting::begin(findings, &self.observed, now);
                self.stage = PassStage::Reporting(Box::new(reporting));
                effect
            }
        }
    }

    fn reporting(&mut self, progress: ReportingProgress) -> PassEffect {
        match progress {
            PartProgress::Asks(reporting, effect) => {
                self.stage = PassStage::Reporting(Box::new(reporting));
                effect
            }
            PartProgress::Ended(end) => PassEffect::Done(Box::new(end)),
        }
    }

    fn test_meanwhile(&self, now: Timestamp) -> bool {
        meanwhile(&self.observed, self.evidence, now).is_some()
    }
}

#[cfg(test)]
mod tests;
