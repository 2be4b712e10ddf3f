//! How are connectors? The command `status`: fetches them, once or with each change, and has them drawn.

use std::collections::BTreeMap;
use std::pin::pin;
use std::process::ExitCode;

use futures::TryStreamExt as _;
use jiff::Timestamp;
use kube::ResourceExt as _;
use kube::api::{Api, DynamicObject, ListParams};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event};

use crate::cli::{AccessFlags, StatusArgs};
use crate::cluster::{Cluster, final_refusal, refusal};
use crate::command_error::CommandError;
use crate::show::{self, Paint};

pub mod screen;
pub mod table;

pub async fn run(access: &AccessFlags, args: &StatusArgs) -> Result<ExitCode, CommandError> {
    let cluster = Cluster::connect(access).await?;
    let api = if args.all_namespaces {
        cluster.connectors_everywhere()
    } else {
        cluster.connectors()
    };
    if args.watch {
        return watch(&cluster, args, api).await;
    }
    let found = if let Some(name) = &args.name {
        vec![cluster.get(name).await?]
    } else {
        let params = ListParams::default().labels(args.selector.as_deref().unwrap_or_default());
        let found = api.list(&params).await;
        found
            .map_err(|error| refused(&cluster, args, "list", error))?
            .items
    };
    if found.is_empty() && args.output.is_none() {
        eprintln!("No SalesforceConnectors found{}.", place(&cluster, args));
    }
    show::print(&drawn(args, &found, Timestamp::now()))?;
    Ok(exit_code(&found))
}

fn place(cluster: &Cluster, args: &StatusArgs) -> String {
    let chosen = args
        .selector
        .as_ref()
        .map_or_else(String::new, |selector| format!(" with {selector}"));
    if args.all_namespaces {
        return chosen;
    }
    format!(" in namespace {}{chosen}", cluster.namespace)
}

fn refused(cluster: &Cluster, args: &StatusArgs, verb: &str, error: kube::Error) -> CommandError {
    let namespace = (!args.all_namespaces).then_some(cluster.namespace.as_str());
    refusal(verb, "salesforceconnectors", namespace, error)
}

/// Draws all that is known after each change, until the process is stopped.
async fn watch(
    cluster: &Cluster,
    args: &StatusArgs,
    api: Api<DynamicObject>,
) -> Result<ExitCode, CommandError> {
    let mut config = watcher::Config::default().labels(args.selector.as_deref().unwrap_or_default());
    if let Some(name) = &args.name {
        cluster.get(name).await?;
        config = config.fields(&format!("metadata.name={name}"));
    }
    let mut known = BTreeMap::new();
    let mut events = pin!(watcher::watcher(api, config).default_backoff());
    loop {
        let event = match events.try_next().await {
            Ok(Some(event)) => event,
            Ok(None) => return Ok(ExitCode::SUCCESS),
            Err(error) => match final_refusal(error) {
                Some(error) => return Err(refused(cluster, args, "watch", error)),
                None => continue,
            },
        };
        let key = |object: &DynamicObject| (object.namespace(), object.name_any());
        match event {
            Event::Init => known.clear(),
            Event::InitApply(object) => {
                known.insert(key(&object), object);
                continue;
            }
            Event::InitDone => {}
            Event::Apply(object) => {
                known.insert(key(&object), object);
            }
            Event::Delete(object) => {
                known.remove(&key(&object));
            }
        }
        let found: Vec<DynamicObject> = known.values().cloned().collect();
        if !found.is_empty() {
            show::print(&show::next(
                &drawn(args, &found, Timestamp::now()),
                args.output.is_none(),
            ))?;
        }
    }
}

fn drawn(args: &StatusArgs, found: &[DynamicObject], now: Timestamp) -> String {
    let paint = Paint::of_stdout();
    match (args.output, found) {
        (Some(format), _) => show::objects(found, args.name.is_some(), format),
        (None, []) => String::new(),
        (None, [object]) if args.name.is_some() => screen::screen(object, now, paint),
        (None, _) => table::table(found, args.all_namespaces, now, paint),
    }
}

fn exit_code(found: &[DynamicObject]) -> ExitCode {
    let ready =
        |object: &DynamicObject| screen::read(object).is_ok_and(|connector| screen::is_ready(&connector));
    ExitCode::from(u8::from(!found.iter().all(ready)))
}
