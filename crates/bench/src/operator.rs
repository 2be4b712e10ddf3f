//! The operator as a process, set up as its chart sets it up.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::Failed;
use crate::plane::{NAMESPACE, Plane};
use crate::process::Process;

/// How changed Secrets are noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    ByName,
    Watch,
}

impl Mode {
    /// As flag and chart have it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::ByName => "ByName",
            Self::Watch => "Watch",
        }
    }
}

/// What the chart tells the allocator.
fn tunables() -> &'static str {
    const DEPLOYMENT: &str =
        include_str!("../../../charts/salesforce-connector-operator/templates/deployment.yaml");
    let after = DEPLOYMENT
        .split_once("GLIBC_TUNABLES\n")
        .map_or("", |(_, after)| after);
    let line = after.lines().next().unwrap_or_default();
    line.trim().trim_start_matches("value: ")
}

/// A running operator.
pub(crate) struct Operator {
    pub(crate) process: Process,
    address: String,
}

impl Operator {
    /// Starts it; it may not lead yet.
    pub(crate) fn start(program: &Path, plane: &Plane, mode: Mode, log: &Path) -> Result<Self, Failed> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let mut command = Command::new(program);
        command
            .args(["run", "--namespace", NAMESPACE, "--listen", &address])
            .args(["--secret-watch", mode.as_str()])
            .arg(format!("--connect-to=*={}", plane.salesforce.https))
            .arg("--ca-file")
            .arg(&plane.salesforce.ca)
            // All connectors are of one org here.
            .args(["--token-requests-per-hour", "1000000"])
            .env("KUBECONFIG", &plane.kubeconfig)
            .env("GLIBC_TUNABLES", tunables())
            .env("NO_PROXY", "127.0.0.1");
        let process = Process::start(command, log)?;
        Ok(Self { process, address })
    }

    /// Waits until it leads and has read what there is.
    pub(crate) async fn leads(&mut self) -> Result<(), Failed> {
        let mut last = String::new();
        for _ in 0..1200 {
            self.process.check()?;
            last = match self.leading().await {
                Ok(None) => return Ok(()),
                Ok(Some(missing)) => missing,
                Err(error) => error.to_string(),
            };
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        Err(format!("the operator did not lead within 30 s: {last}").into())
    }

    /// What is missing for it to work.
    async fn leading(&self) -> Result<Option<String>, reqwest::Error> {
        let (ready, why) = self.get("/readyz").await?;
        if !ready {
            return Ok(Some(why));
        }
        let (_, metrics) = self.get("/metrics").await?;
        let leads = metrics
            .lines()
            .any(|line| line == "salesforce_connector_leader 1");
        Ok((!leads).then(|| "another one leads".to_owned()))
    }

    /// Whether the answer is a success, and its text.
    async fn get(&self, path: &str) -> Result<(bool, String), reqwest::Error> {
        let answer = reqwest::get(format!("http://{}{path}", self.address)).await?;
        Ok((answer.status().is_success(), answer.text().await?))
    }
}

/// Where the log of a stage goes.
pub(crate) fn log(plane: &Plane, kept: Option<&PathBuf>, stage: &str) -> Result<PathBuf, Failed> {
    let dir = kept.map_or(plane.dir(), PathBuf::as_path);
    std::fs::create_dir_all(dir)?;
    Ok(dir.join(format!("operator-{stage}.log")))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_allocator_is_told_what_the_chart_tells_it() {
        let told = super::tunables();
        assert!(told.starts_with("glibc.malloc."), "{told:?}");
    }
}
