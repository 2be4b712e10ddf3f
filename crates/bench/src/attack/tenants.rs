//! What do the other tenants do, and how long do they wait for it?

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use futures::stream::SelectAll;
use futures::{StreamExt as _, TryStreamExt as _};
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::runtime::watcher;
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};
use testbed::TestNamespace;

use crate::Failed;
use crate::fleet::{Fleet, connector, connectors, is_ready};
use crate::plane::Plane;

/// From one round to the next.
pub(super) const APART: Duration = Duration::from_secs(2);
/// What is not seen by then counts with this time.
const LIMIT: Duration = Duration::from_mins(1);
/// Tenants, with a namespace each.
const TENANTS: usize = 4;

/// What a tenant asks the operator for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Asked {
    Connector,
    Test,
    Renewal,
}

impl Asked {
    pub(super) const ALL: [Self; 3] = [Self::Connector, Self::Test, Self::Renewal];

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Connector => "a new connector is Ready",
            Self::Test => "a requested test is done",
            Self::Renewal => "a requested renewal is done",
        }
    }

    /// The annotation that asks, and where the status echoes it.
    fn request(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Connector => None,
            Self::Test => Some(("test-requested-at", "/status/lastHandled/testRequestedAt")),
            Self::Renewal => Some(("renew-requested-at", "/status/lastHandled/renewRequestedAt")),
        }
    }

    fn is_done(self, value: &str, object: &DynamicObject) -> bool {
        self.request().map_or_else(
            || is_ready(object),
            |(_, echo)| object.data.pointer(echo).and_then(Value::as_str) == Some(value),
        )
    }
}

/// How long everything took, and who was not Ready.
#[derive(Debug, Default)]
pub(super) struct Seen {
    times: HashMap<Asked, Vec<Duration>>,
    /// Connectors that were Ready once and were not so later.
    pub(super) unready: BTreeSet<String>,
}

impl Seen {
    pub(super) fn part(&self, asked: Asked, percent: usize) -> String {
        let mut times = self.times.get(&asked).cloned().unwrap_or_default();
        times.sort();
        let last = times.len().saturating_sub(1);
        let time = times.get(last * percent / 100).copied().unwrap_or(LIMIT);
        if time >= LIMIT {
            return format!("> {}", LIMIT.as_secs());
        }
        format!("{:.2}", time.as_secs_f64())
    }

    pub(super) fn summary(&self) -> Vec<(Asked, [String; 3])> {
        let parts = |asked| (asked, [50, 99, 100].map(|percent| self.part(asked, percent)));
        Asked::ALL.map(parts).to_vec()
    }
}

/// What has been asked for and not been seen yet, by the connector's name.
type Pending = HashMap<(String, Asked), (String, Instant)>;

/// The namespaces of the other tenants, whose connectors are there.
pub(super) struct Tenants {
    client: Client,
    namespaces: Vec<TestNamespace>,
    fleets: Vec<Fleet>,
    connectors: usize,
}

impl Tenants {
    /// Creates the connectors, and the inputs of those that are to come.
    pub(super) async fn settle(plane: &Plane, connectors: usize, apps: usize) -> Result<Self, Failed> {
        let mut namespaces = Vec::new();
        for _ in 0..TENANTS {
            namespaces.push(plane.another_namespace().await);
        }
        let fleet =
            |namespace: &TestNamespace| Fleet::new(plane.clients.clone(), namespace.name().to_owned());
        let fleets: Vec<Fleet> = namespaces.iter().map(fleet).collect();
        let share = connectors / TENANTS;
        for (tenant, fleet) in fleets.iter().enumerate() {
            let own = tenant * share..(tenant + 1) * share;
            fleet.create_inputs(own.clone()).await?;
            fleet.create_connectors(own).await?;
            // Any tenant's turn may come.
            fleet.create_inputs(connectors..apps).await?;
        }
        Ok(Self {
            client: plane.clients.first().ok_or("there is no client")?.clone(),
            namespaces,
            fleets,
            connectors,
        })
    }

    pub(super) async fn all_ready(&self) -> Result<(), Failed> {
        for fleet in &self.fleets {
            fleet.all_ready(self.connectors / TENANTS).await?;
        }
        Ok(())
    }

    fn api(&self, tenant: usize) -> Result<Api<DynamicObject>, Failed> {
        let namespace = self.namespaces.get(tenant).ok_or("there is no such tenant")?;
        Ok(connectors(self.client.clone(), namespace.name()))
    }

    /// So many rounds, and until everything asked for was seen, or its limit is over.
    pub(super) async fn live(&self, rounds: usize) -> Result<Seen, Failed> {
        let mut events = SelectAll::new();
        for tenant in 0..TENANTS {
            events.push(watcher(self.api(tenant)?, watcher::Config::default()).boxed());
        }
        let (mut seen, mut pending, mut round) = (Seen::default(), Pending::new(), 0);
        let mut ready = BTreeSet::new();
        let mut ticks = tokio::time::interval(APART);
        let end = tokio::time::sleep(APART * u32::try_from(rounds)? + LIMIT);
        let mut end = std::pin::pin!(end);
        while round < rounds || !pending.is_empty() {
            tokio::select! {
                _ = ticks.tick(), if round < rounds => {
                    self.ask(round, &mut pending).await?;
                    round += 1;
                }
                event = events.try_next() => match event?.ok_or("the watch ended")? {
                    watcher::Event::Apply(object) | watcher::Event::InitApply(object) => {
                        note(&object, &mut seen, &mut pending, &mut ready);
                    }
                    watcher::Event::Delete(_) | watcher::Event::Init | watcher::Event::InitDone => {}
                },
                () = &mut end => break,
            }
        }
        for (_, asked) in pending.into_keys() {
            seen.times.entry(asked).or_default().push(LIMIT);
        }
        Ok(seen)
    }

    /// One new connector, one test and one renewal.
    async fn ask(&self, round: usize, pending: &mut Pending) -> Result<(), Failed> {
        let share = self.connectors / TENANTS;
        let new = connector(self.connectors + round, &json!(false))?;
        pending.insert(
            (new.name_any(), Asked::Connector),
            (String::new(), Instant::now()),
        );
        let api = self.api(round % TENANTS)?;
        api.create(&PostParams::default(), &new).await?;
        for (asked, ahead) in [(Asked::Test, 0), (Asked::Renewal, self.connectors / 2)] {
            let number = (round + ahead) % self.connectors;
            let (Some((annotation, _)), value) = (asked.request(), round.to_string()) else {
                continue;
            };
            let name = connector(number, &json!(false))?.name_any();
            let annotations = json!({ format!("salesforce-connector.dev/{annotation}"): value });
            let patch = Patch::Merge(json!({ "metadata": { "annotations": annotations } }));
            pending.insert((name.clone(), asked), (value, Instant::now()));
            let api = self.api(number / share)?;
            api.patch(&name, &PatchParams::default(), &patch).await?;
        }
        Ok(())
    }
}

fn note(object: &DynamicObject, seen: &mut Seen, pending: &mut Pending, ready: &mut BTreeSet<String>) {
    let name = object.name_any();
    for asked in Asked::ALL {
        let key = (name.clone(), asked);
        let done = pending
            .get(&key)
            .is_some_and(|(value, _)| asked.is_done(value, object));
        if let Some((_, since)) = done.then(|| pending.remove(&key)).flatten() {
            seen.times.entry(asked).or_default().push(since.elapsed());
        }
    }
    if is_ready(object) {
        ready.insert(name);
    } else if ready.contains(&name) {
        seen.unready.insert(name);
    }
}
