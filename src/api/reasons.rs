//! Why is something so? Every reason that the operator reports, what it means, who acts, and what they do.
//!
//! The texts about Salesforce's refusals are in `refusals`, those about refresh token grants in `grant_problem_texts`; here are
//! the operator's own reasons. `core::schedule::retry_text` says when each is retried. A reason is the same text in conditions, events and metrics.

use std::fmt;

use redeem::GrantProblem;
pub use salesforce_client::Refusal;
pub use transit_client::SignerRefusal;

use super::refusals::guidance;
pub use super::refusals::{Actor, Class};

use super::{grant_problem_texts, signer_refusals};

macro_rules! own_reasons {
    ($(#[doc = $meaning:literal] $name:ident => $class:ident, $actor:ident, $remedy:literal;)+) => {
        /// A reason that is neither Salesforce's nor the redeem protocol's.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum OwnReason { $(#[doc = $meaning] $name,)+ }

        impl OwnReason {
            /// Every own reason, in the order of this file.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }
            /// Whether a person must act where it does not pass, wherever that person sits.
            pub const fn needs_person(self) -> bool {
                !matches!(self.actor(), Actor::Nobody)
            }
            const fn class(self) -> Class {
                match self { $(Self::$name => Class::$class,)+ }
            }
            const fn actor(self) -> Actor {
                match self { $(Self::$name => Actor::$actor,)+ }
            }
            const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning.trim_ascii(),)+ }
            }
            const fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy,)+ }
            }
        }
    };
}

