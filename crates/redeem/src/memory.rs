//! What one process remembers of a connector between sessions; a crash forgets it, which only makes it wait longer.

use std::time::Duration;

use crate::answer::IntrospectionAnswer;
use crate::ids::{AttemptId, GrantId, ResourceVersion, TokenDigest};
use crate::state::{Grant, State};

/// Kept by the shell for each connector, handed to a session and back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SessionMemory {
    sightings: Vec<Sighting>,
    /// This process's monotonic clock when it first saw that the connector was taken over.
    taken_over: Option<Duration>,
}

/// What Salesforce is asked about, once who may be presenting the token has had its time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Doubt {
    /// An attempt of somebody else.
    Attempt(AttemptId),
    /// A state that is older than its copies, by its resourceVersion: somebody may be presenting a token of a newer one.
    OldState(ResourceVersion),
    /// A bootstrap token that Salesforce has called inactive.
    Bootstrap(TokenDigest),
    /// A bootstrap token that was presented, whose grant has no state: its owner may hold the result.
    Lost(TokenDigest),
    /// An import that its ledger entry knows under another grant: that one may be under way.
    Import(GrantId),
    /// A bootstrap token beside entries of other digest keys, by the grants in the state: its own entry may be one of them, and
    /// a grant that was imported after it, and is in the state no more, may be under way.
    OtherKeys(Vec<GrantId>),
}

/// When a doubt arose, and how often Salesforce was asked about it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sighting {
    /// The doubt.
    pub doubt: Doubt,
    /// This process's monotonic clock at the first sight.
    pub first_seen: Duration,
    /// How often introspection gave no answer, or called the token inactive.
    pub asked: u8,
    /// How often introspection called the token inactive.
    pub inactive: u8,
    /// Not before this reading of the monotonic clock is it asked again.
    pub ask_again: Duration,
}

/// Wait before Salesforce is asked again about a doubt, doubled after each question that did not end it.
pub const ASK_AGAIN_MIN: Duration = Duration::from_secs(15);
/// Longest wait before Salesforce is asked again about a doubt.
pub const ASK_AGAIN_MAX: Duration = Duration::from_secs(15 * 60);
/// Wait before a token is asked about once more that Salesforce has called inactive for the first time.
pub(crate) const CONFIRM_AFTER: Duration = Duration::from_secs(10);
/// How often Salesforce calls a token inactive before that counts: a single answer may be of a site that lags behind.
pub(crate) const INACTIVE_ANSWERS: u8 = 2;
/// How often a token is asked about that was called inactive: for about a day.
pub(crate) const ASKED_MAX: u8 = 100;

impl Sighting {
    /// Whether Salesforce has called the token inactive often enough to believe it.
    #[must_use]
    pub fn is_inactive(&self) -> bool {
        self.inactive >= INACTIVE_ANSWERS
    }
}

impl SessionMemory {
    /// Notes what stands in a state just read that may have to be asked about, and forgets the rest.
    pub fn observe(&mut self, state: Option<&State>, monotonic: Duration) {
        let doubts: Vec<Doubt> = state
            .into_iter()
            .flat_map(State::grants)
            .filter_map(doubt_of)
            .collect();
        self.sightings.retain(|sighting| match &sighting.doubt {
            Doubt::OldState(_) | Doubt::Bootstrap(_) | Doubt::OtherKeys(_) => true,
            Doubt::Lost(_) => state.is_none(),
            Doubt::Attempt(_) | Doubt::Import(_) => doubts.contains(&sighting.doubt),
        });
        for doubt in doubts {
            self.see(doubt, monotonic);
        }
    }

    /// Notes which state is older than its copies, if it is.
    pub(crate) fn observe_old_state(&mut self, version: Option<&ResourceVersion>, monotonic: Duration) {
        let stands = |doubt: &Doubt| match doubt {
            Doubt::OldState(of) => Some(of) == version,
            Doubt::Attempt(_)
            | Doubt::Import(_)
            | Doubt::Bootstrap(_)
            | Doubt::Lost(_)
            | Doubt::OtherKeys(_) => true,
        };
        self.sightings.retain(|sighting| stands(&sighting.doubt));
        if let Some(version) = version {
            self.see(Doubt::OldState(version.clone()), monotonic);
        }
    }

