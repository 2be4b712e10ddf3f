//! What has a connection test found?

use crate::api::Reason;
use crate::api::reasons::OwnReason;
use crate::api::spec::Environment;
use crate::api::status::{ApiUsageStatus, StepName, StepResult, TestStep};
use crate::core::model::rejection::explain;

/// What a finished test says when all is well; people and programs look for these very words.
pub const SUCCEEDED: &str = "Connection test succeeded";

/// What a test found.
#[derive(Debug, Clone, PartialEq)]
pub struct TestReport {
    /// The steps, up to the first that failed.
    pub steps: Vec<TestStep>,
    pub verdict: TestVerdict,
    /// Facts about the org, where the user may read them.
    pub facts: Option<OrgFacts>,
    /// The Salesforce username of the token.
    pub username: Option<String>,
    pub api_usage: Option<ApiUsageStatus>,
}

/// How a test ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestVerdict {
    /// Every step passed, or could not be verified without this being a failure.
    Succeeded,
    /// Salesforce refuses the token: a new one may help.
    TokenRejected {
        /// Salesforce's words.
        detail: String,
    },
    Failed {
        reason: Reason,
        message: String,
        /// How long Salesforce asks to wait.
        retry_after: Option<std::time::Duration>,
    },
}

/// Facts about an org.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrgFacts {
    pub name: String,
    /// Its edition, such as Enterprise Edition.
    pub edition: String,
    /// The instance that it runs on.
    pub instance_name: Option<String>,
    pub environment: Environment,
}

impl TestReport {
    /// Whether the environment was checked, by the org or by its host, and fits; only then may a first token reach the
    /// consumer.
    #[must_use]
    pub fn environment_holds(&self) -> bool {
        self.steps
            .iter()
            .any(|step| step.name == StepName::EnvironmentMatches && step.result != StepResult::Failed)
    }

    /// Label in metrics.
    #[must_use]
    pub fn result_label(&self) -> &'static str {
        match &self.verdict {
            TestVerdict::Succeeded => "Succeeded",
            TestVerdict::TokenRejected { .. } => Reason::from(OwnReason::SessionEnded).as_str(),
            TestVerdict::Failed { reason, .. } => reason.as_str(),
        }
    }

    /// The sentence for status.
    #[must_use]
    pub fn message(&self) -> String {
        match &self.verdict {
            TestVerdict::Succeeded => SUCCEEDED.to_owned(),
            TestVerdict::TokenRejected { detail } => explain(OwnReason::SessionEnded.into(), detail),
            TestVerdict::Failed { message, .. } => message.clone(),
        }
    }
}
