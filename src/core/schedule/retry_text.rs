//! When does the operator retry after a reason, in words? Generated from the constants of the schedule, for docs/reasons.md.

use std::time::Duration;

use redeem::{ASK_AGAIN_MAX, ASK_AGAIN_MIN, GrantProblem};

use crate::api::Reason;
use crate::api::reasons::{Class, OwnReason};
use crate::core::schedule::backoff::{
    BACK_OFF_FIRST, BACK_OFF_LONGEST, COPY_AGAIN_FIRST, COPY_AGAIN_LONGEST, LATE, LATE_FOR, MENDED_EVERY,
    RESTART_AGAIN_FIRST, RESTART_AGAIN_LONGEST, RETEST_FIRST, UNCERTAIN_EVERY, UNCERTAIN_FOR,
    UNCLEAR_PASSWORD_FIRST, UNCLEAR_PASSWORD_LONGEST, WRITE_AGAIN_LATEST,
};
use crate::core::schedule::password_memory::{LOCKOUT_PERIOD, MOST_FAILURES, REQUEST_EVERY};

/// When the operator retries by itself after `reason`.
pub fn retry(reason: Reason) -> String {
    match reason {
        Reason::Own(own) => retry_of_own(own),
        Reason::Grant(GrantProblem::OutcomeUnknown) => format!(
            "If spec.app.clientSecretRef is set and spec.host and spec.app are those of the grant, the operator asks Salesforce \
             again after {}, with exponential backoff up to {}. Otherwise not automatic: {}.",
            words(ASK_AGAIN_MIN),
            words(ASK_AGAIN_MAX),
            ON_CHANGE
        ),
        Reason::Salesforce(_) | Reason::Signer(_) | Reason::Grant(GrantProblem::BootstrapTooOften) => {
            retry_of_class(reason.class())
        }
        Reason::Grant(_) => retry_of_class(Class::InputMustChange),
    }
}

/// When the operator repeats a failed test of the current token.
pub fn retest() -> String {
    format!(
        "The operator repeats a failed test of the current token after {first}. If the failure is transient, the wait then grows \
         with the time since the first failure. Any other failure is tested every {first} for {often}, then {rarely}. The wait \
         is never longer than `spec.connectionTest.interval`, unless Salesforce asks for more (Retry-After) or the org has used 80 % of its API calls. The annotation \
         `salesforce-connector.dev/test-requested-at` requests a test now.",
        first = words(RETEST_FIRST),
        often = words(UNCERTAIN_FOR),
        rarely = every(MENDED_EVERY),
    )
}

const ON_CHANGE: &str = "the operator retries when the connector or a Secret that it refers to changes, or when you request a renewal";

const ITS_TURN: &str = "At `status.failures.nextAttemptTime`, when its turn comes: the connectors of a namespace queue for the \
             budget of a login host, and namespaces get equal parts of it.";

const AT_RESYNC: &str = "Immediately in Watch mode; otherwise at the next resync (metric salesforce_connector_resync_period_seconds).";

const AT_CHANGE: &str = "When the connector or a Secret that it refers to changes.";

const DONE: &str = "Not applicable: it is done.";

const ONCE: &str = "Never: a login is carried out once.";

const AT_ROTATION: &str = "At `status.credentialRotation.failures.nextAttemptTime`.";

const NEVER_THERE: &str = "Never: the operator's namespace takes neither connectors nor copies.";

const AT_OTHER_SIGNERS: &str =
    "When the connector changes, or when the operator starts with another --allow-signer.";

use OwnReason as Own;

