//! How are the app's credentials rotated, and how do they get into the Secret that the connector names? A step at a time, each of
//! which is stored before the call that it announces. Whatever fails is told in the status, and is no reason to fail.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use redeem::{ConnectorRef, ResourceVersion};
use salesforce_client::{AccessToken, App, AppAddress, Consumer, Failure, RecordId, Sent, StagedCredentials};

use crate::api::reasons::OwnReason;
use crate::core::model::connector::RotationPlan;
use crate::core::model::observed::Observed;
use crate::core::model::outcome::{Outcome, Problem};
use crate::core::model::rejection::Rejection;
use crate::core::pass::effect::{PassEffect, PassReply};
use crate::core::pass::progress::PartProgress;
use crate::core::pass::unexpected::UnexpectedReply;
use crate::core::rotation::calls::{CredentialsAnswer, CredentialsCall, CredentialsRequest};
use crate::core::rotation::due::{RotationTask, task};
use crate::core::rotation::evidence::{PlaceFound, StagedFound, consumer_of, place, staged_now};
use crate::core::rotation::input::{InputFault, with_credentials};
use crate::core::rotation::report::{RotationEnd, RotationReport};
use crate::core::rotation::state::{OpenRotation, RotationSeen, RotationState};
use crate::core::rotation::summary::refused;

pub(super) struct RotationRun {
    connector: String,
    plan: RotationPlan,
    /// The credentials that the connector logs in with first.
    current: App,
    at: AppAddress,
    token: AccessToken,
    state: RotationState,
    version: Option<ResourceVersion>,
    /// An answer was lost in this run, and Salesforce was asked what it did: it is asked once.
    looked_again: bool,
    step: RotationStep,
}

enum RotationStep {
    ListingConsumers,
    ListingStaged(Consumer),
    /// What is stale, or ours without a secret that anybody could know.
    MakingRoom(RecordId),
    /// Storing that credentials are about to be staged.
    Announcing(RecordId),
    Staging(RecordId),
    /// Storing the new credentials, and that they are about to be rotated in.
    Keeping {
        consumer: RecordId,
        staged: RecordId,
    },
    Rotating,
    /// Storing that they are in use.
    Finishing,
    /// Storing that no rotation is under way any more, for this reason.
    GivingUp(Problem),
    ReadingInput,
    WritingInput,
}

type RotationProgress = PartProgress<RotationRun, RotationReport>;

impl RotationRun {
    /// Begins a run, if there is something to do.
    pub(super) fn begin(observed: &Observed, outcome: &Outcome, now: Timestamp) -> Option<RotationProgress> {
        let task = task(observed, outcome, now)?;
        let (connector, held) = (observed.connector()?, outcome.held.as_ref()?);
        let plan = connector.rotation.clone()?;
        let (state, version) = remembered(observed, &plan);
        let run = Self {
            connector: observed.owner.name.clone(),
            current: connector.app.clone(),
            at: AppAddress {
                instance: held.instance_url.parse().ok()?,
                app: plan.app_id.clone(),
            },
            token: held.token.clone(),
            plan,
            state,
            version,
            looked_again: false,
            step: RotationStep::ListingConsumers,
        };
        Some(match task {
            RotationTask::Rotate => run.call(RotationStep::ListingConsumers, CredentialsRequest::Consumers),
            RotationTask::Write => run.read_input(),
        })
    }

    /// Takes the reply to the last effect, and goes on.
    pub(super) fn on(
        mut self,
        reply: PassReply,
        now: Timestamp,
    ) -> Result<RotationProgress, UnexpectedReply> {
        let step = std::mem::replace(&mut self.step, RotationStep::ListingConsumers);
        match (reply, step) {
            (PassReply::AppCredentials(answer), step) => self.answered(step, *answer, now),
            (PassReply::RotationStored(Ok(Some(version))), step) => {
                self.version = Some(version);
                self.stored(step)
            }
            (PassReply::RotationStored(Ok(None)), _) => Ok(self.ended(RotationEnd::Outrun)),
            (PassReply::RotationStored(Err(words)), _) => Ok(self.not_stored(words)),
            (PassReply::Input(Ok(found)), RotationStep::ReadingInput) => {
                Ok(self.write_input(found.map(|found| *found)))
            }
            (PassReply::InputWritten(Ok(())), RotationStep::WritingInput) => Ok(self.written()),
            (PassReply::Input(Err(fault)), RotationStep::ReadingInput)
            | (PassReply::InputWritten(Err(fault)), RotationStep::WritingInput) => {
                Ok(self.input_failed(fault))
            }
            _ => Err(UnexpectedReply),
        }
    }

    fn not_stored(self, words: String) -> RotationProgress {
        let rejection = Rejection::new(OwnReason::RotationStateUnavailable, words);
        self.failed(rejection.into())
    }

