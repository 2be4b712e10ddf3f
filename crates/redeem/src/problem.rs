//! What a person can see of the protocol when it can't go on: one closed list with meaning, actor and remedy.

/// Who must act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// Whoever may change the connector: usually the application developer.
    ConnectorOwner,
    /// Whoever runs the operator and its namespace.
    PlatformEngineer,
}

impl Actor {
    /// In words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConnectorOwner => "whoever owns the connector",
            Self::PlatformEngineer => "whoever runs the operator",
        }
    }
}

/// Why a grant can't be used. Each one names the person who must act.
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
    /// Another installation of the operator looks after this connector.
    ClaimedByAnotherInstallation,
    /// The grant belongs to another org or user than expected.
    WrongIdentity,
}

impl GrantProblem {
    /// All of them, for tables and documentation.
    pub const ALL: [Self; 11] = [
        Self::AuthorizationRequired,
        Self::OutcomeUnknown,
        Self::ReauthorizationRequired,
        Self::GrantLost,
        Self::StateRolledBack,
        Self::UnsupportedStateVersion,
        Self::StateUnreadable,
        Self::BootstrapTokenUsed,
        Self::BootstrapTokenInactive,
        Self::ClaimedByAnotherInstallation,
        Self::WrongIdentity,
    ];

    /// The reason as it stands in a condition.
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
            Self::ClaimedByAnotherInstallation => "ClaimedByAnotherInstallation",
            Self::WrongIdentity => "WrongIdentity",
        }
    }

    /// What has happened, in one sentence.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::AuthorizationRequired => "Nobody has authorized this connector yet.",
            Self::OutcomeUnknown => {
                "A refresh token was sent to Salesforce and no clear answer came back, so it may be spent; presenting a \
                 spent token again would revoke the whole grant, therefore it is not presented."
            }
            Self::ReauthorizationRequired => {
                "Salesforce no longer accepts the refresh token: it was revoked, has expired, or was replaced by one \
                 that never arrived."
            }
            Self::GrantLost => {
                "The connector had a grant, but the Secret in which the operator kept it is gone."
            }
            Self::StateRolledBack => {
                "The operator's Secret for this connector is older than the connector's status or target Secret, or \
                 comes from another cluster, as after a restored backup; its refresh token is probably spent and is \
                 not presented."
            }
            Self::UnsupportedStateVersion => {
                "The operator's Secret for this connector was written by a newer version of the operator and is left \
                 as it is."
            }
            Self::StateUnreadable => {
                "The operator's Secret for this connector has been changed in a way that makes it unreadable, and is \
                 left as it is."
            }
            Self::BootstrapTokenUsed => {
                "The refresh token in the bootstrap Secret was imported before, by this connector or by another; \
                 presenting it again could revoke the grant that came from it, therefore it is not presented."
            }
            Self::BootstrapTokenInactive => {
                "Salesforce says that the refresh token in the bootstrap Secret is not active for this app; it was not \
                 presented."
            }
            Self::ClaimedByAnotherInstallation => {
                "Another installation of the operator on this cluster looks after this connector (status.installationUid)."
            }
            Self::WrongIdentity => {
                "The grant belongs to another organization or user than spec.expect names or than the connector was \
                 first authorized for; nothing of it has reached the target Secret."
            }
        }
    }

    /// Who must act.
    #[must_use]
    pub fn actor(self) -> Actor {
        match self {
            Self::AuthorizationRequired
            | Self::OutcomeUnknown
            | Self::ReauthorizationRequired
            | Self::GrantLost
            | Self::StateRolledBack
            | Self::BootstrapTokenUsed
            | Self::BootstrapTokenInactive
            | Self::WrongIdentity => Actor::ConnectorOwner,
            Self::UnsupportedStateVersion | Self::StateUnreadable | Self::ClaimedByAnotherInstallation => {
                Actor::PlatformEngineer
            }
        }
    }

    /// What that person does.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::AuthorizationRequired => {
                "Put a refresh token or an sfdx auth URL into a Secret and name it in \
                 spec.auth.authorizationCode.bootstrap."
            }
            Self::OutcomeUnknown => {
                "Authorize the app again and put the new refresh token into the bootstrap Secret. \
                 With a client secret (spec.app.clientSecretRef) the operator can ask Salesforce by itself whether the \
                 old token still works."
            }
            Self::ReauthorizationRequired | Self::GrantLost | Self::StateRolledBack => {
                "Authorize the app again and put the new refresh token into the bootstrap Secret."
            }
            Self::UnsupportedStateVersion => {
                "Run the version of the operator that wrote the Secret, or a newer one; or delete the Secret and log in \
                 again."
            }
            Self::StateUnreadable => {
                "Restore what was changed in the Secret; or delete it and put a new refresh token into the bootstrap Secret."
            }
            Self::BootstrapTokenUsed => {
                "If the connector works, delete the bootstrap Secret. If it doesn't, authorize the app again and put a \
                 refresh token into the bootstrap Secret that was never imported."
            }
            Self::BootstrapTokenInactive => {
                "Check that the token was issued to this app (spec.app) by this org (spec.host), or put a new one into \
                 the bootstrap Secret."
            }
            Self::ClaimedByAnotherInstallation => {
                "Let one installation watch this namespace. To hand the connector over, stop the other one, delete the \
                 bootstrap Secret, clear status.installationUid and log in again: a token that the other one imported is spent."
            }
            Self::WrongIdentity => {
                "Authorize the app as the expected user and bring that refresh token, or correct spec.expect."
            }
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
            assert!(
                problem.meaning().ends_with('.') && problem.remedy().ends_with('.'),
                "{problem:?}"
            );
        }
    }
}