    /// Notes that there are ledger entries of other keys beside this state, and forgets it of one with other grants.
    pub(crate) fn see_other_keys(&mut self, state: Option<&State>, monotonic: Duration) -> Doubt {
        let grants = state.into_iter().flat_map(State::grants);
        let doubt = Doubt::OtherKeys(grants.map(|grant| grant.id.clone()).collect());
        let another =
            |sighting: &Sighting| matches!(sighting.doubt, Doubt::OtherKeys(_)) && sighting.doubt != doubt;
        self.sightings.retain(|sighting| !another(sighting));
        self.see(doubt.clone(), monotonic);
        doubt
    }

    /// Notes that Salesforce has called this bootstrap token inactive, and forgets any other.
    pub(crate) fn note_inactive_bootstrap(&mut self, digest: &TokenDigest, monotonic: Duration) {
        let doubt = Doubt::Bootstrap(digest.clone());
        let another =
            |sighting: &Sighting| matches!(sighting.doubt, Doubt::Bootstrap(_)) && sighting.doubt != doubt;
        self.sightings.retain(|sighting| !another(sighting));
        self.see(doubt.clone(), monotonic);
        self.note_answer(&doubt, IntrospectionAnswer::Inactive, monotonic);
    }

    /// Notes a doubt, unless it is noted already.
    pub(crate) fn see(&mut self, doubt: Doubt, monotonic: Duration) {
        if self.sighting(&doubt).is_none() {
            self.sightings.push(Sighting {
                doubt,
                first_seen: monotonic,
                asked: 0,
                inactive: 0,
                ask_again: monotonic,
            });
        }
    }

    /// Notes whether the connector just read was taken over from another installation.
    pub(crate) fn observe_takeover(&mut self, taken_over: bool, monotonic: Duration) {
        self.taken_over = taken_over.then(|| self.taken_over.unwrap_or(monotonic));
    }

    /// When it was first seen that the connector was taken over.
    pub(crate) fn taken_over(&self) -> Option<Duration> {
        self.taken_over
    }

    /// What is remembered of a doubt.
    #[must_use]
    pub fn sighting(&self, doubt: &Doubt) -> Option<&Sighting> {
        self.sightings.iter().find(|sighting| sighting.doubt == *doubt)
    }

    /// Notes an answer; if it does not end the doubt, the next question waits twice as long, from 15 s to 15 min. What was
    /// called inactive for the first time is asked about sooner.
    pub(crate) fn note_answer(&mut self, doubt: &Doubt, said: IntrospectionAnswer, monotonic: Duration) {
        let Some(sighting) = self
            .sightings
            .iter_mut()
            .find(|sighting| sighting.doubt == *doubt)
        else {
            return;
        };
        let backed_off = ASK_AGAIN_MIN
            .saturating_mul(1 << sighting.asked.min(6))
            .min(ASK_AGAIN_MAX);
        sighting.asked = sighting.asked.saturating_add(1);
        if said == IntrospectionAnswer::Inactive {
            sighting.inactive = sighting.inactive.saturating_add(1);
        }
        let wait = match said {
            IntrospectionAnswer::Inactive if !sighting.is_inactive() => CONFIRM_AFTER,
            _ => backed_off,
        };
        sighting.ask_again = monotonic + wait;
    }
}

/// What may have to be asked about a grant in a state.
fn doubt_of(grant: &Grant) -> Option<Doubt> {
    match &grant.attempt {
        Some(attempt) => Some(Doubt::Attempt(attempt.id.clone())),
        None if grant.access.is_none() => Some(Doubt::Import(grant.id.clone())),
        None => None,
    }
}
