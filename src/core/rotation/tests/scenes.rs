//! What a rotation does, is told of, and is kept from.

use salesforce_client::{Refusal, StagedState};

use super::world::{Mishap, Slot, World, pair};
use crate::core::conclude::EventKind;
use crate::core::rotation::state::OpenRotation;

fn slot(name: &str, state: StagedState) -> Slot {
    Slot {
        id: "0iSxx0000000099AAA".to_owned(),
        app: pair(name),
        state,
    }
}

const ROTATED: (EventKind, &str) = (EventKind::Normal, "AppCredentialsRotated");
const UPDATED: (EventKind, &str) = (EventKind::Normal, "InputSecretUpdated");

#[test]
fn each_step_is_stored_before_the_call_that_it_announces_and_the_secret_is_written_last() {
    let mut world = World::new(&[]);
    world.until_rotated();
    world.pass();
    let rotation: Vec<_> = world
        .effects
        .iter()
        .filter(|name| {
            let others = [
                "Test",
                "Record",
                "WriteStatus",
                "Introspect",
                "DeleteFormerSecrets",
            ];
            !others.iter().any(|other| name.starts_with(other))
        })
        .copied()
        .collect();
    let expected = [
        "RequestToken",
        "CreateSecret",
        "ListConsumers",
        "ListStaged",
        "StoreRotation",
        "StageCredentials",
        "StoreRotation",
        "RotateCredentials",
        "StoreRotation",
        // The new credentials are tried by a login.
        "RequestToken",
        "UpdateSecret",
        "ReadInput",
        "WriteInput",
    ];
    assert_eq!(rotation, expected);
    assert_eq!(world.events, [ROTATED, UPDATED]);
    let told = world.rotation();
    let (last, next) = (
        told.last_rotation_time.unwrap().0,
        told.next_rotation_time.unwrap().0,
    );
    assert_eq!(next.duration_since(last).as_hours(), 2160);
    assert_eq!(
        (told.failures, world.ready()),
        (None, ("True".to_owned(), "TokenValid".to_owned()))
    );
    assert!(told.secret_update_time.is_some());
}

#[test]
fn without_consent_the_operator_keeps_the_credentials_and_logs_in_with_them() {
    for consent in [None, Some("billing"), Some("crm2, billing")] {
        let mut world = World::new(&[]);
        world.consent = consent;
        world.until_rotated();
        world.until("the Secret was read", |world| world.trouble().is_some());
        assert_eq!(
            (world.input.clone(), world.primary.clone()),
            (pair("0"), pair("1"))
        );
        assert_eq!(world.trouble().as_deref(), Some("InputSecretNotConsenting"));
        assert_eq!(world.ready(), ("True".to_owned(), "TokenValid".to_owned()));
        assert!(world.effects.iter().all(|name| *name != "WriteInput"));
        // The former ones end, and the Secret still has those from before.
        world.sleep(31 * 24);
        world.until("it has a token again", |world| world.ready().0 == "True");
        world.consent = Some("billing, crm");
        world.until("it consents", |world| world.input == world.primary);
        assert!(world.trouble().is_none());
    }
}

#[test]
fn the_next_rotation_is_after_the_interval_whoever_has_the_credentials() {
    for consent in [Some("crm"), None] {
        let mut world = World::new(&[]);
        world.consent = consent;
        world.until_rotated();
        for times in 2..5 {
            world.sleep(2160);
            world.until("rotated once more", |world| {
                world.primary == pair(&times.to_string())
            });
            world.until_rotated();
        }
        assert_eq!(world.input, pair(if consent.is_some() { "4" } else { "0" }));
        let rotations = world.events.iter().filter(|event| **event == ROTATED).count();
        assert_eq!(rotations, 4);
    }
}

#[test]
fn what_somebody_else_has_staged_or_rotated_stays_and_is_told() {
    for state in [StagedState::Active, StagedState::Rotated, StagedState::Other] {
        let mut world = World::new(&[]);
        world.slot = Some(slot("other", state));
        world.until("it is told", |world| {
            world.status_has_rotation() && world.trouble().is_some()
        });
        assert_eq!(world.trouble().as_deref(), Some("StagedCredentialsExist"));
        assert_eq!(
            (world.state(), world.slot.as_ref().unwrap().app.clone()),
            (None, pair("other"))
        );
        world.slot = None;
        world.until_rotated();
    }
    let mut world = World::new(&[]);
    world.slot = Some(slot("over", StagedState::Expired));
    world.until_rotated();
    assert!(world.effects.contains(&"DeleteStaged"));
}

