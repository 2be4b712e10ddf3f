//! How often each kind of event has happened, and the table of it.

use std::collections::{BTreeMap, BTreeSet};

use redeem::{Grant, Stage, State};

macro_rules! events {
    ($($name:ident => $text:literal,)*) => {
        /// What can happen in a schedule.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum Event { $($name,)* }

        impl Event {
            pub(crate) const ALL: &'static [(Event, &'static str)] = &[$((Event::$name, $text),)*];
        }
    };
}

events! {
    Crash => "crash",
    CrashInWindow => "crash after Salesforce committed, before the result was stored",
    Pause => "pause",
    Resume => "resume",
    Freeze => "freeze between the check and the socket that outlasts the hold-off",
    StaleInput => "session begun from a stale cache",
    WriteRefused => "write refused by the API server",
    ReadFailed => "read of the API server timed out",
    LostRequest => "write lost on its way to the API server",
    LostReply => "write landed, reply lost",
    DelayedWrite => "write thought lost landed later",
    Conflict => "conflict on a write",
    ForeignEdit => "object edited by somebody else",
    KeyReplaced => "digest key lost, replaced or restored",
    Unclaimed => "claim taken out of status",
    LeadershipMoved => "leadership moved",
    TwoLeaders => "two controllers that both believe to lead, both in a session",
    ThreeLeaders => "three of them",
    HandedOver => "session begun while that of a former leader, which knows that it leads no more, goes on",
    UnequalLimits => "a controller with a shorter limit begins while another is in a session",
    Login => "login arrived",
    LoginWhileOpen => "login arrived while an attempt was open",
    LoginStored => "login stored",
    LoginFailed => "code of a login presented or lost, no tokens heard of",
    WrongUser => "login of another user",
    StateDeleted => "state Secret deleted",
    StateSpoiled => "state changed so that it can't be read",
    StateMended => "such a state restored",
    Migrated => "state of another cluster, which goes on using the grant",
    StateRestored => "old state restored",
    Gone => "connector deleted",
    Recreated => "connector re-created",
    NewBootstrap => "new bootstrap token",
    ForeignBootstrap => "bootstrap token of another user",
    OldBootstrap => "spent first bootstrap token again",
    NotSent => "request to Salesforce never left",
    Refused => "refused by Salesforce for another reason than the token",
    Lapsed => "grant ended by a policy",
    RequestLost => "request to Salesforce lost on its way",
    ReplyLost => "Salesforce committed, its reply was lost",
    Rescued => "answer of which only the new refresh token could be understood",
    ServerError => "Salesforce failed without spending the token",
    ResetEarly => "connection reset while Salesforce was still processing",
    AlreadyProcessing => "answer: token request is already being processed",
    Active => "introspection: active",
    Inactive => "introspection: inactive",
    WronglyInactive => "introspection: inactive, which is wrong",
    NoAnswer => "introspection without an answer",
    MayNotAsk => "introspection refused to this app",
    Username => "username told",
    NoUsername => "username asked for, no answer",
    AccessEnded => "all access tokens ended",
    AccessRefused => "username asked with an access token that had ended",
    LateResult => "result stored by a deposed leader",
    Unknown => "outcome unknown recorded",
    Renewed => "token renewed and stored",
    SecondInstallation => "connector looked at by a second installation",
}

/// How often something has happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) times: u64,
    /// In how many schedules.
    pub(crate) schedules: u64,
    /// The last of them.
    last: u64,
}

impl Count {
    fn add(&mut self, schedule: u64) {
        self.times += 1;
        self.schedules += u64::from(self.last != schedule);
        self.last = schedule;
    }
}

/// Counts of events, and on request the ways grants went from stage to stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tally {
    /// The number of the schedule that is run, from 1.
    schedule: u64,
    counts: Vec<Count>,
    crashes: BTreeMap<&'static str, Count>,
    excused: Count,
    stages: Option<BTreeSet<(Option<Stage>, Option<Stage>)>>,
    silent: bool,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            schedule: 1,
            counts: vec![Count::default(); Event::ALL.len()],
            crashes: BTreeMap::new(),
            excused: Count::default(),
            stages: None,
            silent: false,
        }
    }

    /// One that nobody reads, and that counts nothing.
    pub(crate) fn silent() -> Self {
        Self {
            silent: true,
            ..Self::new()
        }
    }

    pub(crate) fn is_silent(&self) -> bool {
        self.silent
    }

    pub(crate) fn with_stages() -> Self {
        Self {
            stages: Some(BTreeSet::new()),
            ..Self::new()
        }
    }

    /// What is counted from here on belongs to another schedule.
    pub(crate) fn next_schedule(&mut self) {
        self.schedule += 1;
    }

    pub(crate) fn count(&mut self, event: Event) {
        if self.silent {
            return;
        }
        self.counts[event as usize].add(self.schedule);
    }

    /// Counts a crash by what was due, or under way.
    pub(crate) fn count_crash(&mut self, at: &'static str) {
        if self.silent {
            return;
        }
        self.count(Event::Crash);
        self.crashes.entry(at).or_default().add(self.schedule);
    }

    /// Counts a replay that is excused: the one window that can't be helped.
    pub(crate) fn excuse(&mut self) {
        self.excused.add(self.schedule);
    }

    /// How often a process crashed at each step.
    pub(crate) fn crashes(&self) -> impl Iterator<Item = (&'static str, Count)> {
        self.crashes.iter().map(|(at, count)| (*at, *count))
    }

    /// Notes what one write of a controller made of each grant; `None` is a grant that isn't there.
    pub(crate) fn note_stages(&mut self, before: Option<&State>, after: &State) {
        let Some(stages) = &mut self.stages else { return };
        let earlier = || before.into_iter().flat_map(State::grants);
        for grant in earlier() {
            let now = after.grant(&grant.id);
            if now != Some(grant) {
                stages.insert((Some(grant.stage()), now.map(Grant::stage)));
            }
        }
        let new = after
            .grants()
            .filter(|grant| !earlier().any(|old| old.id == grant.id));
        stages.extend(new.map(|grant| (None, Some(grant.stage()))));
    }

    pub(crate) fn stages(&self) -> impl Iterator<Item = (Option<Stage>, Option<Stage>)> {
        self.stages.iter().flatten().copied()
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = (&'static str, Count)> {
        Event::ALL
            .iter()
            .map(|(event, text)| (*text, self.counts[*event as usize]))
    }

    pub(crate) fn print(&self) {
        let row = |count: Count, text: &str| println!("{:>12} {:>12}  {text}", count.schedules, count.times);
        println!("{:>12} {:>12}", "schedules", "times");
        for (text, count) in self.rows() {
            row(count, text);
        }
        for (at, count) in self.crashes() {
            row(count, &format!("crash at {at}"));
        }
        row(
            self.excused,
            "replay after a freeze that outlasts the hold-off, excused",
        );
    }
}
