//! What can go wrong, how often, and for how long?

use salesforce_sim::{Fault, FaultRule};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Maintenance,
    BadGateway,
    ServerErrors,
    Throttled,
    NoRoute,
    Slow,
    ApiLimit,
    OddAnswer,
    LostAnswer,
    SessionsEnded,
    AllSessionsEnded,
    Frozen,
    ApiDisabled,
    AppBlocked,
    AppDisabled,
    SecretRotated,
    PasswordChanged,
    GrantRevoked,
    Killed,
    RolledOut,
    Suspended,
    LinkCut,
    LinkSilent,
    ApiServerRestarted,
}

/// Each kind, how often it begins in a day, how many minutes it lasts, and what it is.
pub(super) const KINDS: [(Kind, f64, (i64, i64), &str); 24] = [
    (Kind::Maintenance, 0.5, (10, 90), "an org's maintenance page"),
    (Kind::BadGateway, 1.0, (2, 20), "502 from an org"),
    (
        Kind::ServerErrors,
        1.0,
        (2, 20),
        "500 from an org's token endpoint",
    ),
    (Kind::Throttled, 1.0, (5, 30), "429 with Retry-After from an org"),
    (Kind::NoRoute, 0.3, (5, 20), "420 for an org's host"),
    (
        Kind::Slow,
        1.0,
        (10, 40),
        "an org answers after a quarter of the time-out",
    ),
    (
        Kind::ApiLimit,
        0.3,
        (60, 360),
        "an org's API allocation is used up",
    ),
    (
        Kind::OddAnswer,
        30.0,
        (0, 1),
        "one to three answers of an app are not what they should be",
    ),
    (
        Kind::LostAnswer,
        12.0,
        (0, 1),
        "an answer to an app takes effect and is lost",
    ),
    (Kind::SessionsEnded, 6.0, (0, 1), "a user's sessions are ended"),
    (Kind::AllSessionsEnded, 0.2, (0, 1), "all sessions are ended"),
    (Kind::Frozen, 2.0, (60, 480), "a user is frozen"),
    (Kind::ApiDisabled, 2.0, (60, 360), "a user loses API Enabled"),
    (
        Kind::AppBlocked,
        0.5,
        (60, 300),
        "an app is blocked, which ends its grants",
    ),
    (Kind::AppDisabled, 1.0, (30, 240), "an app is disabled"),
    (
        Kind::SecretRotated,
        2.0,
        (10, 120),
        "a consumer secret is rotated, and supplied later",
    ),
    (
        Kind::PasswordChanged,
        1.0,
        (10, 120),
        "a password is changed, and supplied later",
    ),
    (Kind::GrantRevoked, 1.0, (0, 1), "a grant is revoked"),
    (
        Kind::Killed,
        2.0,
        (2, 30),
        "a replica is killed, and started again later",
    ),
    (
        Kind::RolledOut,
        0.5,
        (1, 2),
        "the replicas are replaced one after the other",
    ),
    (Kind::Suspended, 1.0, (5, 60), "a replica freezes"),
    (
        Kind::LinkCut,
        1.0,
        (5, 60),
        "a replica is cut off from the API server",
    ),
    (
        Kind::LinkSilent,
        1.0,
        (5, 60),
        "a replica's link to the API server is silent",
    ),
    (
        Kind::ApiServerRestarted,
        0.3,
        (1, 2),
        "the API server is restarted",
    ),
];

/// 500 from the token endpoint.
pub(super) fn server_error() -> Fault {
    Fault::Answer {
        status: 500,
        content_type: "text/html".to_owned(),
        body: "<html>Internal Server Error</html>".to_owned(),
        headers: Vec::new(),
    }
}

/// An answer that is not what it should be; nothing was done.
pub(super) fn odd_answer(chance: &mut fastrand::Rng) -> FaultRule {
    FaultRule::always(match chance.usize(0..7) {
        0 => Fault::Garbage,
        1 => Fault::Oversized { bytes: 3_000_000 },
        2 => Fault::Redirect {
            location: "https://example.com/".to_owned(),
        },
        3 => Fault::DropBeforeProcessing,
        4 => Fault::NeverAnswer,
        5 => Fault::OauthRefusal {
            status: 400,
            error: "invalid_grant".to_owned(),
            error_description: "a text that nobody knows".to_owned(),
        },
        _ => Fault::RestRefusal {
            status: 403,
            error_code: "UNKNOWN_TO_US".to_owned(),
            message: "a text that nobody knows".to_owned(),
        },
    })
}

/// The request takes effect, and nobody gets to know its answer.
pub(super) fn lost_answer(chance: &mut fastrand::Rng) -> FaultRule {
    FaultRule::always(match chance.usize(0..3) {
        0 => Fault::TruncatedBody,
        1 => Fault::ProcessThenDrop,
        _ => Fault::ProcessThenNeverAnswer,
    })
}
