//! How is what a pass asks for carried out? One effect at a time; nothing is decided here.

mod calls;

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use redeem::ResourceVersion;
use salesforce_client::{AccessToken, TokenRequest, TokenToInspect};

use crate::api::SalesforceConnector;
use crate::core::inventory::calls::{InventoryAnswer, InventoryCall};
use crate::core::model::connector::{Connector, RemoteKey};
use crate::core::model::owner::Owner;
use crate::core::model::rejection::Rejection;
use crate::core::pass::connection_test::{TestAnswer, TestCall};
use crate::core::pass::{LiveStatus, PassEffect, PassReply, TokenReply};
use crate::core::rotation::calls::{CredentialsCall, CredentialsRequest};
use crate::error_chain::chain;
use crate::failpoints::{Failpoint, Side};
use crate::shell::context::Context;
use crate::shell::error::Error;
use crate::shell::kubernetes::consumer_secret::Write;
use crate::shell::kubernetes::{consumer_secret, details, workloads};
use crate::shell::perform::calls::{ask, look_up};
use crate::shell::salesforce::refused_passwords as passwords;
use crate::shell::salesforce::user_locks::UserLock;
use crate::shell::sharing::copies;
use crate::shell::turns::Object;
use crate::shell::{grant_session, report, rotation};

/// A call of an inventory that takes longer is given up, and with it the rest of the run: a pass has a limit of its own.
const INVENTORY_CALL_LIMIT: Duration = Duration::from_secs(20);

pub(crate) struct Performer<'a> {
    context: &'a Arc<Context>,
    object: &'a SalesforceConnector,
    owner: Owner,
    salesforce: salesforce_client::Client,
    /// While a login of this user is reserved.
    user: Option<UserLock>,
    /// One for each connection test, in order.
    tests: Vec<TestClock>,
}

/// How long a connection test has taken.
struct TestClock {
    started: Instant,
    taken: Duration,
}

impl<'a> Performer<'a> {
    pub(crate) fn new(context: &'a Arc<Context>, object: &'a SalesforceConnector, owner: Owner) -> Self {
        Self {
            context,
            object,
            salesforce: context.salesforce(&owner.namespace),
            owner,
            user: None,
            tests: Vec::new(),
        }
    }

    /// Carries out one effect. The end of a pass is none.
    pub(crate) async fn perform(&mut self, effect: PassEffect) -> Result<PassReply, Error> {
        let context = self.context;
        Ok(match effect {
            PassEffect::Sign { key, assertion } => self.sign(&key, assertion.signing_input()).await,
            PassEffect::RequestToken { connector, request } => {
                PassReply::Token(self.request_token(&connector, &request).await)
            }
            PassEffect::Introspect { connector, token } => self.introspect(&connector, &token).await,
            PassEffect::Test { call, limit } => self.test(call, limit).await,
            effect @ (PassEffect::ReadWorkload(_) | PassEffect::RestartWorkload(_)) => {
                self.workload(effect).await
            }
            effect @ (PassEffect::CallAppCredentials(_)
            | PassEffect::StoreRotation { .. }
            | PassEffect::ReadInput { .. }
            | PassEffect::WriteInput(_)) => self.rotate(effect).await?,
            PassEffect::CopyToken => PassReply::Copied(copies::of_connector(context, &self.owner).await),
            PassEffect::ReadDetails => PassReply::Details(details::read(context, &self.owner).await),
            PassEffect::TakeInventory(call) => self.take_inventory(*call).await,
            PassEffect::WriteDetails(wanted) => {
                PassReply::DetailsWritten(details::write(context, &wanted).await)
            }
            PassEffect::RunSession(order) => {
                let reply = grant_session::run(context, &self.owner, *order).await?;
                PassReply::Session(Box::new(reply))
            }
            PassEffect::ProbeSecret {
                connector,
                found,
                wanted,
            } => self.probe(&connector, found.as_deref(), &wanted).await?,
            PassEffect::CreateSecret { connector, wanted } => {
                let written =
                    consumer_secret::create(context, &self.owner, &connector, &wanted, Write::ForReal);
                self.written(written).await?
            }
            PassEffect::UpdateSecret { found, wanted } => {
                self.written(consumer_secret::update(context, &found, &wanted, Write::ForReal))
                    .await?
            }
            PassEffect::ReadStatus => self.read_status().await?,
            PassEffect::ReserveUser { username } => self.reserve(&username),
            PassEffect::RecallPassword { user } => {
                let (memory, version) = passwords::recall(context, &user).await?;
                PassReply::Passwords(memory, version)
            }
            PassEffect::NotePassword {
                user,
                memory,
                version,
            } => {
                let noted = passwords::note(context, &user, &memory, version.as_ref());
                PassReply::PasswordNoted(self.at(Failpoint::NotePassword, noted).await?)
            }
            effect => {
                self.carry_out(effect).await?;
                PassReply::Done
            }
        })
    }

