//! What does each step of the connection test prove? Every answer is judged here.

mod scopes;

use std::sync::Arc;
use std::time::Duration;

use salesforce_client::{
    ApiUsage, ApiVersion, AvailableVersion, Failure, Organization, Refusal, RestAnswer, UserIdentity,
};

use crate::api::Reason;
use crate::api::reasons::{Class, OwnReason};
use crate::api::spec::Environment;
use crate::api::status::{ApiUsageStatus, StepName, StepResult, TestStep};
use crate::core::model::connector::Connector;
use crate::core::model::held_token as held;
use crate::core::model::limits;
use crate::core::model::rejection::Rejection;

use crate::core::pass::connection_test::report::{OrgFacts, TestReport, TestVerdict};

/// A test in progress: the steps so far and what they found. Each method judges one answer and says whether to go on.
#[derive(Debug)]
pub struct Steps {
    connector: Arc<Connector>,
    report: TestReport,
    /// The identity URL refused the token, and the REST API has not been asked yet whether it is good.
    doubted: Option<Failure>,
    /// How long the answer took that is judged now.
    latency: Option<Duration>,
}

/// Whether the test goes on after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Flow {
    Continue,
    Stop,
}

impl Steps {
    pub fn new(connector: Arc<Connector>) -> Self {
        let report = TestReport {
            steps: Vec::new(),
            verdict: TestVerdict::Succeeded,
            facts: None,
            username: None,
            api_usage: None,
        };
        Self {
            connector,
            report,
            doubted: None,
            latency: None,
        }
    }

    /// The steps that come now are judged by an answer that took so long.
    pub fn answered_after(&mut self, latency: Duration) {
        self.latency = Some(latency);
    }

    /// The test took longer than it may.
    pub fn timed_out(&mut self, refusal: Refusal, subject: &str) {
        let step = self.next_step();
        let _ = self.rejected(step, &Rejection::new(refusal, subject));
    }

    /// Something that was remembered about the token can't be used; a new token brings it anew.
    pub fn unusable(&mut self, what: &str) {
        let step = self.next_step();
        let _ = self.rejected(
            step,
            &Rejection::new(OwnReason::SessionEnded, format!("no usable {what}")),
        );
        self.report.verdict = TestVerdict::TokenRejected {
            detail: format!("no usable {what}"),
        };
    }

    fn next_step(&self) -> StepName {
        match self.report.steps.last().map(|step| step.name) {
            None => StepName::HostAnswers,
            Some(StepName::HostAnswers) => StepName::TokenAccepted,
            Some(_) => StepName::ApiEnabled,
        }
    }

    pub fn finish(mut self) -> TestReport {
        if self.report.verdict == TestVerdict::Succeeded {
            match self.report.api_usage {
                Some(_) => self.passed(StepName::ApiUsage),
                None => self.unverified(
                    StepName::ApiUsage,
                    "Salesforce did not report the use of the API allocation",
                ),
            }
        }
        self.report
    }

    /// Step: the host answers as Salesforce does, and offers the API version.
    pub fn host_answers(&mut self, answer: Result<Vec<AvailableVersion>, Failure>) -> Flow {
        let versions = match answer {
            Ok(versions) => versions,
            Err(failure) => return self.failed(StepName::HostAnswers, &failure),
        };
        let wanted: Result<ApiVersion, _> = self.connector.api_version.parse();
        if versions
            .iter()
            .any(|offered| wanted.as_ref() == Ok(&offered.version))
        {
            self.passed(StepName::HostAnswers);
            return Flow::Continue;
        }
        let newest = versions.iter().map(|offered| offered.version).max();
        let newest = newest.map_or_else(String::new, |version| {
            format!("; the newest offered is {version}")
        });
        let subject = format!(
            "spec.connectionTest.apiVersion {}{newest}",
            self.connector.api_version
        );
        self.rejected(
            StepName::HostAnswers,
            &Rejection::new(OwnReason::ApiVersionUnsupported, subject),
        )
    }

