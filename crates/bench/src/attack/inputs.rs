//! How much memory do sixteen connectors take whose inputs have 1 MB each, all at once?

use std::time::{Duration, Instant};

use kube::api::{DynamicObject, ListParams};
use serde_json::Value;

use super::abuse::{Abuser, LARGE_INPUTS};
use crate::Failed;
use crate::fleet::connectors;
use crate::operator::{self, Mode, Operator};
use crate::plane::Plane;
use crate::process::Memory;
use crate::programs::Programs;

const LIMIT: Duration = Duration::from_mins(2);

/// Memory before and after.
pub(super) struct Growth {
    before: Memory,
    after: Memory,
}

impl Growth {
    pub(super) fn row(&self) -> String {
        format!(
            "| operator's memory, MB: idle, and at its highest with 16 connectors whose inputs have 1 MB each | {:.1} | {:.1} |\n",
            self.before.now, self.after.peak
        )
    }
}

pub(super) async fn measure(programs: &Programs) -> Result<Growth, Failed> {
    let plane = Plane::start(&programs.simulator, Mode::ByName.as_str(), 1).await?;
    let log = operator::log(&plane, programs.logs.as_ref(), "inputs")?;
    let mut operator = Operator::start(&programs.operator, &plane, Mode::ByName, &log)?;
    operator.leads().await?;
    let before = operator.memory()?;
    let abuser = Abuser::new(&plane).await;
    abuser.only_create(LARGE_INPUTS).await?;
    let client = plane.clients.first().ok_or("there is no client")?.clone();
    let api = connectors(client, abuser.namespace());
    let began = Instant::now();
    loop {
        let all = api.list(&ListParams::default()).await?.items;
        if all.len() == LARGE_INPUTS.connectors && all.iter().all(is_refused) {
            break;
        }
        if began.elapsed() > LIMIT {
            return Err("the connectors with large inputs were not refused within 2 minutes".into());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let after = operator.memory()?;
    eprintln!("bench: large inputs: {before:?}, {after:?}");
    operator.terminate().await?;
    Ok(Growth { before, after })
}

fn is_refused(connector: &DynamicObject) -> bool {
    let conditions = connector
        .data
        .pointer("/status/conditions")
        .and_then(Value::as_array);
    conditions.into_iter().flatten().any(|condition| {
        condition.get("type").and_then(Value::as_str) == Some("Ready")
            && condition.get("reason").and_then(Value::as_str) == Some("InputTooLong")
    })
}