    fn written(self) -> RotationProgress {
        let name = self.plan.input.secret.clone();
        self.ended(RotationEnd::Written(name))
    }

    fn answered(
        self,
        step: RotationStep,
        answer: CredentialsAnswer,
        now: Timestamp,
    ) -> Result<RotationProgress, UnexpectedReply> {
        use CredentialsAnswer as Answer;

        Ok(match (step, answer) {
            (_, Answer::Deposed) => self.ended(RotationEnd::Outrun),
            (RotationStep::Staging(_), Answer::Refused(failure)) if failure.sent != Sent::Unknown => {
                self.give_up(refused(&failure))
            }
            (RotationStep::Staging(_) | RotationStep::Rotating, Answer::Refused(failure)) => {
                self.after_sending(&failure)
            }
            (_, Answer::Refused(failure)) => self.failed(refused(&failure)),
            (RotationStep::ListingConsumers, Answer::Consumers(consumers)) => self.listed(&consumers),
            (RotationStep::ListingStaged(consumer), Answer::Staged(listed)) => {
                self.judge(&consumer, &listed, now)
            }
            (RotationStep::MakingRoom(consumer), Answer::Done) => self.announce(consumer, now),
            (RotationStep::Staging(consumer), Answer::Credentials(staged)) => {
                self.keep(consumer, staged, now)
            }
            (RotationStep::Rotating, Answer::Done) => self.finish(now),
            _ => return Err(UnexpectedReply),
        })
    }

    /// Goes on after a write of the state.
    fn stored(self, step: RotationStep) -> Result<RotationProgress, UnexpectedReply> {
        Ok(match step {
            RotationStep::Announcing(consumer) => {
                let request = CredentialsRequest::Stage {
                    consumer: consumer.clone(),
                };
                self.call(RotationStep::Staging(consumer), request)
            }
            RotationStep::Keeping { consumer, staged } => {
                let request = CredentialsRequest::Rotate {
                    consumer: consumer.clone(),
                    staged,
                };
                self.call(RotationStep::Rotating, request)
            }
            RotationStep::Finishing => self.ended(RotationEnd::Rotated),
            RotationStep::GivingUp(problem) => self.failed(problem),
            _ => return Err(UnexpectedReply),
        })
    }

    fn listed(self, consumers: &[Consumer]) -> RotationProgress {
        let staged = match &self.state.open {
            Some(OpenRotation::Rotating { staged, .. }) => staged.client_id.as_str(),
            Some(OpenRotation::Staging { .. }) | None => self.current.client_id.as_str(),
        };
        let Some(consumer) = consumer_of(consumers, &[self.current.client_id.as_str(), staged]) else {
            let app = format!("spec.app.rotation.appId: {}", self.plan.app_id);
            return self.failed(Rejection::new(OwnReason::ConsumerNotFound, app).into());
        };
        let request = CredentialsRequest::Staged {
            consumer: consumer.id.clone(),
        };
        let step = RotationStep::ListingStaged(consumer.clone());
        self.call(step, request)
    }

    /// Goes on from what Salesforce lists.
    fn judge(self, consumer: &Consumer, listed: &[StagedCredentials], now: Timestamp) -> RotationProgress {
        let announced = match self.state.open.clone() {
            Some(OpenRotation::Rotating { staged, .. }) => {
                return self.resume(&staged, consumer, listed, now);
            }
            Some(OpenRotation::Staging { .. }) => true,
            None => false,
        };
        let id = consumer.id.clone();
        match place(listed, announced) {
            PlaceFound::Free => self.announce(id, now),
            PlaceFound::Ours(staged) if staged.client_secret.is_some() => self.keep(id, staged.clone(), now),
            PlaceFound::Ours(staged) | PlaceFound::Stale(staged) => {
                let request = CredentialsRequest::Delete {
                    consumer: id.clone(),
                    staged: staged.id.clone(),
                };
                self.call(RotationStep::MakingRoom(id), request)
            }
            PlaceFound::Taken(_) => {
                let rejection = Rejection::new(OwnReason::StagedCredentialsExist, "");
                // An announcement of before has come to nothing, else its credentials were the only ones.
                if announced {
                    self.give_up(rejection.into())
                } else {
                    self.failed(rejection.into())
                }
            }
        }
    }

    fn resume(
        self,
        staged: &App,
        consumer: &Consumer,
        listed: &[StagedCredentials],
        now: Timestamp,
    ) -> RotationProgress {
        match staged_now(staged, &self.current.client_id, consumer, listed) {
            StagedFound::RotatedIn => self.finish(now),
            StagedFound::Waiting(waiting) => {
                let request = CredentialsRequest::Rotate {
                    consumer: consumer.id.clone(),
                    staged: waiting.id.clone(),
                };
                self.call(RotationStep::Rotating, request)
            }
            StagedFound::Gone => {
                let gone = Rejection::new(OwnReason::StagedCredentialsGone, "");
                self.give_up(gone.into())
            }
        }
    }

