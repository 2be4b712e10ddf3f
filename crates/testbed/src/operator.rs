//! How does a process of the operator run? It listens on a port that the system chooses, is asked, frozen, told to stop
//! or killed, and writes its log to a file.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::eventually;
use crate::http::{self, Answer};

/// What would lead the operator away from this machine.
const PROXIES: [&str; 6] = [
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// A running process of the operator; killed by drop, as `kill -9` does, wherever it is.
#[derive(Debug)]
pub struct OperatorProcess {
    child: Child,
    log: PathBuf,
    /// How much of the log is not its own: another process may have written to the same file.
    log_from: u64,
    /// Where it answers probes and scrapes, once that is known.
    addresses: OnceLock<[SocketAddr; 2]>,
}

impl OperatorProcess {
    /// The command that runs `program` against the cluster of a kubeconfig file; the caller adds flags to it.
    pub fn command(program: impl AsRef<Path>, kubeconfig: &Path) -> Command {
        let mut command = Command::new(program.as_ref());
        command
            .args([
                "run",
                "--listen",
                "127.0.0.1:0",
                "--metrics-listen",
                "127.0.0.1:0",
            ])
            .env("KUBECONFIG", kubeconfig)
            .env("NO_PROXY", "127.0.0.1")
            .env("NO_COLOR", "1");
        for proxy in PROXIES {
            command.env_remove(proxy);
        }
        command
    }

    /// Starts it, with its log at the end of a file. The log must show that it has started, which is so at level `info`.
    pub fn start(mut command: Command, log: &Path) -> std::io::Result<Self> {
        let file = File::options().create(true).append(true).open(log)?;
        let log_from = file.metadata()?.len();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()?;
        Ok(Self {
            child,
            log: log.to_owned(),
            log_from,
            addresses: OnceLock::new(),
        })
    }

    /// The file that its log is in.
    pub fn log(&self) -> &Path {
        &self.log
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where it answers probes and scrapes, by its log; the error says that the log doesn't have that yet.
    fn addresses(&self) -> Result<[SocketAddr; 2], String> {
        if let Some(addresses) = self.addresses.get() {
            return Ok(*addresses);
        }
        let log = self.own_log().map_err(|error| error.to_string())?;
        let found = listens_at(&log, "listen").zip(listens_at(&log, "metrics"));
        let (probes, metrics) = found.ok_or("its log doesn't say yet where it listens")?;
        Ok(*self.addresses.get_or_init(|| [probes, metrics]))
    }

    fn own_log(&self) -> std::io::Result<String> {
        let mut file = File::open(&self.log)?;
        file.seek(SeekFrom::Start(self.log_from))?;
        let mut log = Vec::new();
        file.read_to_end(&mut log)?;
        Ok(String::from_utf8_lossy(&log).into_owned())
    }

    /// What it answers to a GET; the error says why it doesn't.
    pub async fn get(&self, path: &str) -> Result<Answer, String> {
        self.get_as(path, None).await
    }

    /// The same, for who has this bearer token.
    pub async fn get_as(&self, path: &str, bearer: Option<&str>) -> Result<Answer, String> {
        let [probes, metrics] = self.addresses()?;
        http::get(if path == "/metrics" { metrics } else { probes }, path, bearer).await
    }

    /// Waits until what it answers fits.
    pub async fn until(&self, deadline: Duration, path: &str, what: &str, fits: impl Fn(&Answer) -> bool) {
        eventually(deadline, &format!("{what} in the answer to {path}"), async || {
            let answer = self.get(path).await?;
            fits(&answer).then_some(()).ok_or_else(|| format!("{answer:?}"))
        })
        .await;
    }

    /// Stops the whole process. When this returns no thread of it runs: on a busy machine a thread can go on for
    /// milliseconds after the signal was sent, which is enough for a request.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
        let stopped_or_ended = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(self.pid()), stopped_or_ended)
            .unwrap_or_else(|error| panic!("failed to wait until the process has stopped: {error}"));
    }

    pub fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    /// Tells it to stop, as Kubernetes does.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap_or_else(|error| panic!("failed to send {signal:?}: {error}"));
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.id().cast_signed()).expect("a child has a number")
    }

    pub fn try_wait(&mut self) -> std::io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Waits until the process has ended well.
    pub async fn ended(&mut self, deadline: Duration) {
        let status = eventually(deadline, "the process to end", async || {
            let status = self.try_wait().map_err(|error| error.to_string())?;
            status.ok_or_else(|| "it runs".to_owned())
        })
        .await;
        assert!(status.success(), "{status}");
    }

    /// Ends it as `kill -9` does.
    pub fn kill(&mut self) {
        // An error says that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for OperatorProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The address in this field of the line that a process logs when it has started, in either form of the log.
fn listens_at(log: &str, field: &str) -> Option<SocketAddr> {
    let mut whole = log.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let started = whole.find(|line| line.contains("Started"))?;
    let (_, rest) = started.split_once(field)?;
    let from = rest.find(|character: char| character.is_ascii_digit() || character == '[')?;
    let address = rest.get(from..)?;
    let end = address
        .find(|character: char| character == '"' || character.is_whitespace())
        .unwrap_or(address.len());
    address.get(..end)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_both_forms_of_the_log() {
        let json = r#"{"timestamp":"2026-11-27T03:00:00.000000Z","level":"INFO","fields":{"message":"Started","version":"0.1.0","listen":"127.0.0.1:40211","metrics":"127.0.0.1:40212"},"target":"salesforce_connector_operator::operator"}"#;
        let human = "2026-11-27T03:00:00.000000Z  INFO salesforce_connector_operator::operator: Started version=\"0.1.0\" listen=127.0.0.1:40211 metrics=127.0.0.1:40212";
        for line in [json, human] {
            let log = format!("a line before\n{line}\n");
            assert_eq!(
                listens_at(&log, "listen"),
                Some("127.0.0.1:40211".parse().unwrap())
            );
            assert_eq!(
                listens_at(&log, "metrics"),
                Some("127.0.0.1:40212".parse().unwrap())
            );
        }
        assert_eq!(listens_at("a line before\n", "listen"), None);
    }

    #[test]
    fn a_line_of_which_the_end_is_not_written_yet_has_no_address() {
        let begun = r#"{"fields":{"message":"Started","version":"0.1.0","listen":"127.0.0.1:402"#;
        assert_eq!(listens_at(begun, "listen"), None);
    }
}
