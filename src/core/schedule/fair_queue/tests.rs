use proptest::prelude::*;

use super::*;

fn share(namespace: &str, host: &str) -> Share {
    Share {
        namespace: namespace.into(),
        host: host.into(),
    }
}

/// Asks for `count` passes of a namespace, each at the host; returns how many may begin.
fn ask(queue: &mut FairQueue<String>, namespace: &str, host: &str, count: usize) -> usize {
    let names = (0..count).map(|number| format!("{namespace}/{host}/{number}"));
    names
        .filter(|name| queue.ask(name, &share(namespace, host), Urgency::Routine))
        .count()
}

fn names(namespace: &str, host: &str, numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers
        .map(|number| format!("{namespace}/{host}/{number}"))
        .collect()
}

#[test]
fn a_namespace_leaves_places_to_others_and_a_host_too() {
    let mut queue = FairQueue::default();
    assert_eq!(ask(&mut queue, "evil", "hangs", 1000), FOR_NAMESPACE);
    assert_eq!(ask(&mut queue, "good", "works", 1), 1);
    for name in names("evil", "hangs", 0..FOR_NAMESPACE) {
        assert_eq!(queue.linger(&name), Vec::<String>::new());
    }
    assert_eq!(ask(&mut queue, "other", "hangs", 1000), FOR_NAMESPACE);
    for name in names("other", "hangs", 0..FOR_NAMESPACE) {
        queue.linger(&name);
    }
    assert_eq!(
        ask(&mut queue, "third", "hangs", 1000),
        0,
        "{FOR_HOST} are at the host"
    );
    assert_eq!(ask(&mut queue, "third", "works", 1), 1);
}

#[test]
fn a_pass_that_takes_long_lends_its_place_while_not_too_many_do() {
    let mut queue = FairQueue::default();
    let mut running = Vec::new();
    for tenant in ["a", "b", "c", "d", "e", "f", "g"] {
        ask(&mut queue, tenant, tenant, FOR_NAMESPACE);
    }
    loop {
        let begun: Vec<String> = queue.running.keys().cloned().collect();
        let new: Vec<String> = begun.into_iter().filter(|name| !running.contains(name)).collect();
        if new.is_empty() {
            break;
        }
        for name in new {
            queue.linger(&name);
            running.push(name);
        }
    }
    assert_eq!(
        (queue.running.len(), queue.lingering),
        (PLACES + LINGERING, LINGERING)
    );
}

#[test]
fn namespaces_take_turns_and_so_do_the_hosts_of_one() {
    let mut queue = FairQueue::default();
    for busy in ["w", "x"] {
        ask(&mut queue, busy, busy, PLACES / 2);
    }
    for (namespace, host) in [("a", "one"), ("a", "two"), ("b", "one")] {
        assert_eq!(ask(&mut queue, namespace, host, 3), 0);
    }
    let mut order = Vec::new();
    for busy in ["w", "x"] {
        for name in names(busy, busy, 0..PLACES / 2) {
            order.extend(queue.leave(&name));
        }
    }
    let expected = [
        "a/one/0", "b/one/0", "a/two/0", "b/one/1", "a/one/1", "b/one/2", "a/two/1", "a/one/2", "a/two/2",
    ];
    assert_eq!(order, expected);
}

#[test]
fn asking_again_keeps_the_place_in_the_queue_and_leaving_gives_it_up() {
    let mut queue = FairQueue::default();
    ask(&mut queue, "a", "h", FOR_NAMESPACE + 3);
    let waiting = names("a", "h", FOR_NAMESPACE..FOR_NAMESPACE + 3);
    assert!(!queue.ask(&waiting[0], &share("a", "h"), Urgency::Routine));
    assert_eq!(queue.leave(&waiting[1]), Vec::<String>::new());
    let begun = names("a", "h", 0..2)
        .iter()
        .flat_map(|name| queue.leave(name))
        .collect::<Vec<_>>();
    assert_eq!(begun, [waiting[0].clone(), waiting[2].clone()]);
    assert!(
        queue.ask(&waiting[0], &share("a", "h"), Urgency::Routine),
        "its turn has come"
    );
}

