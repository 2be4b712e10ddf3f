//! Replicas that share shards, in a simulated cluster: they come, leave, die and are cut off, with redeems in progress. A run repeats
//! exactly. Late messages, pauses and clocks that differ are the business of the tests of one candidate.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;

use crate::lease::LeaseSettings;
use crate::lease::candidate::{Answer, Call, Candidate, Moment, Step};
use crate::lease::record;
use crate::lease::roster::Roster;
use crate::lease::shard::ShardCount;

const SHARDS: u8 = 6;
const TICK: Duration = Duration::from_millis(500);
const RUNS: u64 = 60;
/// Ticks of trouble, and of calm after it.
const TROUBLE: u64 = 2 * 600;
const CALM: u64 = 2 * 120;

fn settings() -> LeaseSettings {
    let seconds = Duration::from_secs;
    LeaseSettings::new(seconds(15), seconds(10), seconds(2)).unwrap()
}

/// From the last of the trouble until each shard has an owner, and the right one: a note gets old, then a lease that was looked at
/// now and then, and a look or two. Redeems end before.
fn bound() -> Duration {
    2 * settings().duration + settings().look_aside() + 4 * settings().retry
}

/// Splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

/// The leases of the shards, and the notes.
#[derive(Default)]
struct Server {
    leases: Vec<Option<Lease>>,
    version: u64,
    notes: BTreeMap<String, String>,
}

impl Server {
    fn answer(&mut self, shard: usize, call: Call) -> Answer {
        let stored = &mut self.leases[shard];
        let lease = match (call, &stored) {
            (Call::Read, None) => return Answer::Missing,
            (Call::Read, Some(lease)) => return Answer::Found(Box::new(lease.clone())),
            (Call::Create(lease), None) => lease,
            (Call::Replace(lease), Some(stored))
                if lease.metadata.resource_version == stored.metadata.resource_version =>
            {
                lease
            }
            (Call::Create(_) | Call::Replace(_), _) => return Answer::Refused,
        };
        self.version += 1;
        let mut lease = *lease;
        lease.metadata.resource_version = Some(self.version.to_string());
        *stored = Some(lease.clone());
        Answer::Written(Box::new(lease))
    }

    fn merge(&mut self, notes: BTreeMap<String, Option<String>>) {
        for (key, text) in notes {
            match text {
                Some(text) => self.notes.insert(key, text),
                None => self.notes.remove(&key),
            };
        }
    }
}

struct Replica {
    name: String,
    roster: Roster,
    noted: Option<Duration>,
    candidates: Vec<Candidate>,
    /// Whether it should own each shard.
    wanted: Vec<bool>,
    /// Until when a redeem is in progress in each shard.
    redeems: Vec<Duration>,
    link_up: bool,
}

impl Replica {
    fn new(name: String) -> Self {
        let count = ShardCount::new(SHARDS);
        let candidate = |shard| {
            let mut candidate = Candidate::new(&count.lease_of(shard), &name, settings());
            candidate.stand_aside();
            candidate
        };
        Self {
            roster: Roster::new(&name, settings()),
            noted: None,
            candidates: count.all().map(candidate).collect(),
            wanted: vec![false; SHARDS.into()],
            redeems: vec![Duration::ZERO; SHARDS.into()],
            link_up: true,
            name,
        }
    }

    fn leads(&self, shard: usize, now: Duration) -> bool {
        let term = self.candidates[shard].term();
        term.is_some_and(|term| now < term.renew_by)
    }

    /// As `Attendance` and `Elector::run_while_wanted` do it.
    fn tick(&mut self, server: &mut Server, now: Duration) {
        let wall = Timestamp::UNIX_EPOCH + now;
        if self.noted.is_none_or(|noted| now >= noted + settings().retry) {
            self.noted = Some(now);
            if self.link_up {
                server.merge(self.roster.write(wall));
                self.roster.see(&server.notes, now);
                let owners = ShardCount::new(SHARDS).owners(&self.roster.replicas());
                let own = owners.iter().map(|owner| *owner == Some(self.name.as_str()));
                self.wanted = own.collect();
            }
        }
        for (shard, candidate) in self.candidates.iter_mut().enumerate() {
            if self.wanted[shard] {
                candidate.stand();
            } else {
                candidate.stand_aside();
            }
            if candidate.is_holding() && now >= self.redeems[shard] {
                candidate.let_go();
            }
            let moment = Moment { monotonic: now, wall };
            // A read and a write at most, each answered at once.
            for _ in 0..2 {
                let Step::Ask { call, .. } = candidate.next(moment) else {
                    break;
                };
                let answer = if self.link_up {
                    server.answer(shard, call)
                } else {
                    Answer::Failed
                };
                candidate.answered(now, now, answer);
            }
        }
    }
}

