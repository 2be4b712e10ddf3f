//! What can fail in a reconcile that a blind retry may cure? Only Kubernetes and ourselves; one variant an operation.

use std::time::Duration;

use crate::core::pass::UnexpectedReply;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("failed to read the connector")]
    ReadConnector(#[source] kube::Error),
    #[error("failed to read Secret \"{name}\"")]
    ReadSecret { name: String, source: kube::Error },
    #[error("failed to write Secret \"{name}\"")]
    WriteSecret { name: String, source: kube::Error },
    #[error("failed to list the Secrets with purpose {purpose} in the operator's namespace")]
    ListSecrets {
        purpose: &'static str,
        source: kube::Error,
    },
    #[error("failed to delete Secret \"{name}\"")]
    DeleteSecret { name: String, source: kube::Error },
    #[error("failed to read namespace \"{name}\"")]
    ReadNamespace { name: String, source: kube::Error },
    /// A session of the redeem protocol ended in a panic; whatever it had done stands in its Secrets.
    #[error("a session of the redeem protocol was interrupted")]
    Session,
    /// The process is stopping, and a session that had begun no redeem was left to the next leader.
    #[error("the process is shutting down")]
    Stopping,
    #[error("failed to set the limits of the redeem protocol")]
    Limits(#[source] redeem::TimeLimitsError),
    #[error("a pass received a reply of the wrong kind")]
    Reply(#[from] UnexpectedReply),
    #[error("failed to encode the memory of a user's passwords")]
    Encode(#[source] serde_json::Error),
    #[error("the system provides no random numbers")]
    Random,
    #[error("failed to write the status")]
    WriteStatus(#[source] kube::Error),
    #[error("failed to read the SalesforceTokenCopy")]
    ReadCopy(#[source] kube::Error),
    #[error("failed to write the status of the SalesforceTokenCopy")]
    WriteCopyStatus(#[source] kube::Error),
    /// What the watches show of a copy is not so any more.
    #[error("one side of a copy changed meanwhile")]
    Withdrawn,
    #[error("the reconcile timed out")]
    TookTooLong,
}

impl Error {
    /// Label in metrics.
    pub fn operation(&self) -> &'static str {
        match self {
            Self::ReadConnector(_) => "ReadConnector",
            Self::ReadSecret { .. } => "ReadSecret",
            Self::WriteSecret { .. } => "WriteSecret",
            Self::DeleteSecret { .. } => "DeleteSecret",
            Self::ListSecrets { .. } => "ListSecrets",
            Self::WriteStatus(_) => "WriteStatus",
            Self::ReadCopy(_) => "ReadCopy",
            Self::WriteCopyStatus(_) => "WriteCopyStatus",
            Self::Withdrawn => "Withdrawn",
            Self::ReadNamespace { .. } => "ReadNamespace",
            Self::Session => "Session",
            Self::Stopping => "Stopping",
            Self::Limits(_) => "Limits",
            Self::Reply(_) => "Reply",
            Self::Encode(_) => "Encode",
            Self::Random => "Random",
            Self::TookTooLong => "TookTooLong",
        }
    }

    /// Whether somebody else changed the object meanwhile, so that looking again is all there is to do.
    pub fn is_conflict(&self) -> bool {
        let source = match self {
            Self::ReadConnector(source)
            | Self::WriteStatus(source)
            | Self::ReadCopy(source)
            | Self::WriteCopyStatus(source)
            | Self::ReadSecret { source, .. }
            | Self::WriteSecret { source, .. }
            | Self::ListSecrets { source, .. }
            | Self::DeleteSecret { source, .. } => source,
            Self::Withdrawn => return true,
            Self::ReadNamespace { .. }
            | Self::Session
            | Self::Stopping
            | Self::Limits(_)
            | Self::Reply(_)
            | Self::Encode(_)
            | Self::Random
            | Self::TookTooLong => {
                return false;
            }
        };
        matches!(source, kube::Error::Api(status) if status.is_conflict() || status.is_not_found())
    }

    /// When to look again after so many errors in a row: soon after a conflict, ever later where the API server has
    /// problem. What Salesforce had answered meanwhile is asked for again, so this is a back-off of logins too.
    pub fn retry_after(&self, before: u32) -> Duration {
        const LONGEST: Duration = Duration::from_secs(300);
        let first = if self.is_conflict() {
            Duration::from_secs(1)
        } else {
            Duration::from_secs(5)
        };
        first.saturating_mul(1 << before.min(8)).min(LONGEST)
    }
}
