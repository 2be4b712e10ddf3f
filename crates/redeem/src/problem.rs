//! Why can't the protocol go on without a person? One closed list; the caller has the texts for users.

/// Why a grant can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GrantProblem {
    /// No grant was ever imported or logged in.
    AuthorizationRequired,
    /// A redeem was sent and its answer isn't known; the token is not presented again.
    OutcomeUnknown,
    /// The refresh token is dead.
    ReauthorizationRequired,
    /// There was a grant, and its state Secret is gone.
    GrantLost,
    /// The state Secret is older than what was derived from it, or comes from another cluster.
    StateRolledBack,
    /// The state Secret was written by a newer version of the operator.
    UnsupportedStateVersion,
    /// The state Secret can't be understood.
    StateUnreadable,
    /// The bootstrap token was imported before.
    BootstrapTokenUsed,
    /// Salesforce says that the bootstrap token isn't active.
    BootstrapTokenInactive,
    /// Nobody knows whether the bootstrap token was imported before, and Salesforce can't be asked.
    BootstrapTokenUnverified,
    /// The connector or its namespace has brought too many bootstrap tokens lately.
    BootstrapTooOften,
    /// Another installation of the operator looks after this connector.
    ClaimedByAnotherInstallation,
    /// The grant belongs to another org or user than expected.
    WrongIdentity,
}

impl GrantProblem {
    /// All of them, for tables and documentation.
    pub const ALL: [Self; 13] = [
        Self::AuthorizationRequired,
        Self::OutcomeUnknown,
        Self::ReauthorizationRequired,
        Self::GrantLost,
        Self::StateRolledBack,
        Self::UnsupportedStateVersion,
        Self::StateUnreadable,
        Self::BootstrapTokenUsed,
        Self::BootstrapTokenInactive,
        Self::BootstrapTokenUnverified,
        Self::BootstrapTooOften,
        Self::ClaimedByAnotherInstallation,
        Self::WrongIdentity,
    ];

    /// The name, for reports and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationRequired => "AuthorizationRequired",
            Self::OutcomeUnknown => "OutcomeUnknown",
            Self::ReauthorizationRequired => "ReauthorizationRequired",
            Self::GrantLost => "GrantLost",
            Self::StateRolledBack => "StateRolledBack",
            Self::UnsupportedStateVersion => "UnsupportedStateVersion",
            Self::StateUnreadable => "StateUnreadable",
            Self::BootstrapTokenUsed => "BootstrapTokenUsed",
            Self::BootstrapTokenInactive => "BootstrapTokenInactive",
            Self::BootstrapTokenUnverified => "BootstrapTokenUnverified",
            Self::BootstrapTooOften => "BootstrapTooOften",
            Self::ClaimedByAnotherInstallation => "ClaimedByAnotherInstallation",
            Self::WrongIdentity => "WrongIdentity",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_problem_is_listed_once_under_its_own_name() {
        let names: BTreeSet<_> = GrantProblem::ALL.iter().map(|problem| problem.as_str()).collect();
        assert_eq!(names.len(), GrantProblem::ALL.len());
        for problem in GrantProblem::ALL {
            assert_eq!(format!("{problem:?}"), problem.as_str());
        }
    }
}
