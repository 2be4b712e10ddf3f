//! How long do connectors take that are created one after another?

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _};
use kube::api::{DynamicObject, PostParams};
use kube::runtime::watcher;
use kube::{Api, ResourceExt as _};
use serde_json::json;

use crate::Failed;
use crate::fleet::{Fleet, connector, connectors, is_ready};
use crate::plane::Plane;

/// What newcomers have alone: a watch of all would first list a whole fleet, and see the first newcomers late.
const LABEL: &str = "bench/newcomer";
/// From one newcomer to the next.
const APART: Duration = Duration::from_millis(500);
/// A newcomer that is not Ready by then is counted with this time.
const LIMIT: Duration = Duration::from_mins(1);

/// Times to Ready of each newcomer, in order.
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn of(mut times: Vec<Duration>) -> Self {
        times.sort();
        Self(times)
    }

    /// The time, in seconds, that this percentage of the newcomers was Ready after.
    pub(crate) fn part(&self, percent: usize) -> String {
        let last = self.0.len().saturating_sub(1);
        let time = self.0.get(last * percent / 100).copied().unwrap_or(LIMIT);
        if time >= LIMIT {
            return format!("> {}", LIMIT.as_secs());
        }
        format!("{:.2}", time.as_secs_f64())
    }
}

/// Creates connectors of these numbers one after another, and sees when each is Ready. Others may be there.
pub(crate) async fn ready(plane: &Plane, fleet: &Fleet, numbers: Range<usize>) -> Result<Times, Failed> {
    let client = plane.clients.first().ok_or("there is no client")?.clone();
    let api = connectors(client, fleet.namespace());
    let count = numbers.len();
    let names = numbers
        .clone()
        .map(|number| Ok(connector(number, &json!(false))?.name_any()));
    let names = names.collect::<Result<HashSet<String>, Failed>>()?;
    let (mut began, mut ready) = (HashMap::new(), HashMap::new());
    let create = async {
        let mut next = tokio::time::interval(APART);
        for number in numbers {
            next.tick().await;
            let mut connector = connector(number, &json!(false))?;
            connector.labels_mut().insert(LABEL.to_owned(), "true".to_owned());
            began.insert(connector.name_any(), Instant::now());
            api.create(&PostParams::default(), &connector).await?;
        }
        Ok::<_, Failed>(())
    };
    let limit = APART * u32::try_from(count)? + LIMIT;
    let watch = tokio::time::timeout(limit, until_ready(&api, &names, &mut ready));
    let (created, watched) = tokio::join!(create, watch);
    created?;
    watched.unwrap_or(Ok(()))?; // The others count with the limit.
    let time = |(name, began): (&String, &Instant)| ready.get(name).map_or(LIMIT, |ready| *ready - *began);
    Ok(Times::of(began.iter().map(time).collect()))
}

async fn until_ready(
    api: &Api<DynamicObject>,
    names: &HashSet<String>,
    ready: &mut HashMap<String, Instant>,
) -> Result<(), Failed> {
    let newcomers = watcher::Config::default().labels(LABEL);
    let mut events = watcher(api.clone(), newcomers).boxed();
    while ready.len() < names.len() {
        let event = events.try_next().await?.ok_or("the watch ended")?;
        let (watcher::Event::Apply(object) | watcher::Event::InitApply(object)) = event else {
            continue;
        };
        let name = object.name_any();
        if names.contains(&name) && is_ready(&object) {
            ready.entry(name).or_insert_with(Instant::now);
        }
    }
    Ok(())
}
