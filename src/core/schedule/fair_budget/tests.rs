use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn of<'a>(namespace: &'a str, uid: &'a str) -> Payer<'a> {
    Payer { namespace, uid }
}

/// Takes as many as it gets, each for a connector of its own; returns their number.
fn drain(budget: &mut FairBudget, host: &str, namespace: &str, now: Timestamp) -> usize {
    let payers = (0..10_000).map(|number| format!("{namespace}-{number}"));
    payers
        .take_while(|uid| budget.take(host, of(namespace, uid), now).is_ok())
        .count()
}

#[test]
fn a_namespace_takes_what_leaves_as_much_to_others_and_then_an_even_rate() {
    let mut budget = FairBudget::new(60);
    assert_eq!(drain(&mut budget, "host", "a", at(0)), 30);
    assert_eq!(drain(&mut budget, "other-host", "a", at(0)), 30);
    let mut granted = Vec::new();
    for second in 1..=300 {
        let taken = budget.take("host", of("a", "a-30"), at(second));
        granted.extend(taken.is_ok().then_some(second));
    }
    assert_eq!(granted, [30, 90, 150, 210, 270]);
}

#[test]
fn whatever_others_take_there_is_something_left_for_a_namespace_that_has_taken_nothing() {
    let mut budget = FairBudget::new(3600);
    for namespace in 0..10 {
        assert!(drain(&mut budget, "host", &namespace.to_string(), at(0)) > 0);
    }
    assert_eq!(budget.take("host", of("victim", "crm"), at(0)), Ok(()));
    for namespace in 10..50 {
        drain(&mut budget, "host", &namespace.to_string(), at(0));
    }
    let wait = budget
        .take("host", of("another-victim", "crm"), at(0))
        .unwrap_err();
    assert!(wait <= Duration::from_secs(1), "{wait:?}");
    assert_eq!(drain(&mut budget, "host", "0", at(1)), 0);
    assert_eq!(budget.take("host", of("another-victim", "crm"), at(1)), Ok(()));
}

#[test]
fn connectors_of_a_namespace_queue_and_are_told_their_time() {
    let mut budget = FairBudget::new(3600);
    assert_eq!(drain(&mut budget, "host", "a", at(0)), 1800);
    let millis = |wait: Result<(), Duration>| wait.map_err(|wait| wait.as_millis());
    let told = ["a-1800", "b", "c"].map(|uid| millis(budget.take("host", of("a", uid), at(0))));
    assert_eq!(told, [Err(500), Err(1500), Err(2500)]);
    let early = millis(budget.take("host", of("a", "c"), at(2)));
    assert_eq!(early, Err(500), "its turn is kept");
    assert_eq!(millis(budget.take("host", of("a", "d"), at(2))), Err(1500));
    let then = ["c", "b", "a-1800"].map(|uid| budget.take("host", of("a", uid), at(3)));
    assert_eq!(then, [Ok(()), Ok(()), Ok(())]);
    assert_eq!(millis(budget.take("host", of("a", "d"), at(3))), Err(500));
}

#[test]
fn namespaces_that_have_taken_as_much_get_equal_parts_however_many_connectors_wait() {
    let mut budget = FairBudget::new(3600);
    while ["a", "b"].map(|name| budget.take("host", of(name, &format!("{name}0")), at(0)).is_ok())
        != [false; 2]
    {}
    let mut granted = HashMap::from([("a", 0_u32), ("b", 0)]);
    for second in 1..=600 {
        for (namespace, connectors) in [("a", 50), ("b", 3)] {
            for number in 0..connectors {
                let uid = format!("{namespace}{number}");
                let taken = budget.take("host", of(namespace, &uid), at(second));
                *granted.get_mut(namespace).unwrap() += u32::from(taken.is_ok());
            }
        }
    }
    let [a, b] = ["a", "b"].map(|namespace| granted[namespace]);
    assert!(
        (595..=602).contains(&(a + b)) && a.abs_diff(b) <= 5,
        "{granted:?}"
    );
}

#[test]
fn who_does_not_come_gives_up_its_turn() {
    let mut budget = FairBudget::new(60);
    drain(&mut budget, "host", "a", at(0));
    let waiting = |budget: &mut FairBudget, second: i64| {
        budget.wait("host", of("a", "x"), at(second));
        budget.hosts["host"].namespaces["a"].waiting.len()
    };
    assert_eq!(waiting(&mut budget, 329), 1);
    assert_eq!(waiting(&mut budget, 330), 0);
}

#[test]
fn what_was_not_sent_is_given_back_and_what_was_sent_beyond_it_is_taken() {
    let mut budget = FairBudget::new(10);
    let taken = |budget: &FairBudget| {
        budget.hosts["host"]
            .namespaces
            .get("a")
            .map_or(0.0, |account| account.taken)
    };
    let mut seen = Vec::new();
    for (taken_before, sent) in [(0, 2), (1, 0), (1, 1), (0, 99), (99, 0)] {
        budget.charge_or_refund("host", "a", taken_before, sent, at(0));
        seen.push(taken(&budget));
    }
    assert_eq!(seen, [2.0, 1.0, 1.0, 10.0, 0.0]);
}

#[test]
fn what_is_full_is_forgotten() {
    let mut budget = FairBudget::new(3600);
    for host in 0..10_000 {
        budget.take(&host.to_string(), of("a", "crm"), at(host)).unwrap();
    }
    assert!(budget.hosts.len() <= HOSTS_AT_FIRST, "{}", budget.hosts.len());
}
