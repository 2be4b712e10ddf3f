//! Whatever dies or is lost, and wherever.

use super::world::{Mishap, World};

/// The effects at which a rotation can be cut in two.
const ROTATION: [&str; 6] = [
    "StoreRotation",
    "StageCredentials",
    "RotateCredentials",
    "DeleteStaged",
    "WriteInput",
    "RequestToken",
];

fn at(number: usize) -> [Mishap; 3] {
    [
        Mishap::DiesBefore(number),
        Mishap::DiesAfter(number),
        Mishap::AnswerLost(number),
    ]
}

fn rotated(consent: Option<&'static str>, shows_secrets: bool, mishaps: &[Mishap]) -> World {
    let mut world = World::new(mishaps);
    world.consent = consent;
    world.shows_secrets = shows_secrets;
    world.until_rotated();
    world
}

#[test]
fn a_rotation_comes_to_its_end_wherever_the_process_dies_or_an_answer_is_lost() {
    for consent in [Some("crm"), None] {
        for shows_secrets in [true, false] {
            let undisturbed = rotated(consent, shows_secrets, &[]).effects.len();
            for number in 0..undisturbed {
                for mishap in at(number) {
                    let mut world = rotated(consent, shows_secrets, &[mishap]);
                    world.pass();
                    assert!(world.trouble().is_none() || consent.is_none(), "{mishap:?}");
                    let key = &world.primary.client_id;
                    let staged = world
                        .effects
                        .iter()
                        .filter(|name| **name == "StageCredentials")
                        .count();
                    assert!(
                        staged <= 2 && ["key-1", "key-2"].contains(&key.as_str()),
                        "{mishap:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_rotation_comes_to_its_end_although_it_is_cut_short_twice() {
    for shows_secrets in [true, false] {
        let undisturbed = rotated(Some("crm"), shows_secrets, &[]).effects;
        let cut = |effects: &[&'static str], from: usize| {
            let numbers = (from..effects.len()).filter(|number| ROTATION.contains(&effects[*number]));
            numbers.flat_map(at).collect::<Vec<_>>()
        };
        for first in cut(&undisturbed, 0) {
            let once = rotated(Some("crm"), shows_secrets, &[first]).effects;
            let (Mishap::DiesBefore(number) | Mishap::DiesAfter(number) | Mishap::AnswerLost(number)) = first;
            for second in cut(&once, number + 1) {
                rotated(Some("crm"), shows_secrets, &[first, second]);
            }
        }
    }
}
