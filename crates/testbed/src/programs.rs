//! Where the programs of the control plane are, and how they are run.

use std::ffi::OsStr;
use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The folder of programs that `scripts/control-plane-build` printed.
#[derive(Clone, Debug)]
pub(crate) struct Programs(PathBuf);

impl Programs {
    /// Finds the programs, after building them if this is the first time.
    pub(crate) fn find() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/control-plane-build");
        let output = Command::new(script)
            .stderr(Stdio::inherit())
            .output()
            .unwrap_or_else(|error| panic!("failed to run {script}: {error}"));
        assert!(
            output.status.success(),
            "{script} failed ({}); its reason is above",
            output.status
        );
        Self(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim_end()))
    }

    /// The path of a program: the user's own where `KUBEBUILDER_ASSETS` has it.
    pub(crate) fn path(&self, program: &str) -> PathBuf {
        std::env::var_os("KUBEBUILDER_ASSETS")
            .map(|assets| Path::new(&assets).join(program))
            .filter(|path| path.exists())
            .unwrap_or_else(|| self.0.join(program))
    }
}

#[derive(Debug, Clone)]
pub struct Ran {
    pub command: String,
    /// The exit code, or `None` where a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn succeeded(&self) -> bool {
        self.code == Some(0)
    }

    /// Standard output of a program that succeeded. Panics with everything it wrote where it did not.
    #[track_caller]
    pub fn stdout(self) -> String {
        assert!(self.succeeded(), "{self}");
        self.stdout
    }

    /// Standard error of a program that was to fail. Panics with everything it wrote where it succeeded.
    #[track_caller]
    pub fn refusal(self) -> String {
        assert!(!self.succeeded(), "should have failed: {self}");
        self.stderr
    }
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            command,
            code,
            stdout,
            stderr,
        } = self;
        write!(
            f,
            "{command}: exit code {code:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
        )
    }
}

/// Runs a prepared command to its end, with `input` as its standard input.
pub(crate) fn run(mut command: Command, input: &str) -> Ran {
    let shown = shown(&command);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("failed to start {shown}: {error}"));
    let mut stdin = child.stdin.take().expect("standard input is piped");
    let input = input.to_owned();
    // A program may end without reading its input; that is judged by its exit code.
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child
        .wait_with_output()
        .unwrap_or_else(|error| panic!("failed to wait for {shown}: {error}"));
    let _ = writer.join();
    Ran {
        command: shown,
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words: Vec<_> = std::iter::once(program)
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect();
    words.join(" ")
}
