//! A process of the operator: started, stopped, let go on, killed.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use testbed::eventually;

use crate::stage::{DEADLINE, Stage};

const PROGRAM: &str = env!("CARGO_BIN_EXE_salesforce-connector-operator");
/// What a process logs unless its test says otherwise.
pub(crate) const LOG: &str = "salesforce_connector_operator=debug,warn";
/// All that the operator, and every library in it, has to say to somebody who looks for a fault.
pub(crate) const TALKATIVE: &str = "debug";
/// Times of leader election in these tests.
pub(crate) const LEASE: Duration = Duration::from_secs(12);
pub(crate) const RETRY: Duration = Duration::from_secs(1);
/// Bound of a token request in these tests, in seconds: others leave an open attempt alone for 15 s more.
const TOKEN_REQUEST_LIMIT: &str = "8";
const PROXIES: [&str; 6] = [
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// How a process differs from others.
pub(crate) struct Setup {
    /// As seen in the lease.
    pub(crate) name: &'static str,
    pub(crate) kubeconfig: PathBuf,
    pub(crate) salesforce: SocketAddr,
    pub(crate) clock_speed: u32,
    /// For how long it keeps the state of a connector that is gone.
    pub(crate) retention_hours: u32,
    /// What it logs.
    pub(crate) log: &'static str,
}

/// A running process; killed by drop, as `kill -9` does, wherever it is.
pub(crate) struct Operator {
    process: Child,
    address: SocketAddr,
    log: PathBuf,
}

impl Operator {
    pub(crate) fn start(stage: &Stage, setup: &Setup) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let log = stage.folder.path().join(format!("{}.log", setup.name));
        let mut command = Command::new(PROGRAM);
        command
            .arg("run")
            .args(["--namespace", stage.home.name()])
            .args(["--watch-namespaces", stage.namespace.name()])
            .args(["--listen", &address.to_string()])
            .args(["--log", setup.log])
            .args(["--connect-to", &format!("*={}", setup.salesforce)])
            .arg("--ca-file")
            .arg(stage.ca_file())
            .args(["--lease-duration-seconds", &LEASE.as_secs().to_string()])
            .args(["--lease-renew-deadline-seconds", "8"])
            .args(["--lease-retry-seconds", &RETRY.as_secs().to_string()])
            .args(["--token-request-limit-seconds", TOKEN_REQUEST_LIMIT])
            .args(["--clock-speed", &setup.clock_speed.to_string()])
            .args(["--state-retention-hours", &setup.retention_hours.to_string()])
            .args(["--hostname", setup.name])
            .arg("--failpoints-in")
            .arg(stage.folder.path())
            .env("KUBECONFIG", &setup.kubeconfig)
            .env("NO_PROXY", "127.0.0.1")
            .stdout(Stdio::null())
            .stderr(File::options().create(true).append(true).open(&log).unwrap());
        for proxy in PROXIES {
            command.env_remove(proxy);
        }
        Self {
            process: command.spawn().unwrap(),
            address,
            log,
        }
    }

    pub(crate) async fn leads(&self) {
        self.until("/metrics", "salesforce_connector_leader 1\n").await;
    }

    pub(crate) async fn follows(&self) {
        self.until("/metrics", "salesforce_connector_leader 0\n").await;
    }

    pub(crate) async fn until(&self, path: &str, part: &str) {
        eventually(DEADLINE, &format!("{part:?} in {path}"), async || {
            let answer = self.get(path)?;
            answer.contains(part).then_some(()).ok_or(answer)
        })
        .await;
    }

    fn get(&self, path: &str) -> Result<String, String> {
        let told = |error: std::io::Error| error.to_string();
        let mut stream = TcpStream::connect(self.address).map_err(told)?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: operator\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).map_err(told)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map_err(told)?;
        Ok(answer)
    }

    /// Freezes the whole process.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    pub(crate) fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let id = self.process.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &id])
                .status()
                .unwrap()
                .success()
        );
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Waits until the process has ended well.
    pub(crate) async fn ended(&mut self) {
        let status = eventually(DEADLINE, "the process to end", async || {
            let status = self.process.try_wait().unwrap();
            status.ok_or_else(|| "it runs".to_owned())
        })
        .await;
        assert!(status.success(), "{status}");
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// How long each new token was in this process alone: from Salesforce's answer to its being stored.
    pub(crate) fn stored(&self) -> Vec<Duration> {
        let said = self.said("Stored what Salesforce answered").into_iter();
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

    fn lines(&self) -> Vec<Value> {
        let log = std::fs::read_to_string(&self.log).unwrap();
        let lines = log.lines().filter_map(|line| serde_json::from_str(line).ok());
        lines.collect()
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.end();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<_> = log.lines().collect();
            let from = lines.len().saturating_sub(60);
            eprintln!("{}:\n{}", self.log.display(), lines[from..].join("\n"));
        }
    }
}