struct World {
    random: Random,
    server: Server,
    replicas: Vec<Replica>,
    born: u64,
    now: Duration,
    /// The last leader of each shard, and how often it changed.
    leaders: Vec<Option<String>>,
    seen: Seen,
}

#[derive(Debug, Default, PartialEq, Eq, Clone)]
struct Seen {
    changes: u64,
    came: u64,
    left: u64,
    died: u64,
    cut_off: u64,
    /// Hand-overs that had to wait for a redeem.
    waited: u64,
}

impl World {
    fn new(seed: u64, replicas: u64) -> Self {
        let server = Server {
            leases: vec![None; SHARDS.into()],
            ..Server::default()
        };
        let mut world = Self {
            random: Random(seed),
            server,
            replicas: Vec::new(),
            born: 0,
            now: Duration::from_secs(1000),
            leaders: vec![None; SHARDS.into()],
            seen: Seen::default(),
        };
        for _ in 0..replicas {
            world.come();
        }
        world
    }

    fn come(&mut self) {
        self.born += 1;
        self.seen.came += 1;
        self.replicas.push(Replica::new(format!("replica-{}", self.born)));
    }

    fn run(&mut self, ticks: u64) {
        for _ in 0..ticks {
            self.now += TICK;
            for replica in &mut self.replicas {
                replica.tick(&mut self.server, self.now);
            }
            self.check();
        }
    }

    /// Never two owners, and none while another that is not cut off redeems.
    fn check(&mut self) {
        for shard in 0..usize::from(SHARDS) {
            let leaders: Vec<_> = self
                .replicas
                .iter()
                .filter(|replica| replica.leads(shard, self.now))
                .map(|replica| replica.name.clone())
                .collect();
            assert!(
                leaders.len() <= 1,
                "{leaders:?} own shard {shard} at {:?}",
                self.now
            );
            self.seen.waited += self
                .replicas
                .iter()
                .filter(|replica| replica.candidates[shard].is_holding())
                .count() as u64;
            let Some(leader) = leaders.into_iter().next() else {
                continue;
            };
            if self.leaders[shard].as_ref() == Some(&leader) {
                continue;
            }
            let redeeming = self.replicas.iter().filter(|replica| {
                replica.name != leader && replica.link_up && self.now < replica.redeems[shard]
            });
            let redeeming: Vec<_> = redeeming.map(|replica| &replica.name).collect();
            assert_eq!(redeeming, [""; 0], "redeem in shard {shard}, which {leader} got");
            self.seen.changes += 1;
            self.leaders[shard] = Some(leader);
        }
    }

    fn pick(&mut self) -> Option<usize> {
        let count = self.replicas.len() as u64;
        (count > 0).then(|| usize::try_from(self.random.below(count)).unwrap())
    }

    fn trouble(&mut self) {
        match (self.random.below(8), self.pick()) {
            (0, _) if self.replicas.len() < 5 => self.come(),
            (1, Some(index)) if self.replicas.len() > 1 => {
                let replica = self.replicas.swap_remove(index);
                self.seen.left += 1;
                self.server.merge(replica.roster.leave());
                self.release(&replica);
            }
            (2, Some(index)) if self.replicas.len() > 1 => {
                self.replicas.swap_remove(index);
                self.seen.died += 1;
            }
            (3 | 4, Some(index)) => {
                let replica = &mut self.replicas[index];
                replica.link_up ^= true;
                // What it has open then, it may finish late: that is what the redeem protocol is for.
                replica.redeems.fill(Duration::ZERO);
                self.seen.cut_off += 1;
            }
            (_, Some(index)) => {
                let shard = usize::try_from(self.random.below(SHARDS.into())).unwrap();
                let longest = Duration::from_secs(self.random.below(20));
                let replica = &mut self.replicas[index];
                if replica.link_up && replica.leads(shard, self.now) {
                    replica.redeems[shard] = self.now + longest;
                }
            }
            (_, None) => {}
        }
    }

    /// What a replica does at its end, once nothing is in progress.
    fn release(&mut self, replica: &Replica) {
        for lease in self.server.leases.iter_mut().flatten() {
            if replica.link_up && record::holder(lease) == Some(&replica.name) {
                *lease = record::released(lease, Timestamp::UNIX_EPOCH + self.now);
                self.server.version += 1;
                lease.metadata.resource_version = Some(self.server.version.to_string());
            }
        }
    }

