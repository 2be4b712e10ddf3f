//! Who may run a pass now, and how do the others hear that their turn has come?

use std::sync::{Arc, Mutex, PoisonError};

use futures::Stream;
use futures::channel::mpsc::{UnboundedSender, unbounded};
use kube::runtime::reflector::ObjectRef;

use crate::core::schedule::fair_queue::{FairQueue, Share};
use crate::core::schedule::urgency::Urgency;
use crate::shell::watch::object::Guarded;
use crate::shell::watch::scope::WatchScope;

pub(crate) type Object = ObjectRef<Guarded>;

/// The queue in front of all passes. Who has to wait holds nothing and runs nothing: its reconcile ends, and is started again when
/// its turn has come.
#[derive(Default)]
pub(crate) struct Turns {
    queue: Mutex<FairQueue<Object>>,
    /// Where each watch is told which connectors to reconcile.
    wakes: Mutex<Vec<(WatchScope, UnboundedSender<Object>)>>,
}

/// The right to run a pass of one connector, until it is dropped.
pub(crate) struct Turn {
    turns: Arc<Turns>,
    object: Object,
}

impl Turns {
    /// Connectors of this watch whose turn has come, or that were waiting for something else.
    pub(crate) fn wakes_of(&self, scope: &WatchScope) -> impl Stream<Item = Object> + Send + 'static {
        let (sender, receiver) = unbounded();
        let mut wakes = self.wakes.lock().unwrap_or_else(PoisonError::into_inner);
        wakes.push((scope.clone(), sender));
        receiver
    }

    /// The turn of this connector, if it has come. If not, the connector is woken when it comes.
    pub(crate) fn ask(self: &Arc<Self>, object: Object, share: &Share, urgency: Urgency) -> Option<Turn> {
        self.queue().ask(&object, share, urgency).then(|| Turn {
            turns: self.clone(),
            object,
        })
    }

    /// There is nothing to do for this connector, whether its turn has come or not.
    pub(crate) fn forget(&self, object: &Object) {
        let next = self.queue().leave(object);
        self.wake_all(next);
    }

    /// How many passes wait, and how many are in progress.
    pub(crate) fn count(&self) -> (usize, usize) {
        self.queue().count()
    }

    /// Has the connector reconciled soon.
    pub(crate) fn wake(&self, object: Object) {
        let wakes = self.wakes.lock().unwrap_or_else(PoisonError::into_inner);
        let namespace = object.namespace.as_deref();
        let of_it = wakes
            .iter()
            .find(|(scope, _)| scope.covers(namespace.unwrap_or_default()));
        if let Some((_, sender)) = of_it {
            // It fails once the watch has ended: then nothing is reconciled any more.
            let _ = sender.unbounded_send(object);
        }
    }

    fn wake_all(&self, objects: Vec<Object>) {
        for object in objects {
            self.wake(object);
        }
    }

    fn queue(&self) -> std::sync::MutexGuard<'_, FairQueue<Object>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// The pass takes long: others may begin beside it.
    pub(crate) fn linger(&self) {
        let next = self.turns.queue().linger(&self.object);
        self.turns.wake_all(next);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.forget(&self.object);
    }
}
