//! What do the problems of a refresh token grant mean to a user, who acts, and what do they do?

use redeem::GrantProblem;

use super::reasons::Actor;

/// What has happened, in one sentence.
pub(super) const fn meaning(problem: GrantProblem) -> &'static str {
    match problem {
        GrantProblem::AuthorizationRequired => "Nobody has authorized this connector yet.",
        GrantProblem::OutcomeUnknown => {
            "A refresh token was sent to Salesforce and no clear answer came back, so it may be spent; presenting a \
             spent token again would revoke the whole grant, therefore it is not presented."
        }
        GrantProblem::ReauthorizationRequired => {
            "Salesforce no longer accepts the refresh token: it was revoked, has expired, or was replaced by one \
             that never arrived."
        }
        GrantProblem::GrantLost => {
            "The connector had a grant, but the Secret in which the operator kept it is gone."
        }
        GrantProblem::StateRolledBack => {
            "The operator's Secret for this connector is older than the connector's status or target Secret, or \
             comes from another cluster, as after a restored backup; its refresh token is probably spent and is \
             not presented."
        }
        GrantProblem::UnsupportedStateVersion => {
            "The operator's Secret for this connector was written by a newer version of the operator and is left \
             as it is."
        }
        GrantProblem::StateUnreadable => {
            "The operator's Secret for this connector has been changed in a way that makes it unreadable, and is \
             left as it is."
        }
        GrantProblem::BootstrapTokenUsed => {
            "The refresh token in the bootstrap Secret was imported before, by this connector or by another; \
             presenting it again could revoke the grant that came from it, therefore it is not presented."
        }
        GrantProblem::BootstrapTokenInactive => {
            "Salesforce says that the refresh token in the bootstrap Secret is not active for this app; it was not \
             presented."
        }
        GrantProblem::ClaimedByAnotherInstallation => {
            "Another installation of the operator on this cluster looks after this connector (status.installationUid)."
        }
        GrantProblem::WrongIdentity => {
            "The grant belongs to another organization or user than spec.expect names or than the connector was \
             first authorized for; nothing of it has reached the target Secret."
        }
    }
}

/// Who must act.
pub(super) const fn actor(problem: GrantProblem) -> Actor {
    match problem {
        GrantProblem::AuthorizationRequired
        | GrantProblem::OutcomeUnknown
        | GrantProblem::ReauthorizationRequired
        | GrantProblem::GrantLost
        | GrantProblem::StateRolledBack
        | GrantProblem::BootstrapTokenUsed
        | GrantProblem::BootstrapTokenInactive
        | GrantProblem::WrongIdentity => Actor::Developer,
        GrantProblem::UnsupportedStateVersion
        | GrantProblem::StateUnreadable
        | GrantProblem::ClaimedByAnotherInstallation => Actor::ClusterAdministrator,
    }
}

/// What that person does.
pub(super) const fn remedy(problem: GrantProblem) -> &'static str {
    match problem {
        GrantProblem::AuthorizationRequired => {
            "Put a refresh token or an sfdx auth URL into a Secret and name it in \
             spec.auth.authorizationCode.bootstrap."
        }
        GrantProblem::OutcomeUnknown => {
            "Authorize the app again and put the new refresh token into the bootstrap Secret. \
             With a client secret (spec.app.clientSecretRef) the operator can ask Salesforce by itself whether the \
             old token still works."
        }
        GrantProblem::ReauthorizationRequired | GrantProblem::GrantLost | GrantProblem::StateRolledBack => {
            "Authorize the app again and put the new refresh token into the bootstrap Secret."
        }
        GrantProblem::UnsupportedStateVersion => {
            "Run the version of the operator that wrote the Secret, or a newer one; or delete the Secret and log in \
             again."
        }
        GrantProblem::StateUnreadable => {
            "Restore what was changed in the Secret; or delete it and put a new refresh token into the bootstrap Secret."
        }
        GrantProblem::BootstrapTokenUsed => {
            "If the connector works, delete the bootstrap Secret. If it doesn't, authorize the app again and put a \
             refresh token into the bootstrap Secret that was never imported."
        }
        GrantProblem::BootstrapTokenInactive => {
            "Check that the token was issued to this app (spec.app) by this org (spec.host), or put a new one into \
             the bootstrap Secret."
        }
        GrantProblem::ClaimedByAnotherInstallation => {
            "Let one installation watch this namespace. To hand the connector over, stop the other one, delete the \
             bootstrap Secret, clear status.installationUid and log in again: a token that the other one imported is spent."
        }
        GrantProblem::WrongIdentity => {
            "Authorize the app as the expected user and bring that refresh token, or correct spec.expect."
        }
    }
}