/// Who begins, one after the other, as each of those in progress ends.
fn in_turn(queue: &mut FairQueue<String>) -> Vec<String> {
    let mut order = Vec::new();
    let mut running: VecDeque<_> = queue.running.keys().cloned().collect();
    while let Some(ended) = running.pop_front() {
        let begun = queue.leave(&ended);
        running.extend(begun.iter().cloned());
        order.extend(begun);
    }
    order
}

#[test]
fn what_somebody_waits_for_goes_first_but_for_every_fourth_turn() {
    let mut queue = FairQueue::default();
    ask(&mut queue, "a", "h", FOR_NAMESPACE + 4);
    for number in 0..5 {
        assert!(!queue.ask(&format!("new/{number}"), &share("a", "h"), Urgency::Awaited));
    }
    let routine = names("a", "h", FOR_NAMESPACE..FOR_NAMESPACE + 4);
    let expected = [
        "new/0",
        "new/1",
        "new/2",
        &routine[0],
        "new/3",
        "new/4",
        &routine[1],
        &routine[2],
        &routine[3],
    ];
    assert_eq!(in_turn(&mut queue), expected);
}

#[test]
fn who_waits_already_goes_first_once_somebody_waits_for_it_and_is_counted_once() {
    let mut queue = FairQueue::default();
    ask(&mut queue, "a", "h", FOR_NAMESPACE + 3);
    let routine = names("a", "h", FOR_NAMESPACE..FOR_NAMESPACE + 3);
    for urgency in [Urgency::Awaited, Urgency::Routine, Urgency::Awaited] {
        assert!(!queue.ask(&routine[2], &share("a", "h"), urgency));
    }
    assert_eq!(queue.count(), (3, FOR_NAMESPACE));
    let expected = [2, 0, 1].map(|number: usize| routine[number].clone());
    assert_eq!(in_turn(&mut queue), expected);
    assert_eq!(queue.count(), (0, 0));
}

#[derive(Debug, Clone)]
enum Step {
    Ask(usize, usize, usize, Urgency),
    Linger(usize),
    Leave(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..5_usize, 0..4_usize, 0..30_usize, any::<bool>()).prop_map(|(n, h, k, awaited)| {
            Step::Ask(n, h, k, if awaited { Urgency::Awaited } else { Urgency::Routine })
        }),
        2 => any::<usize>().prop_map(Step::Linger),
        1 => any::<usize>().prop_map(Step::Leave),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_share_is_exceeded_nobody_is_lost_and_no_place_is_idle_while_somebody_may_begin(steps in prop::collection::vec(step(), 0..200)) {
        let mut queue = FairQueue::default();
        let mut wanted = HashMap::new();
        for step in steps {
            let nth = |number: usize, queue: &FairQueue<String>| {
                let mut all: Vec<_> = queue.running.keys().cloned().collect();
                all.sort();
                (!all.is_empty()).then(|| all[number % all.len()].clone())
            };
            match step {
                Step::Ask(namespace, host, number, urgency) => {
                    let share = share(&format!("n{namespace}"), &format!("h{host}"));
                    let key = format!("{}/{}/{number}", share.namespace, share.host);
                    queue.ask(&key, &share, urgency);
                    wanted.insert(key, share);
                }
                Step::Linger(number) => {
                    nth(number, &queue).map(|key| queue.linger(&key));
                }
                Step::Leave(number) => {
                    if let Some(key) = nth(number, &queue) {
                        queue.leave(&key);
                        wanted.remove(&key);
                    }
                }
            }
            prop_assert!(queue.running.len() - queue.lingering <= PLACES && queue.lingering <= LINGERING);
            prop_assert!(queue.namespaces.values().all(|count| *count <= FOR_NAMESPACE));
            prop_assert!(queue.hosts.values().all(|count| *count <= FOR_HOST));
            for (key, share) in &wanted {
                let waits = queue.waiting.contains_key(key);
                prop_assert!(queue.running.contains_key(key) != waits);
                let full = queue.running.len() - queue.lingering == PLACES
                    || queue.namespaces.get(&share.namespace) == Some(&FOR_NAMESPACE)
                    || queue.hosts.get(&share.host) == Some(&FOR_HOST);
                prop_assert!(!waits || full, "{key} waits for nothing");
            }
        }
    }
}
