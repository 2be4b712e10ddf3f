//! What wakes a reconcile? Changed connectors and copies of tokens, and in mode `Watch` changed Secrets.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use futures::{Stream, StreamExt, TryStreamExt as _, stream};
use k8s_openapi::api::core::v1::Secret;
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::{ObjectRef, Store, store::Writer};
use kube::runtime::utils::Backoff;
use kube::runtime::{PredicateConfig, WatchStreamExt, watcher};
use kube::{Api, Resource, ResourceExt};

use crate::api::names;
use crate::core::model::inputs::references;
use crate::error_chain::chain;
use crate::lease::Ownership;
use crate::shell::context::Context;
use crate::shell::watch::copies::GuardedCopy;
use crate::shell::watch::object::Guarded;
use crate::shell::watch::scope::WatchScope;

/// Connectors, when something changed that a decision could depend on. Our own status writes don't wake us.
pub(crate) fn connectors(
    context: &Context,
    scope: &WatchScope,
    writer: Writer<Guarded>,
) -> impl Stream<Item = Result<Guarded, watcher::Error>> + Send + 'static {
    let mut listed = Some(context.connectors.listed());
    let copies = context.copies.clone();
    watcher(api(context, scope), watcher::Config::default().streaming_lists())
        .backoff(Patience::default())
        .reflect(writer)
        .inspect_ok(move |event| {
            // Once: a watch that has to begin anew lists anew.
            let first = listed.take_if(|_| matches!(event, watcher::Event::InitDone));
            if let Some(listed) = first {
                listed.send_modify(|stores| *stores += 1);
            }
            copies.connector_changed(event);
        })
        .applied_objects()
        .predicate_filter(relevant, PredicateConfig::default())
        .filter_map(without_errors)
}

/// Where copies of tokens are accepted. Status writes of our own don't wake us.
pub(crate) fn copies(
    context: &Context,
    scope: &WatchScope,
    writer: Writer<GuardedCopy>,
) -> impl Stream<Item = Result<GuardedCopy, watcher::Error>> + Send + 'static {
    watcher(api(context, scope), watcher::Config::default().streaming_lists())
        .backoff(Patience::default())
        .modify(|copy: &mut GuardedCopy| {
            // Nobody here reads what users put there.
            let metadata = copy.meta_mut();
            (metadata.managed_fields, metadata.annotations, metadata.labels) = (None, None, None);
        })
        .reflect(writer)
        .applied_objects()
        .predicate_filter(declared, PredicateConfig::default())
        .filter_map(without_errors)
}

/// All objects of a store that belong to a shard, each time that this process becomes its owner. Events of before changed nothing.
pub(crate) fn gained<K>(
    ownership: &Ownership,
    store: &Store<K>,
    namespace_of: fn(&K) -> Option<String>,
) -> impl Stream<Item = ObjectRef<K>> + Send + use<K>
where
    K: Resource<DynamicType = ()> + Clone + Send + Sync + 'static,
{
    let (ownership, store) = (ownership.clone(), store.clone());
    ownership.gained().flat_map(move |shard| {
        let (shards, all) = (ownership.shards(), store.state());
        let in_shard = all.into_iter().filter(move |object| {
            let namespace = namespace_of(object).unwrap_or_default();
            shards.shard_of(&namespace) == shard
        });
        stream::iter(in_shard.map(|object| ObjectRef::from_obj(&*object)))
    })
}

/// How long a watch waits after its errors: as kube does, and no longer than [`PATIENCE`].
#[derive(Default)]
struct Patience(watcher::DefaultBackoff);

/// kube goes up to a minute, for which nobody would notice that the API server is back. There are one or two watches, or
/// one or two for each namespace that is listed: no burden at this pace.
const PATIENCE: Duration = Duration::from_secs(10);

impl Iterator for Patience {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(self.0.next()?.min(PATIENCE))
    }
}

impl Backoff for Patience {
    fn reset(&mut self) {
        self.0.reset();
    }
}

/// Each watch waits its own errors out, and the controller hears nothing of them: it would hold up all watches, longer
/// and longer, for the errors of one. A restarted API server makes several of each.
async fn without_errors<T>(item: Result<T, watcher::Error>) -> Option<Result<T, watcher::Error>> {
    match item {
        Ok(item) => Some(Ok(item)),
        Err(error) => {
            tracing::warn!(error = %chain(&error), "Watch failed, retrying");
            None
        }
    }
}

/// Uid, generation, annotations, the beginning of a deletion, and whether it can be parsed; a re-created connector is
/// another one.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the form of a predicate: None would mean that it can't tell"
)]
fn relevant(connector: &Guarded) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    connector.uid().hash(&mut hasher);
    connector.meta().generation.hash(&mut hasher);
    connector.annotations().hash(&mut hasher);
    connector.meta().deletion_timestamp.is_some().hash(&mut hasher);
    connector.0.is_ok().hash(&mut hasher);
    Some(hasher.finish())
}

/// Uid and generation, which a deletion changes, too.
#[expect(clippy::unnecessary_wraps, reason = "the form of a predicate")]
fn declared(copy: &GuardedCopy) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    (copy.uid(), copy.meta().generation, copy.0.is_ok()).hash(&mut hasher);
    Some(hasher.finish())
}

/// Metadata of Secrets that changed. Nothing of them is kept.
pub(crate) fn secrets(
    context: &Context,
    scope: &WatchScope,
) -> impl Stream<Item = Result<PartialObjectMeta<Secret>, watcher::Error>> + Send + 'static {
    watcher(api(context, scope), watcher::Config::default().streaming_lists())
        .backoff(Patience::default())
        .touched_objects()
        .filter_map(without_errors)
}

fn api<K>(context: &Context, scope: &WatchScope) -> Api<K>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
{
    match scope {
        WatchScope::Cluster => Api::all(context.watching.clone()),
        WatchScope::Namespace(namespace) => Api::namespaced(context.watching.clone(), namespace),
    }
}

/// The connectors that a Secret concerns: those that refer to it, and the one that writes it.
pub(crate) fn mentioning(
    store: &Store<Guarded>,
    secret: &PartialObjectMeta<Secret>,
) -> Vec<ObjectRef<Guarded>> {
    let (name, namespace) = (secret.name_any(), secret.namespace());
    let concerned = |connector: &Guarded| {
        let Ok(connector) = &connector.0 else { return false };
        let written = connector
            .spec
            .secret
            .name
            .clone()
            .unwrap_or_else(|| names::default_secret_name(&connector.name_any()));
        let login = connector.annotations().get(names::LOGIN_SECRET);
        written == name
            || login == Some(&name)
            || references(&connector.spec)
                .iter()
                .any(|reference| reference.name == name)
    };
    let state = store.state();
    let in_namespace = state
        .iter()
        .filter(|connector| connector.namespace() == namespace);
    in_namespace
        .filter(|connector| concerned(connector))
        .map(|connector| ObjectRef::from_obj(&**connector))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_waits_ever_longer_and_never_for_more_than_its_patience() {
        let waits: Vec<_> = Patience::default().take(20).collect();
        assert!(waits[0] < Duration::from_secs(2), "{waits:?}");
        assert_eq!(waits.iter().max(), Some(&PATIENCE));
    }
}
