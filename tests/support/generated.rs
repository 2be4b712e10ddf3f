//! Files that are generated from the code: compared by a plain `cargo test`, written by `make generate`.

use std::path::Path;

/// Compares a file of the repository with what the code says it must hold. With `UPDATE_GENERATED=1`, which is how
/// `make generate` runs the tests, it is written instead.
#[track_caller]
pub(crate) fn assert_generated(path: &str, wanted: &str) {
    let full = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE_GENERATED").is_some_and(|value| value == "1") {
        std::fs::create_dir_all(full.parent().expect("a file has a folder")).expect("a folder to write to");
        std::fs::write(&full, wanted).expect("a file to write to");
        return;
    }
    let found = std::fs::read_to_string(&full).unwrap_or_default();
    let differs = found
        .lines()
        .zip(wanted.lines())
        .position(|(found, wanted)| found != wanted)
        .unwrap_or_else(|| found.lines().count().min(wanted.lines().count()));
    assert!(
        found == wanted,
        "{path} is not what the code says; run `make generate`\nfirst difference in line {}:\n- {}\n+ {}",
        differs + 1,
        found.lines().nth(differs).unwrap_or("(end of file)"),
        wanted.lines().nth(differs).unwrap_or("(end of file)"),
    );
}
