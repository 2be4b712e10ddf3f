//! Does `scripts/release` make everything up to the point of publishing, and nothing under a wrong name?

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::archive::{built, command, output, repository};

const TAG: &str = concat!("v", env!("CARGO_PKG_VERSION"));
const VERSION: &str = env!("CARGO_PKG_VERSION");
const URL: &str = "https://downloads.example/release";

/// A copy of the repository as it is, committed and tagged, with a section about the version.
struct Checkout(TempDir);

impl Checkout {
    fn new() -> Self {
        let copy = Self(tempfile::tempdir().unwrap());
        let files = "git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents --target-directory \"$1\"";
        output(
            Command::new("bash")
                .args(["-c", files, "-"])
                .arg(copy.0.path())
                .current_dir(repository()),
        );
        let section = format!("## [Unreleased]\n\n## [{VERSION}] - 2026-11-27\n");
        copy.edit("CHANGELOG.md", "## [Unreleased]\n", &section);
        copy.git(&["init", "--quiet"]);
        copy.commit();
        copy.git(&["tag", TAG]);
        copy
    }

    fn git(&self, args: &[&str]) {
        let who = ["-c", "user.name=test", "-c", "user.email=test@example.com"];
        output(Command::new("git").args(who).args(args).current_dir(&self.0));
    }

    fn commit(&self) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "Test"]);
    }

    fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.0.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        let changed = text.replacen(from, to, 1);
        assert_ne!(text, changed, "{file}");
        fs::write(path, changed).unwrap();
    }

    /// What is in the folder that a release makes, or why it makes none.
    fn release(&self, tag: &str, folder: &Path) -> Result<BTreeSet<String>, String> {
        let mut command = command(&self.0.path().join("scripts/release"));
        command.args([tag, "--url", URL, "--output"]).arg(folder);
        command.arg("--image").arg(built("image.tar"));
        // Any program: only its archive is looked at.
        command.arg("--plugin").arg("/bin/true");
        command.env("CARGO_TARGET_DIR", target());
        let ran = command.output().unwrap();
        if !ran.status.success() {
            return Err(String::from_utf8_lossy(&ran.stderr).into_owned());
        }
        let files = fs::read_dir(folder).unwrap();
        Ok(files
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect())
    }

    fn refusal(&self, tag: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let untouched = folder.path().join("release");
        let refusal = self.release(tag, &untouched).unwrap_err();
        assert!(!untouched.exists(), "{refusal}");
        refusal
    }
}

/// Where this test was built, so that the packer need not be built again.
fn target() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    program.ancestors().nth(3).unwrap().to_owned()
}

#[test]
fn a_tag_becomes_image_chart_plugin_lists_notes_and_checksums() {
    let checkout = Checkout::new();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let files = checkout.release(TAG, folder.path()).unwrap();
    let operator = format!("salesforce-connector-operator-{VERSION}");
    let wanted = [
        "RELEASE_NOTES.md",
        "SHA256SUMS",
        "kubectl-salesforce-linux-amd64.cdx.json",
        "kubectl-salesforce-linux-amd64.tar.gz",
        "salesforce.yaml",
        &format!("{operator}-linux-amd64.cdx.json"),
        &format!("{operator}-linux-amd64.tar"),
        &format!("{operator}.tgz"),
    ];
    assert_eq!(files, wanted.map(str::to_owned).into());

    output(
        Command::new("sha256sum")
            .args(["--check", "--strict", "SHA256SUMS"])
            .current_dir(&folder),
    );
    let sums = fs::read_to_string(path("SHA256SUMS")).unwrap();
    assert_eq!(sums.lines().count(), files.len() - 1, "{sums}");
    let notes = fs::read_to_string(path("RELEASE_NOTES.md")).unwrap();
    assert!(
        notes.contains("first release") && !notes.contains("## ["),
        "{notes}"
    );
    let manifest = fs::read_to_string(path("salesforce.yaml")).unwrap();
    assert!(
        manifest.contains(&format!("{URL}/kubectl-salesforce-linux-amd64.tar.gz")),
        "{manifest}"
    );
    let list = fs::read_to_string(path("kubectl-salesforce-linux-amd64.cdx.json")).unwrap();
    assert!(list.contains("pkg:cargo/strsim@"), "{list}");
}

#[test]
fn what_would_be_released_under_a_wrong_name_is_refused() {
    let checkout = Checkout::new();
    let refused = |tag: &str, why: &str| {
        let said = checkout.refusal(tag);
        assert!(said.contains(why), "{said}");
    };
    refused("0.1", "with a tag like v0.1.0");
    refused("v99.0.0", "there is no tag v99.0.0");
    checkout.git(&["tag", "v99.0.0"]);
    refused(
        "v99.0.0",
        &format!("Cargo.toml has version {VERSION}, and the tag is v99.0.0"),
    );

    let chart = "charts/salesforce-connector-operator/Chart.yaml";
    checkout.edit(chart, &format!("\nversion: {VERSION}"), "\nversion: 99.0.0");
    refused(TAG, "there are changes that are not committed");
    checkout.commit();
    refused(
        TAG,
        &format!("{TAG} is another commit than the one that is checked out"),
    );
    checkout.git(&["tag", "--force", TAG]);
    refused(
        TAG,
        &format!("Chart.yaml has version 99.0.0, and the tag is {TAG}"),
    );

    checkout.edit(chart, "\nversion: 99.0.0", &format!("\nversion: {VERSION}"));
    checkout.edit("CHANGELOG.md", &format!("## [{VERSION}]"), "## [0.0.9]");
    checkout.commit();
    checkout.git(&["tag", "--force", TAG]);
    refused(TAG, &format!("CHANGELOG.md has no section \"## [{VERSION}]\""));
}