    /// Steps: Salesforce accepts the token, and it belongs to whom it should.
    pub fn identity(
        &mut self,
        held: &held::Identity,
        answer: Result<RestAnswer<UserIdentity>, Failure>,
    ) -> Flow {
        let identity = match answer {
            Ok(answer) => answer.value,
            // It may only lack the scope for this call.
            Err(failure) if failure.refusal == Refusal::BadOauthToken => {
                self.doubted = Some(failure);
                return Flow::Continue;
            }
            Err(failure) => return self.failed(StepName::TokenAccepted, &failure),
        };
        self.passed(StepName::TokenAccepted);
        let found = held::Identity {
            organization_id: identity.organization_id.to_string(),
            user_id: identity.user_id.to_string(),
        };
        let expect = &self.connector.expect;
        let judged = crate::core::validate::identity::check_organization(held, expect)
            .and_then(|()| crate::core::validate::identity::check_organization(&found, expect))
            .and_then(|()| crate::core::validate::identity::check_username(&identity.username, expect));
        self.report.username = Some(identity.username);
        match judged {
            Ok(()) => {
                self.passed(StepName::IdentityExpected);
                Flow::Continue
            }
            Err(rejection) => self.rejected(StepName::IdentityExpected, &rejection),
        }
    }

    /// What the answer of the REST API says of a token that the identity URL has refused. Where REST refuses it as well, or does not
    /// answer, it counts as refused.
    fn cleared_by(&mut self, rest: Option<&Failure>) -> Flow {
        let Some(doubted) = self.doubted.take() else {
            return Flow::Continue;
        };
        let passing = |failure: &Failure| {
            matches!(
                Reason::from(failure.refusal).class(),
                Class::RenewToken | Class::Transient
            )
        };
        if rest.is_some_and(passing) {
            return self.failed(StepName::TokenAccepted, &doubted);
        }
        self.passed(StepName::TokenAccepted);
        if self.connector.expect.username.is_some() {
            let rejection = Rejection::new(OwnReason::IdentityNotReadable, doubted.detail);
            return self.rejected(StepName::IdentityExpected, &rejection);
        }
        self.unverified(
            StepName::IdentityExpected,
            "Salesforce does not tell whose the token is: the app lacks the scope id",
        );
        Flow::Continue
    }

    /// Steps: the API is open to this user, and what the org says about itself. Some API-only users may not read the
    /// Organization object: the environment is then judged by the host.
    pub fn organization(
        &mut self,
        answer: Result<RestAnswer<Option<Organization>>, Failure>,
        scopes: &[String],
    ) {
        if self.cleared_by(answer.as_ref().err()) == Flow::Stop {
            return;
        }
        let answer = match answer {
            Ok(answer) => answer,
            Err(failure) => {
                let _ = self.failed(StepName::ApiEnabled, &failure);
                return;
            }
        };
        self.usage(answer.api_usage);
        self.passed(StepName::ApiEnabled);
        if self.scopes(scopes) == Flow::Stop {
            return;
        }
        match answer.value {
            Some(org) => self.org_facts(org),
            None => self.no_org_facts(),
        }
    }

    fn no_org_facts(&mut self) {
        self.unverified(
            StepName::OrgFacts,
            "the user may not read the Organization object",
        );
        match self.connector.host.environment().map(of_client) {
            Some(found) if found != self.connector.environment => {
                let _ = self.wrong_environment("judged by its host", found);
            }
            Some(_) => self.unverified(StepName::EnvironmentMatches, "judged by the host only"),
            None => self.unverified(StepName::EnvironmentMatches, "neither the org nor its host tells"),
        }
    }

    /// Salesforce names the scopes in most answers; `full` includes the API. Without a list, the call that has just
    /// succeeded is the proof.
    fn scopes(&mut self, scopes: &[String]) -> Flow {
        if scopes.is_empty() || scopes.iter().any(|scope| scope == "api" || scope == "full") {
            let (message, remedy) = scopes::advice(scopes, self.connector.method_name).unzip();
            self.push(StepName::Scopes, StepResult::Passed, None, message, remedy);
            return Flow::Continue;
        }
        let subject = format!("granted: {}", limits::scopes(scopes).join(" "));
        self.rejected(
            StepName::Scopes,
            &Rejection::new(OwnReason::ScopeMissing, subject),
        )
    }

