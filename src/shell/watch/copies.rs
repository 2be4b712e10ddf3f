//! Where are copies of tokens accepted, and which of them does a change concern?

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::Stream;
use futures::channel::mpsc::{UnboundedSender, unbounded};
use k8s_openapi::api::core::v1::Secret;
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher;
use kube::{Resource as _, ResourceExt as _};

use crate::api::SalesforceTokenCopy;
use crate::shell::watch::object::Guarded;
use crate::shell::watch::scope::WatchScope;

/// As it comes from the watch. One that this version can't parse must not stop the others.
pub(crate) type GuardedCopy = DeserializeGuard<SalesforceTokenCopy>;
pub(crate) type CopyObject = ObjectRef<GuardedCopy>;

/// The copies of all watches, and how each is woken. Empty where no tokens are copied.
#[derive(Default)]
pub(crate) struct Copies {
    watches: Mutex<Vec<CopyWatch>>,
    /// How often in a row Kubernetes has failed a copy.
    errors: Mutex<HashMap<CopyObject, u32>>,
}

struct CopyWatch {
    scope: WatchScope,
    store: Store<GuardedCopy>,
    wakes: UnboundedSender<CopyObject>,
}

impl Copies {
    /// Takes a watch in, and yields what it is to look at again.
    pub(crate) fn add(
        &self,
        scope: &WatchScope,
        store: Store<GuardedCopy>,
    ) -> impl Stream<Item = CopyObject> + Send + 'static {
        let (wakes, receiver) = unbounded();
        locked(&self.watches).push(CopyWatch {
            scope: scope.clone(),
            store,
            wakes,
        });
        receiver
    }

    /// Those that name this connector.
    pub(crate) fn naming(&self, namespace: &str, name: &str) -> Vec<Arc<GuardedCopy>> {
        let names = |copy: &Arc<GuardedCopy>| {
            let from = copy.0.as_ref().ok().map(|copy| &copy.spec.from);
            from.is_some_and(|from| from.namespace == namespace && from.name == name)
        };
        let watches = locked(&self.watches);
        let known = watches.iter().flat_map(|watch| watch.store.state());
        known.filter(names).collect()
    }

    /// Wakes the copies that a change of a connector concerns: after a new list, which may lack some connectors, all of them.
    pub(crate) fn connector_changed(&self, event: &watcher::Event<Guarded>) {
        match event {
            watcher::Event::Apply(connector) | watcher::Event::Delete(connector) => {
                let meta = connector.meta();
                let (namespace, name) = (meta.namespace.as_deref(), meta.name.as_deref());
                let named = self.naming(namespace.unwrap_or_default(), name.unwrap_or_default());
                for copy in named {
                    self.wake(ObjectRef::from_obj(&*copy));
                }
            }
            watcher::Event::InitDone => {
                let watches = locked(&self.watches);
                for watch in watches.iter() {
                    for copy in watch.store.state() {
                        let _ = watch.wakes.unbounded_send(ObjectRef::from_obj(&*copy));
                    }
                }
            }
            watcher::Event::Init | watcher::Event::InitApply(_) => {}
        }
    }

    /// Wakes the copy that the Secret was made for.
    pub(crate) fn secret_changed(&self, secret: &PartialObjectMeta<Secret>) {
        let kind = SalesforceTokenCopy::kind(&());
        for owner in secret
            .owner_references()
            .iter()
            .filter(|owner| owner.kind == kind)
        {
            let namespace = secret.namespace().unwrap_or_default();
            self.wake(ObjectRef::new(&owner.name).within(&namespace));
        }
    }

    /// Has the copy looked at soon.
    pub(crate) fn wake(&self, copy: CopyObject) {
        let watches = locked(&self.watches);
        let namespace = copy.namespace.as_deref().unwrap_or_default();
        if let Some(watch) = watches.iter().find(|watch| watch.scope.covers(namespace)) {
            // It fails once the watch has ended: then nothing is looked at any more.
            let _ = watch.wakes.unbounded_send(copy);
        }
    }

    /// Counts a look that Kubernetes has failed, and says how many there were in a row before it.
    pub(crate) fn count_error(&self, copy: CopyObject) -> u32 {
        let mut errors = locked(&self.errors);
        let count = errors.entry(copy).or_default();
        let before = *count;
        *count = count.saturating_add(1);
        before
    }

    pub(crate) fn forget_errors(&self, copy: &CopyObject) {
        locked(&self.errors).remove(copy);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
