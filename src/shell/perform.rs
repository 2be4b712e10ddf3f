//! How is what a pass asks for carried out? One effect at a time; nothing is decided here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::ResourceExt;
use redeem::ResourceVersion;
use salesforce_client::TokenToInspect;
use tokio::sync::OwnedMutexGuard;

use crate::api::SalesforceConnector;
use crate::core::model::connector::Connector;
use crate::core::model::owner::Owner;
use crate::core::model::rejection::Rejection;
use crate::core::pass::connection_test::{TestAnswer, TestCall};
use crate::core::pass::{LiveStatus, PassEffect, PassReply, TokenReply};
use crate::error_chain::chain;
use crate::failpoints::{Failpoint, Side};
use crate::shell::context::Context;
use crate::shell::error::Error;
use crate::shell::kubernetes::consumer_secret;
use crate::shell::kubernetes::consumer_secret::Write;
use crate::shell::salesforce::refused_passwords as passwords;
use crate::shell::{grant_session, report};

pub(crate) struct Performer<'a> {
    context: &'a Arc<Context>,
    object: &'a SalesforceConnector,
    owner: Owner,
    salesforce: salesforce_client::Client,
    /// While a login of this user is reserved.
    user: Option<OwnedMutexGuard<()>>,
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
            PassEffect::RequestToken { connector, request } => {
                PassReply::Token(self.request_token(&connector, &request).await)
            }
            PassEffect::Introspect { connector, token } => {
                let inspected = TokenToInspect::Access(&token);
                let asked = self
                    .salesforce
                    .introspect(&connector.host, &connector.app, inspected);
                PassReply::Introspection(asked.await.ok())
            }
            PassEffect::Test { call, limit } => PassReply::Test(self.test(call, limit).await),
            PassEffect::RunSession(order) => {
                let reply = grant_session::run(context, &self.owner, *order).await?;
                PassReply::Session(Box::new(reply))
            }
            PassEffect::ProbeSecret {
                connector,
                found,
                wanted,
            } => PassReply::Secret(match found {
                Some(found) => consumer_secret::update(context, &found, &wanted, Write::DryRun).await?,
                None => {
                    consumer_secret::create(context, &self.owner, &connector, &wanted, Write::DryRun).await?
                }
            }),
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
            PassEffect::ReadRequestAnswer { digest, request } => {
                PassReply::RequestAnswer(context.passwords.answer(&digest, &self.owner.uid, &request))
            }
            PassEffect::RecallPassword { digest } => {
                PassReply::Password(passwords::recall(context, &digest).await?)
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
            PassEffect::ReserveUser { username } => {
                let user = context.passwords.of(&username);
                self.user = Some(user.lock_owned().await);
            }
            PassEffect::ReleaseUser => self.user = None,
            PassEffect::RecordPassword {
                digest,
                memory,
                answered,
            } => {
                // First what takes no time: a reconcile that is dropped while it writes has been answered all the same.
                if let Some((request, problem)) = &answered {
                    let passwords = &context.passwords;
                    passwords.note_answer(&digest, &self.owner.uid, request, problem);
                }
                passwords::remember(context, &digest, memory).await;
            }
            PassEffect::ForgetPassword { digest, stored } => {
                context.passwords.forget_answer(&digest, &self.owner.uid);
                if stored {
                    passwords::forget(context, &digest).await?;
                }
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
            PassEffect::RequestToken { .. }
            | PassEffect::Introspect { .. }
            | PassEffect::Test { .. }
            | PassEffect::RunSession(_)
            | PassEffect::ProbeSecret { .. }
            | PassEffect::CreateSecret { .. }
            | PassEffect::UpdateSecret { .. }
            | PassEffect::ReadStatus
            | PassEffect::ReadRequestAnswer { .. }
            | PassEffect::RecallPassword { .. }
            | PassEffect::Done(_) => {}
        }
        Ok(())
    }

    /// It is for after the connector; the token is for now.
    async fn record_revocation(&self, host: Option<&str>, version: &ResourceVersion) {
        let recorded = grant_session::record_revocation(self.context, &self.owner.uid, host, version);
        if let Err(error) = recorded.await {
            tracing::warn!(error = %chain(&error), "Failed to record the revocation policy");
        }
    }

    async fn request_token(
        &self,
        connector: &Connector,
        request: &salesforce_client::TokenRequest,
    ) -> TokenReply {
        let context = self.context;
        if let Err(wait) = context.budget.take(connector.host.name(), context.clock.now()) {
            return TokenReply::BudgetSpent(wait);
        }
        let answer = self
            .salesforce
            .token(&connector.host, &connector.app, request)
            .await;
        let result = answer
            .as_ref()
            .map_or_else(|failure| failure.refusal.as_str(), |_| "Succeeded");
        context.metrics.token_request(connector.method_name, result);
        match answer {
            Ok(token) => TokenReply::Granted(Box::new(token)),
            Err(failure) => TokenReply::Refused(Box::new(failure)),
        }
    }

    /// The limit is that of the whole test, which begins with the call for the versions.
    async fn test(&mut self, call: TestCall, limit: Duration) -> TestAnswer {
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
        let left = limit.saturating_sub(started.elapsed());
        let answer = tokio::time::timeout(left, ask(&self.salesforce, call)).await;
        if let Some(test) = self.tests.last_mut() {
            test.taken = started.elapsed();
        }
        answer.unwrap_or(TestAnswer::TimedOut)
    }

    async fn written(
        &self,
        write: impl Future<Output = Result<Result<(), Rejection>, Error>>,
    ) -> Result<PassReply, Error> {
        let failpoints = &self.context.settings.failpoints;
        failpoints
            .at(&self.owner.name, Side::Before, Failpoint::SecretWrite)
            .await;
        let written = write.await?;
        failpoints
            .at(&self.owner.name, Side::After, Failpoint::SecretWrite)
            .await;
        Ok(PassReply::Secret(written))
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
                resource_version: live.resource_version(),
                status: live.status.unwrap_or_default(),
            })
        })))
    }
}

async fn ask(client: &salesforce_client::Client, call: TestCall) -> TestAnswer {
    match call {
        TestCall::Versions(instance) => TestAnswer::Versions(client.versions(&instance).await),
        TestCall::Identity(instance, id, token) => {
            TestAnswer::Identity(client.identity(&instance, &id, &token).await)
        }
        TestCall::Organization(instance, version, token) => {
            TestAnswer::Organization(Box::new(client.organization(&instance, version, &token).await))
        }
        TestCall::Resources(instance, version, token) => {
            TestAnswer::Resources(client.resources(&instance, version, &token).await)
        }
    }
}
