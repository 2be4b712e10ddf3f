//! Files of the chart, and those that a test writes anew with `UPDATE_GENERATED=1`.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The folder of the chart.
pub(crate) const CHART: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/charts/salesforce-connector-operator"
);

pub(crate) fn path(file: &str) -> PathBuf {
    Path::new(CHART).join(file)
}

pub(crate) fn read(file: &str) -> String {
    let path = path(file);
    std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("failed to read {}: {error}", path.display()))
}

pub(crate) fn yaml(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap_or_else(|error| panic!("not YAML: {error}\n{text}"))
}

/// Checks that a generated file is what it should be, or makes it so where that was asked for.
pub(crate) fn assert_generated(file: &str, wanted: &str) {
    let found = std::fs::read_to_string(path(file)).unwrap_or_default();
    if found == wanted {
        return;
    }
    if std::env::var_os("UPDATE_GENERATED").is_some_and(|value| value == "1") {
        std::fs::write(path(file), wanted).unwrap_or_else(|error| panic!("failed to write {file}: {error}"));
        return;
    }
    let differs = std::iter::zip(found.lines(), wanted.lines()).position(|(found, wanted)| found != wanted);
    let line = differs.unwrap_or_else(|| found.lines().count().min(wanted.lines().count())) + 1;
    panic!("{CHART}/{file} is out of date from line {line} on; run `make generate`");
}
