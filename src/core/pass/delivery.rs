//! How does a token reach its consumer: is it tested, and is it written to the Secret, and in which order?
//!
//! A token of the org and user that the Secret already carries is written at once. The first token, or the first of another
//! org or user, is written only after a test has shown that the org is the one that is meant.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::core::model::connector::Connector;
use crate::core::model::digest::DigestKey;
use crate::core::model::held_token::HeldToken;
use crate::core::model::observed::Observed;
use crate::core::model::outcome::{Outcome, SecretOutcome};
use crate::core::pass::connection_test::{ConnectionTest, TestReport, TestStage};
use crate::core::pass::effect::{PassEffect, PassReply};
use crate::core::pass::progress::PartProgress;
use crate::core::pass::unexpected::UnexpectedReply;
use crate::core::secret::merge::in_step;
use crate::core::secret::ownership::Target;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    Test,
    /// Bring the Secret in step with it.
    Write,
}

pub(super) struct Delivery {
    held: HeldToken,
    tasks: VecDeque<Task>,
    current: Option<Current>,
    tested: Option<TestReport>,
    secret: SecretOutcome,
}

enum Current {
    Testing(Box<ConnectionTest>),
    Writing,
    DeletingFormer,
}

impl Delivery {
    /// A delivery of a token by these tasks. Where none of them writes the Secret, it is left as it is.
    pub(super) fn begin(
        held: HeldToken,
        tasks: impl IntoIterator<Item = Task>,
        observed: &Observed,
        connector: &Arc<Connector>,
        key: &DigestKey,
    ) -> PartProgress<Self, Outcome> {
        let delivery = Self {
            held,
            tasks: tasks.into_iter().collect(),
            current: None,
            tested: None,
            secret: undelivered(observed),
        };
        delivery.next(observed, connector, key)
    }

    /// Takes the reply to the last effect, and goes on.
    pub(super) fn on(
        mut self,
        reply: PassReply,
        observed: &Observed,
        connector: &Arc<Connector>,
        key: &DigestKey,
    ) -> Result<PartProgress<Self, Outcome>, UnexpectedReply> {
        match (self.current.take(), reply) {
            (Some(Current::Testing(test)), PassReply::Test(answer, latency)) => {
                Ok(self.testing(test.on(answer, latency)?, observed, connector, key))
            }
            (Some(Current::Writing), PassReply::Secret(Ok(()))) => Ok(self.written(observed, connector)),
            (Some(Current::Writing), PassReply::Secret(Err(rejection))) => {
                self.secret = SecretOutcome::Refused(rejection);
                Ok(self.next(observed, connector, key))
            }
            (Some(Current::DeletingFormer), PassReply::Done) => {
                self.secret = SecretOutcome::InStep;
                Ok(self.next(observed, connector, key))
            }
            _ => Err(UnexpectedReply),
        }
    }

    fn next(
        mut self,
        observed: &Observed,
        connector: &Arc<Connector>,
        key: &DigestKey,
    ) -> PartProgress<Self, Outcome> {
        match self.tasks.pop_front() {
            Some(Task::Test) => {
                let stage = ConnectionTest::begin(connector, &self.held);
                self.testing(stage, observed, connector, key)
            }
            Some(Task::Write) => self.write(observed, connector, key),
            None => PartProgress::Ended(Outcome {
                tested: self.tested,
                secret: self.secret,
                ..Outcome::untouched(Some(self.held))
            }),
        }
    }

    fn testing(
        mut self,
        stage: TestStage,
        observed: &Observed,
        connector: &Arc<Connector>,
        key: &DigestKey,
    ) -> PartProgress<Self, Outcome> {
        match stage {
            TestStage::Asks(test, call) => {
                self.current = Some(Current::Testing(test));
                let limit = connector.test_timeout;
                PartProgress::Asks(self, PassEffect::Test { call, limit })
            }
            TestStage::Ended(report) => {
                self.tested = Some(report);
                self.next(observed, connector, key)
            }
        }
    }

    fn write(
        mut self,
        observed: &Observed,
        connector: &Arc<Connector>,
        key: &DigestKey,
    ) -> PartProgress<Self, Outcome> {
        let tested = self.tested.as_ref().is_some_and(TestReport::environment_holds);
        if !observed.identity_verified(&self.held) && !tested {
            self.secret = SecretOutcome::Withheld;
            return self.next(observed, connector, key);
        }
        let wanted = Box::new(connector.template.render(&observed.owner, &self.held, key));
        let effect = match &observed.target {
            Target::Ours(found) if in_step(found, &wanted) => return self.written(observed, connector),
            Target::Ours(found) => PassEffect::UpdateSecret {
                found: found.clone(),
                wanted,
            },
            Target::Absent => PassEffect::CreateSecret {
                connector: connector.clone(),
                wanted,
            },
            Target::Refused(rejection) => {
                self.secret = SecretOutcome::Refused(rejection.clone());
                return self.next(observed, connector, key);
            }
        };
        self.current = Some(Current::Writing);
        PartProgress::Asks(self, effect)
    }

    /// After a change of `secret.name` the earlier Secret goes, once the new one exists; after two in a row, of which the
    /// status knows the last alone, both go.
    fn written(mut self, observed: &Observed, connector: &Connector) -> PartProgress<Self, Outcome> {
        self.current = Some(Current::DeletingFormer);
        let effect = PassEffect::DeleteFormerSecrets {
            current: connector.template.name.clone(),
            former: observed.former_secrets.clone(),
        };
        PartProgress::Asks(self, effect)
    }
}

/// What is to be said of the Secret where nothing new is for it.
pub(super) fn undelivered(observed: &Observed) -> SecretOutcome {
    match &observed.target {
        Target::Refused(rejection) => SecretOutcome::Refused(rejection.clone()),
        Target::Ours(_) | Target::Absent => SecretOutcome::Untouched,
    }
}
