//! Why did a command not do what was asked, and what does its exit code tell a script?

use std::process::ExitCode;

/// What the exit codes mean, for `--help` and the docs.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  done; what was asked about is as it should be
  1  a connector is not ready, a test or renewal failed, lint found something that would be refused, or a restore needs a person
  2  wrong usage, or no such connector
  3  the operator did not answer in time
  4  the cluster can't be reached or refuses the request, or a file can't be read or written";

/// Why a command ended.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// Something is not as it should be.
    #[error("{0}")]
    Unwell(String),
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    TimedOut(String),
    /// The cluster refuses, or can't be reached.
    #[error("{0}")]
    Cluster(String),
    #[error("{0}")]
    File(String),
    #[error("failed to write: {0}")]
    Output(#[source] std::io::Error),
}

impl CommandError {
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Unwell(_) => ExitCode::from(1),
            Self::Usage(_) => ExitCode::from(2),
            Self::TimedOut(_) => ExitCode::from(3),
            // Whoever reads has seen enough, as with `| head`.
            Self::Output(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Self::Cluster(_) | Self::File(_) | Self::Output(_) => ExitCode::from(4),
        }
    }
}