    fn org_facts(&mut self, org: Organization) {
        let environment = if org.is_sandbox {
            Environment::Sandbox
        } else {
            Environment::Live
        };
        self.passed(StepName::OrgFacts);
        let facts = OrgFacts {
            name: org.name,
            edition: org.organization_type,
            instance_name: org.instance_name,
            environment,
        };
        self.report.facts = Some(facts);
        if environment == self.connector.environment {
            self.passed(StepName::EnvironmentMatches);
        } else {
            let _ = self.wrong_environment("as the org itself says", environment);
        }
    }

    fn wrong_environment(&mut self, how: &str, found: Environment) -> Flow {
        let wanted = self.connector.environment;
        let subject = format!("spec.environment is {wanted:?}, the org is {found:?}, {how}");
        self.rejected(
            StepName::EnvironmentMatches,
            &Rejection::new(OwnReason::EnvironmentMismatch, subject),
        )
    }

    fn usage(&mut self, usage: Option<ApiUsage>) {
        self.report.api_usage = usage.map(|usage| ApiUsageStatus {
            used: i64::try_from(usage.used).unwrap_or(i64::MAX),
            allowed: i64::try_from(usage.allowed).unwrap_or(i64::MAX),
        });
    }

    fn passed(&mut self, name: StepName) {
        self.push(name, StepResult::Passed, None, None, None);
    }

    fn unverified(&mut self, name: StepName, message: &str) {
        self.push(name, StepResult::Unverified, None, Some(message.to_owned()), None);
    }

    fn push(
        &mut self,
        name: StepName,
        result: StepResult,
        reason: Option<Reason>,
        message: Option<String>,
        remedy: Option<String>,
    ) {
        self.report.steps.push(TestStep {
            name,
            result,
            reason: reason.map(|reason| reason.as_str().to_owned()),
            message,
            remedy,
            latency_milliseconds: self.latency.map(whole_milliseconds),
        });
    }

    fn failed(&mut self, name: StepName, failure: &Failure) -> Flow {
        let rejection = Rejection::new(failure.refusal, failure.detail.clone());
        let flow = self.rejected(name, &rejection);
        if Reason::from(failure.refusal).class() == Class::RenewToken {
            self.report.verdict = TestVerdict::TokenRejected {
                detail: failure.detail.clone(),
            };
        } else if let TestVerdict::Failed { retry_after, .. } = &mut self.report.verdict {
            *retry_after = failure.retry_after;
        }
        flow
    }

    fn rejected(&mut self, name: StepName, rejection: &Rejection) -> Flow {
        let reason = rejection.reason;
        let (message, remedy) = (explain_without_remedy(rejection), reason.remedy().to_owned());
        self.push(
            name,
            StepResult::Failed,
            Some(reason),
            Some(message),
            Some(remedy),
        );
        self.report.verdict = TestVerdict::Failed {
            reason,
            message: rejection.message(),
            retry_after: None,
        };
        Flow::Stop
    }
}

fn explain_without_remedy(rejection: &Rejection) -> String {
    let meaning = rejection.reason.meaning();
    if rejection.subject.is_empty() {
        meaning.to_owned()
    } else {
        format!("{} ({})", meaning.trim_end_matches('.'), rejection.subject)
    }
}

fn whole_milliseconds(latency: Duration) -> i32 {
    i32::try_from(latency.as_millis()).unwrap_or(i32::MAX)
}

fn of_client(environment: salesforce_client::HostEnvironment) -> Environment {
    match environment {
        salesforce_client::HostEnvironment::Live => Environment::Live,
        salesforce_client::HostEnvironment::Sandbox => Environment::Sandbox,
    }
}

#[cfg(test)]
mod tests;