    /// Announces that new credentials are about to be staged.
    fn announce(self, consumer: RecordId, now: Timestamp) -> RotationProgress {
        let open = OpenRotation::Staging { since: now };
        let state = self.state.with_open(Some(open));
        self.store(RotationStep::Announcing(consumer), state)
    }

    /// Stores new credentials before anything else: their secret may not be shown again.
    fn keep(self, consumer: RecordId, staged: StagedCredentials, now: Timestamp) -> RotationProgress {
        let open = OpenRotation::Rotating {
            since: now,
            staged: App {
                client_id: staged.client_id,
                client_secret: staged.client_secret,
            },
        };
        let state = self.state.with_open(Some(open));
        let step = RotationStep::Keeping {
            consumer,
            staged: staged.id,
        };
        self.store(step, state)
    }

    /// The new credentials are in use.
    fn finish(self, now: Timestamp) -> RotationProgress {
        let Some(OpenRotation::Rotating { staged, .. }) = self.state.open.clone() else {
            return self.ended(RotationEnd::Outrun);
        };
        let former = self.current.client_id.clone();
        let state = self.state.rotated(staged, &former, now);
        self.store(RotationStep::Finishing, state)
    }

    /// Nothing of ours is at Salesforce. What stands there from now on is somebody else's.
    fn give_up(self, problem: Problem) -> RotationProgress {
        let state = self.state.with_open(None);
        self.store(RotationStep::GivingUp(problem), state)
    }

    /// Salesforce may have acted all the same: only what it lists can tell.
    fn after_sending(mut self, failure: &Failure) -> RotationProgress {
        if failure.sent == Sent::Unknown && !self.looked_again {
            self.looked_again = true;
            return self.call(RotationStep::ListingConsumers, CredentialsRequest::Consumers);
        }
        self.failed(refused(failure))
    }

    fn read_input(self) -> RotationProgress {
        let name = self.plan.input.secret.clone();
        self.asks(RotationStep::ReadingInput, PassEffect::ReadInput { name })
    }

    fn write_input(self, found: Option<Secret>) -> RotationProgress {
        match with_credentials(found, &self.connector, &self.plan.input, &self.current) {
            Ok(wanted) => {
                let effect = PassEffect::WriteInput(Box::new(wanted));
                self.asks(RotationStep::WritingInput, effect)
            }
            Err(rejection) => self.failed(rejection.into()),
        }
    }

    fn input_failed(self, fault: InputFault) -> RotationProgress {
        match fault {
            InputFault::Outdated => self.ended(RotationEnd::Outrun),
            InputFault::Refused(words) => {
                let subject = format!("Secret \"{}\": {words}", self.plan.input.secret);
                self.failed(Rejection::new(OwnReason::InputSecretWriteRefused, subject).into())
            }
        }
    }

    fn call(self, step: RotationStep, request: CredentialsRequest) -> RotationProgress {
        let call = CredentialsCall {
            at: self.at.clone(),
            token: self.token.clone(),
            request,
        };
        self.asks(step, PassEffect::CallAppCredentials(Box::new(call)))
    }

    fn store(mut self, step: RotationStep, state: RotationState) -> RotationProgress {
        self.state = state.clone();
        let effect = PassEffect::StoreRotation {
            state: Box::new(state),
            version: self.version.clone(),
        };
        self.asks(step, effect)
    }

    fn asks(mut self, step: RotationStep, effect: PassEffect) -> RotationProgress {
        self.step = step;
        PartProgress::Asks(self, effect)
    }

    fn failed(self, problem: Problem) -> RotationProgress {
        self.ended(RotationEnd::Failed(problem))
    }

    fn ended(self, end: RotationEnd) -> RotationProgress {
        PartProgress::Ended(RotationReport {
            end,
            last: self.state.current.map(|current| current.time),
        })
    }
}

/// What is remembered of the rotations of this app, and the version that was read.
fn remembered(observed: &Observed, plan: &RotationPlan) -> (RotationState, Option<ResourceVersion>) {
    let owner = &observed.owner;
    let new = || {
        let connector = ConnectorRef {
            uid: owner.uid.as_str().into(),
            namespace: owner.namespace.as_str().into(),
            name: owner.name.as_str().into(),
        };
        RotationState::new(connector, plan.app_id.clone())
    };
    match &observed.rotation.seen {
        RotationSeen::Found(state, version) if state.app_id == plan.app_id => {
            ((**state).clone(), Some(version.clone()))
        }
        // Credentials of another app are of no use for this one.
        RotationSeen::Found(_, version) => (new(), Some(version.clone())),
        RotationSeen::Absent | RotationSeen::Unreadable(_) => (new(), None),
    }
}
