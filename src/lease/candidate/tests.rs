//! Candidates in a simulated network: lost and late messages, partitions, pauses, drifting clocks. A run repeats exactly.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::*;

const MICROS: u64 = 1_000_000;
const CANDIDATES: usize = 3;
const RUNS: u64 = 300;
const RUN_SECONDS: u64 = 600;

fn settings() -> LeaseSettings {
    let seconds = Duration::from_secs;
    LeaseSettings::new(seconds(15), seconds(10), seconds(2)).unwrap()
}

/// Splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}

/// What the API server does with a lease: every write needs the resourceVersion in there.
#[derive(Default)]
struct Server {
    lease: Option<Lease>,
    version: u64,
}

impl Server {
    fn answer(&mut self, call: Call) -> Answer {
        match (call, &self.lease) {
            (Call::Read, None) => Answer::Missing,
            (Call::Read, Some(lease)) => Answer::Found(Box::new(lease.clone())),
            (Call::Create(lease), None) => self.store(*lease),
            (Call::Replace(lease), Some(stored))
                if lease.metadata.resource_version == stored.metadata.resource_version =>
            {
                self.store(*lease)
            }
            (Call::Create(_) | Call::Replace(_), _) => Answer::Refused,
        }
    }

    fn store(&mut self, mut lease: Lease) -> Answer {
        if self.lease.as_ref() != Some(&lease) {
            self.version += 1;
        }
        lease.metadata.resource_version = Some(self.version.to_string());
        self.lease = Some(lease.clone());
        Answer::Written(Box::new(lease))
    }
}

struct Node {
    candidate: Candidate,
    /// Reading of the node's clock at the beginning, and microseconds that it counts in a second.
    offset: u64,
    rate: u64,
    asked: Option<(u64, Duration)>,
    link_up: bool,
    paused_until: u64,
    life: u64,
}

impl Node {
    fn clock(&self, now: u64) -> Duration {
        Duration::from_micros(self.offset + now * self.rate / MICROS)
    }

    fn when(&self, clock: Duration) -> u64 {
        let micros = u64::try_from(clock.as_micros()).unwrap();
        micros.saturating_sub(self.offset) * MICROS / self.rate + 1
    }

    fn leads(&self, now: u64) -> bool {
        let term = self.candidate.term();
        term.is_some_and(|term| self.clock(now) < term.renew_by)
    }
}

#[derive(Debug)]
enum Event {
    Wake(usize),
    Arrive(usize, u64, Call),
    Reply(usize, u64, Answer),
    TimeOut(usize, u64),
    Problem,
    Calm,
}

