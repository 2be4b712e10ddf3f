//! How is a program run and looked at? Its end is certain; its memory and CPU are read from /proc.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::Failed;

/// A program that runs until it is dropped.
pub(crate) struct Process {
    child: Child,
    name: String,
}

impl Process {
    /// Starts it, with its output in a file.
    pub(crate) fn start(mut command: Command, log: &Path) -> Result<Self, Failed> {
        let name = command.get_program().to_string_lossy().into_owned();
        let output = File::create(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .map_err(|error| format!("failed to start {name}: {error}; `make bench` builds it"))?;
        Ok(Self { child, name })
    }

    /// Says so where it has ended by itself.
    pub(crate) fn check(&mut self) -> Result<(), Failed> {
        match self.child.try_wait()? {
            Some(status) => Err(format!("{} ended by itself: {status}", self.name).into()),
            None => Ok(()),
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

/// Resident memory of a process now, and at its highest, in MB (10⁶ bytes).
pub(crate) fn memory_of(pid: u32) -> Result<Memory, Failed> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib = |field: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let number = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
        number.ok_or_else(|| format!("/proc has no {field}"))
    };
    Ok(Memory {
        now: kib("VmRSS:")? * 1024.0 / 1e6,
        peak: kib("VmHWM:")? * 1024.0 / 1e6,
    })
}

/// CPU time that a process has spent so far in user and system mode.
pub(crate) fn cpu_of(pid: u32) -> Result<Duration, Failed> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // proc(5): utime and stime are fields 14 and 15; the name in field 2 may contain spaces.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    Ok(ticks(fields.split_whitespace().skip(11).take(2)))
}

/// CPU time that the whole machine has spent so far, whatever on.
pub(crate) fn cpu_of_machine() -> Result<Duration, Failed> {
    let stat = std::fs::read_to_string("/proc/stat")?;
    let line = stat.lines().next().unwrap_or_default();
    // proc(5): cpu user nice system idle iowait irq softirq steal; guests are part of user.
    let fields = line.split_whitespace().skip(1).take(8).enumerate();
    Ok(ticks(
        fields
            .filter(|(place, _)| !matches!(place, 3 | 4))
            .map(|(_, field)| field),
    ))
}

fn ticks<'a>(fields: impl Iterator<Item = &'a str>) -> Duration {
    let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second())
}

/// Resident memory in MB (10⁶ bytes).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) now: f64,
    pub(crate) peak: f64,
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended where this fails.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
