//! The model check: the shipped session, driven through everything that can go wrong.
//!
//! `exhaustive` walks every interleaving within the bounds stated there; `random` runs long schedules from a seed.
//! `REDEEM_SEED` and `REDEEM_SCHEDULES` choose other ones, `REDEEM_SCOPE` the scopes with that in their name;
//! `cargo test -p redeem --test model -- --nocapture` shows the tables; `smoke` as the name runs a part in seconds.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::too_many_lines,
    reason = "a test: what panics here fails it, and the numbers are small"
)]

mod action;
mod chance;
mod cluster;
mod diagram;
mod driver;
mod ending;
mod exhaustive;
mod logins;
mod pretence;
mod random;
mod salesforce;
mod scopes;
mod seen;
mod shared;
mod tally;
mod transitions;
mod variant;
mod wire;
mod world;

use std::collections::BTreeMap;

use tally::Tally;
use variant::Variant;

/// Prints what happens when `REDEEM_TRACE` is set.
fn trace(text: impl Fn() -> String) {
    static ON: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    if *ON.get_or_init(|| std::env::var_os("REDEEM_TRACE").is_some()) {
        println!("{}", text());
    }
}

/// A value on one line, cut short.
fn short(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    let noise = [
        (
            "connector: ConnectorRef { uid: \"u0\", namespace: \"\", name: \"\" }, cluster: ClusterUid(\"c\"), ",
            "",
        ),
        (
            ", instance_url: \"\", scopes: [], issued_at: None, expiration: None, received_at: 1970-01-01T00:00:00Z, begun_at: 1970-01-01T00:00:00Z",
            "",
        ),
        ("GrantIdentity { organization_id: \"o\", user_id: ", "{"),
        (", username: None", ""),
        ("RefreshToken([redacted])", "R"),
        ("AccessToken([redacted])", "A"),
    ];
    let text = noise.iter().fold(text, |text, (from, to)| text.replace(from, to));
    let text = text.split("TokenDigest(\"").map(|part| {
        if part.len() > 64 {
            part.get(60..).unwrap_or(part)
        } else {
            part
        }
    });
    let text: String = text.collect();
    text.chars().take(900).collect()
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .map_or(default, |text| text.parse().expect("a number"))
}

#[test]
fn a_million_random_schedules_burn_no_grant() {
    let (seed, schedules) = (
        setting("REDEEM_SEED", 20_261_123),
        setting("REDEEM_SCHEDULES", 1_000_000),
    );
    run_schedules(seed, schedules);
}

#[test]
fn smoke_a_few_thousand_random_schedules_burn_no_grant() {
    run_schedules(20_261_127, 10_000);
}

fn run_schedules(seed: u64, schedules: u64) {
    let mut tally = Tally::new();
    let mut endings: BTreeMap<_, u64> = BTreeMap::new();
    for number in 0..schedules {
        let run = random::run(seed.wrapping_add(number), Variant::Shipped, &mut tally);
        match run.ending {
            Ok(ending) => *endings.entry(ending).or_default() += 1,
            Err(violation) => panic!(
                "{violation:?}; run again with REDEEM_TRACE=1 REDEEM_SEED={} REDEEM_SCHEDULES=1\n{:?} {} actions",
                seed.wrapping_add(number),
                run.config,
                run.actions.len()
            ),
        }
    }
    println!("{schedules} schedules from seed {seed}");
    tally.print();
    for (ending, count) in &endings {
        println!("{count:>12}  ended {ending:?}");
    }
    if schedules >= 1_000_000 {
        for (event, count) in tally.rows() {
            let schedules = count.schedules;
            assert!(schedules >= 10_000, "{event}: in {schedules} schedules only");
        }
        let crashes: BTreeMap<_, _> = tally.crashes().collect();
        for at in action::STEPS {
            let schedules = crashes.get(at).copied().unwrap_or_default().schedules;
            assert!(schedules >= 1_000, "crash at {at}: in {schedules} schedules only");
        }
    }
}

/// Scopes that are walked in a second or two, with one of each kind of disturbance.
const SMALL_SCOPES: [&str; 6] = [
    "renew: one crash, one fault",
    "import under a name: what is rare and one fault",
    "renew under a name: what is rare and one fault",
    "renew, no rotation: one crash, one fault",
    "a second installation takes over: one crash, one jump",
    "a second installation takes over, no introspection: one crash, one jump",
];

#[test]
fn smoke_every_interleaving_of_small_scopes_burns_no_grant() {
    walk_scopes(|name| SMALL_SCOPES.contains(&name));
}

#[test]
fn every_interleaving_within_the_bounds_burns_no_grant() {
    let wanted = std::env::var("REDEEM_SCOPE").unwrap_or_default();
    walk_scopes(|name| name.contains(&wanted));
}

/// Walks the scopes of these names on two threads, those where people act first: they are the largest.
fn walk_scopes(wanted: impl Fn(&str) -> bool) {
    let mut scopes: Vec<_> = scopes::SCOPES.iter().filter(|scope| wanted(scope.name)).collect();
    scopes.sort_by_key(|scope| !scope.name.contains("people"));
    assert!(!scopes.is_empty(), "no scope is named like that");
    let next = std::sync::atomic::AtomicUsize::new(0);
    let walk = || {
        while let Some(scope) = scopes.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
            let found = exhaustive::explore(scope, Variant::Shipped, None);
            println!("{found}");
            if let Some((violation, path)) = &found.violation {
                panic!("{violation:?} in {}: {path:#?}", scope.name);
            }
        }
    };
    std::thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(walk);
        }
    });
}

#[test]
fn smoke_every_broken_variant_is_caught_by_walking_interleavings() {
    for (variant, expected, within) in Variant::BROKEN {
        let scope = scopes::SCOPES
            .iter()
            .find(|scope| scope.name == within)
            .expect("a scope of that name");
        let found = exhaustive::explore(scope, variant, Some(expected)).violation;
        let (violation, path) = found.unwrap_or_else(|| panic!("{variant:?} was not caught in {within}"));
        println!(
            "{variant:?}: {violation:?} after {} steps in \"{within}\"",
            path.len()
        );
    }
}

#[test]
fn every_broken_variant_is_caught_by_random_schedules() {
    let by_chance = |(variant, ..): &(Variant, _, _)| !Variant::WALKED_ALONE.contains(variant);
    for (variant, expected, _) in Variant::BROKEN.into_iter().filter(by_chance) {
        let mut tally = Tally::new();
        let caught =
            (0..400_000).find(|seed| random::run(*seed, variant, &mut tally).ending == Err(expected));
        println!("{variant:?}: {expected:?} found by seed {caught:?}");
        assert!(caught.is_some(), "{variant:?} was not caught");
    }
}
