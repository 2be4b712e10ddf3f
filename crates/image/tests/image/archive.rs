//! The image that the tests look at: built by the script, without optimization.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use tempfile::TempDir;

/// What the script gives to the labels.
pub(crate) const SOURCE: &str = "https://git.example/operator";

/// A folder with `image.tar` and `image.cdx.json`, and with the same once more as `again`.
static BUILT: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    for name in ["image.tar", "again.tar"] {
        let output = folder.path().join(name);
        let output = output.to_str().unwrap();
        script("image", &["--dev", "--source", SOURCE, "--output", output]);
    }
    folder
});

/// A file that the script wrote.
pub(crate) fn built(name: &str) -> PathBuf {
    // In the network of its own, the test uses what was built outside.
    if let Some(folder) = std::env::var_os("SFC_TEST_IMAGE") {
        return Path::new(&folder).join(name);
    }
    BUILT.path().join(name)
}

/// The root of the repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

/// What a script of the repository prints.
pub(crate) fn script(name: &str, args: &[&str]) -> String {
    output(command(&repository().join("scripts").join(name)).args(args))
}

/// A script that runs Cargo: what Cargo tells this test about its own package makes the build scripts of others run again.
pub(crate) fn command(script: &Path) -> Command {
    let mut command = Command::new(script);
    let of_cargo = [
        "CARGO_PKG_",
        "CARGO_MANIFEST_",
        "CARGO_BIN_",
        "CARGO_CRATE_",
        "CARGO_PRIMARY_",
    ];
    for (variable, _) in std::env::vars() {
        if of_cargo.iter().any(|start| variable.starts_with(start)) {
            command.env_remove(variable);
        }
    }
    command
}

/// What a program prints.
pub(crate) fn output(command: &mut Command) -> String {
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// A program of `scripts/ops-tools-build`.
pub(crate) fn tool(name: &str) -> PathBuf {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| script("ops-tools-build", &[]).trim_end().into());
    FOLDER.join(name)
}
