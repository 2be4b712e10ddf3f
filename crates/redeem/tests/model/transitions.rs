//! What does a session do next, and what does a reply do to it? A session is a pure function: each answer is computed once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::Hash;
use std::rc::Rc;

use redeem::{Effect, Now, Read, Reply, ResourceVersion, Session, State, StateSeen};

use crate::shared::{BuildHashedAlready, Shared, digest};

/// An effect that is due.
#[derive(Debug)]
pub(crate) enum Due {
    /// Creating the state, or replacing it under a precondition.
    WriteState {
        state: Shared<State>,
        precondition: Option<ResourceVersion>,
    },
    /// Any other one.
    Effect(Effect),
}

impl From<Effect> for Due {
    fn from(effect: Effect) -> Self {
        match effect {
            Effect::CreateState { state } => Self::WriteState {
                state: Shared::new(*state),
                precondition: None,
            },
            Effect::WriteState {
                state,
                resource_version,
            } => Self::WriteState {
                state: Shared::new(*state),
                precondition: Some(resource_version),
            },
            effect => Self::Effect(effect),
        }
    }
}

/// What a session hears.
#[derive(Debug, Hash)]
pub(crate) enum Heard {
    /// A state as it stands in the cluster.
    State(Shared<State>, ResourceVersion),
    /// Anything else.
    Reply(Reply),
}

impl From<Heard> for Reply {
    fn from(heard: Heard) -> Self {
        match heard {
            Heard::State(state, version) => Self::State(Read::Is(StateSeen::Found(
                Box::new(State::clone(&state)),
                version,
            ))),
            Heard::Reply(reply) => reply,
        }
    }
}

/// The transitions of sessions that are known, by the hashes of what they follow from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transitions(Option<Rc<RefCell<Known>>>);

#[derive(Debug, Default)]
struct Known {
    due: HashMap<u64, (Shared<Session>, Rc<Due>), BuildHashedAlready>,
    after: HashMap<u64, Shared<Session>, BuildHashedAlready>,
}

/// Sessions that are kept; beyond that number all are forgotten, which costs time only.
const KEPT: usize = 100_000;

impl Transitions {
    /// Remembers what was computed: for a walk that comes upon the same session again and again.
    pub(crate) fn remembered() -> Self {
        Self(Some(Rc::default()))
    }

    /// The session after it was asked what it does next, and that effect.
    pub(crate) fn due(&self, session: Shared<Session>, now: Now) -> (Shared<Session>, Rc<Due>) {
        let ask = |mut session: Shared<Session>| {
            let effect = session.next(now);
            (session, Rc::new(Due::from(effect)))
        };
        let Some(known) = &self.0 else {
            return ask(session);
        };
        let key = digest(&(session.digest(), now));
        if let Some(found) = known.borrow().due.get(&key) {
            return found.clone();
        }
        let mut made = ask(session.clone());
        if made.0.digest() == session.digest() {
            // Asking has changed nothing: one copy will do.
            made.0 = session;
        }
        known.borrow_mut().remember_due(key, made.clone());
        made
    }

    /// The session after it has heard something.
    pub(crate) fn after(&self, session: Shared<Session>, heard: Heard, now: Now) -> Shared<Session> {
        let hear = |mut session: Shared<Session>, heard: Heard| {
            session.on(heard.into(), now);
            session
        };
        let Some(known) = &self.0 else {
            return hear(session, heard);
        };
        let key = digest(&(session.digest(), &heard, now));
        if let Some(found) = known.borrow().after.get(&key) {
            return found.clone();
        }
        let made = hear(session, heard);
        known.borrow_mut().remember_after(key, made.clone());
        made
    }
}

impl Known {
    fn remember_due(&mut self, key: u64, made: (Shared<Session>, Rc<Due>)) {
        if self.due.len() >= KEPT {
            self.due.clear();
        }
        self.due.insert(key, made);
    }

    fn remember_after(&mut self, key: u64, made: Shared<Session>) {
        if self.after.len() >= KEPT {
            self.after.clear();
        }
        self.after.insert(key, made);
    }
}

/// Transitions tell nothing of a world.
impl PartialEq for Transitions {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Transitions {}

impl Hash for Transitions {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}
