use proptest::prelude::*;

use super::*;
use crate::state::AttemptPhase;

prop_compose! {
    fn identity()(org in "00D[0-9A-Za-z]{12}", user in "005[0-9A-Za-z]{12}", username in prop::option::of("[a-z]{1,8}@[a-z]{1,8}"))
        -> GrantIdentity {
        GrantIdentity { organization_id: org, user_id: user, username }
    }
}

fn time() -> impl Strategy<Value = Timestamp> {
    (0i64..4_000_000_000, 0i64..1000).prop_map(|(s, ms)| Timestamp::from_millisecond(s * 1000 + ms).unwrap())
}

prop_compose! {
    fn some_access()(
        token in "[ -~]{1,40}",
        serial in any::<u64>(),
        url in "https://[a-z]{1,10}",
        scopes in prop::collection::vec("[a-z]{1,6}", 0..3),
        issued_at in prop::option::of(time()),
        expiration in prop::option::of((time(), "[A-Z][a-z]{1,8}")),
        received_at in time(),
        begun_at in time(),
    ) -> Access {
        Access {
            token: AccessToken::new(token),
            serial: Serial(serial),
            instance_url: url,
            scopes,
            issued_at,
            expiration: expiration.map(|(time, source)| AccessExpiration { time, source }),
            received_at,
            begun_at,
            unknown: UnknownFields::default(),
        }
    }
}

fn client() -> impl Strategy<Value = Option<OAuthClient>> {
    prop::option::of(
        ("[a-z.]{1,12}", "[ -~]{1,12}").prop_map(|(host, client_id)| OAuthClient {
            host: host.into(),
            client_id: client_id.into(),
        }),
    )
}

prop_compose! {
    fn attempt()(
        id in "[a-z0-9]{1,8}",
        serial in any::<u64>(),
        phase in prop_oneof![
            Just(AttemptPhase::Open),
            Just(AttemptPhase::OutcomeUnknown),
            Just(AttemptPhase::FoundInactive)
        ],
        hold_off_seconds in any::<u32>(),
        client in client(),
    ) -> Attempt {
        Attempt {
            id: AttemptId::new(id),
            serial: Serial(serial),
            phase,
            hold_off_seconds,
            client,
            unknown: UnknownFields::default(),
        }
    }
}

fn digest() -> impl Strategy<Value = TokenDigest> {
    any::<[u8; 8]>().prop_map(|bytes| {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"key");
        let key = crate::ids::LedgerKey::new("k1", key);
        TokenDigest::of(&key, &RefreshToken::new(format!("{bytes:?}")))
    })
}

prop_compose! {
    fn grant()(
        id in "[a-z0-9]{1,8}",
        token in "[ -~]{1,40}",
        origin in prop_oneof![Just(Origin::Login), digest().prop_map(Origin::Import)],
        granted_to in client(),
        access in prop::option::of(some_access()),
        identity in prop::option::of(identity()),
        rotation in prop_oneof![Just(Rotation::Unknown), Just(Rotation::Rotates), Just(Rotation::Fixed)],
        attempt in prop::option::of(attempt()),
        stored in prop::option::of("[a-z0-9]{1,8}"),
        validity in prop_oneof![Just(GrantValidity::Valid), Just(GrantValidity::Dead)],
        refused_as in client(),
    ) -> Grant {
        Grant {
            id: GrantId::new(id),
            refresh_token: RefreshToken::new(token),
            origin,
            granted_to,
            access,
            identity,
            rotation,
            attempt,
            stored_attempt: stored.map(AttemptId::new),
            validity,
            refused_as,
            unknown: UnknownFields::default(),
        }
    }
}

prop_compose! {
    fn state()(
        serial in any::<u64>(),
        pin in prop::option::of(identity()),
        imported in prop::option::of(digest()),
        current in prop::option::of(grant()),
        candidate in prop::option::of(grant()),
        revocation_tries in any::<u32>(),
    ) -> State {
        State {
            connector: ConnectorRef { uid: "u".into(), namespace: "ns".into(), name: "n".into() },
            cluster: ClusterUid::new("c"),
            serial: Serial(serial),
            pin,
            imported,
            current,
            candidate,
            revocation_tries,
            unknown: UnknownFields::default(),
        }
    }
}

