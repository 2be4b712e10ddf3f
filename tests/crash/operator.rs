//! A process of the operator: started, stopped, let go on, killed.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use testbed::{OperatorProcess, eventually};

use crate::stage::{DEADLINE, Stage};

/// The operator of this checkout.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_salesforce-connector-operator");
/// What a process logs unless its test says otherwise.
pub(crate) const LOG: &str = "salesforce_connector_operator=debug,warn";
/// All that the operator, and every library in it, has to say to somebody who looks for a fault.
pub(crate) const TALKATIVE: &str = "debug";
/// Times of leader election in these tests.
pub(crate) const LEASE: Duration = Duration::from_secs(12);
pub(crate) const RETRY: Duration = Duration::from_secs(1);
/// Bound of a token request in these tests, in seconds: others leave an open attempt alone for 15 s more.
const TOKEN_REQUEST_LIMIT: &str = "8";
/// How a process differs from others.
pub(crate) struct Setup {
    /// As seen in the lease.
    pub(crate) name: &'static str,
    pub(crate) program: PathBuf,
    pub(crate) kubeconfig: PathBuf,
    pub(crate) salesforce: SocketAddr,
    pub(crate) clock_speed: u32,
    /// By how much the machine's clock is ahead, or behind if negative.
    pub(crate) clock_ahead_seconds: i64,
    /// For how long it keeps the state of a connector that is gone.
    pub(crate) retention_hours: u32,
    /// What it logs.
    pub(crate) log: &'static str,
    /// Namespaces that it works in besides the stage's own, and how many shards it divides them into.
    pub(crate) further: Vec<String>,
    pub(crate) shards: u8,
}

/// A running process; killed by drop, wherever it is.
pub(crate) struct Operator {
    process: OperatorProcess,
}

impl Operator {
    pub(crate) fn start(stage: &Stage, setup: &Setup) -> Self {
        let mut watched = vec![stage.namespace.name()];
        watched.extend(setup.further.iter().map(String::as_str));
        let mut command = OperatorProcess::command(&setup.program, &setup.kubeconfig);
        command
            .args(["--namespace", stage.home.name()])
            .args(["--watch-namespaces", &watched.join(",")])
            .args(["--shards", &setup.shards.to_string()])
            .args(["--log", setup.log])
            .args(["--connect-to", &format!("*={}", setup.salesforce)])
            .arg("--ca-file")
            .arg(stage.ca_file())
            .args(["--lease-duration-seconds", &LEASE.as_secs().to_string()])
            .args(["--lease-renew-deadline-seconds", "8"])
            .args(["--lease-retry-seconds", &RETRY.as_secs().to_string()])
            .args(["--token-request-limit-seconds", TOKEN_REQUEST_LIMIT])
            .args(["--clock-speed", &setup.clock_speed.to_string()])
            .args(["--clock-ahead-seconds", &setup.clock_ahead_seconds.to_string()])
            .args(["--state-retention-hours", &setup.retention_hours.to_string()])
            .arg("--rollout-restarts")
            // An earlier version does not know these flags.
            .env("SFC_CREDENTIAL_ROTATION", "true")
            .env("SFC_SHARING", "true")
            .args(["--hostname", setup.name])
            .arg("--failpoints-in")
            .arg(stage.folder.path());
        let log = stage.folder.path().join(format!("{}.log", setup.name));
        Self {
            process: OperatorProcess::start(command, &log).unwrap(),
        }
    }

    pub(crate) async fn leads(&self) {
        self.until("/metrics", "salesforce_connector_leader 1\n").await;
    }

    /// The shards that it owns, by its metrics.
    pub(crate) async fn owned(&self) -> Result<BTreeSet<u8>, String> {
        let metrics = self.process.get("/metrics").await?.body;
        let owned = metrics.lines().filter_map(|line| {
            let (shard, owned) = line
                .strip_prefix("salesforce_connector_shard_owner{shard=\"")?
                .split_once("\"} ")?;
            (owned == "1").then(|| shard.parse().unwrap())
        });
        Ok(owned.collect())
    }

    pub(crate) async fn follows(&self) {
        self.until("/metrics", "salesforce_connector_leader 0\n").await;
    }

    /// Waits until it answers with this in the status line or in the body.
    pub(crate) async fn until(&self, path: &str, part: &str) {
        self.process
            .until(DEADLINE, path, &format!("{part:?}"), |answer| {
                answer.status.contains(part) || answer.body.contains(part)
            })
            .await;
    }

    /// Freezes the whole process.
    pub(crate) fn freeze(&self) {
        self.process.freeze();
    }

    pub(crate) fn go_on(&self) {
        self.process.go_on();
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        self.process.terminate();
    }

    /// Waits until the process has ended well.
    pub(crate) async fn ended(&mut self) {
        self.process.ended(DEADLINE).await;
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.process.kill();
    }

    /// The most memory that it ever had resident, in KiB.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let size = line.and_then(|line| line.split_whitespace().next());
        size.expect("a peak").parse().unwrap()
    }

    /// How long each new token was in this process alone: from Salesforce's answer to its being stored.
    pub(crate) fn stored(&self) -> Vec<Duration> {
        let said = self.said("Stored the refresh result").into_iter();
        said.map(|fields| Duration::from_micros(fields["microseconds"].as_u64().unwrap()))
            .collect()
    }

    /// What came of each refresh token that this process presented.
    pub(crate) fn answers(&self) -> Vec<String> {
        let said = self.said("Presented a refresh token").into_iter();
        said.map(|fields| fields["answer"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Waits until it has said this so many times.
    pub(crate) async fn says(&self, message: &str, times: usize) {
        eventually(DEADLINE, &format!("{message:?} in the log"), async || {
            let said = self.said(message).len();
            (said >= times).then_some(()).ok_or(format!("{said} times"))
        })
        .await;
    }

    /// When it said this for the first time.
    pub(crate) fn moment(&self, message: &str) -> Timestamp {
        let mut lines = self.lines().into_iter();
        let line = lines.find(|line| line["fields"]["message"] == message);
        let line = line.ok_or(message).expect("a line of the log");
        line["timestamp"].as_str().unwrap().parse().unwrap()
    }

    /// The fields of all log lines with a message.
    pub(crate) fn said(&self, message: &str) -> Vec<Value> {
        let fields = self.lines().into_iter().map(|mut line| line["fields"].take());
        fields.filter(|fields| fields["message"] == message).collect()
    }

    pub(crate) fn lines(&self) -> Vec<Value> {
        let log = std::fs::read_to_string(self.process.log()).unwrap();
        let lines = log.lines().filter_map(|line| serde_json::from_str(line).ok());
        lines.collect()
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.process.kill();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.process.log()).unwrap_or_default();
            let lines: Vec<_> = log.lines().collect();
            let from = lines.len().saturating_sub(60);
            eprintln!("{}:\n{}", self.process.log().display(), lines[from..].join("\n"));
        }
    }
}
