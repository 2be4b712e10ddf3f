//! Why is something so? Every reason that the operator reports, what it means, who acts, and what they do.
//!
//! What is said about Salesforce's refusals is in `refusals`, about refresh token grants with the redeem protocol; here are
//! the operator's own reasons. A reason is the same text in conditions, events and metrics.

use std::fmt;

use redeem::GrantProblem;
pub use salesforce_client::Refusal;

use super::refusals::guidance;
pub use super::refusals::{Actor, Class};

use super::grant_problem_texts;

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
            #[must_use]
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
    /// This has not been found out yet.
    Pending => Transient, Nobody, "Wait: the operator is at work on it.";

    // What the connector says.
    /// The connector is suspended: nothing is sent to Salesforce.
    Suspended => Uncertain, Developer, "Set spec.suspend to false to go on.";
    /// A Secret that the connector refers to does not exist.
    InputSecretMissing => Uncertain, Developer, "Create the Secret in the connector's namespace, or correct the reference.";
    /// A Secret that the connector refers to lacks the key, or its value is empty or not text.
    InputKeyMissing => Uncertain, Developer, "Put the value under that key of the Secret, or correct the reference.";
    /// The host is not a host name that a login can be sent to.
    HostInvalid => InputMustChange, Developer, "Set spec.host to the org's My Domain, such as acme.my.salesforce.com.";
    /// The brought sfdx auth URL can't be read.
    SfdxAuthUrlInvalid => InputMustChange, Developer, "Store the line force://clientId:clientSecret:refreshToken@host that the Salesforce CLI prints, or its JSON with sfdxAuthUrl.";
    /// The brought sfdx auth URL is for another host or another app than this connector.
    SfdxAuthUrlMismatch => InputMustChange, Developer, "Bring a URL of the same org and app, or correct spec.host and spec.app.clientId.";
    /// Salesforce does not take the grant here, as it belongs to another app or another host; it is not lost.
    GrantedElsewhere => InputMustChange, Developer, "Put spec.host and spec.app back to what they were; or authorize the app of now, or bring a refresh token of it.";
    /// Two of the Secret's data keys have the same name.
    SecretKeysCollide => InputMustChange, Developer, "Give each entry of spec.secret.keys a name of its own, that no chosen format uses.";

    // The consumer's Secret.
    /// A Secret of this name exists and does not belong to this connector; it is left untouched.
    SecretNotOwned => Uncertain, Developer, "Choose another spec.secret.name, or delete that Secret if nobody needs it.";
    /// The Secret of this name belongs to another connector, which keeps it.
    SecretConflict => Uncertain, Developer, "Give one of the two connectors another spec.secret.name.";
    /// The Secret was left behind by an earlier connector of this name, which is gone; its token is not renewed.
    SecretLeftBehind => Uncertain, Developer, "Delete the Secret, and the operator makes a new one; or choose another spec.secret.name, if somebody still needs what it holds.";
    /// The Secret is immutable, so a new token can't be written to it.
    SecretImmutable => Uncertain, Developer, "Delete the Secret; the operator makes a new one. Don't set immutable on it.";
    /// The Secret belongs to this connector, and somebody removed the label that lets the operator write to it.
    SecretLabelRemoved => Uncertain, Developer, "Put the label back: kubectl label secret NAME app.kubernetes.io/managed-by=salesforce-connector-operator --overwrite";
    /// The Secret has another type than spec.secret.type, and Kubernetes does not let a type change.
    SecretTypeDiffers => Uncertain, Developer, "Delete the Secret; the operator makes it anew with the right type.";
    /// The API server refused the Secret.
    SecretWriteRefused => Uncertain, ClusterAdministrator, "Read the message: a quota, an admission policy, or a missing right of the operator's service account is the usual cause.";

    // What a login turned out to be.
    /// The org is of another kind than spec.environment says; the token is withheld.
    EnvironmentMismatch => FixInSalesforce, Developer, "Set spec.environment to what the org is, or give the host and app of the org that you mean.";
    /// The token belongs to another org than expected; it is withheld.
    UnexpectedOrganization => FixInSalesforce, Developer, "Compare spec.expect.organizationId with Setup > Company Information. A refreshed sandbox has a new organization id.";
    /// The token belongs to another user than expected; it is withheld.
    UnexpectedUser => FixInSalesforce, Developer, "Correct spec.expect.username, or the user that logs in: for clientCredentials the run-as user in the app's policies.";
    /// A new token was refused at once.
    FreshTokenRejected => FixInSalesforce, SalesforceAdministrator, "Look into Setup > Session Settings and the app's policies for what ends new sessions: IP relaxation, session level, API Access Control.";
    /// The token has expired, and no new one has been obtained.
    TokenExpired => Transient, Nobody, "See the Authenticated condition for why renewal fails.";
    /// Salesforce ended the session; a new token is being obtained.
    SessionEnded => Transient, Nobody, "Nothing to do: the operator logs in again.";
    /// The token has no scope that allows calls of the REST API.
    ScopeMissing => FixInSalesforce, SalesforceAdministrator, "Add the scope Manage user data via APIs (api) to the app: Setup > External Client App Manager > (app) > Settings > OAuth Settings.";
    /// The org does not offer the REST API version that the connector names.
    ApiVersionUnsupported => InputMustChange, Developer, "Set spec.connectionTest.apiVersion to a version that the org offers; see /services/data/ on its host.";

    /// The operator can't read or write what it must record before it may send the refresh token, so it does not send it.
    GrantStateUnavailable => Transient, ClusterAdministrator, "Read the message. If it does not pass: a quota or an admission policy in the operator's namespace, or a missing right of its service account, is the usual cause.";

    // Limits.
    /// The login host has used up the calls that the operator allows it for now.
    CallBudgetSpent => Transient, Nobody, "Nothing to do if it passes; otherwise look for connectors that log in too often (metric salesforce_connector_token_requests_total).";
    /// The password was sent and no clear answer came: Salesforce may have counted it as a wrong one. It is not sent again for an hour or more, so that nobody is locked out.
    PasswordOutcomeUnknown => Transient, Nobody, "Nothing to do if it passes. If the password is known to be right, ask for a try now: kubectl annotate sfc NAME salesforce-connector.dev/renew-requested-at=$(date +%s) --overwrite";
    /// This password was refused before, by this host and for this user; it is not sent again, so that nobody is locked out.
    PasswordRefusedBefore => InputMustChange, Developer, "Correct the password in its Secret. If it is right by now, ask for one more try: kubectl annotate sfc NAME salesforce-connector.dev/renew-requested-at=$(date +%s) --overwrite";

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
}

