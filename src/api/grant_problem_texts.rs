//! What do the problems of a refresh token grant mean to a user, who must act, and how?

use redeem::GrantProblem;

use super::reasons::Actor;

/// What happened.
pub(super) const fn meaning(problem: GrantProblem) -> &'static str {
    match problem {
        GrantProblem::AuthorizationRequired => "No user has authorized this connector yet.",
        GrantProblem::OutcomeUnknown => {
            "The operator does not send the refresh token again, because it may be spent and Salesforce revokes the \
             whole grant when a spent token is presented: a previous request received no clear answer."
        }
        GrantProblem::ReauthorizationRequired => {
            "The connector has no refresh token that Salesforce accepts: the token was revoked, it expired, or the answer \
             that carried a new one was lost."
        }
        GrantProblem::GrantLost => {
            "The connector had a grant, but the Secret in which the operator stored it no longer exists."
        }
        GrantProblem::StateRolledBack => {
            "The operator's Secret for this connector is older than the connector's status or target Secret, or comes \
             from another cluster, for example from a restored backup. Its refresh token may be spent, and Salesforce \
             does not report it as active, so the operator does not send it."
        }
        GrantProblem::UnsupportedStateVersion => {
            "A newer version of the operator wrote the operator's Secret for this connector, so this version does not \
             change it."
        }
        GrantProblem::StateUnreadable => {
            "The operator's Secret for this connector was modified and can't be read, so the operator does not change \
             it."
        }
        GrantProblem::BootstrapTokenUsed => {
            "The operator does not send the bootstrap token, because it was imported before, by this connector or \
             another one; sending it again could revoke the grant that was created from it."
        }
        GrantProblem::BootstrapTokenInactive => {
            "The operator did not send the bootstrap token, because Salesforce reports that it is not active for this \
             app."
        }
        GrantProblem::BootstrapTokenUnverified => {
            "The operator did not send the bootstrap token, because it may have been imported before and Salesforce can't be \
             asked about it: this installation does not have the complete record of imported tokens."
        }
        GrantProblem::BootstrapTooOften => {
            "The operator did not import the bootstrap token, or redeem the code of the login, because this connector or its \
             namespace has brought too many different ones within a day."
        }
        GrantProblem::ClaimedByAnotherInstallation => {
            "Another installation of the operator in this cluster manages this connector (status.installationUid)."
        }
        GrantProblem::WrongIdentity => {
            "The operator did not publish any token of this grant, because it belongs to a different org or user than \
             spec.expect names, or than the connector was first authorized for."
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
        | GrantProblem::BootstrapTokenUnverified
        | GrantProblem::BootstrapTooOften
        | GrantProblem::WrongIdentity => Actor::Developer,
        GrantProblem::UnsupportedStateVersion
        | GrantProblem::StateUnreadable
        | GrantProblem::ClaimedByAnotherInstallation => Actor::ClusterAdministrator,
    }
}

/// How to fix it.
pub(super) const fn remedy(problem: GrantProblem) -> &'static str {
    match problem {
        GrantProblem::AuthorizationRequired => {
            "Log in: kubectl salesforce login NAME. Alternatively, put a refresh token or an sfdx auth URL into a Secret and \
             name it in spec.auth.authorizationCode.bootstrap."
        }
        GrantProblem::OutcomeUnknown => {
            "Log in again: kubectl salesforce login NAME. Alternatively, put a new refresh token into the bootstrap Secret. If \
             spec.app.clientSecretRef is set, the operator asks Salesforce by itself whether the old token is still \
             valid."
        }
        GrantProblem::ReauthorizationRequired | GrantProblem::GrantLost | GrantProblem::StateRolledBack => {
            "Log in again: kubectl salesforce login NAME. Alternatively, put a new refresh token into the bootstrap Secret."
        }
        GrantProblem::UnsupportedStateVersion => {
            "Run the version of the operator that wrote the Secret, or a newer one. Alternatively, delete the Secret \
             and re-authorize the app."
        }
        GrantProblem::StateUnreadable => {
            "Undo the modification of the Secret. Alternatively, delete it and put a new refresh token into the \
             bootstrap Secret."
        }
        GrantProblem::BootstrapTokenUsed => {
            "If the connector works, delete the bootstrap Secret. Otherwise log in: kubectl salesforce login NAME. \
             Alternatively, put a refresh token that was never imported into the bootstrap Secret."
        }
        GrantProblem::BootstrapTokenInactive => {
            "Log in: kubectl salesforce login NAME. Alternatively, put a new refresh token into the bootstrap Secret. If the \
             token was never used, check that this org (spec.host) issued it to this app (spec.app)."
        }
        GrantProblem::BootstrapTokenUnverified => {
            "Log in: kubectl salesforce login NAME. Then remove spec.auth.authorizationCode.bootstrap. If the token was never \
             imported, set spec.app.clientSecretRef so that the operator can ask Salesforce about it."
        }
        GrantProblem::BootstrapTooOften => {
            "Find out what changes the bootstrap Secret or logs in so often, and stop it. The operator imports the token on the \
             next day (UTC). Log in again then."
        }
        GrantProblem::ClaimedByAnotherInstallation => {
            "Let only one installation watch this namespace. If the other installation no longer runs, have this one take \
             its connectors over: set takeOverClaimsOf in the chart, or --take-over-claims-of, to its UID."
        }
        GrantProblem::WrongIdentity => {
            "Log in as the expected user (kubectl salesforce login NAME), or put that user's refresh token into the bootstrap \
             Secret. If the new user is intended, correct spec.expect, or create the connector again."
        }
    }
}
