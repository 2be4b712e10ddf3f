mod claims;
mod problems;

use jiff::SignedDuration;
use redeem::{Attempt, AttemptId, GrantId, GrantValidity, Origin, RefreshToken};
use serde_json::json;

use super::*;
use crate::api::SalesforceConnectorStatus;
use crate::core::conclude::{Conclusion, EventDraft, EventKind, conclude};
use crate::core::decide::decide;
use crate::core::grant::claim::{Claim, Claimant};
use crate::core::model::decision::{Decision, Evidence, MintReason, WaitReason};
use crate::core::model::observed::{Activity, Observed};
use crate::core::model::rejection::Rejection;
use crate::core::secret::ownership::Target;
use crate::core::testing::fixtures;
use crate::core::testing::fixtures::{after, cluster, found, grant_of, granted, kept, now, of, user};

/// How a state can stand, each with a name.
fn states() -> Vec<(&'static str, StateSeen)> {
    let with = |change: fn(&mut State)| {
        let mut state = fixtures::state(GrantValidity::Valid);
        change(&mut state);
        found(state)
    };
    vec![
        ("working", with(|_| ())),
        ("absent", StateSeen::Absent),
        ("newer version", StateSeen::UnsupportedVersion),
        ("unreadable", StateSeen::Unreadable),
        ("old", with(|state| state.serial = Serial(2))),
        (
            "of another cluster",
            with(|state| state.cluster = ClusterUid::new("another")),
        ),
        ("empty", with(|state| state.current = None)),
        (
            "open",
            with(|state| state.current.as_mut().unwrap().attempt = Some(attempt(AttemptPhase::Open))),
        ),
        (
            "unknown",
            with(|state| {
                state.current.as_mut().unwrap().attempt = Some(attempt(AttemptPhase::OutcomeUnknown));
            }),
        ),
        (
            "inactive",
            with(|state| {
                state.current.as_mut().unwrap().attempt = Some(attempt(AttemptPhase::FoundInactive));
            }),
        ),
        (
            "dead",
            with(|state| state.current.as_mut().unwrap().validity = GrantValidity::Dead),
        ),
        (
            "somebody else's",
            with(|state| state.current.as_mut().unwrap().identity = Some(user("005000000000001AAA"))),
        ),
        (
            "working, with another beside it",
            with(|state| state.candidate = Some(somebody_elses())),
        ),
        (
            "somebody else's, waiting alone",
            with(|state| {
                state.current = None;
                state.candidate = Some(somebody_elses());
            }),
        ),
    ]
}

fn attempt(phase: AttemptPhase) -> Attempt {
    Attempt {
        id: AttemptId::new("attempt"),
        serial: Serial(3),
        phase,
        hold_off_seconds: 45,
        client: None,
        unknown: redeem::UnknownFields::default(),
    }
}

/// A grant that came in, was redeemed, and turned out to be another user's.
fn somebody_elses() -> Grant {
    let mut grant = Grant::new(
        GrantId::new("another"),
        RefreshToken::new("another".to_owned()),
        Origin::Login,
    );
    grant.identity = Some(user("005000000000001AAA"));
    grant.access = Some(fixtures::access("00Dx!another"));
    grant
}

fn view(state: StateSeen) -> GrantView {
    GrantView {
        state,
        revoke_at: None,
        bootstrap: None,
        floor: Serial(3),
        cluster: cluster(),
        claim: Claim::Open,
    }
}

/// The settled connector, with its state in this condition.
fn observed(state: StateSeen) -> Observed {
    let mut observed = granted(&json!({}), GrantValidity::Valid);
    let view = view(state);
    observed.held = view
        .state()
        .and_then(|state| token_of_state(state, None, of(&observed)));
    fixtures::grant_mut(&mut observed).view = view;
    observed
}

#[test]
fn what_the_secret_notes_of_a_token_counts_unless_it_was_noted_with_a_clock_that_was_ahead() {
    let observed = granted(&json!({}), GrantValidity::Valid);
    let state = grant_of(&observed).view.state().unwrap();
    let held = observed.held.as_ref().unwrap();
    let noted = |seconds| HeldToken {
        issue_time: held.issue_time + SignedDuration::from_secs(seconds),
        expiration: Expiration {
            time: held.expiration.time + SignedDuration::from_secs(seconds),
            source: ExpirySource::Introspected,
            renewal: Renewal::AtExpiry,
        },
        ..held.clone()
    };
    for (seconds, counts) in [(-600, true), (120, true), (121, false), (6 * 3600, false)] {
        let noted = noted(seconds);
        let found = token_of_state(state, Some(&noted), of(&observed)).unwrap();
        let expected = if counts { &noted } else { held };
        assert_eq!(found.issue_time, expected.issue_time, "{seconds}");
        assert_eq!(found.expiration, expected.expiration, "{seconds}");
    }
}