impl Reason {
    /// Every reason there is.
    pub fn all() -> impl Iterator<Item = Self> {
        let own = OwnReason::ALL.iter().copied().map(Self::Own);
        let grant = GrantProblem::ALL.iter().copied().map(Self::Grant);
        own.chain(grant)
            .chain(Refusal::ALL.iter().copied().map(Self::Salesforce))
    }

    /// The reason of this name, as it stands in a status.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::all().find(|reason| reason.as_str() == name)
    }

    /// The name, as in conditions, events and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Own(reason) => reason.as_str(),
            Self::Salesforce(refusal) => refusal.as_str(),
            Self::Grant(problem) => problem.as_str(),
        }
    }

    /// When it is worth trying again.
    #[must_use]
    pub fn class(self) -> Class {
        match self {
            Self::Own(reason) => reason.class(),
            Self::Salesforce(refusal) => guidance(refusal).class,
            Self::Grant(problem) => grant_class(problem),
        }
    }

    /// Who can do something about it.
    #[must_use]
    pub fn actor(self) -> Actor {
        match self {
            Self::Own(reason) => reason.actor(),
            Self::Salesforce(refusal) => guidance(refusal).actor,
            Self::Grant(problem) => grant_problem_texts::actor(problem),
        }
    }

    /// What it means, in one sentence.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Own(reason) => reason.meaning(),
            Self::Salesforce(refusal) => guidance(refusal).meaning,
            Self::Grant(problem) => grant_problem_texts::meaning(problem),
        }
    }

    /// When the operator tries again by itself, in words; the times are those of `decide::schedule`.
    #[must_use]
    pub fn retry(self) -> &'static str {
        match self {
            Self::Own(own) => own.retry(),
            Self::Salesforce(_) | Self::Grant(_) => retry_of_class(self.class()),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Own(reason) => reason.remedy(),
            Self::Salesforce(refusal) => guidance(refusal).remedy,
            Self::Grant(problem) => grant_problem_texts::remedy(problem),
        }
    }
}

