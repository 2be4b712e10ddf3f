//! Which calls does a rotation make, and what are they answered?

use salesforce_client::{AccessToken, AppAddress, Consumer, Failure, RecordId, StagedCredentials};

/// One call, by the connector's own token.
pub struct CredentialsCall {
    pub at: AppAddress,
    pub token: AccessToken,
    pub request: CredentialsRequest,
}

/// What is asked for.
pub enum CredentialsRequest {
    Consumers,
    Staged { consumer: RecordId },
    Stage { consumer: RecordId },
    Rotate { consumer: RecordId, staged: RecordId },
    Delete { consumer: RecordId, staged: RecordId },
}

/// What a call was answered.
pub enum CredentialsAnswer {
    Consumers(Vec<Consumer>),
    Staged(Vec<StagedCredentials>),
    /// The new credentials, with their secret.
    Credentials(StagedCredentials),
    Done,
    Refused(Box<Failure>),
    /// Nothing was sent: another replica leads.
    Deposed,
}

impl CredentialsRequest {
    /// Name for logs and tests.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Consumers => "ListConsumers",
            Self::Staged { .. } => "ListStaged",
            Self::Stage { .. } => "StageCredentials",
            Self::Rotate { .. } => "RotateCredentials",
            Self::Delete { .. } => "DeleteStaged",
        }
    }
}
