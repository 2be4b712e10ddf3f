//! What was Salesforce asked? The simulator as a process, and its counts.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::Failed;
use crate::process::Process;

/// The org that all connectors log in to: the first of the simulator's built-in world.
pub(crate) const HOST: &str = "green-itr.my.salesforce.com";

/// A simulated Salesforce in a process of its own.
pub(crate) struct Salesforce {
    pub(crate) process: Process,
    pub(crate) https: String,
    pub(crate) ca: PathBuf,
    control: String,
}

/// Requests by endpoint.
pub(crate) type Calls = BTreeMap<String, u64>;

impl Salesforce {
    /// Starts it with this many apps, each with a user of its own.
    pub(crate) async fn start(program: &Path, dir: &Path, apps: usize) -> Result<Self, Failed> {
        let (ca, log) = (dir.join("salesforce-ca.pem"), dir.join("salesforce-sim.log"));
        let mut command = Command::new(program);
        for flag in ["--http", "--https", "--control"] {
            command.args([flag, "127.0.0.1:0"]);
        }
        command
            .args(["--log", "warn", "--fleet", &apps.to_string(), "--ca-out"])
            .arg(&ca);
        let mut process = Process::start(command, &log)?;
        for _ in 0..200 {
            process.check()?;
            let said = std::fs::read_to_string(&log)?;
            let address = |what: &str| {
                let line = said.lines().find_map(|line| line.strip_prefix(what))?;
                line.split_whitespace().next().map(str::to_owned)
            };
            if let (Some(https), Some(control), true) =
                (address("https "), address("control "), said.contains("\norg "))
            {
                return Ok(Self {
                    process,
                    https,
                    ca,
                    control,
                });
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err("the simulator did not start within 10 s".into())
    }

    /// Makes something go wrong from now on, as the simulator's control API has it.
    pub(crate) async fn fault(&self, rule: &Value) -> Result<(), Failed> {
        self.post(&reqwest::Client::new(), "faults", rule).await
    }

    /// Sets how long sessions live that these apps of the fleet get from now on.
    pub(crate) async fn set_sessions(&self, apps: Range<usize>, lifetime: Duration) -> Result<(), Failed> {
        let client = reqwest::Client::new();
        for number in apps {
            let app = format!("FLEET-APP-{number:05}");
            let change = json!({ "client_id": app, "session_timeout_seconds": lifetime.as_secs() });
            self.post(&client, "app", &change).await?;
        }
        Ok(())
    }

    async fn post(&self, client: &reqwest::Client, what: &str, body: &Value) -> Result<(), Failed> {
        let url = format!("http://{}/control/{what}", self.control);
        let answer = client.post(url).body(body.to_string()).send().await?;
        answer.error_for_status()?;
        Ok(())
    }

    pub(crate) async fn calls(&self) -> Result<Calls, Failed> {
        let url = format!("http://{}/control/counts", self.control);
        let answer: Value = reqwest::get(url).await?.json().await?;
        let by_endpoint = answer.get("requests").and_then(|counts| counts.as_object());
        let counts = by_endpoint.ok_or_else(|| format!("the simulator's counts are {answer}"))?;
        Ok(counts
            .iter()
            .filter_map(|(endpoint, count)| Some((endpoint.clone(), count.as_u64()?)))
            .collect())
    }
}

/// What has been asked between two counts.
pub(crate) fn between(before: &Calls, after: &Calls) -> Calls {
    let mut calls = after.clone();
    for (endpoint, count) in &mut calls {
        *count -= before.get(endpoint).copied().unwrap_or(0);
    }
    calls.retain(|_, count| *count > 0);
    calls
}