    /// Carries out an effect that has no answer.
    async fn carry_out(&mut self, effect: PassEffect) -> Result<(), Error> {
        let context = self.context;
        match effect {
            PassEffect::RecordRevocation { host, version } => {
                self.record_revocation(host.as_deref(), &version).await;
            }
            PassEffect::ReleaseUser => self.user = None,
            PassEffect::RecordPassword {
                user,
                attempt,
                outcome,
            } => {
                let recorded = passwords::record(context, &user, &attempt, outcome);
                self.at(Failpoint::RecordPassword, recorded).await;
            }
            PassEffect::DeleteLoginSecret(secret) => {
                consumer_secret::delete_login(context, &self.owner.namespace, &secret).await;
            }
            PassEffect::DeleteFormerSecrets { current, former } => {
                self.delete_former(&current, former).await?;
            }
            PassEffect::Record(report) => {
                let taken: Vec<_> = self.tests.iter().map(|test| test.taken).collect();
                report::record(context, self.object, &report, &taken);
            }
            PassEffect::WriteStatus {
                status,
                resource_version,
            } => report::write_status(context, self.object, *status, resource_version).await?,
            // Answered in `perform`; the end is nothing to carry out.
            PassEffect::Sign { .. }
            | PassEffect::RequestToken { .. }
            | PassEffect::Introspect { .. }
            | PassEffect::Test { .. }
            | PassEffect::ReadWorkload(_)
            | PassEffect::RestartWorkload(_)
            | PassEffect::CallAppCredentials(_)
            | PassEffect::StoreRotation { .. }
            | PassEffect::ReadInput { .. }
            | PassEffect::WriteInput(_)
            | PassEffect::CopyToken
            | PassEffect::ReadDetails
            | PassEffect::TakeInventory(_)
            | PassEffect::WriteDetails(_)
            | PassEffect::RunSession(_)
            | PassEffect::ProbeSecret { .. }
            | PassEffect::CreateSecret { .. }
            | PassEffect::UpdateSecret { .. }
            | PassEffect::ReadStatus
            | PassEffect::ReserveUser { .. }
            | PassEffect::RecallPassword { .. }
            | PassEffect::NotePassword { .. }
            | PassEffect::Done(_) => {}
        }
        Ok(())
    }

    /// What the restart of a workload asks for.
    async fn workload(&self, effect: PassEffect) -> PassReply {
        let (context, namespace) = (self.context, &self.owner.namespace);
        match effect {
            PassEffect::ReadWorkload(target) => {
                PassReply::Workload(workloads::read(context, namespace, &target).await)
            }
            PassEffect::RestartWorkload(restart) => {
                let restarted = workloads::restart(context, namespace, &restart);
                PassReply::WorkloadRestarted(self.at(Failpoint::RestartWorkload, restarted).await)
            }
            // No other is given to this function.
            _ => PassReply::Done,
        }
    }

    /// What a rotation of the app's credentials asks for.
    async fn rotate(&self, effect: PassEffect) -> Result<PassReply, Error> {
        let (context, namespace) = (self.context, &self.owner.namespace);
        Ok(match effect {
            PassEffect::CallAppCredentials(call) => self.call_app_credentials(*call).await,
            PassEffect::StoreRotation { state, version } => {
                let stored = rotation::store(context, &self.owner, &state, version.as_ref());
                PassReply::RotationStored(self.at(Failpoint::StoreRotation, stored).await?)
            }
            PassEffect::ReadInput { name } => {
                PassReply::Input(rotation::read_input(context, namespace, &name).await)
            }
            PassEffect::WriteInput(wanted) => {
                let written = rotation::write_input(context, namespace, &wanted);
                PassReply::InputWritten(self.at(Failpoint::WriteInput, written).await)
            }
            // No other is given to this function.
            _ => PassReply::Done,
        })
    }

    /// Each call is charged to the budget of the instance as a test is.
    async fn call_app_credentials(&self, call: CredentialsCall) -> PassReply {
        let (host, now) = (call.at.instance.host().name(), self.context.clock.steady());
        let questions = &self.context.questions;
        questions.charge_or_refund(host, &self.owner, 0, 1, now);
        let failpoint = match &call.request {
            CredentialsRequest::Stage { .. } => Some(Failpoint::StageCredentials),
            CredentialsRequest::Rotate { .. } => Some(Failpoint::RotateCredentials),
            _ => None,
        };
        let called = rotation::call(self.context, &self.owner.namespace, &self.salesforce, call);
        let answer = match failpoint {
            Some(failpoint) => self.at(failpoint, called).await,
            None => called.await,
        };
        PassReply::AppCredentials(Box::new(answer))
    }

    fn reserve(&mut self, username: &str) -> PassReply {
        let mut object = Object::new(&self.owner.name).within(&self.owner.namespace);
        object.extra.uid = Some(self.owner.uid.clone());
        self.user = self.context.users.try_lock(username, &object);
        match self.user {
            Some(_) => PassReply::Done,
            None => PassReply::UserBusy,
        }
    }

    /// It is for after the connector; the token is for now.
    async fn record_revocation(&self, host: Option<&str>, version: &ResourceVersion) {
        let recorded = grant_session::record_revocation(self.context, &self.owner.uid, host, version);
        if let Err(error) = recorded.await {
            tracing::warn!(error = %chain(&error), "Failed to record the revocation policy");
        }
    }