fn retry_of_own(own: OwnReason) -> String {
    match own {
        Own::TokenValid
        | Own::LoggedIn
        | Own::InStep
        | Own::TestSucceeded
        | Own::OrganizationChanged
        | Own::UserChanged
        | Own::SessionReplaced
        | Own::ObjectsChanged
        | Own::LimitNearlyReached
        | Own::WorkloadsRestarted
        | Own::TokenCopied
        | Own::Pending => "Not applicable.".to_owned(),
        Own::AppCredentialsRotated | Own::InputSecretUpdated | Own::CredentialsRotated => DONE.to_owned(),
        Own::NamespaceNotAllowed | Own::NamespaceTakesNoCopies => NEVER_THERE.to_owned(),
        Own::LoginSecretInvalid | Own::LoginCodeUsed | Own::LoginWithoutRefreshToken => ONCE.to_owned(),
        Own::Suspended => "Not while the connector is suspended.".to_owned(),
        Own::InputSecretMissing | Own::InputKeyMissing | Own::SecretLeftBehind => retry_of_late(),
        Own::HostInvalid
        | Own::InputTooLong
        | Own::InputNotText
        | Own::SfdxAuthUrlInvalid
        | Own::SfdxAuthUrlMismatch
        | Own::GrantedElsewhere
        | Own::SecretKeysCollide => AT_CHANGE.to_owned(),
        Own::SecretNotOwned
        | Own::SecretConflict
        | Own::SecretImmutable
        | Own::SecretLabelRemoved
        | Own::SecretTypeDiffers => AT_RESYNC.to_owned(),
        Own::SecretWriteRefused | Own::SecretWriteFailed => retry_of_write(),
        Own::TokenNotShared | Own::TokenNotAvailable => "When the connector changes.".to_owned(),
        Own::CopySecretNotOwned => retry_of_copy(),
        Own::InputSecretNotConsenting | Own::InputSecretWriteRefused => AT_ROTATION.to_owned(),
        Own::StagedCredentialsExist | Own::RotationStateUnavailable => retry_of_class(Class::Uncertain),
        Own::ConsumerNotFound | Own::InputSecretImmutable | Own::StagedCredentialsGone => of_rotation(own),
        Own::SignerNotAllowed => AT_OTHER_SIGNERS.to_owned(),
        Own::SharingDisabled | Own::CredentialRotationDisabled | Own::RolloutRestartsDisabled => {
            at_start(own)
        }
        Own::WorkloadMissing | Own::WorkloadNotConsenting | Own::WorkloadRestartRefused => retry_of_restart(),
        Own::CallBudgetSpent => ITS_TURN.to_owned(),
        Own::PasswordOutcomeUnknown => retry_of_password(),
        Own::EnvironmentMismatch
        | Own::UnexpectedOrganization
        | Own::UnexpectedUser
        | Own::IdentityNotReadable
        | Own::PreviousCredentialsInUse
        | Own::AppCredentialsRefused
        | Own::FreshTokenRejected
        | Own::TokenExpired
        | Own::SessionEnded
        | Own::ScopeMissing
        | Own::ApiVersionUnsupported
        | Own::GrantStateUnavailable
        | Own::PasswordRefusedBefore
        | Own::PasswordsRefusedTooOften => retry_of_class(Reason::from(own).class()),
    }
}

fn at_start(own: OwnReason) -> String {
    let flag = match own {
        Own::SharingDisabled => "--sharing",
        Own::CredentialRotationDisabled => "--credential-rotation",
        _ => "--rollout-restarts",
    };
    format!("When the operator starts with {flag}.")
}

fn of_rotation(own: OwnReason) -> String {
    format!("{AT_ROTATION} {}", retry_of_class(Reason::from(own).class()))
}

fn retry_of_late() -> String {
    let (late, late_for) = (words(LATE), words(LATE_FOR));
    format!("Immediately in Watch mode; otherwise within {late} for {late_for}, then at the next resync.")
}

fn retry_of_write() -> String {
    format!(
        "At the next resync (metric salesforce_connector_resync_period_seconds), at the latest {}. The operator tries a dry run \
         first, and does not log in while that fails.",
        every(WRITE_AGAIN_LATEST)
    )
}

