//! What does a candidate do next? A state machine: answers of the API server and a clock in, the next step out.
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::unused_async)]

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;

use crate::lease::decide::{Action, Presence, Sight, decide};
use crate::lease::{LeaseSettings, record};

#[derive(Debug)]
pub struct Candidate {
    name: String,
    me: String,
    settings: LeaseSettings,
    sight: Option<Sight>,
    term: Option<Term>,
    phase: Phase,
    purpose: Purpose,
}

/// Until when a candidate leads, by its own monotonic clock, if it does not renew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    pub renew_by: Duration,
    /// Others may take over: not before this, since they count from when they saw the record that this is counted from.
    pub ends: Duration,
}

#[derive(Debug, Clone, Copy)]
pub struct Moment {
    pub monotonic: Duration,
    /// What the record tells people; nothing is decided by it.
    pub wall: Timestamp,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Ask the API server, and report the answer.
    Ask {
        call: Call,
        limit: Duration,
    },
    WaitUntil(Duration),
    Done,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    Read,
    Create(Box<Lease>),
    /// Write over it, if its resourceVersion is still the one in there.
    Replace(Box<Lease>),
}

#[derive(Debug, Clone)]
pub enum Answer {
    Found(Box<Lease>),
    Missing,
    Written(Box<Lease>),
    /// The record is not what we took it for: another resourceVersion, there already, or there no more.
    Refused,
    /// No answer, or none that tells: the call may have had its effect.
    Failed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Look,
    /// Do what follows from the record that was seen.
    Act,
    Rest(Duration),
    Over,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Lead,
    /// To keep others waiting while something is finished, where the lease is held.
    Hold,
    /// To release the lease, where it is held.
    Leave,
    /// To know who holds the lease, which is another's to hold, and to release it, where it is held.
    Watch,
}

impl Candidate {
    /// A candidate called `me` for the lease `name`.
    pub fn new(name: &str, me: &str, settings: LeaseSettings) -> Self {
        Self {
            name: name.to_owned(),
            me: me.to_owned(),
            settings,
            sight: None,
            term: None,
            phase: Phase::Look,
            purpose: Purpose::Lead,
        }
    }

    /// Until when it leads. `None` if it does not. The reader compares with its clock: nobody may come and tell in time.
    pub fn term(&self) -> Option<Term> {
        match self.purpose {
            Purpose::Lead => self.term,
            Purpose::Hold | Purpose::Leave | Purpose::Watch => None,
        }
    }

    /// Who holds the lease, as far as is known.
    pub fn holder(&self) -> Option<&str> {
        record::holder(&self.sight.as_ref()?.lease)
    }

    /// Stops leading. The lease is kept, where it is held, until [`Self::leave`].
    pub fn hold(&mut self) {
        self.purpose = Purpose::Hold;
    }

    pub fn leave(&mut self) {
        self.turn_to(Purpose::Leave);
    }

    /// Stands for election, also where it was leaving the lease to another.
    pub fn stand(&mut self) {
        if self.purpose != Purpose::Lead {
            self.turn_to(Purpose::Lead);
        }
    }

    /// Leaves the lease to another. Where it is held, it is kept until [`Self::let_go`], and no longer led by.
    pub fn stand_aside(&mut self) {
        if self.purpose == Purpose::Lead {
            let held = self.term.is_some() || self.holder() == Some(self.me.as_str());
            self.turn_to(if held { Purpose::Hold } else { Purpose::Watch });
        }
    }

    /// Whether the lease is kept for what is in progress, and for nothing else.
    pub fn is_holding(&self) -> bool {
        self.purpose == Purpose::Hold
    }

    /// Nothing is in progress any more: a lease that was kept for that is released.
    pub fn let_go(&mut self) {
        if self.is_holding() {
            self.turn_to(Purpose::Watch);
        }
    }

    fn turn_to(&mut self, purpose: Purpose) {
        self.purpose = purpose;
        // A call may have been given up in the middle: without a term it is not known who holds the lease.
        self.phase = match self.term {
            Some(_) => Phase::Act,
            None => Phase::Look,
        };
    }

    /// What to do at `now`. May be asked again at any time, also instead of reporting an answer.
    pub fn next(&mut self, now: Moment) -> Step {
        self.term = self.term.filter(|term| now.monotonic < term.renew_by);
        if let Phase::Rest(until) = self.phase {
            if now.monotonic < until {
                return self.rest(until);
            }
            self.phase = match self.term {
                Some(_) => Phase::Act,
                None => Phase::Look,
            };
        }
        match self.phase {
            Phase::Look => self.ask(Call::Read, now),
            Phase::Act => self.act(now),
            Phase::Rest(until) => self.rest(until),
            Phase::Over => Step::Done,
        }
    }

