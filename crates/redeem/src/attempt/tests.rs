use super::*;
use crate::identity::GrantIdentity;
use crate::ids::{ClusterUid, ConnectorRef};
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

/// State with grant `g` in use, its token `r1`, and an attempt `a` read back at serial 5.
fn limits() -> TimeLimits {
    TimeLimits::new(std::time::Duration::from_secs(30)).unwrap()
}

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
    intent(&state, &GrantId::new("g"), &AttemptId::new("a"), limits()).unwrap()
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
    for verdict in [
        AnswerVerdict::NotSent,
        AnswerVerdict::GrantDead,
        AnswerVerdict::OutcomeUnknown,
    ] {
        assert_eq!(
            decide(Some(&closed), &holding(verdict.clone())),
            ConcludeDecision::Discard,
            "{verdict:?}"
        );
        assert_eq!(
            decide(None, &holding(verdict.clone())),
            ConcludeDecision::Discard,
            "{verdict:?}"
        );
    }
}

#[test]
fn a_grant_that_does_not_rotate_keeps_its_token() {
    let fixed = holding(AnswerVerdict::Result(Box::new(answer(None))));
    assert_eq!(stored(&decide(Some(&open()), &fixed)), Some(("r1", Serial(6))));
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
    assert_eq!(intent(&open(), &grant, &attempt, limits()), None);
    let dead = changed(|state| {
        current(state).attempt = None;
        current(state).validity = GrantValidity::Dead;
    });
    assert_eq!(intent(&dead, &grant, &attempt, limits()), None);
}

#[test]
fn a_grant_of_another_user_waits_and_leaves_the_one_in_use_alone() {
    let mut state = changed(|state| {
        current(state).attempt = None;
        state.pin = Some(answer(None).identity);
    });
    let mut candidate = Grant::new(GrantId::new("n"), RefreshToken::new("n1"), Origin::Login);
    candidate.access = Some(access(&answer(None), Serial(5)));
    candidate.identity = Some(GrantIdentity {
        user_id: "w".into(),
        ..answer(None).identity
    });
    state.candidate = Some(candidate);
    assert_eq!(promoted(&state, &Expect::default()), None);
    state.candidate.as_mut().unwrap().identity = Some(answer(None).identity);
    let promoted = promoted(&state, &Expect::default()).unwrap();
    assert_eq!(promoted.current.map(|grant| grant.id), Some(GrantId::new("n")));
}