/// When a failed test of the token in use is repeated, in words; the times are those of `decide::schedule::retest_wait`.
pub const RETEST: &str = "A failed test of the token in use is repeated after 2 minutes: problem that is tried again \
    \"ever later\" then after as long again as it has lasted; anything else every 2 minutes for a quarter of an hour, and then \
    hourly. It is never later than `spec.connectionTest.interval`, unless Salesforce asks for a longer wait (Retry-After). The \
    annotation `salesforce-connector.dev/test-requested-at` repeats it at once.";

impl OwnReason {
    fn retry(self) -> &'static str {
        match self {
            Self::TokenValid | Self::LoggedIn | Self::InStep | Self::TestSucceeded | Self::Pending => {
                "Nothing is to be tried again."
            }
            Self::Suspended => "Not while the connector is suspended.",
            Self::InputSecretMissing | Self::InputKeyMissing | Self::SecretLeftBehind => {
                "At once in mode Watch; otherwise it is looked for every 15 seconds."
            }
            Self::HostInvalid
            | Self::SfdxAuthUrlInvalid
            | Self::SfdxAuthUrlMismatch
            | Self::GrantedElsewhere
            | Self::SecretKeysCollide => "As soon as the connector or its Secret changes.",
            Self::SecretNotOwned
            | Self::SecretConflict
            | Self::SecretImmutable
            | Self::SecretLabelRemoved
            | Self::SecretTypeDiffers
            | Self::SecretWriteRefused => {
                "At once in mode Watch; otherwise within the sweep, which metric salesforce_connector_resync_period_seconds tells."
            }
            Self::PasswordOutcomeUnknown => {
                "After an hour, then after twice the time, up to a day; once the password changes; or when a renewal is requested."
            }
            Self::EnvironmentMismatch
            | Self::UnexpectedOrganization
            | Self::UnexpectedUser
            | Self::FreshTokenRejected
            | Self::TokenExpired
            | Self::SessionEnded
            | Self::ScopeMissing
            | Self::ApiVersionUnsupported
            | Self::CallBudgetSpent
            | Self::GrantStateUnavailable
            | Self::PasswordRefusedBefore => retry_of_class(self.class()),
        }
    }
}

fn retry_of_class(class: Class) -> &'static str {
    match class {
        Class::InputMustChange => {
            "Never by itself: once the connector or its Secret changes, or when a renewal is requested."
        }
        Class::FixInSalesforce | Class::Bug => {
            "Hourly, and when the connector or its Secret changes or a renewal is requested."
        }
        Class::Uncertain => "Every 2 minutes for a quarter of an hour, then hourly.",
        Class::Transient => "After 10 seconds, then ever later, up to every 10 minutes.",
        Class::RenewToken => "At once, by obtaining a new token.",
    }
}

/// A grant in problem is never tried again by itself, except where Salesforce may still tell how it stands.
const fn grant_class(problem: GrantProblem) -> Class {
    match problem {
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

impl From<GrantProblem> for Reason {
    fn from(problem: GrantProblem) -> Self {
        Self::Grant(problem)
    }
}