    fn act(&mut self, now: Moment) -> Step {
        let own = self.holder() == Some(self.me.as_str());
        let action = match self.purpose {
            Purpose::Lead => decide(self.sight.as_ref(), &self.me, now.monotonic, &self.settings),
            Purpose::Hold if own => Action::Replace,
            Purpose::Hold => Action::WaitUntil(now.monotonic + self.settings.retry),
            Purpose::Watch if !own => return self.rest(now.monotonic + self.settings.look_aside()),
            Purpose::Leave | Purpose::Watch => return self.release(now),
        };
        let old = self.sight.as_ref().map(|sight| &sight.lease);
        match (action, old) {
            (Action::Replace, Some(old)) => {
                let lease = record::claimed(old, &self.me, &self.settings, now.wall);
                self.ask(Call::Replace(Box::new(lease)), now)
            }
            (Action::Create | Action::Replace, old) => {
                let lease = record::created(&self.name, old, &self.me, &self.settings, now.wall);
                self.ask(Call::Create(Box::new(lease)), now)
            }
            (Action::WaitUntil(expiry), _) => self.rest(expiry.min(now.monotonic + self.settings.retry)),
        }
    }

    fn release(&mut self, now: Moment) -> Step {
        let own = self.sight.as_ref().filter(|sight| {
            sight.presence == Presence::There && record::holder(&sight.lease) == Some(self.me.as_str())
        });
        let Some(own) = own else {
            if self.purpose == Purpose::Watch {
                return self.rest(now.monotonic + self.settings.look_aside());
            }
            self.phase = Phase::Over;
            return Step::Done;
        };
        let lease = record::released(&own.lease, now.wall);
        self.ask(Call::Replace(Box::new(lease)), now)
    }

    fn ask(&self, call: Call, now: Moment) -> Step {
        let left = self
            .term
            .map_or(Duration::MAX, |term| term.renew_by.saturating_sub(now.monotonic));
        let limit = self.settings.call_limit().min(left);
        Step::Ask { call, limit }
    }

    /// A leader wakes at its deadline as well, so that it is said at once that it leads no more.
    fn rest(&mut self, until: Duration) -> Step {
        self.phase = Phase::Rest(until);
        Step::WaitUntil(self.term.map_or(until, |term| until.min(term.renew_by)))
    }

    /// Takes note of the answer to a call that was begun at `asked`.
    pub fn answered(&mut self, asked: Duration, now: Duration, answer: Answer) {
        self.phase = match answer {
            Answer::Found(lease) => {
                self.see(*lease, now);
                if self.holder() != Some(self.me.as_str()) {
                    self.term = None;
                }
                Phase::Act
            }
            Answer::Missing => {
                if let Some(sight) = &mut self.sight {
                    sight.presence = Presence::Deleted;
                }
                Phase::Act
            }
            Answer::Written(lease) => {
                self.see(*lease, now);
                self.written(asked)
            }
            // A leader has to know at once whether it was deposed; a follower lost a race.
            Answer::Refused if self.term.is_some() || self.purpose == Purpose::Leave => Phase::Look,
            Answer::Failed if self.purpose == Purpose::Leave => Phase::Over,
            Answer::Refused | Answer::Failed => Phase::Rest(now + self.settings.retry),
        };
    }

    /// The term counts from before the call: nobody can have seen the record earlier.
    fn written(&mut self, asked: Duration) -> Phase {
        match self.purpose {
            Purpose::Lead | Purpose::Hold => {
                self.term = Some(Term {
                    renew_by: asked + self.settings.renew_deadline,
                    ends: asked + self.settings.duration,
                });
                Phase::Rest(asked + self.settings.retry)
            }
            Purpose::Leave | Purpose::Watch => {
                self.term = None;
                Phase::Act
            }
        }
    }

    fn see(&mut self, lease: Lease, now: Duration) {
        let version = |lease: &Lease| lease.metadata.resource_version.clone();
        let known = self
            .sight
            .take()
            .filter(|sight| sight.presence == Presence::There && version(&sight.lease) == version(&lease));
        self.sight = Some(Sight {
            changed: known.map_or(now, |sight| sight.changed),
            lease,
            presence: Presence::There,
        });
    }
}

#[cfg(test)]
mod tests;