own_reasons! {
    // All is well.
    /// The token is valid and in its Secret, and the connection test has succeeded.
    TokenValid => Transient, Nobody, "Nothing to do.";
    /// Salesforce accepted the login.
    LoggedIn => Transient, Nobody, "Nothing to do.";
    /// The Secret holds the current token.
    InStep => Transient, Nobody, "Nothing to do.";
    /// The connection test succeeded.
    TestSucceeded => Transient, Nobody, "Nothing to do.";
    /// The result is not known yet.
    Pending => Transient, Nobody, "Wait. The operator is working on it.";

    // What the connector says.
    /// The connector is suspended.
    Suspended => Uncertain, Developer, "Set spec.suspend to false to resume.";
    /// The connector is in the operator's own namespace, where the stored grants of all connectors are.
    NamespaceNotAllowed => InputMustChange, Developer, "Create the connector in another namespace, and delete this one.";
    /// A Secret that the connector refers to does not exist.
    InputSecretMissing => Uncertain, Developer, "Create the Secret in the connector's namespace, or correct the reference.";
    /// A Secret that the connector refers to lacks the key, or its value is empty.
    InputKeyMissing => Uncertain, Developer, "Put the value under that key of the Secret, or correct the reference.";
    /// A value that the connector refers to is longer than any value of its kind.
    InputTooLong => InputMustChange, Developer, "Put the value itself under that key of the Secret, and nothing else, or correct the reference.";
    /// A value in a Secret that the connector refers to is not text.
    InputNotText => InputMustChange, Developer, "Store the value as UTF-8 text, for example with kubectl create secret generic NAME --from-file=KEY=FILE, or under stringData of the Secret. The message says what the value is instead.";
    /// spec.host is not a valid login host.
    HostInvalid => InputMustChange, Developer, "Set spec.host to the org's My Domain, such as acme.my.salesforce.com.";
    /// The address of the signer is not one that the cluster administrator allows for the connector's namespace; nothing is sent there.
    SignerNotAllowed => InputMustChange, ClusterAdministrator, "Use an address that is allowed. Or ask the cluster administrator to allow this one for the namespace: flag --allow-signer of the operator, value allowSigners of its chart.";
    /// The sfdx auth URL in the bootstrap Secret is invalid.
    SfdxAuthUrlInvalid => InputMustChange, Developer, "Put the line force://clientId:clientSecret:refreshToken@host that the Salesforce CLI prints, or its JSON output with sfdxAuthUrl, into the bootstrap Secret.";
    /// The sfdx auth URL in the bootstrap Secret is for a different host or app than this connector.
    SfdxAuthUrlMismatch => InputMustChange, Developer, "Provide an sfdx auth URL for this org and app, or correct spec.host and spec.app.clientId.";
    /// The Secret of a login is not one that kubectl salesforce login made for this connector.
    LoginSecretInvalid => InputMustChange, Developer, "Log in again: kubectl salesforce login NAME.";
    /// The operator does not send the code of the login, because it was sent before and the result was not stored.
    LoginCodeUsed => InputMustChange, Developer, "Log in again: kubectl salesforce login NAME.";
    /// The login brought no refresh token, so there is nothing to keep.
    LoginWithoutRefreshToken => FixInSalesforce, SalesforceAdministrator, "Add the scope Perform requests at any time (refresh_token, offline_access) in Setup > External Client App Manager > (app) > Settings > OAuth Settings > OAuth Scopes. Include refresh_token in spec.auth.authorizationCode.scopes if it is set. Then log in again.";
    /// The stored grant is intact, but it was issued for a different host or app than the connector names.
    GrantedElsewhere => InputMustChange, Developer, "Restore the previous spec.host and spec.app, or provide a refresh token issued for the new ones.";
    /// Two of the Secret's data keys have the same name.
    SecretKeysCollide => InputMustChange, Developer, "Give each entry of spec.secret.keys a unique name that no format in spec.secret.formats uses.";

    // The consumer's Secret.
    /// A Secret with this name already exists and does not belong to this connector.
    SecretNotOwned => Uncertain, Developer, "Choose another spec.secret.name, or delete that Secret if nobody needs it.";
    /// The Secret with this name belongs to another connector.
    SecretConflict => Uncertain, Developer, "Give one of the two connectors another spec.secret.name.";
    /// The Secret belongs to a deleted connector with the same name, and nothing renews its token.
    SecretLeftBehind => Uncertain, Developer, "Delete the Secret so that the operator creates a new one. If its content is still needed, choose another spec.secret.name.";
    /// The Secret is immutable, so the operator can't write a new token to it.
    SecretImmutable => Uncertain, Developer, "Delete the Secret so that the operator creates a new one. Do not set immutable on it.";
    /// The Secret belongs to this connector, but lacks the label that allows the operator to write to it.
    SecretLabelRemoved => Uncertain, Developer, "Restore the label: kubectl label secret NAME app.kubernetes.io/managed-by=salesforce-connector-operator --overwrite";
    /// The Secret's type differs from spec.secret.type, and Kubernetes does not allow the type of a Secret to change.
    SecretTypeDiffers => Uncertain, Developer, "Delete the Secret so that the operator creates it with the right type.";
    /// The API server rejected the write of the Secret.
    SecretWriteRefused => Uncertain, ClusterAdministrator, "Read the message. Check quotas, admission policies, and the permissions of the operator's service account.";

    /// The API server failed to write the Secret, for example because an admission webhook does not answer.
    SecretWriteFailed => Transient, ClusterAdministrator, "Read the message. If the problem persists, check the admission webhooks for Secrets, and the API server.";

    // What a login turned out to be.
    /// The operator did not publish the token, because the org's type does not match spec.environment.
    EnvironmentMismatch => FixInSalesforce, Developer, "Set spec.environment to Live or Sandbox to match the org, or set spec.host and spec.app to those of the intended org.";
    /// The operator did not publish the token, because it belongs to a different org than expected.
    UnexpectedOrganization => FixInSalesforce, Developer, "Compare spec.expect.organizationId with Setup > Company Information. A refreshed sandbox has a new organization ID.";
    /// The operator did not publish the token, because it belongs to a different user than expected.
    UnexpectedUser => FixInSalesforce, Developer, "Correct spec.expect.username, or change the user that logs in. For clientCredentials this is the run-as user in the app's policies.";
    /// The operator did not publish the token, because Salesforce does not tell whose it is.
    IdentityNotReadable => FixInSalesforce, SalesforceAdministrator, "Add the scope Access the identity URL service (id, profile, email, address, phone) in Setup > External Client App Manager > (app) > Settings > OAuth Settings, or remove spec.expect.username.";
    /// The token belongs to a different org than before.
    OrganizationChanged => Transient, Developer, "If a sandbox was refreshed, this is expected: update what remembers record IDs or the organization ID of the earlier org, and read its data again. Otherwise check spec.host and spec.app, and set spec.expect.organizationId.";
    /// The token belongs to a different user than before.
    UserChanged => Transient, Developer, "If the connector's user was changed, this is expected. Otherwise check spec.auth and spec.app, and set spec.expect.username.";
    /// The session of the token was ended in Salesforce, and the operator obtained a new token.
    SessionReplaced => Transient, Nobody, "Nothing to do. If it happens often, ask a Salesforce administrator who ends sessions: Setup > Session Management.";
    /// Salesforce refuses the app's current credentials, and the operator logs in with the previous ones.
    PreviousCredentialsInUse => Uncertain, Developer, "Compare spec.app.clientId, or the value of spec.app.clientIdRef, and the value of spec.app.clientSecretRef with Setup > External Client App Manager > (app) > Settings > OAuth Settings > Consumer Key and Secret. If the new credentials are only staged, rotate them there. If the operator has rotated them (spec.app.rotation), wait a few minutes first. Do so before the previous ones end: in an external client app this is at most 30 days after the rotation.";
    /// Salesforce refuses both the current and the previous credentials of the app.
    AppCredentialsRefused => Uncertain, Developer, "Copy the consumer key and secret from Setup > External Client App Manager > (app) > Settings > OAuth Settings > Consumer Key and Secret to spec.app.clientId, or what spec.app.clientIdRef names, and what spec.app.clientSecretRef names. After a rotation of the secret of a connected app both secrets may fail for up to 10 minutes.";
    /// Salesforce accepts the app's current credentials, and the operator no longer uses the previous ones.
    CredentialsRotated => Transient, Developer, "Remove spec.app.previousCredentials. If nothing else uses the previous credentials of an external client app, delete them in Salesforce.";
    /// The operator has rotated the app's consumer key and secret.
    AppCredentialsRotated => Transient, Nobody, "Nothing to do. Salesforce ends the former ones after 30 days: until then, update everything else that uses them.";
    /// The operator has written the rotated credentials of the app to the Secret that the connector names.
    InputSecretUpdated => Transient, Nobody, "Nothing to do.";
    /// The operator may not rotate credentials of apps.
    CredentialRotationDisabled => Uncertain, ClusterAdministrator, "Set credentialRotation.enabled of the operator's chart to true, or remove spec.app.rotation.";
    /// The Secret with the app's credentials does not consent to take the rotated ones, which only the operator has.
    InputSecretNotConsenting => Uncertain, Developer, "Set the annotation salesforce-connector.dev/rotated-by on the Secret to the name of the connector, and make sure that nothing else writes its values, such as a GitOps tool. Separate several names by commas.";
    /// The Secret with the app's credentials is immutable, so the rotated ones can't be written to it.
    InputSecretImmutable => Uncertain, Developer, "Create the Secret again, with the same values and without immutable.";
    /// The API server did not let the operator read or write the Secret with the app's credentials.
    InputSecretWriteRefused => Uncertain, ClusterAdministrator, "Read the message. Check the permissions of the operator's service account, admission policies and webhooks.";
    /// The app in spec.app.rotation has no consumer with the consumer key that the connector logs in with.
    ConsumerNotFound => Uncertain, Developer, "Compare spec.app.rotation.appId with the app: /services/data/v65.0/apps/oauth/usage lists the apps with their IDs. If the app's credentials were rotated elsewhere, put the current ones into the Secret.";
    /// The app has staged credentials, or credentials from before a rotation, that are not the operator's to replace.
    StagedCredentialsExist => Uncertain, SalesforceAdministrator, "Complete the rotation that somebody else has begun, and put its credentials into the Secret, or delete the staged credentials. Credentials from before a rotation end 30 days after it, or when they are deleted.";
    /// The credentials that the operator had staged are gone, and were not rotated in.
    StagedCredentialsGone => Uncertain, Nobody, "Nothing to do. The operator stages new ones. If it happens again, find out who deletes staged credentials of the app.";
    /// The operator does not rotate the app's credentials, because it can't read or write its record of them.
    RotationStateUnavailable => Uncertain, ClusterAdministrator, "Read the message. Check quotas and admission policies in the operator's namespace, and the permissions of its service account. If the record sfc-rotation-UID is damaged, put the app's current credentials into the Secret of the connector, and delete the record.";
    /// The objects that the user of the token sees have changed since the last inventory.
    ObjectsChanged => Transient, Nobody, "Nothing to do. The ConfigMap of the inventory names the objects.";
    /// The org has used a limit up to spec.inventory.limitWarningPercent.
    LimitNearlyReached => Transient, SalesforceAdministrator, "Free or buy capacity: Setup > Company Information shows the org's limits.";
    /// The operator restarted workloads, because the token was replaced.
    WorkloadsRestarted => Transient, Nobody, "Nothing to do.";
    /// The operator may not restart workloads.
    RolloutRestartsDisabled => Uncertain, ClusterAdministrator, "Set rolloutRestarts.enabled of the operator's chart to true, or remove spec.rolloutRestartTargets.";
    /// A workload in spec.rolloutRestartTargets does not exist.
    WorkloadMissing => Uncertain, Developer, "Create the workload in the connector's namespace, or correct spec.rolloutRestartTargets.";
    /// A workload in spec.rolloutRestartTargets does not consent to be restarted by this connector.
    WorkloadNotConsenting => Uncertain, Developer, "Set the annotation salesforce-connector.dev/restarted-by on the workload itself, not on its pod template, to the name of the connector. Separate several names by commas.";
    /// The API server did not let the operator read or restart a workload.
    WorkloadRestartRefused => Uncertain, ClusterAdministrator, "Read the message. Check the permissions of the operator's service account, admission policies and webhooks. If another field manager owns the annotation of the restart, remove that annotation from the manifest of the workload.";
    /// The Secret holds a copy of the connector's token.
    TokenCopied => Transient, Nobody, "Nothing to do.";
    /// No connector of that name offers its token to this namespace.
    TokenNotShared => Uncertain, Developer, "Ask who looks after the connector to add this namespace to its spec.sharing.namespaces. Compare spec.from with its namespace and name, and with the namespaces that the operator watches.";
    /// The connector offers its token to this namespace, but has none yet.
    TokenNotAvailable => Transient, Developer, "Wait. If the problem persists, ask who looks after the connector to read its Ready condition.";
    /// The namespace is the operator's own, which takes no copies of tokens.
    NamespaceTakesNoCopies => InputMustChange, Developer, "Create the SalesforceTokenCopy in another namespace, and delete this one.";
    /// A Secret with this name already exists and was not made for this copy.
    CopySecretNotOwned => Uncertain, Developer, "Delete that Secret if nobody needs it, or create the SalesforceTokenCopy again with another spec.secret.name.";
    /// The operator may not copy tokens to other namespaces.
    SharingDisabled => Uncertain, ClusterAdministrator, "Set sharing.enabled of the operator's chart to true, or remove spec.sharing.";
    /// Salesforce rejected a new token immediately.
    FreshTokenRejected => FixInSalesforce, SalesforceAdministrator, "Check Setup > Session Settings and the app's policies for a setting that ends new sessions: IP relaxation, session security level, API Access Control, Lock sessions to the IP address from which they originated. Also check whether Salesforce froze the user.";
    /// The token has expired, and the operator has not obtained a new one.
    TokenExpired => Transient, Nobody, "Read the Authenticated condition to see why the renewal fails.";
    /// Salesforce ended the session, and the operator is obtaining a new token.
    SessionEnded => Transient, Nobody, "Nothing to do. The operator logs in again.";
    /// The token has no scope that permits REST API calls.
    ScopeMissing => FixInSalesforce, SalesforceAdministrator, "Add the scope Manage user data via APIs (api) in Setup > External Client App Manager > (app) > Settings > OAuth Settings.";
    /// The org does not support the REST API version in spec.connectionTest.apiVersion.
    ApiVersionUnsupported => InputMustChange, Developer, "Set spec.connectionTest.apiVersion to a version that the org supports. Its host lists them at /services/data/.";

    /// The operator did not send the refresh token, because it can't read or write the records that it needs first.
    GrantStateUnavailable => Transient, ClusterAdministrator, "Read the message. If the problem persists, check quotas and admission policies in the operator's namespace, and the permissions of its service account.";

    // Limits.
    /// The operator has reached its own limit of token requests to this login host (--token-requests-per-hour).
    CallBudgetSpent => Transient, Nobody, "If the problem persists, find connectors that log in too often (metric salesforce_connector_token_requests_total).";
    /// To avoid locking out the user, the operator does not send the password for now: Salesforce may have counted an earlier login of this user as a failed one, of this connector or of another.
    PasswordOutcomeUnknown => Transient, Nobody, "If you know that the password is right, request a login now: kubectl annotate sfc NAME salesforce-connector.dev/renew-requested-at=$(date +%s) --overwrite";
    /// To avoid locking out the user, the operator does not send this password again: Salesforce already refused it for this user.
    PasswordRefusedBefore => InputMustChange, Developer, "Correct the password in its Secret. If Salesforce accepts it by now, request one more login, at most one an hour: kubectl annotate sfc NAME salesforce-connector.dev/renew-requested-at=$(date +%s) --overwrite";
    /// To avoid locking out users, the operator sends no password of a further user for this namespace: it remembers failed logins of too many.
    PasswordsRefusedTooOften => FixInSalesforce, Developer, "Delete connectors that report WrongPassword or PasswordRefusedBefore and that nobody needs. The operator forgets the failed logins of a user after 90 days. A cluster administrator can delete the records sooner: kubectl delete secret --namespace NAMESPACE-OF-THE-OPERATOR --selector salesforce-connector.dev/purpose=refused-password,salesforce-connector.dev/namespace=NAMESPACE";
}

