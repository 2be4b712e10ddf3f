//! The replicas of the operator: started as of the simulated time, each behind a link to the API server.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use testbed::OperatorProcess;
use testbed::proxy::TcpProxy;

use crate::Failed;
use crate::plane::NAMESPACE;

/// File with the simulated Salesforce's certificate authority, in the folder of the logs.
pub(super) const CA: &str = "salesforce-ca.pem";
/// How many there are.
pub(super) const REPLICAS: usize = 2;

pub(super) struct Replica {
    program: PathBuf,
    kubeconfig: PathBuf,
    salesforce: String,
    folder: PathBuf,
    speed: u32,
    number: usize,
    pub(super) link: TcpProxy,
    pub(super) process: Option<OperatorProcess>,
}

impl Replica {
    pub(super) fn new(
        program: &Path,
        (kubeconfig, link): (PathBuf, TcpProxy),
        salesforce: String,
        folder: &Path,
        (speed, number): (u32, usize),
    ) -> Self {
        Self {
            program: program.to_owned(),
            kubeconfig,
            salesforce,
            folder: folder.to_owned(),
            speed,
            number,
            link,
            process: None,
        }
    }

    pub(super) fn hostname(&self) -> String {
        format!("replica-{}", self.number)
    }

    /// Starts it, at this time, in the place of the one before.
    pub(super) fn start(&mut self, now: Timestamp) -> Result<(), Failed> {
        let ahead = now.duration_since(Timestamp::now()).as_secs();
        let mut command = OperatorProcess::command(&self.program, &self.kubeconfig);
        command
            .args(["--namespace", NAMESPACE, "--secret-watch", "Watch"])
            .arg(format!("--connect-to=*={}", self.salesforce))
            .arg("--ca-file")
            .arg(self.folder.join(CA))
            .args(["--hostname", &self.hostname()])
            .args(["--clock-speed", &self.speed.to_string()])
            .arg(format!("--clock-ahead-seconds={ahead}"))
            // Time-outs and leases pass in real time.
            .args(["--token-request-limit-seconds", "2"])
            .args(["--lease-duration-seconds", "5"])
            .args(["--lease-renew-deadline-seconds", "4"])
            .args(["--lease-retry-seconds", "1"]);
        let log = self.folder.join(format!("replica-{}.log", self.number));
        let started = OperatorProcess::start(command, &log);
        self.process = Some(started.map_err(|error| {
            format!(
                "failed to start {}: {error}; `scripts/bench --soak` builds it",
                self.program.display()
            )
        })?);
        Ok(())
    }

    /// As Kubernetes ends a pod; [`Replica::has_ended`] says when it has.
    pub(super) fn terminate(&mut self) {
        if let Some(process) = &self.process {
            process.terminate();
        }
    }

    /// Also if that can't be found out.
    pub(super) fn has_ended(&mut self) -> bool {
        let ended = self.process.as_mut().map(OperatorProcess::try_wait);
        !matches!(ended, Some(Ok(None)))
    }

    /// As `kill -9` does.
    pub(super) fn kill(&mut self) {
        self.process = None;
    }

    pub(super) fn freeze(&self) {
        if let Some(process) = &self.process {
            process.freeze();
        }
    }

    pub(super) fn go_on(&self) {
        if let Some(process) = &self.process {
            process.go_on();
        }
    }
}