proptest! {
    #[test]
    fn a_state_comes_back_from_a_secret_as_it_went_in(state in state()) {
        let data = state.to_data().unwrap();
        prop_assert_eq!(State::from_data(&data).unwrap(), state);
    }

    #[test]
    fn tokens_stand_under_their_own_keys_alone_and_debug_output_hides_them(mut state in state()) {
        let marker = "marker-8b2c";
        for grant in state.current.iter_mut().chain(state.candidate.iter_mut()) {
            grant.refresh_token = RefreshToken::new(marker);
            if let Some(access) = &mut grant.access {
                access.token = AccessToken::new(marker);
            }
        }
        let data = state.to_data().unwrap();
        for (key, value) in &data {
            prop_assert_eq!(String::from_utf8_lossy(value).contains(marker), key.ends_with("-token"), "{}", key);
        }
        let shown = format!("{state:?}");
        prop_assert!(!shown.contains(marker));
    }
}

fn data() -> BTreeMap<String, Vec<u8>> {
    let connector = ConnectorRef {
        uid: "u".into(),
        namespace: "ns".into(),
        name: "n".into(),
    };
    let mut state = State::new(connector, ClusterUid::new("c"), Serial(3));
    state.current = Some(Grant::new(
        GrantId::new("g"),
        RefreshToken::new("r"),
        Origin::Login,
    ));
    state.to_data().unwrap()
}

#[test]
fn an_unknown_format_version_is_refused_before_anything_else_is_read() {
    let mut data = data();
    data.insert(FORMAT.into(), b"2".to_vec());
    data.insert(RECORD.into(), b"not JSON".to_vec());
    assert_eq!(State::from_data(&data), Err(StateError::UnsupportedVersion));
}

#[test]
fn a_damaged_state_is_refused_and_the_key_named() {
    for key in [FORMAT, RECORD, CURRENT.refresh] {
        let mut missing = data();
        missing.remove(key);
        assert_eq!(State::from_data(&missing), Err(StateError::Key(key)));
        let mut binary = data();
        binary.insert(key.into(), vec![0xff]);
        assert_eq!(State::from_data(&binary), Err(StateError::Key(key)));
    }
}

/// The record that a newer version left, with `later` wherever it may add to it.
const NEWER: &str = r#"{"connector":{"uid":"u","namespace":"ns","name":"n"},"cluster":"c","serial":3,"later":1,
    "current":{"id":"g","origin":"login","rotation":"rotates","validity":"valid","later":{"a":["secret-7f"]},
        "attempt":{"id":"a","serial":3,"phase":"open","holdOffSeconds":75,"later":true},
        "access":{"serial":2,"instanceUrl":"https://x","scopes":[],"receivedAt":"2026-01-01T00:00:00Z",
            "begunAt":"2026-01-01T00:00:00Z","later":null}}}"#;

fn newer() -> BTreeMap<String, Vec<u8>> {
    let mut data = data();
    data.insert(RECORD.into(), NEWER.into());
    data.insert(CURRENT.access.into(), b"t".to_vec());
    data
}

#[test]
fn fields_that_only_a_newer_version_knows_are_written_back_and_not_shown() {
    let state = State::from_data(&newer()).unwrap();
    assert!(!format!("{state:?}").contains("secret-7f"));
    let written = state.to_data().unwrap();
    let value = |data: &BTreeMap<String, Vec<u8>>| -> serde_json::Value {
        serde_json::from_slice(&data[RECORD]).unwrap()
    };
    let mut expected = value(&newer());
    expected["revocationTries"] = 0.into();
    assert_eq!(value(&written), expected);
}

#[test]
fn what_a_newer_version_noted_of_a_token_goes_with_that_token() {
    let mut state = State::from_data(&newer()).unwrap();
    let grant = state.current.as_mut().unwrap();
    let unknown = grant.unknown.clone();
    grant.attempt = None;
    let renewed = crate::attempt::intent(
        &state,
        &GrantId::new("g"),
        &AttemptId::new("b"),
        crate::time::TimeLimits::new(std::time::Duration::from_secs(30)).unwrap(),
        &OAuthClient {
            host: "acme.my.salesforce.com".into(),
            client_id: "app".into(),
        },
    );
    let grant = renewed.unwrap().current.unwrap();
    assert_eq!(grant.unknown, unknown);
    assert_eq!(grant.attempt.unwrap().unknown, UnknownFields::default());
}
