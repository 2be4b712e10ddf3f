//! Who logs in as a user at this moment, and who waits for its end?

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use crate::shell::turns::{Object, Turns};

/// One password login at a time for a user, at whichever host of the org. Nobody waits for it inside a pass.
pub(crate) struct UserLocks {
    turns: Arc<Turns>,
    users: Mutex<HashMap<String, UserQueue>>,
}

#[derive(Default)]
struct UserQueue {
    busy: bool,
    /// First come, first woken.
    waiting: VecDeque<Object>,
}

/// A user's login, until it is dropped.
pub(crate) struct UserLock {
    locks: Arc<UserLocks>,
    username: String,
}

impl UserLocks {
    pub(crate) fn new(turns: Arc<Turns>) -> Self {
        let users = Mutex::default();
        Self { turns, users }
    }

    /// The lock of this user, if nobody has it. If somebody has, the connector is woken once it is its turn.
    pub(crate) fn try_lock(self: &Arc<Self>, username: &str, object: &Object) -> Option<UserLock> {
        let username = username.to_lowercase();
        let mut users = self.users();
        let queue = users.entry(username.clone()).or_default();
        let waits = queue.waiting.contains(object);
        if queue.busy {
            queue.waiting.extend((!waits).then(|| object.clone()));
            return None;
        }
        queue.waiting.retain(|other| other != object);
        queue.busy = true;
        let locks = self.clone();
        Some(UserLock { locks, username })
    }

    pub(crate) fn forget_except(&self, alive: &HashSet<String>) {
        self.users().retain(|_, queue| {
            let is_alive = |object: &Object| object.extra.uid.as_ref().is_some_and(|uid| alive.contains(uid));
            queue.waiting.retain(is_alive);
            queue.busy || !queue.waiting.is_empty()
        });
    }

    fn release(&self, username: &str) {
        let mut users = self.users();
        let Some(queue) = users.get_mut(username) else {
            return;
        };
        queue.busy = false;
        let next = queue.waiting.pop_front();
        if queue.waiting.is_empty() {
            users.remove(username);
        }
        if let Some(next) = next {
            self.turns.wake(next);
        }
    }

    fn users(&self) -> std::sync::MutexGuard<'_, HashMap<String, UserQueue>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for UserLock {
    fn drop(&mut self) {
        self.locks.release(&self.username);
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt as _, StreamExt as _};

    use super::*;
    use crate::shell::watch::scope::WatchScope;

    fn connector(name: &str) -> Object {
        let mut object = Object::new(name).within("crm");
        object.extra.uid = Some(format!("uid-of-{name}"));
        object
    }

    #[test]
    fn a_user_logs_in_once_at_a_time_and_who_waits_is_woken_in_order() {
        let turns = Arc::<Turns>::default();
        let mut woken = turns.wakes_of(&WatchScope::Cluster);
        let locks = Arc::new(UserLocks::new(turns));
        let [a, b, c, d] = ["a", "b", "c", "d"].map(connector);
        let mut held = locks.try_lock("Ann@acme.example", &a);
        for waits in [&b, &c, &b, &d] {
            assert!(locks.try_lock("ann@acme.example", waits).is_none());
        }
        assert!(locks.try_lock("bob@acme.example", &d).is_some());
        let alive = ["uid-of-b", "uid-of-d"].map(str::to_owned);
        locks.forget_except(&alive.into());
        for next in [&b, &d] {
            drop(held.take());
            assert_eq!(woken.next().now_or_never(), Some(Some(next.clone())));
            held = locks.try_lock("ann@acme.example", next);
            assert!(held.is_some());
        }
        drop(held);
        assert_eq!(woken.next().now_or_never(), None);
        assert!(locks.users().is_empty());
    }
}
