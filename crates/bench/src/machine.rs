//! On what is it measured?

use std::process::Command;

pub(crate) struct Facts {
    pub(crate) date: String,
    pub(crate) cores: usize,
    pub(crate) cpu: String,
    pub(crate) memory: String,
    pub(crate) load: String,
    pub(crate) commit: String,
    pub(crate) rustc: String,
}

impl Facts {
    /// As things stand before the measurement.
    pub(crate) fn gather() -> Self {
        Self {
            date: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            cpu: field("/proc/cpuinfo", "model name"),
            memory: field("/proc/meminfo", "MemTotal"),
            load: std::fs::read_to_string("/proc/loadavg")
                .unwrap_or_default()
                .split(' ')
                .next()
                .unwrap_or_default()
                .to_owned(),
            commit: said("git", &["rev-parse", "--short", "HEAD"]),
            rustc: said("rustc", &["--version"]),
        }
    }

    /// In one line.
    pub(crate) fn line(&self) -> String {
        format!(
            "{}; commit {}; {} cores ({}), {} of memory, load {} before; {}.",
            self.date, self.commit, self.cores, self.cpu, self.memory, self.load, self.rustc
        )
    }
}

fn field(file: &str, name: &str) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name));
    let value = line
        .and_then(|line| line.split_once(':'))
        .map(|(_, value)| value.trim());
    value.unwrap_or("unknown").to_owned()
}

fn said(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_else(|_| "unknown".to_owned())
}