#[test]
fn a_newer_token_of_the_same_user_stays_in_the_secret_where_an_old_state_is_in_use_again() {
    let observed = granted(&json!({}), GrantValidity::Valid);
    let state = grant_of(&observed).view.state().unwrap();
    let held = observed.held.clone().unwrap();
    let noted = |serial, user: &str| HeldToken {
        token: AccessToken::new("another".to_owned()),
        serial: Some(serial),
        identity: Identity {
            user_id: user.to_owned(),
            ..held.identity.clone()
        },
        ..held.clone()
    };
    let user = held.identity.user_id.as_str();
    for (noted, stays) in [
        (noted(4, user), true),
        (noted(4, "005000000000099"), false),
        (noted(2, user), false),
    ] {
        let found = token_of_state(state, Some(&noted), of(&observed)).unwrap();
        assert_eq!(found.token == noted.token, stays, "{noted:?}");
    }
}

#[test]
fn each_state_of_a_grant_confirms_only_its_own_problem() {
    use GrantProblem::{
        AuthorizationRequired, BootstrapTokenInactive, BootstrapTokenUnverified, BootstrapTokenUsed,
        BootstrapTooOften, GrantLost, OutcomeUnknown, ReauthorizationRequired, StateRolledBack,
        StateUnreadable, UnsupportedStateVersion, WrongIdentity,
    };
    // What has been said of a brought token holds for as long as no grant is in use.
    let none_in_use = |told: GrantProblem| {
        [
            AuthorizationRequired,
            told,
            ReauthorizationRequired,
            BootstrapTokenUsed,
            BootstrapTokenInactive,
            BootstrapTokenUnverified,
            BootstrapTooOften,
        ]
    };
    for (name, state) in states() {
        let expected: Vec<GrantProblem> = match name {
            "working" | "working, with another beside it" | "open" => vec![],
            "absent" => none_in_use(GrantLost).into(),
            "newer version" => none_in_use(UnsupportedStateVersion).into(),
            "unreadable" => none_in_use(StateUnreadable).into(),
            "old" | "of another cluster" => none_in_use(StateRolledBack).into(),
            "empty" => vec![
                AuthorizationRequired,
                ReauthorizationRequired,
                BootstrapTokenUsed,
                BootstrapTokenInactive,
                BootstrapTokenUnverified,
                BootstrapTooOften,
            ],
            "unknown" => vec![OutcomeUnknown],
            "inactive" | "dead" => vec![ReauthorizationRequired],
            "somebody else's" => vec![WrongIdentity],
            "somebody else's, waiting alone" => {
                vec![
                    BootstrapTokenUsed,
                    BootstrapTokenInactive,
                    BootstrapTokenUnverified,
                    BootstrapTooOften,
                    WrongIdentity,
                ]
            }
            other => panic!("{other}"),
        };
        let view = view(state);
        let told: Vec<GrantProblem> = GrantProblem::ALL
            .into_iter()
            .filter(|problem| view.may_still_be(*problem, &ExpectSpec::default()))
            .collect();
        let mut expected = expected;
        expected.sort();
        assert_eq!(told, expected, "{name}");
    }
}

#[test]
fn a_grant_works_unless_it_is_gone_old_open_dead_or_somebody_else_s() {
    let working: Vec<_> = states()
        .into_iter()
        .filter(|(_, state)| view(state.clone()).works(&ExpectSpec::default()))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(working, ["working", "working, with another beside it"]);
}

#[test]
fn a_state_of_another_connector_is_not_read() {
    let state = found(fixtures::state(GrantValidity::Valid));
    assert_eq!(of_connector(state.clone(), &fixtures::owner().uid), state);
    assert_eq!(of_connector(state, "another"), StateSeen::Unreadable);
}

/// A brought token that is never imported, beside a grant that works.
fn refused_beside_a_working_one() -> Observed {
    let mut observed = observed(found(fixtures::state(GrantValidity::Valid)));
    fixtures::grant_mut(&mut observed).view.bootstrap = Some(TokenDigest::of(
        fixtures::key().ledger(),
        &RefreshToken::new("used".to_owned()),
    ));
    observed
}

fn mint(why: MintReason) -> Decision {
    Decision::Mint { why }
}