fn retry_of_copy() -> String {
    format!(
        "After {} at first, then after as long again as it has lasted, at most {}; and after every new token.",
        words(COPY_AGAIN_FIRST),
        words(COPY_AGAIN_LONGEST)
    )
}

fn retry_of_restart() -> String {
    format!(
        "At `status.rolloutRestarts[].nextAttemptTime`: {} later at first, then after as long again as it has lasted, at most {}; and \
         after every new token.",
        words(RESTART_AGAIN_FIRST),
        words(RESTART_AGAIN_LONGEST)
    )
}

fn retry_of_password() -> String {
    format!(
        "After {}, with exponential backoff up to {}. After {MOST_FAILURES} failed logins of the user, {} after the first of them. \
         Sooner when you request a renewal, at most {}.",
        words(UNCLEAR_PASSWORD_FIRST),
        words(UNCLEAR_PASSWORD_LONGEST),
        words(LOCKOUT_PERIOD),
        every(REQUEST_EVERY),
    )
}

fn retry_of_class(class: Class) -> String {
    let (uncertain, mended) = (every(UNCERTAIN_EVERY), every(MENDED_EVERY));
    match class {
        Class::InputMustChange => format!("Not automatic: {ON_CHANGE}."),
        Class::FixInSalesforce | Class::Bug => format!(
            "Automatically {mended}, and when the connector or a Secret that it refers to changes or you request a renewal."
        ),
        Class::Uncertain => {
            format!(
                "Automatically {uncertain} for {}, then {mended}.",
                words(UNCERTAIN_FOR)
            )
        }
        Class::Transient => format!(
            "After {}, with exponential backoff up to {}.",
            words(BACK_OFF_FIRST),
            words(BACK_OFF_LONGEST)
        ),
        Class::RenewToken => "Immediately: the operator obtains a new token.".to_owned(),
    }
}

fn every(wait: Duration) -> String {
    let words = words(wait);
    format!("every {}", words.strip_prefix("1 ").unwrap_or(&words))
}

/// `wait` in the largest unit that needs no fraction.
fn words(wait: Duration) -> String {
    let seconds = wait.as_secs();
    let (count, unit) = match seconds {
        0 => (0, "second"),
        _ if seconds.is_multiple_of(3600) => (seconds / 3600, "hour"),
        _ if seconds.is_multiple_of(60) => (seconds / 60, "minute"),
        _ => (seconds, "second"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_written_in_its_largest_whole_unit() {
        let seconds = [0, 1, 90, 60, 900, 3600, 86_400];
        assert_eq!(
            seconds.map(|seconds| words(Duration::from_secs(seconds))),
            [
                "0 seconds",
                "1 second",
                "90 seconds",
                "1 minute",
                "15 minutes",
                "1 hour",
                "24 hours"
            ]
        );
        assert_eq!(every(MENDED_EVERY), "every hour");
        assert_eq!(every(LATE), "every 15 seconds");
    }

    #[test]
    fn the_text_of_a_reason_follows_the_schedule() {
        let unknown = retry(GrantProblem::OutcomeUnknown.into());
        assert!(
            unknown.contains("after 15 seconds") && unknown.contains("up to 15 minutes"),
            "{unknown}"
        );
        let lost = retry(GrantProblem::GrantLost.into());
        assert_eq!(lost, format!("Not automatic: {ON_CHANGE}."));
        let state = retry(OwnReason::GrantStateUnavailable.into());
        assert_eq!(
            state,
            "After 10 seconds, with exponential backoff up to 10 minutes."
        );
        let password = retry(OwnReason::PasswordOutcomeUnknown.into());
        assert!(
            password
                .starts_with("After 1 hour, with exponential backoff up to 24 hours. After 2 failed logins"),
            "{password}"
        );
        let missing = retry(OwnReason::InputSecretMissing.into());
        assert_eq!(
            missing,
            "Immediately in Watch mode; otherwise within 15 seconds for 15 minutes, then at the next resync."
        );
    }
}