    async fn sign(&self, key: &RemoteKey, text: &[u8]) -> PassReply {
        let signed = self.context.signers.sign(key, text).await;
        let result = signed
            .as_ref()
            .map_or_else(|failure| failure.refusal.as_str(), |_| "Succeeded");
        self.context.metrics.signature(result);
        PassReply::Signature(signed)
    }

    async fn request_token(&self, connector: &Connector, request: &TokenRequest) -> TokenReply {
        let context = self.context;
        if let Err(wait) = context
            .budget
            .take(connector.host.name(), &self.owner, context.clock.steady())
        {
            return TokenReply::BudgetSpent(wait);
        }
        let sent = self.salesforce.token(&connector.host, &connector.app, request);
        let answer = match request {
            TokenRequest::Password { .. } => self.at(Failpoint::SendPassword, sent).await,
            _ => sent.await,
        };
        let result = answer
            .as_ref()
            .map_or_else(|failure| failure.refusal.as_str(), |_| "Succeeded");
        context.metrics.token_request(connector.method_name, result);
        match answer {
            Ok(token) => TokenReply::Granted(Box::new(token)),
            Err(failure) => TokenReply::Refused(Box::new(failure)),
        }
    }

    async fn introspect(&self, connector: &Connector, token: &AccessToken) -> PassReply {
        let (host, now) = (connector.host.name(), self.context.clock.steady());
        let questions = &self.context.questions;
        questions.charge_or_refund(host, &self.owner, 0, 1, now);
        let inspected = TokenToInspect::Access(token);
        let asked = self
            .salesforce
            .introspect(&connector.host, &connector.app, inspected);
        PassReply::Introspection(asked.await.ok())
    }

    /// The limit is that of the whole test, which begins with the call for the versions.
    async fn test(&mut self, call: TestCall, limit: Duration) -> PassReply {
        if let TestCall::Versions(instance) = &call {
            let (host, now) = (instance.host().name(), self.context.clock.steady());
            self.context
                .questions
                .charge_or_refund(host, &self.owner, 0, 1, now);
        }
        let running = self.tests.last().map(|test| test.started);
        let started = match (&call, running) {
            (TestCall::Versions(_), _) | (_, None) => {
                let started = Instant::now();
                self.tests.push(TestClock {
                    started,
                    taken: Duration::ZERO,
                });
                started
            }
            (_, Some(started)) => started,
        };
        let (asked, left) = (Instant::now(), limit.saturating_sub(started.elapsed()));
        let answer = tokio::time::timeout(left, ask(&self.salesforce, call)).await;
        if let Some(test) = self.tests.last_mut() {
            test.taken = started.elapsed();
        }
        PassReply::Test(answer.unwrap_or(TestAnswer::TimedOut), asked.elapsed())
    }

    async fn probe(
        &self,
        connector: &Connector,
        found: Option<&Secret>,
        wanted: &Secret,
    ) -> Result<PassReply, Error> {
        let (context, owner) = (self.context, &self.owner);
        Ok(PassReply::Secret(match found {
            Some(found) => consumer_secret::update(context, found, wanted, Write::DryRun).await?,
            None => consumer_secret::create(context, owner, connector, wanted, Write::DryRun).await?,
        }))
    }

    /// Each call is charged to the budget of the instance as a test is.
    async fn take_inventory(&self, call: InventoryCall) -> PassReply {
        let (host, now) = (call.instance.host().name(), self.context.clock.steady());
        let questions = &self.context.questions;
        questions.charge_or_refund(host, &self.owner, 0, 1, now);
        let asked = tokio::time::timeout(INVENTORY_CALL_LIMIT, look_up(&self.salesforce, &call));
        PassReply::Inventory(Box::new(asked.await.unwrap_or(InventoryAnswer::TimedOut)))
    }

    async fn written(
        &self,
        write: impl Future<Output = Result<Result<(), Rejection>, Error>>,
    ) -> Result<PassReply, Error> {
        let written = self.at(Failpoint::SecretWrite, write).await?;
        Ok(PassReply::Secret(written))
    }

    /// Carries something out between two sides of a failpoint.
    async fn at<T>(&self, what: Failpoint, work: impl Future<Output = T>) -> T {
        let failpoints = &self.context.settings.failpoints;
        failpoints.at(&self.owner.name, Side::Before, what).await;
        let done = work.await;
        failpoints.at(&self.owner.name, Side::After, what).await;
        done
    }

    async fn delete_former(&self, current: &str, former: Vec<String>) -> Result<(), Error> {
        self.context.remember_secret(&self.owner.uid, current);
        for name in former {
            consumer_secret::delete_former(self.context, &self.owner, &name).await?;
            self.context.forget_secret(&self.owner.uid, &name);
        }
        Ok(())
    }

    async fn read_status(&self) -> Result<PassReply, Error> {
        let live = self.context.live(self.object).await?;
        Ok(PassReply::Status(live.map(|live| {
            Box::new(LiveStatus {
                leads: self.context.ownership.owns(&self.owner.namespace),
                resource_version: live.resource_version(),
                status: live.status.unwrap_or_default(),
            })
        })))
    }
}