struct World {
    random: Random,
    now: u64,
    events: BinaryHeap<(Reverse<u64>, Reverse<u64>)>,
    /// By number; the heap has only times and numbers.
    planned: std::collections::HashMap<u64, Event>,
    count: u64,
    server: Server,
    nodes: Vec<Node>,
    troubled: bool,
    seen: Seen,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    changes: u64,
    lost_requests: u64,
    lost_replies: u64,
    partitions: u64,
    pauses: u64,
    handed_over: u64,
    leader: Option<usize>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let nodes = (0..CANDIDATES)
            .map(|index| Node {
                candidate: Candidate::new("lease", &format!("{index}-0"), settings()),
                offset: random.below(1_000_000 * MICROS),
                rate: 980_000 + random.below(40_001),
                asked: None,
                link_up: true,
                paused_until: 0,
                life: 0,
            })
            .collect();
        let mut world = Self {
            random,
            now: 0,
            events: BinaryHeap::new(),
            planned: std::collections::HashMap::new(),
            count: 0,
            server: Server::default(),
            nodes,
            troubled: false,
            seen: Seen::default(),
        };
        for index in 0..CANDIDATES {
            let start = world.random.below(MICROS);
            world.plan(start, Event::Wake(index));
        }
        world
    }

    fn plan(&mut self, at: u64, event: Event) {
        self.count += 1;
        self.events.push((Reverse(at.max(self.now)), Reverse(self.count)));
        self.planned.insert(self.count, event);
    }

    fn run_until(&mut self, end: u64) {
        while let Some((Reverse(at), Reverse(number))) = self.events.peek().copied() {
            if at > end {
                break;
            }
            self.events.pop();
            self.now = at;
            let event = self.planned.remove(&number).unwrap();
            self.handle(event);
            self.check();
        }
        self.now = end;
    }

    fn check(&mut self) {
        let leaders: Vec<_> = (0..CANDIDATES)
            .filter(|&index| self.nodes[index].leads(self.now))
            .collect();
        assert!(leaders.len() <= 1, "{leaders:?} lead at {} µs", self.now);
        if let [leader] = leaders[..]
            && self.seen.leader != Some(leader)
        {
            self.seen.leader = Some(leader);
            self.seen.changes += 1;
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Wake(index) | Event::Reply(index, ..) | Event::TimeOut(index, _)
                if self.nodes[index].paused_until > self.now =>
            {
                self.plan(self.nodes[index].paused_until, event);
            }
            Event::Wake(index) => self.wake(index),
            Event::Arrive(index, number, call) => {
                let answer = self.server.answer(call);
                if self.troubled && self.random.one_in(20) {
                    self.seen.lost_replies += 1;
                } else if self.nodes[index].link_up {
                    let delay = self.delay();
                    self.plan(self.now + delay, Event::Reply(index, number, answer));
                }
            }
            Event::Reply(index, number, answer) => self.answered(index, number, answer),
            Event::TimeOut(index, number) => self.answered(index, number, Answer::Failed),
            Event::Problem => self.problem(),
            Event::Calm => {
                self.troubled = false;
                for node in &mut self.nodes {
                    node.link_up = true;
                }
            }
        }
    }

    fn wake(&mut self, index: usize) {
        let now = self.now;
        let node = &mut self.nodes[index];
        if node.asked.is_some() {
            return;
        }
        let clock = node.clock(now);
        let wall = Timestamp::from_microsecond(i64::try_from(clock.as_micros()).unwrap()).unwrap();
        match node.candidate.next(Moment {
            monotonic: clock,
            wall,
        }) {
            Step::WaitUntil(until) => {
                let at = node.when(until);
                self.plan(at, Event::Wake(index));
            }
            Step::Ask { call, limit } => {
                let (number, due) = (self.count + 1, node.when(clock + limit));
                node.asked = Some((number, clock));
                let link_up = node.link_up;
                self.plan(due, Event::TimeOut(index, number));
                if self.troubled && self.random.one_in(20) {
                    self.seen.lost_requests += 1;
                } else if link_up {
                    let delay = self.delay();
                    self.plan(now + delay, Event::Arrive(index, number, call));
                }
            }
            Step::Done => {
                self.seen.handed_over += 1;
                node.life += 1;
                node.candidate = Candidate::new("lease", &format!("{index}-{}", node.life), settings());
                self.plan(now + MICROS, Event::Wake(index));
            }
        }
    }

    fn answered(&mut self, index: usize, number: u64, answer: Answer) {
        let now = self.now;
        let node = &mut self.nodes[index];
        if let Some((_, asked)) = node.asked.take_if(|(asked, _)| *asked == number) {
            let clock = node.clock(now);
            node.candidate.answered(asked, clock, answer);
            self.plan(now, Event::Wake(index));
        }
    }

    /// A few milliseconds; in problem now and then longer than any limit, so that writes arrive that were given up.
    fn delay(&mut self) -> u64 {
        if self.troubled && self.random.one_in(20) {
            self.random.below(20 * MICROS)
        } else {
            1_000 + self.random.below(50_000)
        }
    }

    fn problem(&mut self) {
        if !self.troubled {
            return;
        }
        let index = usize::try_from(self.random.below(CANDIDATES as u64)).unwrap();
        match self.random.below(6) {
            0 | 1 => {
                self.nodes[index].link_up ^= true;
                self.seen.partitions += 1;
            }
            2 => {
                self.nodes[index].paused_until = self.now + self.random.below(40 * MICROS);
                self.seen.pauses += 1;
            }
            3 => {
                let node = &mut self.nodes[index];
                node.asked = None; // a call may be given up in the middle
                node.candidate.hold();
                node.candidate.leave();
                self.plan(self.now, Event::Wake(index));
            }
            _ => self.nodes.iter_mut().for_each(|node| node.link_up = true),
        }
        let next = self.now + self.random.below(20 * MICROS);
        self.plan(next, Event::Problem);
    }

    fn leader(&self) -> Option<usize> {
        (0..CANDIDATES).find(|&index| self.nodes[index].leads(self.now))
    }
}

