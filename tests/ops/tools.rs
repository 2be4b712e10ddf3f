//! How are promtool and ops-tools run?

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The folder of programs that `scripts/ops-tools-build` printed, after building them if this is the first time.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/ops-tools-build");
    let output = Command::new(script).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{script} failed; its reason is above");
    PathBuf::from(String::from_utf8_lossy(&output.stdout).trim_end())
});

/// What a program printed, or why it failed.
fn run(program: &str, args: &[&str], input: &str) -> Result<String, String> {
    let mut child = Command::new(FOLDER.join(program))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // A program may end without reading its input; that is judged by its exit code.
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(text(&output.stdout) + &text(&output.stderr))
    }
}

/// Runs promtool.
pub(crate) fn promtool(args: &[&str]) -> Result<String, String> {
    run("promtool", args, "")
}

/// Runs ops-tools over a text.
pub(crate) fn over_text<T: DeserializeOwned>(args: &[&str], text: &str) -> Result<T, String> {
    let printed = run("ops-tools", args, text)?;
    Ok(serde_json::from_str(&printed).unwrap())
}

/// Runs ops-tools over a list.
pub(crate) fn over_list<T: DeserializeOwned>(args: &[&str], list: &[impl Serialize]) -> Result<T, String> {
    over_text(args, &serde_json::to_string(list).unwrap())
}

pub(crate) fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

pub(crate) fn read(file: &str) -> String {
    std::fs::read_to_string(path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}
