//! The operator as a process, set up as its chart sets it up.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use testbed::OperatorProcess;

use crate::Failed;
use crate::plane::{NAMESPACE, Plane};
use crate::process::{self, Memory};

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

fn command(program: &Path, plane: &Plane, mode: Mode, budget: u32) -> Command {
    let mut command = OperatorProcess::command(program, &plane.kubeconfig);
    command
        .args(["--namespace", NAMESPACE])
        .args(["--secret-watch", mode.as_str()])
        .arg(format!("--connect-to=*={}", plane.salesforce.https))
        .arg("--ca-file")
        .arg(&plane.salesforce.ca)
        .args(["--token-requests-per-hour", &budget.to_string()])
        .env("GLIBC_TUNABLES", tunables());
    command
}

pub(crate) struct Operator {
    process: OperatorProcess,
}

impl Operator {
    /// Starts it; it may not lead yet.
    pub(crate) fn start(program: &Path, plane: &Plane, mode: Mode, log: &Path) -> Result<Self, Failed> {
        // All connectors are of one org here.
        Self::start_with(program, plane, mode, log, 1_000_000)
    }

    /// One of several replicas that share so many shards.
    pub(crate) fn start_sharing(
        program: &Path,
        plane: &Plane,
        shards: u8,
        log: &Path,
    ) -> Result<Self, Failed> {
        let mut command = command(program, plane, Mode::ByName, 1_000_000);
        command.args(["--shards", &shards.to_string()]);
        Self::spawn(program, command, log)
    }

    /// The same with a budget of token requests an hour.
    pub(crate) fn start_with(
        program: &Path,
        plane: &Plane,
        mode: Mode,
        log: &Path,
        budget: u32,
    ) -> Result<Self, Failed> {
        Self::spawn(program, command(program, plane, mode, budget), log)
    }

    fn spawn(program: &Path, command: Command, log: &Path) -> Result<Self, Failed> {
        let process = OperatorProcess::start(command, log).map_err(|error| {
            format!(
                "failed to start {}: {error}; `make bench` builds it",
                program.display()
            )
        })?;
        Ok(Self { process })
    }

    /// Waits until it leads and has read what there is.
    pub(crate) async fn leads(&mut self) -> Result<(), Failed> {
        let mut last = String::new();
        for _ in 0..1200 {
            if let Some(status) = self.process.try_wait()? {
                return Err(format!("the operator ended by itself: {status}").into());
            }
            last = match self.leading().await {
                Ok(None) => return Ok(()),
                Ok(Some(missing)) | Err(missing) => missing,
            };
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        Err(format!("the operator did not lead within 30 s: {last}").into())
    }

    /// What is missing for it to work.
    async fn leading(&self) -> Result<Option<String>, String> {
        let readiness = self.process.get("/readyz").await?;
        if readiness.status != "200 OK" {
            return Ok(Some(readiness.body));
        }
        let metrics = self.process.get("/metrics").await?.body;
        let leads = metrics
            .lines()
            .any(|line| line == "salesforce_connector_leader 1");
        Ok((!leads).then(|| "another one leads".to_owned()))
    }

    /// How many shards it owns.
    pub(crate) async fn owned(&self) -> Result<usize, String> {
        let metrics = self.process.get("/metrics").await?.body;
        let owned = metrics
            .lines()
            .filter(|line| line.starts_with("salesforce_connector_shard_owner{") && line.ends_with(" 1"));
        Ok(owned.count())
    }

    /// Ends it as `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.process.kill();
    }

    /// Ends it as Kubernetes ends a pod, and waits for its end.
    pub(crate) async fn terminate(mut self) -> Result<(), Failed> {
        self.process.terminate();
        for _ in 0..300 {
            if self.process.try_wait()?.is_some() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err("the operator did not end within 15 s of SIGTERM".into())
    }

    pub(crate) fn memory(&self) -> Result<Memory, Failed> {
        process::memory_of(self.process.id())
    }

    /// CPU time that it has spent so far.
    pub(crate) fn cpu(&self) -> Result<Duration, Failed> {
        process::cpu_of(self.process.id())
    }
}

/// Where the log of a stage goes.
pub(crate) fn log(plane: &Plane, kept: Option<&PathBuf>, stage: &str) -> Result<PathBuf, Failed> {
    let dir = kept.map_or(plane.dir(), PathBuf::as_path);
    std::fs::create_dir_all(dir)?;
    let log = dir.join(format!("operator-{stage}.log"));
    // The operator appends, and one that was kept is of another measurement.
    if log.exists() {
        std::fs::remove_file(&log)?;
    }
    Ok(log)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_allocator_is_told_what_the_chart_tells_it() {
        let told = super::tunables();
        assert!(told.starts_with("glibc.malloc."), "{told:?}");
    }
}
