use super::*;
use crate::identity::GrantIdentity;
use crate::ids::{ClusterUid, ConnectorRef};
use crate::state::Stage;
use crate::token::AccessToken;

fn answer(refresh: Option<&str>) -> TokenAnswer {
    TokenAnswer {
        access_token: AccessToken::new("access-2"),
        refresh_token: refresh.map(RefreshToken::new),
        instance_url: "https://example.my.salesforce.com".into(),
        identity: GrantIdentity {
            organization_id: "o".into(),
            user_id: "u".into(),
            username: None,
        },
        scopes: vec!["api".into()],
        issued_at: None,
        expiration: None,
        received_at: jiff::Timestamp::UNIX_EPOCH,
    }
}

fn limits() -> TimeLimits {
    TimeLimits::new(std::time::Duration::from_secs(30)).unwrap()
}

/// State with grant `g` in use, its token `r1`, and an attempt `a` read back at serial 5.
fn open() -> State {
    let connector = ConnectorRef {
        uid: "uid".into(),
        namespace: "ns".into(),
        name: "crm".into(),
    };
    let mut state = State::new(connector, ClusterUid::new("c"), Serial(4));
    let mut grant = Grant::new(GrantId::new("g"), RefreshToken::new("r1"), Origin::Login);
    grant.access = Some(access(&answer(None), Serial(3)));
    state.current = Some(grant);
    intent(
        &state,
        &GrantId::new("g"),
        &AttemptId::new("a"),
        limits(),
        &client(),
    )
    .unwrap()
}

fn client() -> OAuthClient {
    OAuthClient {
        host: "acme.my.salesforce.com".into(),
        client_id: "app".into(),
    }
}

fn holding(verdict: AnswerVerdict) -> PendingVerdict {
    PendingVerdict {
        grant: GrantId::new("g"),
        attempt: AttemptId::new("a"),
        serial: Serial(5),
        presented: RefreshToken::new("r1"),
        client: client(),
        base: Box::new(open()),
        verdict,
    }
}

fn result() -> PendingVerdict {
    holding(AnswerVerdict::Result(Box::new(answer(Some("r2")))))
}

fn decide(current: Option<&State>, holding: &PendingVerdict) -> ConcludeDecision {
    conclude(current, holding, &Expect::default(), Serial(5))
}

fn changed(change: impl FnOnce(&mut State)) -> State {
    let mut state = open();
    change(&mut state);
    state
}

fn current(state: &mut State) -> &mut Grant {
    state.current.as_mut().unwrap()
}

/// Token and serial that stand in a state to be written.
fn stored(decision: &ConcludeDecision) -> Option<(&str, Serial)> {
    match decision {
        ConcludeDecision::Write(state) | ConcludeDecision::Create(state) => Some((
            state.current.as_ref()?.refresh_token.expose_secret(),
            state.serial,
        )),
        ConcludeDecision::AlreadyThere | ConcludeDecision::Discard => None,
    }
}

fn written(decision: ConcludeDecision) -> State {
    match decision {
        ConcludeDecision::Write(state) | ConcludeDecision::Create(state) => *state,
        ConcludeDecision::AlreadyThere | ConcludeDecision::Discard => panic!("nothing to write"),
    }
}

#[test]
fn a_result_is_stored_and_closes_its_attempt() {
    let decision = decide(Some(&open()), &result());
    let mut expected = open();
    expected.serial = Serial(6);
    let grant = current(&mut expected);
    grant.refresh_token = RefreshToken::new("r2");
    grant.rotation = Rotation::Rotates;
    grant.granted_to = Some(client());
    grant.identity = Some(answer(None).identity);
    grant.access = Some(access(&answer(None), Serial(6)));
    grant.attempt = None;
    grant.stored_attempt = Some(AttemptId::new("a"));
    assert_eq!(decision, ConcludeDecision::Write(Box::new(expected)));
}

#[test]
fn a_late_result_replaces_what_others_concluded_from_silence() {
    for phase in [AttemptPhase::OutcomeUnknown, AttemptPhase::FoundInactive] {
        let judged = changed(|state| current(state).attempt.as_mut().unwrap().phase = phase);
        assert_eq!(
            stored(&decide(Some(&judged), &result())),
            Some(("r2", Serial(6))),
            "{phase:?}"
        );
    }
    let closed = changed(|state| current(state).attempt = None);
    assert_eq!(stored(&decide(Some(&closed), &result())), Some(("r2", Serial(6))));
    let dead = changed(|state| {
        current(state).attempt = None;
        current(state).validity = GrantValidity::Dead;
    });
    let revived = written(decide(Some(&dead), &result())).current.unwrap();
    assert_eq!(revived.stage(), Stage::Redeemed);
}

