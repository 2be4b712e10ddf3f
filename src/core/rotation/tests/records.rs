//! The record of rotations in its Secret.

use redeem::ConnectorRef;

use super::world::{APP_ID, pair};
use crate::core::rotation::state::{OpenRotation, RotationState, StateFault};
use crate::core::testing::fixtures::{after, now};

fn state() -> RotationState {
    let connector = ConnectorRef {
        uid: "uid".into(),
        namespace: "sales".into(),
        name: "crm".into(),
    };
    RotationState::new(connector, APP_ID.parse().unwrap())
}

#[test]
fn a_record_is_read_back_as_it_was_written() {
    let rotated = state().rotated(pair("1"), "key-0", now());
    let staging = rotated.with_open(Some(OpenRotation::Staging { since: after(1) }));
    let rotating = rotated.with_open(Some(OpenRotation::Rotating {
        since: after(2),
        staged: pair("2"),
    }));
    for state in [state(), rotated, staging, rotating] {
        let data = state.to_data().unwrap();
        assert_eq!(RotationState::from_data(&data), Ok(state.clone()));
        let record = std::str::from_utf8(&data["record"]).unwrap();
        let debug = format!("{state:?} {state:#?}");
        assert!(!record.contains("secret-") && !debug.contains("secret-") && !debug.contains("key-"));
    }
}

#[test]
fn a_record_of_another_version_or_a_damaged_one_is_not_understood() {
    let state = state().rotated(pair("1"), "key-0", now());
    let change = |key: &str, value: Option<&str>| {
        let mut data = state.to_data().unwrap();
        match value {
            Some(value) => data.insert(key.to_owned(), value.as_bytes().to_vec()),
            None => data.remove(key),
        };
        RotationState::from_data(&data).unwrap_err()
    };
    assert_eq!(change("format", Some("2")), StateFault::OtherVersion);
    for (key, value) in [
        ("format", None),
        ("record", None),
        ("record", Some("{}")),
        ("current-client-secret", None),
    ] {
        assert_eq!(change(key, value), StateFault::Damaged, "{key}");
    }
}

#[test]
fn superseded_keys_are_remembered_once_and_not_without_end() {
    let mut state = state();
    for number in 1..40 {
        state = state.rotated(pair(&number.to_string()), "key-0", now());
    }
    assert_eq!(state.superseded.len(), 32);
    assert_eq!(state.superseded.last().unwrap(), "key-38");
    assert!(!state.superseded.contains(&"key-39".to_owned()));
}