/// Ten minutes of problem, then a minute of calm.
fn troubled_run(seed: u64) -> Seen {
    let mut world = World::new(seed);
    world.troubled = true;
    world.plan(5 * MICROS, Event::Problem);
    world.plan(RUN_SECONDS * MICROS, Event::Calm);
    world.run_until((RUN_SECONDS + 60) * MICROS);
    assert!(
        world.leader().is_some(),
        "nobody leads after a minute of calm, seed {seed}"
    );
    world.seen
}

#[test]
fn there_are_never_two_leaders_whatever_the_network_and_the_clocks_do() {
    let mut sum = Seen::default();
    for seed in 0..RUNS {
        let seen = troubled_run(seed);
        sum.changes += seen.changes;
        sum.lost_requests += seen.lost_requests;
        sum.lost_replies += seen.lost_replies;
        sum.partitions += seen.partitions;
        sum.pauses += seen.pauses;
        sum.handed_over += seen.handed_over;
    }
    println!("{RUNS} runs of {RUN_SECONDS} s: {sum:?}");
    let least = [
        sum.changes,
        sum.lost_requests,
        sum.lost_replies,
        sum.partitions,
        sum.pauses,
        sum.handed_over,
    ];
    assert!(
        least.iter().all(|&count| count > RUNS),
        "too little happened: {sum:?}"
    );
}

#[test]
fn a_run_repeats_exactly() {
    assert_eq!(troubled_run(7), troubled_run(7));
}

#[test]
fn another_takes_over_within_the_lease_time_and_two_retries() {
    let settings = settings();
    let bound = u64::try_from((settings.duration + 2 * settings.retry).as_micros()).unwrap();
    for seed in 0..200 {
        let mut world = World::new(seed);
        for node in &mut world.nodes {
            node.rate = MICROS;
        }
        let cut = 30 * MICROS + world.random.below(4 * MICROS);
        world.run_until(cut);
        let leader = world.leader().expect("somebody leads");
        world.nodes[leader].link_up = false;
        world.run_until(cut + bound);
        let next = world.leader();
        assert!(
            next.is_some() && next != Some(leader),
            "{next:?} after {leader}, seed {seed}"
        );
    }
}

#[test]
fn a_released_lease_is_taken_over_at_the_next_look() {
    let mut world = World::new(1);
    world.run_until(30 * MICROS);
    let leader = world.leader().expect("somebody leads");
    world.nodes[leader].candidate.hold();
    assert_eq!(world.leader(), None);
    world.nodes[leader].candidate.leave();
    world.plan(world.now, Event::Wake(leader));
    world.run_until(33 * MICROS);
    let released = format!("{leader}-0");
    let lease = world.server.lease.as_ref().expect("the lease is there");
    assert!(
        record::holder(lease).is_some_and(|next| next != released),
        "{lease:?}"
    );
}

#[test]
fn a_follower_waits_for_the_holder_of_a_lease_that_somebody_deleted() {
    let mut world = World::new(1);
    world.run_until(30 * MICROS);
    let leader = world.leader().expect("somebody leads");
    world.nodes[leader].link_up = false;
    world.server.lease = None;
    world.run_until(60 * MICROS); // two leaders would be noticed
    assert!(world.leader().is_some_and(|next| next != leader));
}