#[test]
fn a_grant_that_works_is_renewed_in_time_whatever_is_open_beside_it() {
    let observed = refused_beside_a_working_one();
    assert_eq!(
        fixtures::decided(&observed, after(1)),
        mint(MintReason::GrantOpen)
    );
    assert_eq!(
        fixtures::decided(&observed, after(7200)),
        mint(MintReason::RenewalDue)
    );
    assert_eq!(
        decide(&observed, Evidence::TokenRejected, after(1)),
        mint(MintReason::SessionEnded)
    );
    let mut idle = observed.clone();
    idle.held.as_mut().unwrap().expiration.time = after(1_000_000_000);
    assert_eq!(
        fixtures::decided(&idle, after(29 * 86_400)),
        mint(MintReason::KeepAlive)
    );
    // An app that changes together with the brought token isn't sent the token of before.
    let mut changed = observed.clone();
    changed.held.as_mut().unwrap().inputs_digest = Digest::from_text("another");
    assert_eq!(fixtures::decided(&changed, after(1)), mint(MintReason::GrantOpen));
}

#[test]
fn a_grant_that_does_not_work_is_settled_before_it_is_renewed() {
    for name in ["open", "unknown", "inactive"] {
        let (_, state) = states().into_iter().find(|(found, _)| *found == name).unwrap();
        let decision = fixtures::decided(&observed(state), after(7200));
        assert_eq!(decision, mint(MintReason::GrantOpen), "{name}");
    }
}

fn suspended(observed: Observed) -> Observed {
    Observed {
        activity: Activity::Suspended,
        ..observed
    }
}

fn foreign() -> Rejection {
    Rejection::new(OwnReason::SecretNotOwned, "Secret \"crm-salesforce\"")
}

fn refused(observed: Observed) -> Observed {
    Observed {
        target: Target::Refused(foreign()),
        ..observed
    }
}

#[test]
fn an_open_attempt_is_resolved_even_while_suspended_or_when_the_secret_is_rejected() {
    let state = |name: &str| states().into_iter().find(|(found, _)| *found == name).unwrap().1;
    for name in ["open", "unknown", "inactive"] {
        let (idle, barred) = (suspended(observed(state(name))), refused(observed(state(name))));
        let waits = Decision::Wait(WaitReason::BackOff(after(60)));
        for (open, waits) in [(idle, waits), (barred, Decision::Reject(foreign()))] {
            assert_eq!(
                fixtures::decided(&open, after(1)),
                mint(MintReason::GrantOpen),
                "{name}"
            );
            // As for every attempt: what is known already is not asked again at once.
            let mut told = open.clone();
            let failures = fixtures::failures(of(&told), GrantProblem::OutcomeUnknown, Some(after(60)));
            told.status.failures = Some(failures);
            let expected = if name == "unknown" {
                waits
            } else {
                mint(MintReason::GrantOpen)
            };
            assert_eq!(fixtures::decided(&told, after(1)), expected, "{name}");
            assert_eq!(
                fixtures::decided(&told, after(60)),
                mint(MintReason::GrantOpen),
                "{name}"
            );
            if name != "inactive" {
                let late = after(29 * 86_400);
                assert_eq!(
                    fixtures::decided(&open, late),
                    mint(MintReason::KeepAlive),
                    "{name}"
                );
            }
        }
    }
    let settled = observed(found(fixtures::state(GrantValidity::Valid)));
    let waiting = Decision::Wait(WaitReason::Suspended);
    assert_eq!(fixtures::decided(&suspended(settled.clone()), after(1)), waiting);
    assert_eq!(
        fixtures::decided(&refused(settled), after(1)),
        Decision::Reject(foreign())
    );
    // What was brought is for when the token is wanted again.
    assert_eq!(
        fixtures::decided(&suspended(refused_beside_a_working_one()), after(1)),
        waiting
    );
}

#[test]
fn an_attempt_beside_a_grant_that_works_is_asked_about_as_seldom_while_suspended_as_ever() {
    let mut state = fixtures::state(GrantValidity::Valid);
    let mut candidate = somebody_elses();
    candidate.attempt = Some(attempt(AttemptPhase::OutcomeUnknown));
    state.candidate = Some(candidate);
    let mut observed = suspended(observed(found(state)));
    assert_eq!(
        fixtures::decided(&observed, after(1)),
        mint(MintReason::GrantOpen)
    );
    let told = fixtures::failures(of(&observed), GrantProblem::OutcomeUnknown, Some(after(900)));
    observed.status.candidate_grant_failures = Some(told);
    assert_eq!(
        fixtures::decided(&observed, after(899)),
        Decision::Wait(WaitReason::Suspended)
    );
    assert_eq!(
        fixtures::decided(&refused(observed.clone()), after(899)),
        Decision::Reject(foreign())
    );
    assert_eq!(
        fixtures::decided(&observed, after(900)),
        mint(MintReason::GrantOpen)
    );
}