    /// How many shards each replica owns, in order.
    fn loads(&self) -> Vec<usize> {
        let shards = 0..usize::from(SHARDS);
        let load = |replica: &Replica| {
            let owned = shards.clone().filter(|shard| replica.leads(*shard, self.now));
            owned.count()
        };
        let mut loads: Vec<_> = self.replicas.iter().map(load).collect();
        loads.sort_unstable();
        loads
    }

    fn assert_shared(&self, why: &str) {
        let loads = self.loads();
        assert_eq!(
            loads.iter().sum::<usize>(),
            usize::from(SHARDS),
            "{loads:?}, {why}"
        );
        let (least, most) = (loads[0], loads[loads.len() - 1]);
        assert!(most - least <= 1, "{loads:?}, {why}");
    }
}

fn ticks(time: Duration) -> u64 {
    u64::try_from(time.as_millis().div_ceil(TICK.as_millis())).unwrap()
}

fn troubled_run(seed: u64) -> Seen {
    let mut world = World::new(seed, 1 + seed % 4);
    for _ in 0..TROUBLE / 6 {
        world.trouble();
        world.run(6);
    }
    for replica in &mut world.replicas {
        replica.link_up = true;
        replica.redeems.fill(Duration::ZERO);
    }
    world.run(ticks(bound()));
    world.assert_shared(&format!("seed {seed}"));
    let settled = world.seen.clone();
    world.run(CALM);
    assert_eq!(
        world.seen.changes, settled.changes,
        "shards changed hands for nothing, seed {seed}"
    );
    world.seen
}

#[test]
fn no_shard_ever_has_two_owners_each_has_one_soon_after_trouble_and_none_moves_without_need() {
    let mut sum = Seen::default();
    for seed in 0..RUNS {
        let seen = troubled_run(seed);
        sum.changes += seen.changes;
        sum.came += seen.came;
        sum.left += seen.left;
        sum.died += seen.died;
        sum.cut_off += seen.cut_off;
        sum.waited += seen.waited;
    }
    println!("{RUNS} runs: {sum:?}");
    let least = [sum.changes, sum.came, sum.left, sum.died, sum.cut_off, sum.waited];
    assert!(
        least.iter().all(|&count| count > RUNS),
        "too little happened: {sum:?}"
    );
}

#[test]
fn shards_of_a_replica_that_dies_have_owners_soon_after_the_time_of_a_lease() {
    for seed in 0..50 {
        let mut world = World::new(seed, 3);
        world.run(ticks(Duration::from_secs(60)));
        assert_eq!(world.loads(), [2, 2, 2]);
        world.replicas.remove(0);
        let usual = settings().duration + settings().look_aside() + 2 * settings().retry;
        world.run(ticks(usual));
        assert_eq!(world.loads(), [3, 3], "seed {seed}");
    }
}

#[test]
fn a_replica_that_comes_gets_its_part_and_one_that_leaves_is_followed_within_a_few_looks() {
    let few = ticks(3 * settings().retry);
    let mut world = World::new(1, 1);
    world.run(few);
    assert_eq!(world.loads(), [6]);
    for loads in [vec![3, 3], vec![2, 2, 2], vec![1, 1, 2, 2]] {
        world.come();
        world.run(few);
        assert_eq!(world.loads(), loads);
    }
    let changes = world.seen.changes;
    assert!(changes <= 6 + 3 + 3 + 3, "{changes}");
    for loads in [vec![2, 2, 2], vec![3, 3], vec![6]] {
        let replica = world.replicas.remove(0);
        world.server.merge(replica.roster.leave());
        world.release(&replica);
        world.run(few);
        assert_eq!(world.loads(), loads);
    }
}

#[test]
fn a_shard_is_kept_for_a_redeem_and_comes_back_if_its_new_owner_goes_meanwhile() {
    let mut world = World::new(1, 1);
    world.run(ticks(Duration::from_secs(10)));
    let open = world.now + Duration::from_secs(60);
    world.replicas[0].redeems.fill(open);
    world.come();
    world.run(ticks(Duration::from_secs(40)));
    // It begins nothing in three of them, and keeps their leases, renewed.
    assert_eq!(world.loads(), [0, 3]);
    let holders: BTreeSet<_> = world.server.leases.iter().flatten().map(record::holder).collect();
    assert_eq!(holders, [Some("replica-1")].into());
    let second = world.replicas.pop().unwrap();
    world.server.merge(second.roster.leave());
    world.run(ticks(3 * settings().retry));
    assert_eq!(world.loads(), [6]);
    assert_eq!(world.seen.changes, 6, "no lease was released");
}

#[test]
fn a_run_repeats_exactly() {
    assert_eq!(troubled_run(7), troubled_run(7));
}
