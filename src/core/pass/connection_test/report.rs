//! What has a connection test found?

use crate::api::Reason;
use crate::api::reasons::OwnReason;
use crate::api::spec::Environment;
use crate::api::status::{ApiUsageStatus, StepName, StepResult, TestStep};
use crate::core::model::rejection::explain;

/// What a finished test says when all is well; people and programs look for these very words.
pub const SUCCEEDED: &str = "Connection test succeeded";

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
        retry_after: Option<std::time::Duration>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrgFacts {
    pub name: String,
    /// Its edition, such as Enterprise Edition.
    pub edition: String,
    pub instance_name: Option<String>,
    pub environment: Environment,
}

impl TestReport {
    /// Whether the environment was checked, by the org or by its host, and fits; only then may a first token reach the
    /// consumer.
    pub fn environment_holds(&self) -> bool {
        self.steps
            .iter()
            .any(|step| step.name == StepName::EnvironmentMatches && step.result != StepResult::Failed)
    }

    /// Label in metrics.
    pub fn result_label(&self) -> &'static str {
        match &self.verdict {
            TestVerdict::Succeeded => "Succeeded",
            TestVerdict::TokenRejected { .. } => Reason::from(OwnReason::SessionEnded).as_str(),
            TestVerdict::Failed { reason, .. } => reason.as_str(),
        }
    }

    /// The sentence for status.
    pub fn message(&self) -> String {
        match &self.verdict {
            TestVerdict::Succeeded => SUCCEEDED.to_owned(),
            TestVerdict::TokenRejected { detail } => explain(OwnReason::SessionEnded.into(), detail),
            TestVerdict::Failed { message, .. } => message.clone(),
        }
    }
}