/// Any reason that the operator reports.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// One of the operator's own.
    Own(OwnReason),
    /// A refusal by Salesforce, or by the way to it.
    Salesforce(Refusal),
    /// A problem of a refresh token grant.
    Grant(GrantProblem),
    /// A refusal by the signer of assertions, or by the way to it.
    Signer(SignerRefusal),
}

impl Reason {
    /// Every reason there is.
    pub fn all() -> impl Iterator<Item = Self> {
        let own = OwnReason::ALL.iter().copied().map(Self::Own);
        let grant = GrantProblem::ALL.iter().copied().map(Self::Grant);
        let signer = SignerRefusal::ALL.iter().copied().map(Self::Signer);
        own.chain(grant)
            .chain(signer)
            .chain(Refusal::ALL.iter().copied().map(Self::Salesforce))
    }

    /// The reason of this name, as it stands in a status.
    pub fn parse(name: &str) -> Option<Self> {
        Self::all().find(|reason| reason.as_str() == name)
    }

    /// The name, as in conditions, events and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Own(reason) => reason.as_str(),
            Self::Salesforce(refusal) => refusal.as_str(),
            Self::Grant(problem) => problem.as_str(),
            Self::Signer(refusal) => refusal.as_str(),
        }
    }

    /// Whether a Secret that the connector refers to lacks what it should have.
    #[must_use]
    pub fn is_about_inputs(self) -> bool {
        matches!(
            self,
            Self::Own(
                OwnReason::InputSecretMissing
                    | OwnReason::InputKeyMissing
                    | OwnReason::InputNotText
                    | OwnReason::InputTooLong
            )
        )
    }

    /// When it is worth trying again.
    pub fn class(self) -> Class {
        match self {
            Self::Own(reason) => reason.class(),
            Self::Salesforce(refusal) => guidance(refusal).class,
            Self::Grant(problem) => grant_class(problem),
            Self::Signer(refusal) => signer_refusals::class(refusal),
        }
    }

    /// Who can do something about it.
    pub fn actor(self) -> Actor {
        match self {
            Self::Own(reason) => reason.actor(),
            Self::Salesforce(refusal) => guidance(refusal).actor,
            Self::Grant(problem) => grant_problem_texts::actor(problem),
            Self::Signer(refusal) => signer_refusals::actor(refusal),
        }
    }

    /// What it means, in one sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Own(reason) => reason.meaning(),
            Self::Salesforce(refusal) => refusal.meaning(),
            Self::Grant(problem) => grant_problem_texts::meaning(problem),
            Self::Signer(refusal) => refusal.meaning(),
        }
    }

    /// What to do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Own(reason) => reason.remedy(),
            Self::Salesforce(refusal) => guidance(refusal).remedy,
            Self::Grant(problem) => grant_problem_texts::remedy(problem),
            Self::Signer(refusal) => signer_refusals::remedy(refusal),
        }
    }
}

/// An unknown outcome may resolve by itself; the redeem protocol decides when to ask again, not the class. So does a limit.
const fn grant_class(problem: GrantProblem) -> Class {
    match problem {
        GrantProblem::BootstrapTooOften => Class::FixInSalesforce,
        GrantProblem::OutcomeUnknown => Class::Uncertain,
        _ => Class::InputMustChange,
    }
}

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<OwnReason> for Reason {
    fn from(reason: OwnReason) -> Self {
        Self::Own(reason)
    }
}

impl From<Refusal> for Reason {
    fn from(refusal: Refusal) -> Self {
        Self::Salesforce(refusal)
    }
}

impl From<SignerRefusal> for Reason {
    fn from(refusal: SignerRefusal) -> Self {
        Self::Signer(refusal)
    }
}

impl From<GrantProblem> for Reason {
    fn from(problem: GrantProblem) -> Self {
        Self::Grant(problem)
    }
}