#[test]
fn a_result_survives_the_loss_or_the_return_of_an_old_state() {
    assert_eq!(stored(&decide(None, &result())), Some(("r2", Serial(6))));
    assert!(matches!(decide(None, &result()), ConcludeDecision::Create(_)));
    let restored = changed(|state| {
        state.serial = Serial(2);
        current(state).refresh_token = RefreshToken::new("r0");
        current(state).attempt = None;
    });
    assert_eq!(
        stored(&decide(Some(&restored), &result())),
        Some(("r2", Serial(6)))
    );
}

#[test]
fn a_result_that_may_have_been_renewed_since_is_not_lifted_above_what_was_announced() {
    let announced = Serial(7);
    let from_result = |current: Option<&State>| conclude(current, &result(), &Expect::default(), announced);
    let old = changed(|state| state.serial = Serial(4));
    for decision in [
        from_result(None),
        from_result(Some(&open())),
        from_result(Some(&old)),
    ] {
        assert_eq!(stored(&decision), Some(("r2", Serial(6))), "rolled back");
    }
    let newer = changed(|state| {
        state.serial = Serial(6);
        current(state).refresh_token = RefreshToken::new("r3");
        current(state).attempt = None;
    });
    assert_eq!(
        from_result(Some(&newer)),
        ConcludeDecision::Discard,
        "what is there is newer"
    );
}

#[test]
fn a_state_written_anew_holds_nothing_but_the_grant_of_the_result() {
    let digest: crate::ids::TokenDigest = serde_json::from_str("\"d\"").unwrap();
    let mut held = result();
    let waiting = Grant::new(
        GrantId::new("n"),
        RefreshToken::new("n1"),
        Origin::Import(digest.clone()),
    );
    held.base.candidate = Some(waiting);
    held.base.imported = Some(digest);
    let ConcludeDecision::Create(state) = decide(None, &held) else {
        panic!("a state")
    };
    assert_eq!((state.candidate, state.imported), (None, None));
    assert_eq!(
        state.current.map(|grant| grant.refresh_token),
        Some(RefreshToken::new("r2"))
    );
}

#[test]
fn a_result_that_was_overtaken_is_discarded() {
    let replaced = changed(|state| current(state).id = GrantId::new("h"));
    assert_eq!(decide(Some(&replaced), &result()), ConcludeDecision::Discard);
    let newer = changed(|state| {
        state.serial = Serial(9);
        current(state).refresh_token = RefreshToken::new("r3");
        current(state).attempt = None;
    });
    assert_eq!(decide(Some(&newer), &result()), ConcludeDecision::Discard);
}

#[test]
fn a_result_whose_write_landed_unseen_is_known_again() {
    let ConcludeDecision::Write(landed) = decide(Some(&open()), &result()) else {
        panic!("a write")
    };
    assert_eq!(decide(Some(&landed), &result()), ConcludeDecision::AlreadyThere);
}

#[test]
fn what_is_no_result_counts_only_while_its_attempt_stands() {
    let closed = changed(|state| {
        state.serial = Serial(6);
        current(state).attempt = None;
    });
    assert_eq!(
        decide(Some(&open()), &holding(AnswerVerdict::NotSent)),
        ConcludeDecision::Write(Box::new(closed.clone()))
    );
    let of_another = changed(|state| current(state).attempt.as_mut().unwrap().id = AttemptId::new("b"));
    let inactive =
        changed(|state| current(state).attempt.as_mut().unwrap().phase = AttemptPhase::FoundInactive);
    for verdict in [
        AnswerVerdict::NotSent,
        AnswerVerdict::GrantDead,
        AnswerVerdict::OutcomeUnknown,
    ] {
        for state in [None, Some(&closed), Some(&of_another), Some(&inactive)] {
            assert_eq!(
                decide(state, &holding(verdict.clone())),
                ConcludeDecision::Discard,
                "{verdict:?}"
            );
        }
    }
}

