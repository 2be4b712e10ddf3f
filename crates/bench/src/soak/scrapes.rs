//! What would Prometheus have scraped? A line of JSON for each replica and look, as `ops-tools evaluate` reads it.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::time::timeout;

use super::process::Replica;
use crate::Failed;

/// How long a replica may take to answer.
const PATIENCE: Duration = Duration::from_millis(200);

pub(super) struct Scrapes {
    file: Option<BufWriter<File>>,
}

impl Scrapes {
    /// Into a file, if one is wanted.
    pub(super) fn into(path: Option<&Path>) -> Result<Self, Failed> {
        let file = path.map(File::create).transpose()?;
        Ok(Self {
            file: file.map(BufWriter::new),
        })
    }

    /// Writes what the replicas answer. One that does not answer is left out, as it would be by Prometheus.
    pub(super) async fn take(&mut self, replicas: &[Replica], now: Timestamp) -> Result<(), Failed> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        for replica in replicas {
            let Some(process) = &replica.process else {
                continue;
            };
            // A replica may be frozen.
            if let Ok(Ok(answer)) = timeout(PATIENCE, process.get("/metrics")).await {
                let line =
                    json!({ "time": now.as_millisecond(), "pod": replica.hostname(), "text": answer.body });
                writeln!(file, "{line}")?;
            }
        }
        file.flush()?;
        Ok(())
    }
}
