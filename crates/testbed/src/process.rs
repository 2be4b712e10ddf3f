//! A running `control-plane up`: started, told what to do line by line, and ended by closing its standard input.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use crate::programs::Programs;

/// The process. When this process ends, even by a crash, its standard input closes and it ends as well.
#[derive(Debug)]
pub(crate) struct Process(Mutex<Dialogue>);

#[derive(Debug)]
struct Dialogue {
    child: Child,
    /// Taken when the process is to end.
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Process {
    /// Starts a control plane in `dir`, which it removes at the end, and waits until it is ready.
    pub(crate) fn start(programs: &Programs, dir: &Path, apiserver_args: &[String]) -> Self {
        let mut command = Command::new(programs.path("control-plane"));
        command.args(["up", "--remove", "--dir"]).arg(dir);
        command.args(apiserver_args.iter().map(|arg| format!("--apiserver-arg={arg}")));
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("failed to start the control plane: {error}"));
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().expect("standard output is piped"));
        let mut dialogue = Dialogue { child, stdin, stdout };
        dialogue.expect("ready ");
        Self(Mutex::new(dialogue))
    }

    /// Says a line, and waits for an answer that begins as expected.
    pub(crate) fn ask(&self, line: &str, answer: &str) {
        let mut dialogue = self.0.lock().expect("an earlier request succeeded");
        let stdin = dialogue.stdin.as_mut().expect("it was not told to end");
        writeln!(stdin, "{line}")
            .unwrap_or_else(|error| panic!("the control plane is gone ({error}); see above"));
        dialogue.expect(answer);
    }
}

impl Dialogue {
    fn expect(&mut self, answer: &str) {
        let mut line = String::new();
        let read = self.stdout.read_line(&mut line);
        assert!(
            read.is_ok() && line.starts_with(answer),
            "the control plane answered {line:?} rather than {answer:?}; what it said is above"
        );
    }
}

impl Drop for Dialogue {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}