#[test]
fn a_grant_that_does_not_rotate_keeps_its_token() {
    let fixed = holding(AnswerVerdict::Result(Box::new(answer(None))));
    let rotated = changed(|state| current(state).rotation = Rotation::Rotates);
    let grant = written(decide(Some(&rotated), &fixed)).current.unwrap();
    assert_eq!(
        (grant.refresh_token, grant.rotation),
        (RefreshToken::new("r1"), Rotation::Fixed)
    );
}

#[test]
fn a_result_keeps_what_no_answer_tells_of_the_same_user() {
    let begun_at = jiff::Timestamp::UNIX_EPOCH - jiff::SignedDuration::from_hours(9);
    let known_as = |user: &str| {
        let state = changed(|state| {
            let grant = current(state);
            grant.access.as_mut().unwrap().begun_at = begun_at;
            grant.identity = Some(GrantIdentity {
                user_id: user.into(),
                username: Some("anna@example.com".into()),
                ..answer(None).identity
            });
        });
        let grant = written(decide(Some(&state), &result())).current.unwrap();
        (grant.identity.unwrap().username, grant.access.unwrap().begun_at)
    };
    assert_eq!(known_as("u"), (Some("anna@example.com".into()), begun_at));
    assert_eq!(known_as("another"), (None, begun_at));
}

#[test]
fn without_rotation_an_older_result_does_not_replace_a_newer_one() {
    let newer = changed(|state| {
        let grant = current(state);
        grant.attempt = None;
        grant.rotation = Rotation::Fixed;
        grant.access = Some(access(&answer(None), Serial(7)));
        state.serial = Serial(7);
    });
    for same in [None, Some("r1")] {
        let older = holding(AnswerVerdict::Result(Box::new(answer(same))));
        assert_eq!(decide(Some(&newer), &older), ConcludeDecision::Discard);
    }
    assert_eq!(
        stored(&decide(Some(&newer), &result())),
        Some(("r2", Serial(8))),
        "a token that replaces the stored one is newer"
    );
}

#[test]
fn no_intent_is_made_beside_another_or_for_a_dead_grant() {
    let (grant, attempt) = (GrantId::new("g"), AttemptId::new("b"));
    assert_eq!(intent(&open(), &grant, &attempt, limits(), &client()), None);
    let dead = changed(|state| {
        current(state).attempt = None;
        current(state).validity = GrantValidity::Dead;
    });
    assert_eq!(intent(&dead, &grant, &attempt, limits(), &client()), None);
    // What has brought something was granted to the app that was refused.
    let of_another = changed(|state| {
        current(state).attempt = None;
        current(state).validity = GrantValidity::Dead;
        current(state).refused_as = Some(OAuthClient {
            client_id: "another".into(),
            ..client()
        });
    });
    assert_eq!(intent(&of_another, &grant, &attempt, limits(), &client()), None);
}

/// State with a grant `n` of the same user beside the current one.
fn with_candidate() -> State {
    let mut candidate = Grant::new(GrantId::new("n"), RefreshToken::new("n1"), Origin::Login);
    candidate.access = Some(access(&answer(None), Serial(5)));
    candidate.identity = Some(answer(None).identity);
    changed(|state| {
        current(state).attempt = None;
        state.pin = Some(answer(None).identity);
        state.candidate = Some(candidate);
    })
}

#[test]
fn a_proven_grant_of_the_same_user_takes_the_place_of_the_current_one() {
    let mut expected = with_candidate();
    expected.serial = Serial(6);
    expected.current = expected.candidate.take();
    current(&mut expected).access.as_mut().unwrap().serial = Serial(6);
    assert_eq!(promoted(&with_candidate(), &Expect::default()), Some(expected));
}

#[test]
fn a_grant_of_another_user_or_without_a_token_waits_and_so_does_one_beside_an_open_attempt() {
    let mut stranger = with_candidate();
    stranger.candidate.as_mut().unwrap().identity = Some(GrantIdentity {
        user_id: "w".into(),
        ..answer(None).identity
    });
    let mut unproven = with_candidate();
    unproven.candidate.as_mut().unwrap().access = None;
    let mut beside_an_attempt = with_candidate();
    current(&mut beside_an_attempt).attempt = current(&mut open()).attempt.take();
    for state in [stranger, unproven, beside_an_attempt] {
        assert_eq!(promoted(&state, &Expect::default()), None, "{state:?}");
    }
}
