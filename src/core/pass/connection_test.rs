//! How is the connection tested? The calls in order, and where the test stops. A test never asks for a token and never touches
//! the token endpoint.

mod report;
mod steps;

use std::sync::Arc;
use std::time::Duration;

use salesforce_client::{
    AccessToken, ApiVersion, AvailableVersion, Failure, IdentityUrl, InstanceUrl, Organization, RestAnswer,
    UserIdentity,
};

pub use report::{OrgFacts, SUCCEEDED, TestReport, TestVerdict};
pub use steps::{Flow, Steps};

use crate::api::reasons::Refusal;
use crate::core::model::connector::Connector;
use crate::core::model::held_token::{HeldToken, Identity};
use crate::core::pass::unexpected::UnexpectedReply;

#[derive(Debug)]
pub struct ConnectionTest {
    steps: Steps,
    instance: InstanceUrl,
    version: ApiVersion,
    token: AccessToken,
    identity: Identity,
    id: IdentityUrl,
    scopes: Vec<String>,
    /// Name of the call that was asked for last.
    asked: &'static str,
}

pub enum TestStage {
    Asks(Box<ConnectionTest>, TestCall),
    Ended(TestReport),
}

/// One call of a test, which is sent to Salesforce.
#[derive(Debug, Clone)]
pub enum TestCall {
    /// Which versions of the REST API the instance offers. Needs no token.
    Versions(InstanceUrl),
    Identity(InstanceUrl, IdentityUrl, AccessToken),
    /// What the org says about itself.
    Organization(InstanceUrl, ApiVersion, AccessToken),
}

impl TestCall {
    /// Name for logs and tests.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Versions(_) => "TestVersions",
            Self::Identity(..) => "TestIdentity",
            Self::Organization(..) => "TestOrganization",
        }
    }
}

#[derive(Debug)]
pub enum TestAnswer {
    Versions(Result<Vec<AvailableVersion>, Failure>),
    Identity(Result<RestAnswer<UserIdentity>, Failure>),
    /// What the org says, or nothing where the user may not read it.
    Organization(Box<Result<RestAnswer<Option<Organization>>, Failure>>),
    /// The whole test took longer than it may.
    TimedOut,
}

impl TestAnswer {
    /// Name of the call that this answers; one that took too long may be any.
    const fn call_name(&self) -> Option<&'static str> {
        match self {
            Self::Versions(_) => Some("TestVersions"),
            Self::Identity(_) => Some("TestIdentity"),
            Self::Organization(_) => Some("TestOrganization"),
            Self::TimedOut => None,
        }
    }
}

impl ConnectionTest {
    pub fn begin(connector: &Arc<Connector>, held: &HeldToken) -> TestStage {
        let steps = Steps::new(connector.clone());
        let unusable = |mut steps: Steps, what| {
            steps.unusable(what);
            TestStage::Ended(steps.finish())
        };
        let Ok(instance) = held.instance_url.parse::<InstanceUrl>() else {
            return unusable(steps, "instance URL");
        };
        let Some(id) = identity_url(held) else {
            return unusable(steps, "identity URL");
        };
        let Ok(version) = connector.api_version.parse::<ApiVersion>() else {
            return unusable(steps, "API version");
        };
        let test = Self {
            steps,
            instance: instance.clone(),
            version,
            token: held.token.clone(),
            identity: held.identity.clone(),
            id,
            scopes: repeatable_scopes(held),
            asked: "",
        };
        test.asks(TestCall::Versions(instance))
    }

    /// Takes the answer to the last call, and how long it took, and goes on.
    pub fn on(mut self, answer: TestAnswer, latency: Duration) -> Result<TestStage, UnexpectedReply> {
        if answer.call_name().is_some_and(|name| name != self.asked) {
            return Err(UnexpectedReply);
        }
        self.steps.answered_after(latency);
        Ok(match answer {
            TestAnswer::Versions(answer) => match self.steps.host_answers(answer) {
                Flow::Continue => self.asks_identity(),
                Flow::Stop => self.ended(),
            },
            TestAnswer::Identity(answer) => match self.steps.identity(&self.identity, answer) {
                Flow::Continue => self.asks_organization(),
                Flow::Stop => self.ended(),
            },
            TestAnswer::Organization(answer) => {
                self.steps.organization(*answer, &self.scopes);
                self.ended()
            }
            TestAnswer::TimedOut => {
                self.steps
                    .timed_out(Refusal::TimedOut, "spec.connectionTest.timeout has passed");
                self.ended()
            }
        })
    }

    fn asks_identity(self) -> TestStage {
        let call = TestCall::Identity(self.instance.clone(), self.id.clone(), self.token.clone());
        self.asks(call)
    }

    fn asks_organization(self) -> TestStage {
        let call = TestCall::Organization(self.instance.clone(), self.version, self.token.clone());
        self.asks(call)
    }

    fn asks(mut self, call: TestCall) -> TestStage {
        self.asked = call.name();
        TestStage::Asks(Box::new(self), call)
    }

    fn ended(self) -> TestStage {
        TestStage::Ended(self.steps.finish())
    }
}

/// The scopes as a message may repeat them. Of a host that is not Salesforce's, those are that are judged here, and of the
/// others only that there are some.
fn repeatable_scopes(held: &HeldToken) -> Vec<String> {
    const JUDGED: [&str; 5] = ["api", "full", "web", "refresh_token", "offline_access"];
    let all = held.is_of_salesforces_host();
    let repeatable = |scope: &String| {
        if all || JUDGED.contains(&scope.as_str()) {
            scope.clone()
        } else {
            "(others)".to_owned()
        }
    };
    held.scopes.iter().map(repeatable).collect()
}

/// Only its path counts: the client asks at the instance.
fn identity_url(held: &HeldToken) -> Option<IdentityUrl> {
    Some(IdentityUrl {
        organization_id: held.identity.organization_id.parse().ok()?,
        user_id: held.identity.user_id.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::testing::fixtures;

    #[test]
    fn no_scope_that_a_further_host_makes_up_gets_into_a_message() {
        let begun = |instance_url: &str| {
            let observed = fixtures::fresh();
            let mut held = fixtures::held(fixtures::of(&observed));
            held.instance_url = instance_url.to_owned();
            held.scopes = vec!["what an internal server says".to_owned(), "web".to_owned()];
            match ConnectionTest::begin(fixtures::of(&observed), &held) {
                TestStage::Asks(test, _) => test.scopes,
                TestStage::Ended(_) => Vec::new(),
            }
        };
        assert_eq!(begun("https://gateway.acme.example"), ["(others)", "web"]);
        assert_eq!(
            begun("https://acme.my.salesforce.com"),
            ["what an internal server says", "web"]
        );
    }
}
