use super::*;

fn replicas(names: &[String]) -> BTreeSet<&str> {
    names.iter().map(String::as_str).collect()
}

fn named(from: usize, to: usize) -> Vec<String> {
    (from..to)
        .map(|number| format!("operator-{number}_{number:016x}"))
        .collect()
}

/// Of `printf %s NAMESPACE | sha256sum`, the first 16 digits, modulo the count.
#[test]
fn the_shard_of_a_namespace_is_what_every_version_takes_it_for() {
    for (namespace, number, of_4, of_6, of_64) in [
        ("sales", 0xe04e_b290_20ea_a961, 1, 1, 33),
        ("service", 0x9df6_b026_a8c6_c26e, 2, 0, 46),
        ("team-a", 0x96c2_886c_51d1_dfb4, 0, 0, 52),
        ("", 0xe3b0_c442_98fc_1c14, 0, 4, 20),
    ] {
        assert_eq!(super::number(namespace), number, "{namespace:?}");
        let shards = [4, 6, 64].map(|count| ShardCount::new(count).shard_of(namespace));
        assert_eq!(shards, [of_4, of_6, of_64].map(Shard), "{namespace:?}");
        assert_eq!(ShardCount::ONE.shard_of(namespace), Shard::FIRST);
    }
}

#[test]
fn who_should_own_which_shard_is_what_every_version_takes_it_for() {
    let names = ["a", "b", "c"].map(str::to_owned);
    let owners = ShardCount::new(8).owners(&replicas(&names));
    let owners: Vec<_> = owners.into_iter().map(Option::unwrap).collect();
    assert_eq!(owners.join(" "), "c c c b b b a a");
}

#[test]
fn one_shard_has_the_lease_that_there_was_before_there_were_shards_and_others_say_their_count() {
    assert_eq!(
        ShardCount::ONE.lease_of(Shard::FIRST),
        "salesforce-connector-operator"
    );
    assert_eq!(ShardCount::ONE.roster(), None);
    let four = ShardCount::new(4);
    let leases: Vec<_> = four.all().map(|shard| four.lease_of(shard)).collect();
    let expected = [0, 1, 2, 3].map(|shard| format!("salesforce-connector-operator-shard-{shard}-of-4"));
    assert_eq!(leases, expected);
    assert_eq!(
        four.roster().unwrap(),
        "salesforce-connector-operator-replicas-of-4"
    );
    assert_eq!(
        [0, 1, 64, 65].map(|count| ShardCount::new(count).get()),
        [1, 1, 64, 64]
    );
}

#[test]
fn a_budget_is_divided_by_shards_and_no_shard_has_nothing() {
    let part = |count, whole, owned| ShardCount::new(count).part_of(whole, owned);
    assert_eq!(part(1, 3600, 1), Some(3600));
    assert_eq!(
        [1, 3, 4].map(|owned| part(4, 3600, owned)),
        [900, 2700, 3600].map(Some)
    );
    assert_eq!([part(64, 10, 1), part(64, u32::MAX, 64)], [1, u32::MAX].map(Some));
    // Who owns nothing sends nothing, and must not find an empty budget in the moment in which it becomes an owner.
    assert_eq!([1, 4].map(|count| part(count, 3600, 0)), [None, None]);
}

#[test]
fn namespaces_are_spread_evenly() {
    let count = ShardCount::new(16);
    let mut sizes = [0; 16];
    for number in 0..16_000 {
        sizes[count.shard_of(&format!("tenant-{number}")).index()] += 1;
    }
    assert!(sizes.iter().all(|size| (900..1_100).contains(size)), "{sizes:?}");
}

#[test]
fn every_shard_has_an_owner_and_loads_differ_by_one_at_most() {
    for count in [1, 2, 3, 4, 7, 16, 64] {
        let count = ShardCount::new(count);
        assert!(count.owners(&BTreeSet::new()).iter().all(Option::is_none));
        for size in 1..12 {
            let names = named(0, size);
            let members = replicas(&names);
            let owners = count.owners(&members);
            let load = |name: &&str| owners.iter().filter(|owner| **owner == Some(*name)).count();
            let loads: Vec<_> = members.iter().map(load).collect();
            let (least, most) = (loads.iter().min().unwrap(), loads.iter().max().unwrap());
            assert!(most - least <= 1, "{count:?}: {loads:?}");
            assert_eq!(loads.iter().sum::<usize>(), owners.len());
        }
    }
}

/// At least as many have to change hands as the replica gets or leaves behind.
#[test]
fn few_shards_change_hands_when_a_replica_comes_or_goes() {
    let mut moved = [0; 2];
    let mut needed = [0; 2];
    for run in 0..200 {
        for size in 1..6 {
            let count = ShardCount::new(16);
            let names = named(run * 10, run * 10 + size + 1);
            let (with, without) = (replicas(&names), replicas(&names[..size]));
            let (after, before) = (count.owners(&with), count.owners(&without));
            let changed = after
                .iter()
                .zip(&before)
                .filter(|(after, before)| after != before)
                .count();
            let own = after
                .iter()
                .filter(|owner| **owner == Some(names[size].as_str()))
                .count();
            moved[usize::from(size > 1)] += changed;
            needed[usize::from(size > 1)] += own;
        }
    }
    assert_eq!(
        moved[0], needed[0],
        "a second replica takes its half, and nothing else moves"
    );
    assert!(moved[1] * 10 <= needed[1] * 17, "{moved:?} of {needed:?}");
}