/// A candidate alone, with a clock that starts at zero.
struct Alone(Candidate);

impl Alone {
    fn next(&mut self, second: u64) -> Step {
        let wall = Timestamp::UNIX_EPOCH;
        let monotonic = Duration::from_secs(second);
        self.0.next(Moment { monotonic, wall })
    }

    fn leading() -> (Self, Server) {
        let mut server = Server::default();
        let mut alone = Self(Candidate::new("lease", "me", settings()));
        for _ in 0..2 {
            let Step::Ask { call, .. } = alone.next(0) else {
                panic!("nothing asked")
            };
            let answer = server.answer(call);
            alone.0.answered(Duration::ZERO, Duration::ZERO, answer);
        }
        (alone, server)
    }
}

#[test]
fn a_candidate_alone_leads_after_one_read_and_one_create() {
    let (alone, server) = Alone::leading();
    let term = Term {
        renew_by: Duration::from_secs(10),
        ends: Duration::from_secs(15),
    };
    assert_eq!((alone.0.term(), server.version), (Some(term), 1));
}

#[test]
fn calls_of_a_leader_end_by_its_deadline_and_its_term_with_it() {
    let (mut alone, _) = Alone::leading();
    assert_eq!(alone.next(0), Step::WaitUntil(Duration::from_secs(2)));
    let limit = |step| match step {
        Step::Ask { limit, .. } => limit,
        Step::WaitUntil(_) | Step::Done => panic!("nothing asked"),
    };
    assert_eq!(limit(alone.next(2)), Duration::from_secs(5));
    assert_eq!(limit(alone.next(8)), Duration::from_secs(2));
    alone
        .0
        .answered(Duration::from_secs(8), Duration::from_secs(9), Answer::Failed);
    assert_eq!(alone.next(9), Step::WaitUntil(Duration::from_secs(10)));
    assert!(alone.0.term().is_some());
    assert_eq!(alone.next(10), Step::WaitUntil(Duration::from_secs(11)));
    assert_eq!(alone.0.term(), None);
}

#[test]
fn a_lease_that_is_held_for_unfinished_work_is_renewed_but_not_won() {
    let (mut alone, mut server) = Alone::leading();
    alone.0.hold();
    assert_eq!(alone.0.term(), None);
    let Step::Ask {
        call: call @ Call::Replace(_),
        ..
    } = alone.next(2)
    else {
        panic!("not renewed")
    };
    let answer = server.answer(call);
    alone
        .0
        .answered(Duration::from_secs(2), Duration::from_secs(2), answer);
    assert_eq!((alone.0.term(), server.version), (None, 2));

    let mut follower = Alone(Candidate::new("lease", "other", settings()));
    follower.0.hold();
    follower
        .0
        .answered(Duration::ZERO, Duration::ZERO, Answer::Missing);
    assert_eq!(follower.next(0), Step::WaitUntil(Duration::from_secs(2)));
}

#[test]
fn a_leader_whose_write_is_refused_looks_at_once_and_yields_to_another_holder() {
    let (mut alone, mut server) = Alone::leading();
    let mut taken = server.lease.clone().unwrap();
    taken.spec.as_mut().unwrap().holder_identity = Some("other".to_owned());
    server.store(taken);

    let second = Duration::from_secs(2);
    let Step::Ask { call, .. } = alone.next(2) else {
        panic!("not renewed")
    };
    assert!(matches!(call, Call::Replace(_)));
    alone.0.answered(second, second, server.answer(call));
    let Step::Ask { call, .. } = alone.next(2) else {
        panic!("nothing asked")
    };
    assert_eq!(call, Call::Read);
    alone.0.answered(second, second, server.answer(call));
    assert_eq!((alone.0.term(), alone.0.holder()), (None, Some("other")));
}
