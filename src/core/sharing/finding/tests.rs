use super::*;
use crate::core::testing::fixtures::{after, now};

fn from() -> CopySource {
    CopySource {
        namespace: "sales".to_owned(),
        name: "crm".to_owned(),
    }
}

fn copied() -> CopyEnd {
    CopyEnd::State(CopyState::Copied(CopiedToken {
        issue_time: now(),
        expiration_time: after(7200),
    }))
}

fn refused() -> CopyEnd {
    CopyEnd::Refused(Rejection::new(OwnReason::SecretWriteRefused, "quota"))
}

fn status(before: &SalesforceTokenCopyStatus, end: &CopyEnd, at: Timestamp) -> SalesforceTokenCopyStatus {
    copy_status(before, end, &from(), "crm-salesforce", 1, at)
}

/// Status and reason of Ready, and whether a Secret is named.
fn shown(status: &SalesforceTokenCopyStatus) -> (String, bool) {
    let ready = ready(status).unwrap();
    (
        format!("{} {}", ready.status, ready.reason),
        status.secret_name.is_some(),
    )
}

#[test]
fn a_copy_says_how_it_stands_and_names_its_secret_while_there_is_one() {
    let before = status(&SalesforceTokenCopyStatus::default(), &copied(), now());
    assert!(is_ready(&before));
    let state = CopyEnd::State;
    for (end, at, wanted, named) in [
        (copied(), after(1), "True TokenCopied", true),
        (copied(), after(7200), "False TokenExpired", true),
        (
            state(CopyState::NotAvailable),
            after(1),
            "False TokenNotAvailable",
            true,
        ),
        (refused(), after(1), "False SecretWriteRefused", true),
        (
            state(CopyState::NotShared),
            after(1),
            "False TokenNotShared",
            false,
        ),
        (
            state(CopyState::Foreign),
            after(1),
            "False CopySecretNotOwned",
            false,
        ),
        (
            CopyEnd::OwnNamespace,
            after(1),
            "False NamespaceTakesNoCopies",
            false,
        ),
    ] {
        let status = status(&before, &end, at);
        assert_eq!(shown(&status), (wanted.to_owned(), named));
        assert_eq!(is_ready(&status), wanted.starts_with("True"));
    }
    assert_eq!(status(&before, &copied(), after(1)), before, "nothing to write");
}

#[test]
fn what_is_refused_is_tried_again_ever_later_and_an_expiry_is_told_in_time() {
    let first = status(&SalesforceTokenCopyStatus::default(), &refused(), now());
    let waits = [0, 90, 7200].map(|seconds| next_look(&first, &refused(), after(seconds)).as_secs());
    assert_eq!(waits, [60, 90, 600]);
    let ready = status(&first, &copied(), now());
    let waits = [0, 7000, 7200].map(|seconds| next_look(&ready, &copied(), after(seconds)).as_secs());
    assert_eq!(waits, [3600, 201, 3600]);
}