#[test]
fn credentials_that_somebody_stages_meanwhile_are_not_taken_for_the_operators_own() {
    let mut world = World::new(&[]);
    world.refuses = Some(Refusal::FunctionalityNotEnabled);
    world.until("it is refused", |world| {
        world.status_has_rotation() && world.trouble().is_some()
    });
    assert_eq!(world.state().unwrap().open, None, "nothing was staged");
    let failures = world.rotation().failures.unwrap();
    assert!(
        failures.message.contains("View Client Secret"),
        "{}",
        failures.message
    );
    world.refuses = None;
    world.slot = Some(slot("other", StagedState::Active));
    world.sleep(1);
    for _ in 0..5 {
        world.pass();
    }
    assert_eq!(world.primary, pair("0"));
    assert_eq!(world.trouble().as_deref(), Some("StagedCredentialsExist"));
}

#[test]
fn staged_credentials_that_somebody_deletes_are_staged_anew() {
    // The process dies before the call that rotates them in.
    let undisturbed = {
        let mut world = World::new(&[]);
        world.until_rotated();
        world.effects
    };
    let rotate = undisturbed
        .iter()
        .position(|name| *name == "RotateCredentials")
        .unwrap();
    let mut world = World::new(&[Mishap::DiesBefore(rotate)]);
    world.until("they are staged", |world| {
        let open = world.state().and_then(|state| state.open);
        matches!(open, Some(OpenRotation::Rotating { .. }))
    });
    world.slot = None;
    world.until_rotated();
    assert_eq!(world.primary, pair("2"));
    assert!(
        world
            .events
            .contains(&(EventKind::Warning, "StagedCredentialsGone")),
        "{:?}",
        world.events
    );
}

#[test]
fn credentials_are_in_use_although_nobody_found_out_before_the_former_ones_ended() {
    let undisturbed = {
        let mut world = World::new(&[]);
        world.until_rotated();
        world.effects
    };
    let rotate = undisturbed
        .iter()
        .position(|name| *name == "RotateCredentials")
        .unwrap();
    let mut world = World::new(&[Mishap::DiesAfter(rotate)]);
    world.until("they are rotated in", |world| world.primary == pair("1"));
    world.sleep(40 * 24);
    world.until_rotated();
    assert_eq!(
        (world.input.clone(), world.primary.clone()),
        (pair("1"), pair("1"))
    );
}

#[test]
fn a_pair_that_a_person_puts_into_the_secret_comes_first() {
    let mut world = World::new(&[]);
    world.until_rotated();
    world.slot = None;
    world.primary = pair("by-hand");
    world.input = pair("by-hand");
    world.sleep(3);
    world.until("it has a token again", |world| world.ready().0 == "True");
    assert_eq!(world.observe().connector().unwrap().app, pair("by-hand"));
    // What it was before is older than what the operator has.
    world.primary = pair("1");
    world.input = pair("0");
    assert_eq!(world.observe().connector().unwrap().app, pair("1"));
}

#[test]
fn an_operator_that_may_not_rotate_or_can_not_read_its_record_says_so_and_sends_nothing() {
    let mut world = World::new(&[]);
    world.permitted = false;
    for _ in 0..4 {
        world.pass();
    }
    assert_eq!(
        (world.trouble().as_deref(), world.state()),
        (Some("CredentialRotationDisabled"), None)
    );
    world.permitted = true;
    world.until_rotated();
    assert_eq!(world.trouble(), None);

    world.damage_state();
    world.sleep(2160);
    let before = world.effects.len();
    for _ in 0..4 {
        world.pass();
    }
    assert_eq!(world.trouble().as_deref(), Some("RotationStateUnavailable"));
    let sent = &world.effects[before..];
    assert!(!sent.iter().any(|name| name.starts_with("List")), "{sent:?}");
}

#[test]
fn without_the_field_the_status_tells_as_long_as_the_operator_alone_has_the_credentials() {
    let mut world = World::new(&[]);
    world.consent = None;
    world.until_rotated();
    world.spec.app.rotation = None;
    world.pass();
    assert!(world.status_has_rotation());
    assert_eq!(world.observe().connector().unwrap().app, pair("1"));
    world.input = pair("1");
    world.pass();
    assert!(!world.status_has_rotation());
}

#[test]
fn an_app_without_the_consumer_key_of_the_connector_is_left_alone() {
    let mut world = World::new(&[]);
    world.until("it has a token", |world| world.effects.contains(&"WriteStatus"));
    // Somebody rotates by hand, and the former pair still works.
    world.slot = Some(slot("by-hand", StagedState::Active));
    world.rotate("0iSxx0000000099AAA");
    world.slot = None;
    world.until("it is told", |world| {
        world.status_has_rotation() && world.trouble().is_some()
    });
    assert_eq!(world.trouble().as_deref(), Some("ConsumerNotFound"));
    assert_eq!((world.state(), world.primary.clone()), (None, pair("by-hand")));
}
